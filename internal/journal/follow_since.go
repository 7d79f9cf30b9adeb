package journal

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
