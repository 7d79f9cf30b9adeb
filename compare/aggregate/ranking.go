package aggregate

import (
	"cmp"
	"errors"
	"slices"
)

// ranking is what is known of the order of one side: its first entries.
type ranking struct {
	entries []entry
	byID    map[string]int // the places in entries
	first   int            // how many of them are within the limit
	leading int            // those, and the ones after them whose value is that of the last of those
	// cut says that there may be more entries than are known, and none of them ranks before the last known one.
	cut       bool
	direction int // 1 when the largest value comes first, -1 when the smallest does, 0 when all are equal
}

var errNotRanked = errors.New("the rows are not in the order of their last column, so that the first ones are not the leading ones; " +
	"add ORDER BY to the check's sql")

// rank makes a ranking of the entries in the order of a statement. Those that are in no order of their values are put into
// one, the largest first, if they are all that the statement gives.
func rank(found []entry, limit int, cut, all bool) (*ranking, error) {
	r := &ranking{entries: found, byID: make(map[string]int, len(found)), cut: cut}
	switch up, down := ordered(found); {
	case up && down:
	case down:
		r.direction = 1
	case up:
		r.direction = -1
	case all:
		return rankAll(found, limit, cut), nil
	default:
		return nil, errNotRanked
	}
	r.place(limit)
	return r, nil
}

// rankAll makes a ranking of the entries whatever their order is, the largest first.
func rankAll(found []entry, limit int, cut bool) *ranking {
	r := &ranking{entries: found, byID: make(map[string]int, len(found)), cut: cut, direction: 1}
	sortRanks(r.entries)
	r.place(limit)
	return r
}

// place finds the place of each entry, and which of them lead.
func (r *ranking) place(limit int) {
	for i, e := range r.entries {
		r.byID[e.id] = i
	}
	r.first = min(limit, len(r.entries))
	r.leading = r.first
	for r.leading > 0 && r.leading < len(r.entries) && compareRank(&r.entries[r.leading], &r.entries[r.first-1]) == 0 {
		r.leading++
	}
}

// mayFollow says whether a key with the value may stand behind all that is known of a ranking that is cut, in the direction
// that its values have.
func (r *ranking) mayFollow(t bounds, v value, direction int) bool {
	end := &r.entries[len(r.entries)-1]
	last := end.value
	switch {
	case last.null && !r.entries[0].value.null: // nothing but NULL can follow
		return v.null
	case last.null || v.null:
		return true
	case compareValues(t, v, last).verdict == Pass:
		return true
	}
	return compareRank(&entry{value: v}, end)*direction < 0
}

// ranks are the places that each entry could have, entries of one value being in any order among themselves.
func (r *ranking) ranks() [][2]int {
	out := make([][2]int, len(r.entries))
	for from := 0; from < len(out); {
		to := from + 1
		for to < len(out) && compareRank(&r.entries[from], &r.entries[to]) == 0 {
			to++
		}
		for i := from; i < to; i++ {
			out[i] = [2]int{from, to - 1}
		}
		from = to
	}
	return out
}

// ordered says whether the values rise, or fall; both if all are equal. NULLs may stand before or behind all others. The
// order of texts is the database's business, and is taken for granted.
func ordered(found []entry) (up, down bool) {
	isNull := func(e entry) bool { return e.value.null }
	from := slices.IndexFunc(found, func(e entry) bool { return !isNull(e) })
	if from < 0 {
		return true, true
	}
	to := len(found)
	for isNull(found[to-1]) {
		to--
	}
	found = found[from:to]
	if !found[0].value.number {
		return true, true
	}
	up, down = true, true
	for i := 1; i < len(found); i++ {
		if isNull(found[i]) {
			return false, false
		}
		c := compareRank(&found[i-1], &found[i])
		up, down = up && c <= 0, down && c >= 0
	}
	return up, down
}

// compareRank orders values as PostgreSQL does: −∞, the numbers, +∞, NaN, NULL. Texts are only equal, or not.
func compareRank(a, b *entry) int {
	x, xOK := a.rational()
	y, yOK := b.rational()
	if xOK && yOK {
		return x.Cmp(y)
	}
	return cmp.Or(cmp.Compare(class(a.value), class(b.value)), cmp.Compare(a.value.text, b.value.text))
}

// sortRanks puts the largest value first, and leaves equal ones in their order.
func sortRanks(found []entry) {
	for i := range found {
		found[i].rational() // once, before they are copied to and fro
	}
	slices.SortStableFunc(found, func(a, b entry) int { return compareRank(&b, &a) })
}

func class(v value) int {
	switch {
	case v.null:
		return 4
	case !v.number:
		return 1
	case v.text == "NaN":
		return 3
	case v.text == "Infinity":
		return 2
	case v.text == "-Infinity":
		return 0
	}
	return 1
}
