package evidence

import (
	"cmp"
	"slices"

	"paritygate/compare"
)

// rank sets what is known of the groups' differences, and puts those first that are most likely real: among equals those that are not
// proven to be noise, then the most frequent, then the latest.
func (l *ledger) rank(groups []Group) {
	l.mu.Lock()
	noise := l.current().noise
	proven := map[groupKey]int{} // 1 where all differences of a group are
	for i := range groups {
		g := &groups[i]
		g.Asked, g.Real = noise[g.Route].real(g.Differences)
		if noise[g.Route].explains(g.Differences) {
			proven[groupKey{g.Route, g.Signature}] = 1
		}
		if g.Verdict == compare.Failed {
			g.Real = 1
		}
	}
	l.mu.Unlock()
	slices.SortStableFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Real, a.Real),
			cmp.Compare(proven[groupKey{a.Route, a.Signature}], proven[groupKey{b.Route, b.Signature}]), cmp.Compare(b.Count, a.Count), b.Last.Compare(a.Last))
	})
}

// real returns how many exchanges of the route tell about noise, and the largest probability among the differences that theirs is real.
// Of a place where nothing was seen it is that of no counts: what is known of the others says nothing about it.
func (b *noiseBook) real(differences []compare.Difference) (asked int64, real float64) {
	unknown := RealProbability(0, 0)
	if b == nil || len(differences) == 0 {
		return 0, unknown
	}
	for _, d := range differences {
		if p := b.places[placeOf(d)]; p != nil {
			real = max(real, p.probability())
		} else {
			real = max(real, unknown)
		}
	}
	return b.asked, real
}

// explains reports whether all of the differences are at places where the authority is proven to differ from itself.
func (b *noiseBook) explains(differences []compare.Difference) bool {
	return b != nil && !slices.ContainsFunc(differences, func(d compare.Difference) bool {
		p := b.places[placeOf(d)]
		return p == nil || p.finding != NoiseProven
	})
}
