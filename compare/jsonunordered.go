package compare

// maxLeftovers bounds the elements of either side that are the same as none of the other, and for which partners are sought
// one by one; each such try costs tryWork, since its result is kept.
const (
	maxLeftovers = 64
	tryWork      = 32
)

// What an element has in place of a partner.
const (
	unpaired = -1 // nothing
	repeated = -2 // of a set: the other side has its like, which has a partner of its own
)

// multiset is two arrays whose order does not count, and how their elements pair up.
type multiset struct {
	w        *walker
	rule     *rule
	old, new []uint32
	toNew    []int // per element of old its partner in new, unpaired or repeated
	toOld    []int
	oldHash  []uint64 // without rules
	newHash  []uint64
	tried    map[[2]int]recorder // pairs that were compared
	used     [][2]int            // those of them that repeated elements rest on
}

// cohort is elements that may only pair with one another, by their indexes.
type cohort struct{ old, new []int }

// unordered compares two arrays whose order does not count; number is the rule that says so.
func (w *walker) unordered(o, n uint32, number int) {
	m := &multiset{
		w: w, rule: &w.rules.rules[number], tried: map[[2]int]recorder{},
		old: w.old.children(o, nil), new: w.new.children(n, nil),
	}
	m.toNew, m.toOld = allUnpaired(len(m.old)), allUnpaired(len(m.new))
	m.oldHash, m.newHash = make([]uint64, len(m.old)), make([]uint64, len(m.new))
	if !w.spend(len(m.old) + len(m.new)) {
		return
	}
	w.at.element()
	if w.rules.ignores(w.rules.decide(&w.at)) == IgnoreAll {
		// Every element is ignored; the order and number of them with it.
		w.at.pop()
		m.ignore()
		return
	}
	cohorts := m.cohorts()
	for i := range cohorts {
		m.pair(&cohorts[i])
		if w.stopped() {
			break
		}
	}
	w.at.pop()
	if w.stopped() {
		return
	}
	for pair, r := range m.tried {
		if m.toNew[pair[0]] == pair[1] {
			w.rec.merge(r.forgiven)
		}
	}
	for _, pair := range m.used {
		w.rec.merge(m.tried[pair].forgiven)
	}
	if m.reordered() {
		w.forgive(number)
	}
	for i := range cohorts {
		m.report(&cohorts[i])
	}
}

// ignore counts the elements that differ, each of which a rule ignores.
func (m *multiset) ignore() {
	for i := range max(len(m.old), len(m.new)) {
		m.w.enterLeftover(i)
		switch {
		case i >= len(m.new):
			m.w.lone(m.old[i], absent)
		case i >= len(m.old):
			m.w.lone(absent, m.new[i])
		default:
			m.w.pair(m.old[i], m.new[i])
		}
		m.w.leave()
	}
}

func allUnpaired(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = unpaired
	}
	return s
}

// cohorts returns the cohorts, in the order of old: one for each key, or a single one.
func (m *multiset) cohorts() []cohort {
	if m.rule.action == actKey {
		return m.byKey()
	}
	g := cohort{make([]int, len(m.old)), make([]int, len(m.new))}
	for i := range g.old {
		g.old[i] = i
	}
	for i := range g.new {
		g.new[i] = i
	}
	return []cohort{g}
}

// single reports whether the cohort is one element of each side, which belong together whatever they hold.
func (m *multiset) single(g *cohort) bool {
	return m.rule.action == actKey && len(g.old) == 1 && len(g.new) == 1
}

// pair finds partners within a cohort.
func (m *multiset) pair(g *cohort) {
	switch {
	case len(g.old) == 0 || len(g.new) == 0:
		return
	case m.single(g):
		m.join(g.old[0], g.new[0])
		return
	}
	m.pairSame(g)
	m.countRenames(g)
	if m.w.stopped() || !m.w.at.alive() && !m.w.at.matched() && !m.w.rules.renames {
		return
	}
	for _, b := range m.candidates(g) {
		if m.rule.set {
			m.cover(b)
		} else {
			m.match(b.old, b.new)
		}
		if m.w.stopped() {
			return
		}
	}
}

func (m *multiset) join(o, n int) { m.toNew[o], m.toOld[n] = n, o }

// pairSame pairs elements that are the same without any rule, preferably at the same index.
func (m *multiset) pairSame(g *cohort) {
	w := m.w
	w.at.forget()
	defer w.at.pop()
	for _, n := range g.new {
		m.newHash[n] = w.hash(&w.new, m.new[n])
	}
	var rest []int
	for _, o := range g.old {
		h := w.hash(&w.old, m.old[o])
		m.oldHash[o] = h
		if o < len(m.new) && h == m.newHash[o] && w.same(m.old[o], m.new[o]) {
			m.join(o, o)
			continue
		}
		rest = append(rest, o)
	}
	byHash := make(map[uint64][]int, len(rest))
	for _, n := range g.new {
		if m.toOld[n] == unpaired {
			byHash[m.newHash[n]] = append(byHash[m.newHash[n]], n)
		}
	}
	for _, o := range rest {
		candidates := byHash[m.oldHash[o]]
		for k, n := range candidates {
			if w.same(m.old[o], m.new[n]) {
				m.join(o, n)
				candidates[k] = candidates[0]
				byHash[m.oldHash[o]] = candidates[1:]
				break
			}
		}
		if w.stopped() {
			return
		}
	}
	if m.rule.set {
		m.forgiveRepeats(g)
	}
}

// countRenames compares the pairs that are the same with the rules applied, since renames made them so.
func (m *multiset) countRenames(g *cohort) {
	w := m.w
	if w.old.marks == nil {
		return
	}
	for _, o := range g.old {
		if n := m.toNew[o]; n >= 0 && w.old.marks[m.old[o]].altered {
			m.tried[[2]int{o, n}] = w.try(m.old[o], m.new[n], 1)
		}
	}
}

// forgiveRepeats marks the elements of a set whose like has a partner.
func (m *multiset) forgiveRepeats(g *cohort) {
	w := m.w
	byOld, byNew := map[uint64][2]int{}, map[uint64][2]int{} // pairs by the hash they share
	for _, o := range g.old {
		if n := m.toNew[o]; n >= 0 {
			byOld[m.oldHash[o]], byNew[m.newHash[n]] = [2]int{o, n}, [2]int{o, n}
		}
	}
	for _, o := range g.old {
		if pair, ok := byNew[m.oldHash[o]]; ok && m.toNew[o] == unpaired && w.same(m.old[o], m.new[pair[1]]) {
			m.toNew[o] = repeated
		}
	}
	for _, n := range g.new {
		if pair, ok := byOld[m.newHash[n]]; ok && m.toOld[n] == unpaired && w.same(m.old[pair[0]], m.new[n]) {
			m.toOld[n] = repeated
		}
	}
}

// reordered reports whether the rule forgave something: pairs cross, or elements of a set repeat.
func (m *multiset) reordered() bool {
	last := unpaired
	for _, n := range m.toNew {
		switch {
		case n == unpaired:
			continue
		case n < last: // repeated is less than any
			return true
		}
		last = n
	}
	for _, o := range m.toOld {
		if o == repeated {
			return true
		}
	}
	return false
}

// report records what of a cohort differs: the elements that belong together, then those without a partner.
func (m *multiset) report(g *cohort) {
	w := m.w
	if m.single(g) {
		w.enterLeftover(g.old[0])
		w.pair(m.old[g.old[0]], m.new[g.new[0]])
		w.leave()
		return
	}
	old, new := free(g.old, m.toNew), free(g.new, m.toOld)
	even := len(old) == len(new)
	for _, o := range old {
		if w.stopped() {
			return
		}
		w.enterLeftover(o)
		if n, ok := m.nearest(o, new, even); ok {
			new = remove(new, n)
			w.pair(m.old[o], m.new[n])
		} else {
			w.lone(m.old[o], absent)
		}
		w.leave()
	}
	for _, n := range new {
		w.enterLeftover(n)
		w.lone(absent, m.new[n])
		w.leave()
	}
}

// nearest returns the element of new with the fewest differences from o, so that one that has changed shows as what changed in
// it. even says that both sides have as many elements without a partner, so that each is taken to have changed; otherwise half of the
// values in an element must agree.
func (m *multiset) nearest(o int, new []int, even bool) (int, bool) {
	w := m.w
	node := m.old[o]
	switch scalar := w.old.nodes[node].kind < jsonArray; {
	case len(new) == 0 || !even && (scalar || len(new) > maxLeftovers):
		return 0, false
	case even && (len(new) > maxLeftovers || len(new) == 1):
		return new[0], true
	}
	// The cursor is at the element already.
	best, fewest := new[0], MaxDifferences
	if !even {
		best, fewest = unpaired, min(MaxDifferences, w.old.scalars(node)/2+1)
	}
	for _, n := range new {
		if r := w.try(node, m.new[n], fewest); r.found < fewest {
			best, fewest = n, r.found
		}
	}
	return best, best != unpaired
}

// scalars returns how many values in i are neither objects nor arrays.
func (d *document) scalars(i uint32) int {
	n := 0
	for c := i; c < d.nodes[i].next; c++ {
		if d.nodes[c].kind < jsonArray {
			n++
		}
	}
	return n
}

func remove(s []int, e int) []int {
	for i := range s {
		if s[i] == e {
			return append(s[:i], s[i+1:]...)
		}
	}
	return s
}

// enterLeftover steps to an element that has no index for the rules, and one for the reader.
func (w *walker) enterLeftover(index int) {
	w.path = append(w.path, step{index: index})
	w.at.element()
}
