package inventory

import "math"

// The least scores with which tables and columns are proposed for each other.
const (
	TableThreshold  = 0.55
	ColumnThreshold = 0.45
)

// The ways in which a pair was found.
const (
	ByName       = "name"       // the same name
	BySpelling   = "spelling"   // the same but for case, plural and how words are joined
	BySimilarity = "similarity" // a proposal
)

// match is a pair while it is being made; one side may be nil.
type match[T any] struct {
	old, new T
	how      string
	score    float64
}

// like is how alike two columns are, from 0 to 1.
func (c *column) like(other *column, names func(a, b name) float64) float64 {
	akin := c.akin(other)
	if akin == 0 {
		return 0
	}
	score := 0.55*names(c.name, other.name) + 0.3*akin
	if c.inKey == other.inKey {
		score += 0.08
	}
	if c.leads == other.leads {
		score += 0.05
	}
	if c.of.NotNull == other.of.NotNull {
		score += 0.02
	}
	return score
}

// matchColumns pairs the columns of two tables: by name, then by similarity, old's order first.
func matchColumns(old, newer *table, names func(a, b name) float64) []match[*column] {
	return pair(old.columns, newer.columns, ColumnThreshold,
		func(c *column) name { return c.name },
		func(a, b *column) float64 { return a.like(b, names) })
}

// pair matches what has the same name, then what is spelled otherwise, then what is similar; what is left stands alone.
func pair[T comparable](olds, news []T, threshold float64, nameOf func(T) name, like func(a, b T) float64) []match[T] {
	found, taken := map[T]match[T]{}, map[T]bool{}
	for _, by := range []struct {
		how string
		key func(T) string
	}{
		{ByName, func(t T) string { return nameOf(t).full }},
		{ByName, func(t T) string { return nameOf(t).text }},
		{BySpelling, func(t T) string { return nameOf(t).fold }},
	} {
		candidates := map[string][]T{}
		for _, n := range news {
			if !taken[n] {
				candidates[by.key(n)] = append(candidates[by.key(n)], n)
			}
		}
		for _, o := range olds {
			same := candidates[by.key(o)]
			if _, done := found[o]; done || len(same) == 0 {
				continue
			}
			best := same[0]
			for _, n := range same[1:] {
				if !taken[n] && (taken[best] || like(o, n) > like(o, best)) {
					best = n
				}
			}
			if !taken[best] {
				taken[best] = true
				found[o] = match[T]{o, best, by.how, 1}
			}
		}
	}
	leftOld, leftNew := left(olds, func(t T) bool { _, done := found[t]; return done }), left(news, func(t T) bool { return taken[t] })
	scores := make([][]float64, len(leftOld))
	for i, o := range leftOld {
		scores[i] = make([]float64, len(leftNew))
		for j, n := range leftNew {
			scores[i][j] = like(o, n)
		}
	}
	for i, j := range assign(scores, threshold) {
		if j >= 0 {
			taken[leftNew[j]] = true
			found[leftOld[i]] = match[T]{leftOld[i], leftNew[j], BySimilarity, math.Round(1000*scores[i][j]) / 1000}
		}
	}
	var out []match[T]
	for _, o := range olds {
		m, ok := found[o]
		if !ok {
			m = match[T]{old: o}
		}
		out = append(out, m)
	}
	for _, n := range left(news, func(t T) bool { return taken[t] }) {
		out = append(out, match[T]{new: n})
	}
	return out
}

func left[T any](all []T, gone func(T) bool) []T {
	var out []T
	for _, t := range all {
		if !gone(t) {
			out = append(out, t)
		}
	}
	return out
}

// matcher compares tables; it remembers how alike names of columns are, since the same ones come again and again.
type matcher struct {
	known   map[[2]string]float64
	lessons map[[2]string]lesson
}

// lesson is that two names of columns stand for one another in a table of old's, or in several.
type lesson struct {
	in      *table
	several bool
}

// taught is how alike two names are that stand for one another in another table.
const taught = 0.95

// names tells how alike two names of columns are in a table of old's.
func (m *matcher) names(in *table) func(a, b name) float64 {
	return func(a, b name) float64 {
		key := [2]string{a.text, b.text}
		if l, ok := m.lessons[key]; ok && (l.several || l.in != in) {
			return taught
		}
		v, ok := m.known[key]
		if !ok {
			v = a.like(b)
			m.known[key] = v
		}
		return v
	}
}

// tables pairs the tables of both sides. What columns are called in the pairs teaches what they may be called in the others:
// where lines.product_id is sale_line.artifact_id, every product_id may be an artifact_id.
func (m *matcher) tables(olds, news []*table) []match[*table] {
	nameOf := func(t *table) name { return t.name }
	for _, t := range pair(olds, news, TableThreshold, nameOf, m.like) {
		if t.old == nil || t.new == nil {
			continue
		}
		for _, c := range matchColumns(t.old, t.new, m.names(t.old)) {
			if c.old != nil && c.new != nil && c.how == BySimilarity {
				key := [2]string{c.old.name.text, c.new.name.text}
				_, again := m.lessons[key]
				m.lessons[key] = lesson{t.old, again}
			}
		}
	}
	return pair(olds, news, TableThreshold, nameOf, m.like)
}

// like is how alike two tables are, from 0 to 1.
func (m *matcher) like(a, b *table) float64 {
	return 0.25*a.name.like(b.name) + 0.55*m.columns(a, b) + 0.1*sameKeys(a, b) + 0.1*sameRows(a.rows, b.rows)
}

// columns is the part of two tables' columns that have a partner in the other, by weight and by how alike they are.
func (m *matcher) columns(a, b *table) float64 {
	var got, all float64
	for _, c := range append(append([]*column{}, a.columns...), b.columns...) {
		all += c.weight
	}
	names := m.names(a)
	for _, p := range matchColumns(a, b, names) {
		if p.old != nil && p.new != nil {
			got += (p.old.weight + p.new.weight) * p.old.like(p.new, names)
		}
	}
	if all == 0 {
		return 0
	}
	return got / all
}

func sameKeys(a, b *table) float64 {
	switch {
	case len(a.key) == len(b.key) && len(a.key) > 0:
		return 1
	case len(a.key) == 0 && len(b.key) == 0:
		return 0.5
	}
	return 0
}

// sameRows is 1 where both tables have as many rows, and 0 where one has twice as many, or where nobody knows.
func sameRows(a, b *int64) float64 {
	if a == nil || b == nil || *a == 0 || *b == 0 {
		return 0
	}
	x, y := float64(*a), float64(*b)
	return max(0, 1-2*math.Abs(x-y)/max(x, y))
}
