package aggregate

import "fmt"

// maxAlike bounds the rows of one key that are matched with one another where tolerances make equality a matter of degree,
// and maxArranged those that are put beside what resembles them most.
const (
	maxAlike    = 500
	maxArranged = 50
)

// match takes out as many rows of one key as agree with a row of the other side, each with one of its own.
func (t *table) match(g group) (group, error) {
	if len(g[0]) == 0 || len(g[1]) == 0 || !t.loose() {
		return g, nil // what is equal was struck already
	}
	if len(g[0]) > maxAlike || len(g[1]) > maxAlike {
		return g, fmt.Errorf("old has %d rows of %s that differ, and new has %d: name key columns that tell them apart",
			len(g[0]), t.label(g[0][0], 0), len(g[1]))
	}
	agree, err := t.agreements(g)
	if err != nil {
		return g, err
	}
	partner := augment(agree, len(g[1]))
	taken := make([]bool, len(g[0]))
	var left group
	for j, i := range partner {
		if i < 0 {
			left[1] = append(left[1], g[1][j])
			continue
		}
		taken[i] = true
	}
	for i, row := range g[0] {
		if !taken[i] {
			left[0] = append(left[0], row)
		}
	}
	return left, nil
}

// loose says whether values may agree that have different forms.
func (t *table) loose() bool {
	for i := range t.twins {
		like, allowed := t.twins[i].like, t.allowed[i]
		if like.inexact || like.weigh != nil && (allowed.relative.Sign() != 0 || allowed.absolute.Sign() != 0) {
			return true
		}
	}
	return false
}

// agreements lists for each row of old the rows of new that it agrees with.
func (t *table) agreements(g group) ([][]int, error) {
	agree := make([][]int, len(g[0]))
	for i, old := range g[0] {
		for j, new := range g[1] {
			n, err := t.apart(old, new, 1)
			if err != nil {
				return nil, fmt.Errorf("row %s: %w", t.label(old, 0), err)
			}
			if n == 0 {
				agree[i] = append(agree[i], j)
			}
		}
	}
	return agree, nil
}

// apart counts the cells in which two rows differ, up to so many.
func (t *table) apart(old, new []value, most int) (n int, err error) {
	for i := range t.twins {
		twin := &t.twins[i]
		f, err := twin.like.compare(old[twin.at[0]], new[twin.at[1]], t.allowed[i])
		if err != nil {
			return n, fmt.Errorf("%s: %w", twin.name, err)
		}
		if f.agree {
			continue
		}
		if n++; n == most {
			break
		}
	}
	return n, nil
}

// augment finds the largest matching of a bipartite graph: for each node of the right the one of the left, or -1. Each round
// looks for a path on which partners can be exchanged so that one more node has one.
func augment(edges [][]int, right int) []int {
	partner := make([]int, right)
	for j := range partner {
		partner[j] = -1
	}
	var seen []bool
	var try func(i int) bool
	try = func(i int) bool {
		for _, j := range edges[i] {
			if seen[j] {
				continue
			}
			seen[j] = true
			if partner[j] < 0 || try(partner[j]) {
				partner[j] = i
				return true
			}
		}
		return false
	}
	for i := range edges {
		seen = make([]bool, right)
		try(i)
	}
	return partner
}

// arrange puts the rows that differ beside those of new that they resemble most, so that what differs is named in few cells.
func (t *table) arrange(g group) error {
	if len(g[0]) > maxArranged || len(g[1]) > maxArranged {
		return nil
	}
	for i := range min(len(g[0]), len(g[1])) {
		bestOld, bestNew, least := i, i, len(t.twins)+1
		for a := i; a < len(g[0]); a++ {
			for b := i; b < len(g[1]); b++ {
				n, err := t.apart(g[0][a], g[1][b], least)
				if err != nil {
					return err
				}
				if n < least {
					bestOld, bestNew, least = a, b, n
				}
			}
		}
		g[0][i], g[0][bestOld] = g[0][bestOld], g[0][i]
		g[1][i], g[1][bestNew] = g[1][bestNew], g[1][i]
	}
	return nil
}
