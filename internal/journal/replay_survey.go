package journal

import "fmt"

// survey knows what is to be sent: it reads the journal once, before anything is.
type survey struct {
	at       Side // which took the writes
	oldest   uint64
	last     uint64 // Seq of what was read last
	identity string
	fates    *Fates
	running  map[uint64]bool   // intents without an outcome so far
	excused  map[uint64]uint64 // writes that an operator wants sent, and the Seq of the record that says so
	early    map[uint64]bool   // those of them that had no outcome when he said so: they count as answered when they arrived
	lost     map[uint64]bool   // writes that were under way when a process died
	from     uint64            // what is before is left out
	total    int64             // to be sent
	before   int64             // left out
	unknown  int64             // a person has to decide on them
}

func newSurvey(at Side, oldest uint64) *survey {
	return &survey{
		at: at, oldest: oldest, fates: NewFates(), running: map[uint64]bool{}, excused: map[uint64]uint64{}, early: map[uint64]bool{}, lost: map[uint64]bool{},
	}
}

// apply takes a record that was there when the replay began.
func (s *survey) apply(r *Record) {
	s.last = max(s.last, r.Seq)
	s.fates.Apply(r)
	identity, seq, ok := SplitID(r.ID)
	if ok && s.identity == "" {
		s.identity = identity
	}
	switch r.Type {
	case IntentRecord:
		s.running[r.Seq] = true
	case OutcomeRecord:
		delete(s.running, seq)
	case ResolvedRecord:
		s.excuse(r, seq)
	case HeaderRecord, BodyRecord, SendingRecord, SentRecord, DiscardedRecord, GapRecord:
	}
}

// mark takes a mark of which it is not known what stood before it.
func (s *survey) mark(r *Record) {
	s.fates.Apply(r)
	if _, seq, ok := SplitID(r.ID); ok && r.Type == ResolvedRecord {
		s.excuse(r, seq)
	}
}

// excuse notes that an operator wants a write sent.
func (s *survey) excuse(r *Record, seq uint64) {
	if !r.Mark.Sent {
		s.excused[seq] = r.Seq
		s.early[seq] = s.running[seq]
	}
}

// finish counts. from is the id of the write to begin with, or empty.
func (s *survey) finish(from string) error {
	for seq := s.oldest; seq <= s.last; seq++ {
		if f, ok := s.fates.Find(seq); ok && f.Carried == Sending {
			s.lost[seq] = true
		}
	}
	s.fates.Abandon()
	if from != "" {
		identity, seq, ok := SplitID(from)
		if !ok || s.identity != "" && identity != s.identity {
			return fmt.Errorf("%q is no write of this journal: `paritygate journal list --unsent` has their ids", from)
		}
		if _, found := s.fates.Find(seq); !found && seq >= s.oldest {
			return fmt.Errorf("there is no write %s: `paritygate journal list --unsent` has their ids", from)
		}
		s.from = seq
	}
	for seq := s.oldest; seq <= s.last; seq++ {
		f, ok := s.fates.Find(seq)
		switch {
		case !ok || f.At != s.at:
		case f.Carried == CarriedUnknown:
			s.unknown++ // a gap as well: nobody knows what was in lost records
		case f.Carried == Unsent && seq < s.from:
			s.before++
		case f.Carried == Unsent:
			s.total++
		}
	}
	return nil
}

// wanted reports whether the write with an intent is to be sent.
func (s *survey) wanted(seq uint64) bool {
	f, ok := s.fates.Find(seq)
	return ok && !f.Gap && f.At == s.at && f.Carried == Unsent && seq >= s.from
}

func (s *survey) id(seq uint64) string { return WriteID(s.identity, seq) }

// assembler makes tasks of records: it keeps what has no outcome yet.
type assembler struct {
	survey *survey
	open   map[uint64]*task
	bytes  int64 // of the bodies in open
	reload func(seq uint64) (*Write, error)
}

// openBytes bounds the bodies of writes without an outcome, in bytes. What does not fit is read again.
const openBytes = 32 << 20

// apply returns the write whose outcome the record is, if it is to be sent; nil else.
func (a *assembler) apply(r *Record) (*task, error) {
	switch r.Type {
	case IntentRecord:
		if !a.survey.wanted(r.Seq) {
			return nil, nil //nolint:nilnil // nothing is to be sent
		}
		t := &task{id: r.ID, write: r.Write, intent: r.Seq, path: pathOf(r.Write.Target), excused: a.survey.excused[r.Seq]}
		if a.survey.early[r.Seq] {
			t.outcome, t.resource = r.Seq, t.path
			return t, nil
		}
		if a.bytes += int64(len(r.Write.Body)); a.bytes > openBytes {
			a.bytes -= int64(len(r.Write.Body))
			t.write = nil
		}
		a.open[r.Seq] = t
	case OutcomeRecord:
		_, seq, _ := SplitID(r.ID)
		t := a.open[seq]
		if t == nil {
			return nil, nil //nolint:nilnil // nothing is to be sent
		}
		delete(a.open, seq)
		t.outcome, t.recorded = r.Seq, r.Answer
		if t.write != nil {
			a.bytes -= int64(len(t.write.Body))
		} else {
			var err error
			if t.write, err = a.reload(seq); err != nil {
				return nil, err
			}
		}
		if t.resource = resourceOf(t.write, t.path, t.recorded); t.resource != t.path {
			t.counted = countedBy(t.recorded, t.path)
		}
		return t, nil
	case HeaderRecord, BodyRecord, SendingRecord, SentRecord, ResolvedRecord, DiscardedRecord, GapRecord:
	}
	return nil, nil //nolint:nilnil // nothing is to be sent
}
