package compare

// maxLeftovers bounds the elements of either side that are the same as none of the other, and for which partners are sought
// one by one; each such try costs tryWork, since its result is kept.
const (
	maxLeftovers = 64
	tryWork      = 32
)

// unpaired says that an element has no partner.
const unpaired = -1

// multiset is two arrays whose order does not count, and how their elements pair up.
type multiset struct {
	w        *walker
	old, new []uint32
	toNew    []int // per element of old its partner in new, or unpaired
	toOld    []int
	tried    map[[2]int]recorder // pairs that were compared
}

// unordered compares two arrays as multisets; rule is the one that says so.
func (w *walker) unordered(o, n uint32, rule int) {
	m := &multiset{w: w, old: w.old.children(o, nil), new: w.new.children(n, nil), tried: map[[2]int]recorder{}}
	m.toNew, m.toOld = allUnpaired(len(m.old)), allUnpaired(len(m.new))
	if !w.spend(len(m.old) + len(m.new)) {
		return
	}
	w.at.element()
	if w.rules.ignores(w.rules.decide(&w.at)) == IgnoreAll {
		// Every element is ignored; the order and number of them with it.
		w.at.pop()
		w.arrays(o, n, 0)
		return
	}
	m.pairSame()
	if w.at.alive() || w.at.matched() {
		m.pairTolerated()
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
	if m.reordered() {
		w.forgive(rule)
	}
	m.report()
}

func allUnpaired(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = unpaired
	}
	return s
}

func (m *multiset) join(o, n int) { m.toNew[o], m.toOld[n] = n, o }

// pairSame pairs elements that are the same without any rule, preferably at the same index.
func (m *multiset) pairSame() {
	w := m.w
	w.at.forget()
	defer w.at.pop()
	byHash := make(map[uint64][]int, len(m.new))
	newHash := make([]uint64, len(m.new))
	for n, node := range m.new {
		newHash[n] = w.hash(&w.new, node)
	}
	var rest []int
	var restHash []uint64
	for o, node := range m.old {
		h := w.hash(&w.old, node)
		if o < len(m.new) && h == newHash[o] && w.same(node, m.new[o]) {
			m.join(o, o)
			continue
		}
		rest, restHash = append(rest, o), append(restHash, h)
	}
	for n, h := range newHash {
		if m.toOld[n] == unpaired {
			byHash[h] = append(byHash[h], n)
		}
	}
	for i, o := range rest {
		candidates := byHash[restHash[i]]
		for k, n := range candidates {
			if w.same(m.old[o], m.new[n]) {
				m.join(o, n)
				candidates[k] = candidates[0]
				byHash[restHash[i]] = candidates[1:]
				break
			}
		}
		if w.stopped() {
			return
		}
	}
}

// pairTolerated pairs what is left as far as the rules beneath allow. Elements whose hashes under the rules differ never
// pair, so that each bucket of one hash is a matching of its own.
func (m *multiset) pairTolerated() {
	w := m.w
	type bucket struct{ old, new []int }
	buckets := map[uint64]*bucket{}
	var order []*bucket
	get := func(h uint64) *bucket {
		b := buckets[h]
		if b == nil {
			b = &bucket{}
			buckets[h] = b
			order = append(order, b)
		}
		return b
	}
	for o, node := range m.old {
		b := get(w.hash(&w.old, node))
		b.old = append(b.old, o)
	}
	for n, node := range m.new {
		b := get(w.hash(&w.new, node))
		b.new = append(b.new, n)
	}
	for _, b := range order {
		if w.stopped() {
			return
		}
		m.match(b.old, b.new)
	}
}

// match finds the largest set of pairs between elements of old and of new, by augmenting paths: elements that are the same
// may be given other partners if that leaves fewer without one.
func (m *multiset) match(old, new []int) {
	left, leftNew := free(old, m.toNew), free(new, m.toOld)
	if len(left) == 0 || len(leftNew) == 0 {
		return
	}
	if len(left) > maxLeftovers || len(leftNew) > maxLeftovers {
		m.w.work = -1
		return
	}
	for _, o := range left {
		m.augment(o, new, make(map[int]bool, len(new)))
		if m.w.stopped() {
			return
		}
	}
}

// free returns the elements that have no partner.
func free(elements, partner []int) []int {
	var out []int
	for _, e := range elements {
		if partner[e] == unpaired {
			out = append(out, e)
		}
	}
	return out
}

// augment finds o a partner, moving others to another one where that is needed.
func (m *multiset) augment(o int, new []int, seen map[int]bool) bool {
	if !m.w.spend(len(new)) {
		return false
	}
	// First one that is free, at the same index at best.
	if o < len(m.toOld) && m.toOld[o] == unpaired && m.compatible(o, o) {
		m.join(o, o)
		return true
	}
	for _, n := range new {
		if m.toOld[n] == unpaired && !seen[n] && m.compatible(o, n) {
			m.join(o, n)
			return true
		}
	}
	for _, n := range new {
		if seen[n] || m.toOld[n] == unpaired || !m.compatible(o, n) {
			continue
		}
		seen[n] = true
		if m.augment(m.toOld[n], new, seen) {
			m.join(o, n)
			return true
		}
	}
	return false
}

// compatible reports whether the rules let two elements pass as equal.
func (m *multiset) compatible(o, n int) bool {
	r, ok := m.tried[[2]int{o, n}]
	if !ok && m.w.spend(tryWork) {
		r = m.w.try(m.old[o], m.new[n], 1)
		m.tried[[2]int{o, n}] = r
	}
	return r.found == 0 && !m.w.stopped()
}

// reordered reports whether the pairs cross.
func (m *multiset) reordered() bool {
	last := unpaired
	for _, n := range m.toNew {
		if n == unpaired {
			continue
		}
		if n < last {
			return true
		}
		last = n
	}
	return false
}

// report records the elements without a partner: one by one, or as changed ones if both sides have as many.
func (m *multiset) report() {
	w := m.w
	var old, new []int
	for o, n := range m.toNew {
		if n == unpaired {
			old = append(old, o)
		}
	}
	for n, o := range m.toOld {
		if o == unpaired {
			new = append(new, n)
		}
	}
	if len(old) == len(new) {
		for _, o := range old {
			n := m.nearest(o, new)
			new = remove(new, n)
			w.enterLeftover(o)
			w.pair(m.old[o], m.new[n])
			w.leave()
			if w.stopped() {
				return
			}
		}
		return
	}
	for _, o := range old {
		w.enterLeftover(o)
		w.lone(m.old[o], absent)
		w.leave()
	}
	for _, n := range new {
		w.enterLeftover(n)
		w.lone(absent, m.new[n])
		w.leave()
	}
}

// nearest returns the element of new with the fewest differences from o; the first one where there are too many to look.
func (m *multiset) nearest(o int, new []int) int {
	if len(new) > maxLeftovers || len(new) == 1 {
		return new[0]
	}
	w := m.w
	w.at.element()
	defer w.at.pop()
	best, fewest := new[0], MaxDifferences
	for _, n := range new {
		if r := w.try(m.old[o], m.new[n], fewest); r.found < fewest {
			best, fewest = n, r.found
		}
	}
	return best
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
