package evidence

import (
	"cmp"
	"slices"

	"paritygate/compare"
)

// rank sets what is known of the groups' differences, and puts those first that are most likely real: among equals the most frequent,
// then the latest.
func (l *ledger) rank(groups []Group) {
	l.mu.Lock()
	noise := l.current().noise
	for i := range groups {
		g := &groups[i]
		g.Asked, g.Real = noise[g.Route].real(g.Differences)
		if g.Verdict == compare.Failed {
			g.Real = 1
		}
	}
	l.mu.Unlock()
	slices.SortStableFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Real, a.Real), cmp.Compare(b.Count, a.Count), b.Last.Compare(a.Last))
	})
}

// real returns how many exchanges of the route tell about noise, and the largest probability among the differences that theirs is real;
// it is that of a place where nothing was seen if none is known.
func (b *noiseBook) real(differences []compare.Difference) (asked int64, real float64) {
	if b == nil {
		return 0, RealProbability(0, 0)
	}
	known := false
	for _, d := range differences {
		if p := b.places[placeOf(d)]; p != nil {
			real, known = max(real, p.probability()), true
		}
	}
	if !known {
		real = RealProbability(0, 0)
	}
	return b.asked, real
}
