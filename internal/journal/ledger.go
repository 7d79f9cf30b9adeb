package journal

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ledger counts what became of the writes, record by record, in memory that grows with what is open, under way or unknown, and not with
// what was written. It is what the running journal knows; Fates knows each write by itself. It is not safe for concurrent use.
//
// It trusts the log where it does not remember: a `sending` of a write that it does not know is that of one which was acknowledged.
type Ledger struct {
	identity string
	seq      uint64
	epoch    uint64
	lacking  [2]pendingSet // by the side that lacks, see sideIndex: what is pending
	unknown  [2]int64      // of those, what an operator decides on
	gaps     [2]int64      // writes in no record
	renamed  [2]renamings
	special  map[uint64]known // what is neither settled nor plainly unsent
	open     [2]int           // writes without an outcome at the other side
}

// renamings are the writes for which a side made something under another name than the one that is recorded.
type renamings struct {
	count int64
	first uint64 // Seq of the first one's intent, or an earlier one
}

// known is a write that the ledger remembers by itself.
type known struct {
	fate  fate
	at    int64 // of its arrival, in Unix nanoseconds
	count int64 // of a gap: how many writes it stands for
}

// NewLedger returns the ledger of a journal without records.
func NewLedger() *Ledger {
	return &Ledger{special: map[uint64]known{}}
}

func sideIndex(s Side) int {
	if s == New {
		return 1
	}
	return 0
}

// Backlog is what one side lacks of what the other one was sent.
type Backlog struct {
	Acknowledged int64 // writes that the next replay or the mirror sends, and those that are under way
	Unknown      int64 // writes that an operator decides on
	Conflicts    int64 // of the acknowledged ones: on something that was written at this side since. The ledger leaves it 0
	Gaps         int64 // writes that are in no record
	Renamed      int64 // writes that the side has, but made something of under another name than the one that clients know
	// Open counts writes without an outcome yet at the other side: in flight, or ended while the disk took no outcome.
	Open int
	// OldestID is the oldest of them, without gaps; empty where only its time is known. No write is older than Oldest.
	OldestID string
	Oldest   time.Time
	// OldestUnsent is when the oldest of the acknowledged ones arrived, or earlier where only the range is known in which it is; zero without any.
	OldestUnsent time.Time
	// OldestSeq is the number of a record before which no intent of them stands; 0 without any.
	OldestSeq uint64
}

// Unreplayed is how many writes the side may lack.
func (b Backlog) Unreplayed() int64 { return b.Acknowledged + b.Unknown }

// Backlog returns what a side lacks.
func (l *Ledger) Backlog(to Side) Backlog {
	i := sideIndex(to)
	pending := &l.lacking[i]
	b := Backlog{Acknowledged: max(0, pending.count-l.unknown[i]), Unknown: l.unknown[i], Gaps: l.gaps[i], Renamed: l.renamed[i].count, Open: l.open[i]}
	b.OldestUnsent = l.oldestUnsent(to)
	seq, at, exact := pending.oldest()
	if pending.count == 0 {
		return b
	}
	b.OldestSeq, b.Oldest = seq, time.Unix(0, at).UTC()
	if exact {
		b.OldestID = l.ID(seq)
	}
	return b
}

// ID is the name of the write whose intent has a number.
func (l *Ledger) ID(seq uint64) string {
	return WriteID(l.identity, seq)
}

// WriteID is the name of a write: JOURNAL-SEQ.
func WriteID(identity string, seq uint64) string {
	return identity + "-" + strconv.FormatUint(seq, 10)
}

// SplitID takes the name of a write apart; ok is false where it is none.
func SplitID(id string) (identity string, seq uint64, ok bool) {
	identity, digits, ok := strings.Cut(id, "-")
	if !ok || len(identity) != 8 || strings.Trim(identity, "0123456789abcdef") != "" || strings.HasPrefix(digits, "0") {
		return "", 0, false
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	return identity, seq, err == nil
}

// Seq is the number of the last record that was applied; Epoch the highest of the writes'.
func (l *Ledger) Seq() uint64 { return l.seq }

// Epoch is the highest of the writes' so far.
func (l *Ledger) Epoch() uint64 { return l.epoch }

// Open is how many writes have no outcome yet.
func (l *Ledger) Open() int { return l.open[0] + l.open[1] }

// Apply takes the next record into account. Records come in the order of their numbers.
func (l *Ledger) Apply(r *Record) {
	l.seq = max(l.seq, r.Seq)
	switch r.Type {
	case HeaderRecord:
		if r.Header != nil && l.identity == "" {
			l.identity = r.Header.Identity
		}
	case IntentRecord:
		if r.Write != nil {
			l.epoch = max(l.epoch, r.Write.Epoch)
			l.set(r.Seq, 0, known{fate: newFate(stateOpen, r.Write.At, false), at: timeOf(r).UnixNano()})
		}
	case GapRecord:
		if r.Mark != nil {
			l.set(r.Seq, 0, known{fate: newFate(stateGap, gapAt(r.Mark), false), at: timeOf(r).UnixNano(), count: r.Mark.Count})
		}
	case DiscardedRecord:
		if r.Mark != nil {
			l.discard(r.Mark)
		}
	case OutcomeRecord, BodyRecord, SendingRecord, SentRecord, ResolvedRecord:
		l.change(r)
	}
}

// timeOf is when a write arrived, or when a gap began.
func timeOf(r *Record) time.Time {
	switch {
	case r.Write != nil && !r.Write.Time.IsZero():
		return r.Write.Time
	case r.Mark != nil && !r.Mark.From.IsZero():
		return r.Mark.From
	}
	return r.Time
}

// gapAt is where the writes of a gap went: it says which side lacks them.
func gapAt(m *Mark) Side {
	if m.To == Old {
		return New
	}
	return Old
}

// change applies an outcome or a mark to the write it is about.
func (l *Ledger) change(r *Record) {
	c, ok := changeOf(r)
	if !ok {
		return
	}
	identity, seq, ok := SplitID(r.ID)
	if !ok || l.identity != "" && identity != l.identity {
		return
	}
	w, remembered := l.special[seq]
	if !remembered {
		if w, ok = l.assume(r, seq); !ok {
			return
		}
	}
	if r.Type == SentRecord && c == changeSent && r.Mark != nil && r.Mark.Differs != "" {
		n := &l.renamed[sideIndex(r.Mark.To)]
		if n.count++; n.first == 0 || seq < n.first {
			n.first = seq
		}
	}
	before := w.fate
	w.fate = w.fate.step(c)
	if r.Type == SendingRecord && r.Mark != nil && r.Mark.Repeatable {
		w.fate |= fateRepeatable
	}
	l.set(seq, before, w)
}

// assume is what a write must be which the ledger does not remember, but a mark is about: acknowledged, and unsent.
func (l *Ledger) assume(r *Record, seq uint64) (known, bool) {
	if r.Mark == nil || r.Mark.To == "" || r.Type == OutcomeRecord {
		return known{}, false
	}
	pending := &l.lacking[sideIndex(r.Mark.To)]
	at, in := pending.has(seq)
	return known{fate: newFate(stateAckUnsent, r.Mark.To.Other(), false), at: at}, in
}

// set moves a write from one fate to another in all that is counted.
func (l *Ledger) set(seq uint64, before fate, w known) {
	i := sideIndex(w.fate.at().Other())
	l.count(i, before, w.count, -1)
	l.count(i, w.fate, w.count, 1)
	was, is := pendingWrite(before), pendingWrite(w.fate)
	switch {
	case is && !was:
		l.lacking[i].add(seq, w.at)
	case was && !is:
		l.lacking[i].remove(seq)
	}
	if remembers(w.fate.state()) {
		l.special[seq] = w
	} else {
		delete(l.special, seq)
	}
}

// count adds to the numbers that one fate belongs to.
func (l *Ledger) count(i int, f fate, gap int64, by int64) {
	switch s := f.state(); {
	case s == stateOpen || s == stateOpenDiscarded:
		l.open[i] += int(by)
	case s == stateGap:
		l.gaps[i] += by * gap
	case shown[s].carried == CarriedUnknown:
		l.unknown[i] += by
	}
}

// pendingWrite reports whether a write, and no gap, is pending.
func pendingWrite(f fate) bool { return f.state() != stateGap && f.pending() }

// remembers reports whether a write in this state is kept by itself. Settled ones are forgotten, and those that are acknowledged and unsent
// are in the set of the pending ones.
func remembers(s state) bool {
	switch s {
	case stateNone, stateRejected, stateNotSent, stateAckUnsent, stateAckSent, stateAckResolved, stateAckDiscarded,
		stateUnknownSent, stateUnknownResolved, stateUnknownDiscarded, stateGapResolved, stateGapDiscarded, states:
		return false
	case stateOpen, stateOpenDiscarded, stateAckSending, stateAckUnknown, stateUnknown, stateUnknownUnsent, stateUnknownSending, stateGap:
	}
	return true
}

// discard gives up all that a side lacks up to a number.
func (l *Ledger) discard(m *Mark) {
	for _, seq := range l.sorted() {
		w := l.special[seq]
		if seq > m.Through || w.fate.at() != m.To.Other() {
			continue
		}
		before := w.fate
		w.fate = w.fate.step(changeDiscarded)
		l.set(seq, before, w)
	}
	l.lacking[sideIndex(m.To)].removeThrough(m.Through)
	l.renamed[sideIndex(m.To)] = renamings{} // who gives up what a side lacks brings it in line by other means
}

// Abandon says that the process is gone that wrote what was applied so far: what is open is unknown, and so is what was under way to the
// other side, save writes that may be sent again.
func (l *Ledger) Abandon() {
	for _, seq := range l.sorted() {
		w := l.special[seq]
		before := w.fate
		w.fate = w.fate.step(changeAbandoned)
		l.set(seq, before, w)
	}
}

// sorted lists what is remembered, the oldest first.
func (l *Ledger) sorted() []uint64 {
	list := make([]uint64, 0, len(l.special))
	for seq := range l.special {
		list = append(list, seq)
	}
	slices.Sort(list)
	return list
}

// Find returns what the ledger remembers of a write by itself; ok is false of one that is settled, or acknowledged and unsent.
func (l *Ledger) Find(id string) (f Fate, ok bool) {
	identity, seq, ok := SplitID(id)
	if !ok || identity != l.identity {
		return Fate{}, false
	}
	w, ok := l.special[seq]
	return w.fate.tell(), ok
}
