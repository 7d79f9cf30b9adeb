package journal

import "time"

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

// Unsent is how many acknowledged writes the side lacks, and when the oldest of them arrived; no later than that, where only the range is
// known in which it is. The time is zero if there is none.
func (l *Ledger) Unsent(to Side) (count int64, oldest time.Time) {
	pending := &l.lacking[sideIndex(to)]
	if count = pending.count - l.unknown[sideIndex(to)]; count <= 0 {
		return 0, time.Time{}
	}
	undecided := map[uint64]bool{} // pending as well, but nobody can send them
	for seq, w := range l.special {
		if w.fate.at() == to.Other() && shown[w.fate.state()].carried == CarriedUnknown {
			undecided[seq] = true
		}
	}
	for _, s := range pending.spans {
		if at, ok := s.oldestBut(undecided); ok {
			return count, time.Unix(0, at).UTC()
		}
	}
	return count, time.Time{}
}

// oldestBut is when the oldest write of the span arrived that is not among the others.
func (s *span) oldestBut(others map[uint64]bool) (at int64, ok bool) {
	if s.exact != nil {
		for i, at := range s.exact.times {
			if s.exact.bits[i/64]&(1<<(i%64)) != 0 && !others[s.from+uint64(i)] { //nolint:gosec // an index
				return at, true
			}
		}
		return 0, false
	}
	left := s.count
	for seq := range others {
		if seq >= s.from && seq <= s.to {
			left--
		}
	}
	return s.firstAt, left > 0
}

// Renamed is the number of a record before which no write stands that the side made something of under another name; 0 if there is none.
func (l *Ledger) Renamed(to Side) uint64 { return l.renamed[sideIndex(to)].first }
