package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"

	"go.uber.org/zap"
)

// recover reads where the journal ends, and cuts off what a crash left there.
func (j *Journal) recover(ctx context.Context) error {
	spools, leftovers, err := listSpools(j.dir.path)
	if err != nil {
		return err
	}
	for _, name := range leftovers {
		j.o.Logger.Info("removing what a crash cut short", zap.String("file", name))
		if err := os.Remove(j.dir.file(name)); err != nil {
			return fmt.Errorf("removing what a crash cut short: %w", err)
		}
	}
	files, err := j.unique()
	if err != nil {
		return err
	}
	a := &j.log
	a.ledger = NewLedger()
	for len(files) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		ok, err := j.recoverLast(files, spools)
		if err != nil {
			return err
		}
		if ok {
			break
		}
		files = files[:len(files)-1] // nothing but the begin of a header was in it
	}
	if len(files) == 0 {
		return j.found()
	}
	return nil
}

// found makes the identity of a journal without records.
func (j *Journal) found() error {
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return fmt.Errorf("making the journal's identity: %w", err)
	}
	j.identity = hex.EncodeToString(random[:])
	var err error
	j.sealer, err = newSealer(j.o.Key, j.identity)
	return err
}

// unique lists the segments in order. Of one that is there twice, because a crash came before the plain file was removed, the compressed
// one stays if it is whole.
func (j *Journal) unique() ([]segmentFile, error) {
	files, err := listFiles(j.dir.path)
	if err != nil {
		return nil, err
	}
	for i := range files {
		f := &files[i]
		if !f.plain || !f.compressed {
			continue
		}
		same := j.sameLines(f.number)
		superfluous := plainEnding
		if same != nil {
			superfluous = compressedEnding
		}
		f.plain, f.compressed = same != nil, same == nil
		superfluous = segmentBase(f.number) + superfluous
		j.o.Logger.Info("removing the superfluous one of a segment's two files", zap.String("file", superfluous), zap.NamedError("why", same))
		if err := os.Remove(j.dir.file(superfluous)); err != nil {
			return nil, fmt.Errorf("removing the superfluous one of a segment's two files: %w", err)
		}
	}
	return files, nil
}

// recoverLast goes on where the last segment ends. It returns false if that one has no header, because a crash came while it was made; it
// is removed then.
func (j *Journal) recoverLast(files []segmentFile, lying []string) (bool, error) {
	a := &j.log
	last := files[len(files)-1]
	spools := map[string]bool{}
	var failed error
	s, err := j.scan(last, -1, func(r *Record) {
		switch {
		case failed != nil:
		case r.Header != nil:
			if failed = j.adopt(r.Header); failed == nil {
				failed = j.follows(files, r.Header)
			}
			if failed == nil {
				failed = j.restore(files, r.Header)
			}
			a.ledger.Apply(r)
		default:
			noteSpool(spools, r)
			a.ledger.Apply(lean(r))
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return false, err
	}
	switch damaged := s.bad != nil && !s.torn; {
	case damaged && !j.o.Recover:
		return false, fmt.Errorf("%w; serve --recover-phase goes on without what cannot be read", s.bad)
	case s.header == nil && damaged:
		return true, j.goOnBehind(files)
	case s.header == nil && last.compressed:
		return false, &Damage{Segment: last.name(), What: "it is empty"}
	case s.header == nil:
		return false, j.removeUnmade(last, s)
	}
	a.number, a.segments = last.number, len(files)
	a.seq = max(s.last, a.ledger.Seq()) // behind an accepted damage more may have been read
	a.synced, j.settled = a.seq, a.seq
	a.ledger.Abandon()
	for _, f := range files[:len(files)-1] {
		if f.plain {
			if err := j.trim(f, files, s.header); err != nil {
				return false, err
			}
			j.toCompress(f.number)
		}
		a.closed += j.sizeOf(f)
	}
	if err := j.goOn(last, s); err != nil {
		return false, err
	}
	if s.bad != nil && !s.torn {
		j.lose(a.seq-(s.header.First-1)-s.told, s.at)
		return true, nil // a spool may be named where nothing can be read
	}
	return true, j.removeOrphans(lying, files, spools)
}

// lose has a gap tell of records that cannot be read: each may have been a write that the other side lacks, and that nothing else counts.
// at is where the writes beside them went; where that is not known they may have gone to either.
func (j *Journal) lose(records uint64, at map[Side]bool) {
	if records == 0 {
		return
	}
	for _, side := range []Side{Old, New} {
		if at[side] || len(at) == 0 {
			j.missed[side] = &missedWrites{count: int64(min(records, 1<<40)), from: j.o.Now(), why: "records that could not be read when the journal was opened"}
		}
	}
}

// goOnBehind accepts a last segment whose header cannot be read: what can be read of it, and of the ones before, counts.
func (j *Journal) goOnBehind(files []segmentFile) error {
	a := &j.log
	a.number, a.segments = files[len(files)-1].number, len(files)
	var records []*Record // of a journal that lost a header, which few have
	told, at := uint64(0), map[Side]bool{}
	for _, f := range files {
		a.closed += j.sizeOf(f)
		s, err := j.scan(f, -1, func(r *Record) { records = append(records, lean(r)) })
		if err != nil {
			return err
		}
		told += s.told
		maps.Copy(at, s.at)
	}
	a.ledger = NewLedger()
	for _, r := range records {
		identity, _, ok := SplitID(r.ID)
		switch {
		case j.identity != "":
		case r.Header != nil:
			if err := j.adopt(r.Header); err != nil {
				return err
			}
		case ok && r.Type == IntentRecord:
			if err := j.adopt(&SegmentHeader{Run: j.o.Run, Identity: identity}); err != nil {
				return err
			}
			a.ledger.Apply(&Record{Type: HeaderRecord, Header: &SegmentHeader{Identity: identity}})
		}
		a.ledger.Apply(r)
	}
	if j.identity == "" {
		if err := j.found(); err != nil {
			return err
		}
	}
	a.seq = a.ledger.Seq()
	a.synced, j.settled = a.seq, a.seq
	a.drop = j.sizeOf(files[len(files)-1])
	a.ledger.Abandon()
	j.lose(a.seq-min(told, a.seq), at) // what is void and came again was told twice
	return nil
}

func noteSpool(spools map[string]bool, r *Record) {
	if r.Write != nil && r.Write.Spool != nil {
		spools[r.Write.Spool.Path] = true
	}
}

// lean is a record without what the ledger does not need.
func lean(r *Record) *Record {
	out := *r
	if r.Write != nil {
		out.Write = &Write{At: r.Write.At, Epoch: r.Write.Epoch, Time: r.Write.Time, Method: r.Write.Method, Idempotent: r.Write.Idempotent}
	}
	if r.Answer != nil {
		out.Answer = &Answer{Outcome: r.Answer.Outcome, Status: r.Answer.Status}
	}
	return &out
}

// scan reads a segment up to a limit; negative: to its end.
func (j *Journal) scan(f segmentFile, limit int64, tell func(*Record)) (*scanned, error) {
	in, err := f.open(j.dir.path)
	if err != nil {
		return nil, err
	}
	defer in.close()
	in.limit = limit
	return scanSegment(in, f.name(), j.o.Recover, tell)
}

// sizeOf is how many bytes the segment has on the disk.
func (j *Journal) sizeOf(f segmentFile) int64 {
	info, err := os.Stat(j.dir.file(f.name()))
	if err != nil {
		return 0 // it is a figure for the status
	}
	return info.Size()
}

// adopt takes over the journal's identity, and refuses one that is another run's or was sealed with another key.
func (j *Journal) adopt(h *SegmentHeader) error {
	if h.Run != j.o.Run {
		return fmt.Errorf("%w: %s is that of %q, and this one is %q; give this run another journal.directory", ErrOtherRun, j.o.Directory, h.Run, j.o.Run)
	}
	j.identity = h.Identity
	var err error
	if j.sealer, err = newSealer(j.o.Key, h.Identity); err != nil {
		return err
	}
	switch {
	case h.KeyID == "" || j.sealer != nil && h.KeyID == j.sealer.keyID:
		return nil
	case j.sealer == nil:
		return fmt.Errorf("%w: %s is sealed, and there is no journal.key; set it again, or begin another journal.directory", ErrKey, j.o.Directory)
	}
	return fmt.Errorf("%w: %s was sealed with the key %s, and journal.key is %s; set the former one again, or begin another journal.directory", ErrKey, j.o.Directory, h.KeyID, j.sealer.keyID)
}

// follows proves that the last segment is what belongs behind those before it: what is written behind another one would never be read.
func (j *Journal) follows(files []segmentFile, h *SegmentHeader) error {
	last, damage := files[len(files)-1], (*Damage)(nil)
	if h.Segment != last.number {
		damage = &Damage{Segment: last.name(), What: fmt.Sprintf("it is segment %d by its header", h.Segment)}
	} else if len(files) > 1 {
		before := files[len(files)-2]
		if b, err := before.header(j.dir.path); err == nil && (b.Identity != h.Identity || b.First > h.First) { // an error is told by who reads it
			damage = &Damage{Segment: last.name(), What: fmt.Sprintf("it begins journal %s with record %d, and %s before it journal %s with record %d",
				h.Identity, h.First, before.name(), b.Identity, b.First)}
		}
	}
	if damage == nil {
		return nil
	}
	return fmt.Errorf("%w; put the segments back as they were, and move what does not belong to them out of the directory", damage)
}

// restore counts what became of the writes before a segment: from its header's snapshot or, where that has none, from all segments.
func (j *Journal) restore(files []segmentFile, h *SegmentHeader) error {
	switch {
	case h.Snapshot != nil:
		j.log.ledger = RestoreLedger(h.Identity, h.Snapshot)
	case h.First > 1:
		return j.readBefore(files)
	}
	return nil
}

// readBefore counts all segments but the last one.
func (j *Journal) readBefore(files []segmentFile) error {
	limits := make([]int64, len(files)) // of the last one nothing is read
	for i := 1; i < len(files); i++ {
		h, err := files[i].header(j.dir.path)
		if err != nil {
			return err
		}
		limits[i-1] = h.PreviousBytes
	}
	for i, f := range files[:len(files)-1] {
		s, err := j.scan(f, limits[i], func(r *Record) { j.log.ledger.Apply(lean(r)) })
		if err != nil {
			return err
		}
		if s.bad != nil && !j.o.Recover {
			return fmt.Errorf("%w; serve --recover-phase goes on without what cannot be read", s.bad)
		}
	}
	return nil
}

// trim cuts off what the next segment's header says does not count.
func (j *Journal) trim(f segmentFile, files []segmentFile, last *SegmentHeader) error {
	next := last
	for i, g := range files {
		if g.number == f.number+1 && i < len(files)-1 {
			h, err := g.header(j.dir.path)
			if err != nil {
				return nil //nolint:nilerr // it is found, and said, by who reads it
			}
			next = h
		}
	}
	if next.Segment != f.number+1 || next.PreviousBytes <= 0 || j.sizeOf(f) <= next.PreviousBytes {
		return nil
	}
	return os.Truncate(j.dir.file(f.name()), next.PreviousBytes)
}

// goOn opens the last segment for writing, behind its last record.
func (j *Journal) goOn(last segmentFile, s *scanned) error {
	a := &j.log
	if last.compressed {
		a.closed += j.sizeOf(last)
		a.drop = s.end
		return nil
	}
	damaged := s.bad != nil && !s.torn
	if s.bad != nil && s.torn {
		if err := j.keepTorn(last, s.end, s.size); err != nil {
			return err
		}
	}
	end := s.end
	if damaged {
		end = s.size
	}
	seg, err := reopenSegment(j.dir, last.number, s.first, end)
	if err != nil {
		return err
	}
	if s.bad != nil && s.torn {
		err = seg.cut(end)
	}
	if err == nil {
		err = seg.sync(j.o.disk) // what was read may have been in memory alone
	}
	if err != nil {
		return errors.Join(err, seg.f.Close())
	}
	a.seg = seg
	if damaged || j.sealer != nil && s.header.KeyID == "" {
		// What follows is another segment's: behind a damage nothing is written, and a segment is sealed as a whole or not.
		a.drop = end
		a.closed += end
		a.seg = nil
		j.toCompress(last.number)
		return seg.finish(j.o.disk)
	}
	return nil
}
