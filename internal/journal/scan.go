package journal

import (
	"errors"
	"fmt"
	"io"
)

// scanned is what was found in a segment.
type scanned struct {
	header *SegmentHeader // nil: there is none that can be read
	first  int64          // where the header ends
	last   uint64         // of the last record before end
	told   uint64         // how many records were told
	at     map[Side]bool  // where the writes of them went
	end    int64          // behind the last record that can be read and has the right number, before anything that cannot
	size   int64          // of the segment, what stands behind end included, but for the room at its end
	bad    *Damage        // what stands at end, if it is no room
	// torn says that what stands at end was never synced: no later record says that it was.
	torn bool
}

// scanSegment reads a segment, and tells each record that can be read, in order: those behind a damage too if it is asked to. It opens no
// seals.
func scanSegment(in *lines, name string, beyond bool, tell func(*Record)) (*scanned, error) {
	s := &scanned{torn: true, at: map[Side]bool{}}
	for {
		line, at, err := in.next()
		if errors.Is(err, io.EOF) {
			s.torn = s.torn && s.bad != nil
			return s, nil
		}
		if err != nil && !errors.Is(err, errUnfinished) && s.bad == nil && !isDamage(asDamage(name, at, err)) {
			return s, fmt.Errorf("reading the segment %s at offset %d: %w", name, at, err)
		}
		var r Record
		if err == nil {
			r, err = decodeLine(line, nil)
		}
		s.size = in.offset
		if errors.Is(err, ErrVersion) {
			return s, fmt.Errorf("segment %s: %w", name, err)
		}
		if s.bad == nil && s.take(&r, at, in.offset, name, err, tell) {
			continue
		}
		s.behind(line, &r, at, name, err, beyond, tell)
		if errors.Is(err, errUnfinished) || errors.Is(err, errTooLong) {
			s.size = in.offset + int64(in.end-in.start)
			return s, nil
		}
	}
}

// take takes a line that can be read and is the one that must come; false says that it is not.
func (s *scanned) take(r *Record, at, end int64, name string, err error, tell func(*Record)) bool {
	if what := s.wrong(r, at, err); what != "" {
		s.bad = &Damage{Segment: name, Offset: s.end, What: what}
		if err == nil && r.Header == nil && r.Seq <= s.last {
			s.torn = false // no crash writes a record twice
		}
		return false
	}
	r.Segment, r.Offset = name, at
	if r.Header != nil {
		s.header, s.first, s.last = r.Header, end, r.Header.First-1
	} else {
		s.last = r.Seq
		s.count(r)
	}
	s.end = end
	tell(r)
	return true
}

// wrong says what is wrong with a line.
func (s *scanned) wrong(r *Record, at int64, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case at != s.end:
		return fmt.Sprintf("%d bytes are blank", at-s.end)
	case s.header == nil && r.Header == nil:
		return "a segment begins with its header"
	case s.header != nil && r.Header != nil:
		return "a second header"
	case r.Header == nil && r.Seq != s.last+1:
		return fmt.Sprintf("its number is %d instead of %d", r.Seq, s.last+1)
	}
	return ""
}

// behind looks at a line that stands at a damage or behind it: whether it says that what is damaged was synced.
func (s *scanned) behind(line []byte, r *Record, at int64, name string, err error, beyond bool, tell func(*Record)) {
	if errors.Is(err, errTooLong) {
		s.torn = false // nothing of that length is written at once
		return
	}
	for err != nil {
		if len(line) > 0 {
			line = joined(line) // a newline may be what was damaged
		}
		if len(line) == 0 {
			return
		}
		*r, err = decodeLine(line, nil)
	}
	if r.Header != nil {
		return
	}
	if r.Synced > s.last {
		s.torn = false
	}
	if beyond && r.Seq > s.last {
		r.Segment, r.Offset = name, at
		s.count(r)
		tell(r)
	}
}

func (s *scanned) count(r *Record) {
	s.told++
	if r.Write != nil {
		s.at[r.Write.At] = true
	}
}
