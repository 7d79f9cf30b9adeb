package journal

import (
	"slices"
	"time"
)

// maxSnapshot bounds the writes that a snapshot names by themselves: with more of them a start reads all segments.
const maxSnapshot = 10000

// Snapshot is a Ledger as a segment's header carries it, so that a start need not read the segments before.
type Snapshot struct {
	Seq     uint64          `json:"seq"` // of the last record that it knows of
	Epoch   uint64          `json:"epoch,omitempty"`
	ToOld   []SnapshotSpan  `json:"to_old,omitempty"` // what old lacks
	ToNew   []SnapshotSpan  `json:"to_new,omitempty"`
	Special []SnapshotWrite `json:"special,omitempty"` // what is open, under way or unknown, and gaps
	// Writes that a side made something of under another name.
	RenamedAtOld *SnapshotRenamed `json:"renamed_at_old,omitempty"`
	RenamedAtNew *SnapshotRenamed `json:"renamed_at_new,omitempty"`
}

// SnapshotRenamed counts writes; none of their intents has a lower number than First.
type SnapshotRenamed struct {
	Count int64  `json:"count"`
	First uint64 `json:"first"`
}

func (n renamings) snapshot() *SnapshotRenamed {
	if n.count == 0 {
		return nil
	}
	return &SnapshotRenamed{n.count, n.first}
}

func (s *SnapshotRenamed) restore() renamings {
	if s == nil {
		return renamings{}
	}
	return renamings{s.Count, s.First}
}

// SnapshotSpan says how many writes are pending whose intents' numbers lie in a range, both ends in it.
type SnapshotSpan struct {
	From  uint64 `json:"from"`
	To    uint64 `json:"to"`
	Count int64  `json:"count"`
	// No pending write of the range is older than First, which arrived at Time; it is pending itself if Known.
	First uint64    `json:"first"`
	Time  time.Time `json:"time"`
	Known bool      `json:"known,omitempty"`
}

// SnapshotWrite is a write, or a gap, by itself.
type SnapshotWrite struct {
	Seq        uint64    `json:"seq"`
	At         Side      `json:"at"`
	Time       time.Time `json:"time"`
	Outcome    Outcome   `json:"outcome,omitempty"` // none: it is open
	Carried    Carried   `json:"carried"`
	Forced     bool      `json:"forced,omitempty"`
	Repeatable bool      `json:"repeatable,omitempty"`
	Gap        int64     `json:"gap,omitempty"` // how many writes are in no record
}

// Snapshot returns the ledger for a header, or nil if it would be too long.
func (l *Ledger) Snapshot() *Snapshot {
	if len(l.special) > maxSnapshot {
		return nil
	}
	s := &Snapshot{Seq: l.seq, Epoch: l.epoch, ToOld: l.lacking[0].snapshot(l.seq), ToNew: l.lacking[1].snapshot(l.seq)}
	s.RenamedAtOld, s.RenamedAtNew = l.renamed[0].snapshot(), l.renamed[1].snapshot()
	for _, seq := range l.sorted() {
		w := l.special[seq]
		told := w.fate.tell()
		s.Special = append(s.Special, SnapshotWrite{
			Seq: seq, At: told.At, Time: time.Unix(0, w.at).UTC(), Outcome: told.Outcome, Carried: told.Carried,
			Forced: told.Forced, Repeatable: w.fate&fateRepeatable != 0, Gap: w.count,
		})
	}
	return s
}

func (p *pendingSet) snapshot(through uint64) []SnapshotSpan {
	var list []SnapshotSpan
	for _, s := range p.spans {
		if s.count > 0 {
			list = append(list, SnapshotSpan{
				From: s.from, To: min(s.to, through), Count: s.count, First: s.first, Time: time.Unix(0, s.firstAt).UTC(), Known: s.known,
			})
		}
	}
	return list
}

// RestoreLedger returns the ledger of a header's snapshot: what it was then, but for which of many pending writes are pending.
func RestoreLedger(identity string, s *Snapshot) *Ledger {
	l := NewLedger()
	l.identity, l.seq, l.epoch = identity, s.Seq, s.Epoch
	l.lacking[0].restore(s.ToOld)
	l.lacking[1].restore(s.ToNew)
	l.renamed = [2]renamings{s.RenamedAtOld.restore(), s.RenamedAtNew.restore()}
	for _, w := range s.Special {
		k := known{fate: w.fate(), at: w.Time.UnixNano(), count: w.Gap}
		l.special[w.Seq] = k
		l.count(sideIndex(w.At.Other()), k.fate, k.count, 1) // the set has it
	}
	return l
}

func (p *pendingSet) restore(list []SnapshotSpan) {
	for _, s := range list {
		p.spans = append(p.spans, &span{from: s.From, to: s.To, count: s.Count, first: s.First, firstAt: s.Time.UnixNano(), known: s.Known})
		p.count += s.Count
	}
}

// fate is the state that a snapshot's words stand for; one that no version writes is unknown.
func (w *SnapshotWrite) fate() fate {
	s := stateUnknown
	if i := slices.IndexFunc(shown[:], func(t struct {
		outcome Outcome
		carried Carried
	},
	) bool {
		return t.outcome == w.Outcome && t.carried == w.Carried
	}); i >= 0 {
		s = state(i)
	}
	switch {
	case w.Gap > 0:
		s = stateGap
	case s == stateNone:
		s = stateOpen
	}
	f := newFate(s, w.At, w.Repeatable)
	if w.Forced {
		f |= fateForced
	}
	return f
}
