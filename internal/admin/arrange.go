package admin

import (
	"cmp"
	"slices"
	"strings"
)

// arrange puts the members of new's objects into the order in which old has them, for the order of an object never counts;
// members that old does not have come last.
func arrange(old, new []line) []line {
	order := make(map[string]int, len(old))
	for i := range old {
		if _, ok := order[old[i].key]; !ok {
			order[old[i].key] = i
		}
	}
	out := make([]line, 0, len(new))
	for rest := new; len(rest) > 0; {
		n := extent(rest)
		out = append(out, arranged(rest[:n], order)...)
		rest = rest[n:]
	}
	return out
}

// extent is how many of the lines belong to the value that begins with the first.
func extent(lines []line) int {
	for i := 1; i < len(lines) && lines[i].indent >= lines[0].indent; i++ {
		if lines[i].indent == lines[0].indent {
			if lines[i].key == lines[0].key+" end" {
				return i + 1
			}
			break
		}
	}
	return 1
}

// arranged is one value, its members put in order.
func arranged(value []line, order map[string]int) []line {
	if len(value) < 3 {
		return value
	}
	last := len(value) - 1
	var members [][]line
	for rest := value[1:last]; len(rest) > 0; {
		n := extent(rest)
		members = append(members, arranged(rest[:n], order))
		rest = rest[n:]
	}
	if strings.HasSuffix(value[0].text, "{") {
		rank := func(m []line) int {
			if at, ok := order[m[0].key]; ok {
				return at
			}
			return len(order) // behind all that old has
		}
		slices.SortStableFunc(members, func(a, b []line) int { return cmp.Compare(rank(a), rank(b)) })
	}
	out := append(make([]line, 0, len(value)), value[0])
	for i, m := range members {
		m[len(m)-1].comma = i < len(members)-1
		out = append(out, m...)
	}
	return append(out, value[last])
}
