package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
)

// begin enters the first segment that is to be read.
func (r *Reader) begin() error {
	files, err := listFiles(r.dir)
	if err != nil {
		return err
	}
	if r.number != 0 { // a damaged one is left behind
		i := slices.IndexFunc(files, func(f segmentFile) bool { return f.number > r.number })
		if i < 0 {
			return io.EOF
		}
		return r.enter(files, i)
	}
	if len(files) == 0 {
		return io.EOF
	}
	if first := files[0]; first.number != 1 {
		if h, err := first.header(r.dir); err != nil || h.First > r.from {
			r.number = first.number - 1
			return &Damage{Segment: segmentBase(1) + plainEnding, What: "it is missing: the first one is " + first.name()}
		}
	}
	// The last segment that begins at or before From. One whose header cannot be read does not: it is read when its turn comes.
	i := sort.Search(len(files), func(i int) bool {
		h, err := files[i].header(r.dir)
		return err != nil || h.First > r.from
	})
	return r.enter(files, max(i-1, 0))
}

// enter opens the segment with an index, and reads its header.
func (r *Reader) enter(files []segmentFile, i int) error {
	file := files[i]
	opened, err := file.open(r.dir)
	if err != nil {
		return err
	}
	held := r.segment
	r.segment, r.number = &place{file: file, lines: opened}, file.number
	if i+1 < len(files) && files[i+1].number == file.number+1 {
		if h, err := files[i+1].header(r.dir); err == nil {
			opened.limit = h.PreviousBytes
		}
	}
	line, at, err := opened.next()
	if err == nil {
		var record Record
		if record, err = headerLine(line); err == nil {
			record.Segment, record.Offset = file.name(), at
			r.header, r.segment.end = &record, opened.offset
			err = r.accept(record.Header)
		} else {
			err = r.headless(i == len(files)-1, at, err)
		}
	} else {
		err = r.headless(i == len(files)-1, at, err)
	}
	if errors.Is(err, io.EOF) && held != nil {
		opened.close()
		r.segment, r.number = held, held.file.number // the one behind is torn: this one is the last
		return err
	}
	if held != nil {
		held.lines.close()
	}
	return err
}

// headless decides what a segment is whose header cannot be read: a torn tail, if it is the last one and no record in it was durable.
func (r *Reader) headless(last bool, at int64, why error) error {
	s := r.segment
	damage := asDamage(s.file.name(), at, why)
	if !last || s.lines.zstd != nil || !isDamage(damage) {
		return damage
	}
	return r.torned(at, why, damage)
}

// accept proves a header against what has been read.
func (r *Reader) accept(h *SegmentHeader) error {
	file := r.segment.file
	switch {
	case h.Segment != file.number:
		return r.damage(0, fmt.Sprintf("it is segment %d by its header", h.Segment))
	case r.first.Identity != "" && (h.Identity != r.first.Identity || h.Run != r.first.Run):
		return r.damage(0, fmt.Sprintf("it belongs to journal %s of run %q, and the ones before it to %s of run %q",
			h.Identity, h.Run, r.first.Identity, r.first.Run))
	case h.First == 0 || r.expect != 0 && h.First != r.expect:
		return r.damage(0, fmt.Sprintf("it begins with record %d by its header, where %d must be", h.First, max(r.expect, 1)))
	}
	sealer, err := newSealer(r.key, h.Identity)
	if err != nil {
		return err
	}
	if sealer != nil && h.KeyID != "" && h.KeyID != sealer.keyID {
		return fmt.Errorf("%w: segment %s has the key id %s, and that of the given key is %s; give the key that it was written with",
			ErrKey, file.name(), h.KeyID, sealer.keyID)
	}
	if r.sealer, r.expect = sealer, h.First; h.KeyID == "" {
		r.sealer = nil // nothing is sealed
	}
	if r.first.Identity == "" {
		r.first = *h
	}
	return nil
}

// stuck decides what it means that no record stands at an offset: the segment's end, a torn tail, or damage. A writer may have gone on since,
// so what is no end is looked at twice.
func (r *Reader) stuck(at int64, why error) error {
	s := r.segment
	files, err := listFiles(r.dir)
	if err != nil {
		return err
	}
	if behind := slices.IndexFunc(files, func(f segmentFile) bool { return f.number > s.file.number }); behind >= 0 {
		return r.cross(files, behind, at, why)
	}
	ended := errors.Is(why, io.EOF)
	switch {
	case s.lines.zstd != nil && ended:
		return io.EOF
	case s.lines.zstd != nil:
		return asDamage(s.file.name(), at, why)
	case !s.reread && (!ended || r.durable != nil): // also what was read of the room at the end may have been written over
		return r.again()
	}
	s.reread = false
	return r.tail(at, why)
}

// again reads a plain segment again from the end of its last record.
func (r *Reader) again() error {
	r.segment.reread = true
	if err := r.segment.lines.rewind(r.segment.end); err != nil {
		return err
	}
	return errAgain
}

// tail decides what the end of the last segment is.
func (r *Reader) tail(at int64, why error) error {
	s := r.segment
	damage := asDamage(s.file.name(), at, why)
	if !isDamage(damage) {
		return damage
	}
	if errors.Is(why, io.EOF) {
		r.torn = nil
		if err := s.lines.rewind(s.end); err != nil {
			return err
		}
		return io.EOF
	}
	return r.torned(at, why, damage)
}

// torned is io.EOF where what stands at an offset was never durable, and the damage where it was.
func (r *Reader) torned(at int64, why, damage error) error {
	durable := r.durable != nil && r.expect <= r.durable()
	var err error
	if !durable {
		durable, err = r.durableBehind()
	}
	if err == nil && durable {
		return damage
	}
	if err == nil {
		err = r.segment.lines.rewind(r.segment.end)
	}
	if err != nil {
		return err
	}
	if errors.Is(why, io.EOF) {
		why = errors.New("it is empty")
	}
	r.torn = &Torn{Segment: r.segment.file.name(), Offset: at, What: why.Error()}
	return io.EOF
}

// durableBehind looks behind the last record for one which says that the next one was durable. Where the number of that one is not known it is
// taken for that of the first record which can be read.
func (r *Reader) durableBehind() (bool, error) {
	lines, lost := r.segment.lines, r.expect
	if err := lines.rewind(r.segment.end); err != nil {
		return false, err
	}
	for {
		line, _, err := lines.next()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, errUnfinished):
			return false, nil
		case errors.Is(err, errTooLong):
			return true, nil // nothing of that length is written in one batch
		case err != nil:
			return false, err
		}
		for len(line) > 0 {
			record, err := decodeLine(line, nil)
			if err == nil && record.Type != HeaderRecord {
				if lost == 0 {
					lost = record.Seq
				}
				if record.Synced >= lost {
					return true, nil
				}
				break
			}
			line = joined(line) // a newline may be what was damaged
		}
	}
}

// joined returns what begins like a record within a line, or nothing.
func joined(line []byte) []byte {
	if i := bytes.Index(line[1:], []byte(crcPrefix)); i >= 0 {
		return line[1+i:]
	}
	return nil
}

// cross goes on to the segment behind, if the current one has been read to its end.
func (r *Reader) cross(files []segmentFile, behind int, at int64, why error) error {
	s, next := r.segment, files[behind]
	if next.number != s.file.number+1 {
		r.number = next.number - 1
		return &Damage{Segment: segmentBase(s.file.number+1) + plainEnding, What: "it is missing: " + next.name() + " is there"}
	}
	h, err := next.header(r.dir)
	switch ended := errors.Is(why, io.EOF); {
	case isDamage(err) && s.lines.zstd == nil && !s.reread:
		return r.again() // the one behind is just being made, and what was read of the room here may have been written over before
	case isDamage(err) && ended:
		return r.move(files, behind) // which says whether that is damage
	case isDamage(err) && behind == len(files)-1 && s.lines.zstd == nil:
		return r.tail(at, why) // the one behind has never been anything
	case isDamage(err):
		return asDamage(s.file.name(), at, why)
	case err != nil:
		return err
	case s.end > h.PreviousBytes:
		return fmt.Errorf("segment %s: what was read up to offset %d was taken back to offset %d since; read again", s.file.name(), s.end, h.PreviousBytes)
	case s.end == h.PreviousBytes:
		return r.move(files, behind)
	case s.lines.zstd == nil && !s.reread:
		s.lines.limit = h.PreviousBytes
		return r.again()
	case ended:
		return r.damage(at, fmt.Sprintf("it ends here, and by %s it has %d bytes", next.name(), h.PreviousBytes))
	}
	return asDamage(s.file.name(), at, why)
}

// move enters the segment behind.
func (r *Reader) move(files []segmentFile, behind int) error {
	if err := r.enter(files, behind); err != nil {
		return err
	}
	return errAgain
}

// skip goes on behind damage, in the next segment. It is false for an error that is none.
func (r *Reader) skip() bool {
	if !isDamage(r.err) {
		return false
	}
	r.leave()
	r.err, r.header, r.expect, r.skipped = nil, nil, 0, true
	return true
}
