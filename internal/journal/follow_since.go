package journal

import (
	"math/bits"
	"time"
)

// Since is the number of the record from which on a reader meets every write, or gap, that the side lacks, and every write that has no
// outcome yet at the other side; 0 if there is none.
func (l *Ledger) Since(to Side) uint64 {
	since, _, _ := l.lacking[sideIndex(to)].oldest()
	for seq, w := range l.special {
		s := w.fate.state()
		waits := s == stateOpen || s == stateOpenDiscarded || s == stateGap
		if waits && w.fate.at() == to.Other() && (since == 0 || seq < since) {
			since = seq
		}
	}
	return since
}

// oldestUnsent is when the oldest acknowledged write arrived that the side lacks.
func (l *Ledger) oldestUnsent(to Side) time.Time {
	pending := &l.lacking[sideIndex(to)]
	undecided := l.unknown[sideIndex(to)]
	if pending.count <= undecided {
		return time.Time{}
	}
	for _, s := range pending.spans {
		if undecided == 0 && s.count > 0 {
			return time.Unix(0, s.firstAt).UTC()
		}
		if at, ok := l.oldestOf(to, s); ok {
			return time.Unix(0, at).UTC()
		}
	}
	return time.Time{}
}

// oldestOf is when the oldest write of the span arrived on which no operator decides.
func (l *Ledger) oldestOf(to Side, s *span) (at int64, ok bool) {
	undecided := func(seq uint64) bool {
		w, known := l.special[seq]
		return known && w.fate.at() == to.Other() && pendingWrite(w.fate) && shown[w.fate.state()].carried == CarriedUnknown
	}
	if s.exact == nil {
		left := s.count
		for seq := range l.special {
			if seq >= s.from && seq <= s.to && undecided(seq) {
				left--
			}
		}
		return s.firstAt, left > 0
	}
	for word, w := range s.exact.bits {
		for ; w != 0; w &= w - 1 {
			i := word*64 + bits.TrailingZeros64(w)
			if !undecided(s.from + uint64(i)) {
				return s.exact.times[i], true
			}
		}
	}
	return 0, false
}

// Renamed is the number of a record before which no write stands that the side made something of under another name; 0 if there is none.
func (l *Ledger) Renamed(to Side) uint64 { return l.renamed[sideIndex(to)].first }
