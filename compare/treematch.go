package compare

import (
	"cmp"
	"slices"
	"strconv"
)

// pairing is two lists whose order does not count, and how their elements pair up.
type pairing struct {
	w        *treeWalker
	old, new []*element
	toNew    []int // per element of old its partner in new, or unpaired
	toOld    []int
	tried    map[[2]int]recorder // pairs that were compared
	forgiven bool                // whether repeats were
}

// bucket is the elements that may pair up with one another, by their indexes.
type bucket struct{ old, new []int }

// anyOrder compares two lists whose order does not count; rule is the one that says so. It reports whether both have as many
// elements, as far as that counts.
func (w *treeWalker) anyOrder(old, new []*element, rule int) bool {
	r := &w.rules.rules[rule]
	m := &pairing{
		w: w, old: old, new: new, toNew: allUnpaired(len(old)), toOld: allUnpaired(len(new)), tried: map[[2]int]recorder{},
	}
	if !w.spend(len(old) + len(new)) {
		return false
	}
	buckets := []bucket{{indexes(len(old)), indexes(len(new))}}
	if r.action == actKey {
		buckets = m.byKey(r.key)
	}
	even := true
	for _, b := range buckets {
		m.pairSame(b)
		m.match(b)
	}
	for _, b := range buckets {
		even = m.report(b, r.set) && even
	}
	if w.stopped() {
		return false
	}
	for pair, tried := range m.tried {
		if m.toNew[pair[0]] == pair[1] && tried.found == 0 {
			w.rec.merge(tried.forgiven)
		}
	}
	if m.forgiven || crossing(m.toNew) {
		w.forgive(rule)
	}
	for _, e := range slices.Concat(old, new) {
		e.apart = true
	}
	return even
}

func indexes(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// byKey returns the elements of each key, in order of the keys' first appearance; those without one are together.
func (m *pairing) byKey(path []segment) []bucket {
	var buckets []bucket
	byKey := map[string]int{}
	get := func(e *element) *bucket {
		key, ok := e.key(path)
		if key = strconv.FormatBool(ok) + key; byKey[key] == 0 {
			buckets = append(buckets, bucket{})
			byKey[key] = len(buckets)
		}
		return &buckets[byKey[key]-1]
	}
	for i, e := range m.old {
		b := get(e)
		b.old = append(b.old, i)
	}
	for i, e := range m.new {
		b := get(e)
		b.new = append(b.new, i)
	}
	return buckets
}

// key returns the value at a path within an element, false if there is none. As elsewhere an index may be left out where there
// is but one.
func (e *element) key(path []segment) (string, bool) {
	if e.kind == isBytes {
		if m := e.message(); m != nil {
			e = m
		}
	}
	if len(path) == 0 {
		return e.show(), e.leaf()
	}
	var named []*element
	for _, c := range slices.Concat(e.attributes, e.children) {
		if path[0].selector == byName && c.name == path[0].name {
			named = append(named, c)
		}
	}
	rest, index := path[1:], 0
	if len(rest) > 0 && rest[0].selector == byIndex {
		rest, index = rest[1:], rest[0].index
	} else if len(named) > 1 {
		return "", false
	}
	if index >= len(named) {
		return "", false
	}
	return named[index].key(rest)
}

// pairSame pairs elements of a bucket that are the same without any rule, preferably at the same index.
func (m *pairing) pairSame(b bucket) {
	byHash := make(map[uint64][]int, len(b.new))
	inNew := make(map[int]bool, len(b.new))
	for _, n := range b.new {
		inNew[n] = true
	}
	for _, o := range b.old {
		if inNew[o] && m.old[o].same(m.new[o]) {
			m.toNew[o], m.toOld[o] = o, o
		}
	}
	for _, n := range free(b.new, m.toOld) {
		h := m.new[n].hash
		byHash[h] = append(byHash[h], n)
	}
	for _, o := range free(b.old, m.toNew) {
		h := m.old[o].hash
		if candidates := byHash[h]; len(candidates) > 0 && m.old[o].same(m.new[candidates[0]]) {
			m.toNew[o], m.toOld[candidates[0]] = candidates[0], o
			byHash[h] = candidates[1:]
		}
	}
}

// match finds the largest set of pairs in a bucket that the rules allow, by augmenting paths.
func (m *pairing) match(b bucket) {
	old, new := free(b.old, m.toNew), free(b.new, m.toOld)
	m.w.enterAny(0)
	ruled := !m.w.ordered || m.w.at.alive() || m.w.at.matched()
	m.w.leave()
	if len(old) == 0 || len(new) == 0 || !ruled {
		return
	}
	if len(old) > maxLeftovers || len(new) > maxLeftovers {
		m.w.work = -1
		return
	}
	if len(b.new) <= 2*maxLeftovers {
		// Elements that are the same may be given other partners if that leaves fewer without one.
		new = append(new, difference(b.new, new)...)
	}
	for _, o := range old {
		m.augment(o, new, map[int]bool{})
		if m.w.stopped() {
			return
		}
	}
}

// difference returns the numbers of all that are not in some; both are sorted.
func difference(all, some []int) []int {
	out := make([]int, 0, len(all)-len(some))
	for _, n := range all {
		if _, found := slices.BinarySearchFunc(some, n, cmp.Compare[int]); !found {
			out = append(out, n)
		}
	}
	return out
}

// augment finds o a partner, moving others to another one where that is needed.
func (m *pairing) augment(o int, new []int, seen map[int]bool) bool {
	for _, n := range new {
		if seen[n] || !m.compatible(o, n) {
			continue
		}
		seen[n] = true
		if m.toOld[n] == unpaired || m.augment(m.toOld[n], new, seen) {
			m.toNew[o], m.toOld[n] = n, o
			return true
		}
	}
	return false
}

// compatible reports whether the rules let two elements pass as equal.
func (m *pairing) compatible(o, n int) bool {
	r, ok := m.tried[[2]int{o, n}]
	if !ok && m.w.spend(tryWork) {
		m.w.enterAny(0)
		r = m.w.try(1, func() { m.w.pair(m.old[o], m.new[n]) })
		m.w.leave()
		m.tried[[2]int{o, n}] = r
	}
	return r.found == 0 && !m.w.stopped()
}

// crossing reports whether pairs cross.
func crossing(toNew []int) bool {
	last := unpaired
	for _, n := range toNew {
		if n != unpaired && n < last {
			return true
		}
		last = max(last, n)
	}
	return false
}

// report records the elements of a bucket without a partner: as changed ones if both sides have as many, else one by one. In a
// set, one that the other side has too is none. It reports whether both sides have as many, as far as that counts.
func (m *pairing) report(b bucket, set bool) bool {
	w := m.w
	old, new := free(b.old, m.toNew), free(b.new, m.toOld)
	if set {
		old = slices.DeleteFunc(old, func(o int) bool { return m.repeats(b.new, func(n int) bool { return m.compatible(o, n) }) })
		new = slices.DeleteFunc(new, func(n int) bool { return m.repeats(b.old, func(o int) bool { return m.compatible(o, n) }) })
	}
	even := true
	one := func(index int, o, n *element) {
		w.enterAny(index)
		even = w.either(o, n) && even
		w.leave()
	}
	if len(old) == len(new) {
		for _, o := range old {
			n := m.nearest(o, new)
			new = remove(new, n)
			one(o, m.old[o], m.new[n])
		}
		return even
	}
	for _, o := range old {
		one(o, m.old[o], nil)
	}
	for _, n := range new {
		one(n, nil, m.new[n])
	}
	return even
}

// repeats reports whether an element is the same as one of others.
func (m *pairing) repeats(others []int, same func(int) bool) bool {
	if slices.ContainsFunc(others, same) {
		m.forgiven = true
		return true
	}
	return false
}

// nearest returns the element of new with the fewest differences from o.
func (m *pairing) nearest(o int, new []int) int {
	if len(new) == 1 {
		return new[0]
	}
	w := m.w
	w.enterAny(0)
	defer w.leave()
	best, fewest := new[0], MaxDifferences
	for _, n := range new {
		if r := w.try(fewest, func() { w.pair(m.old[o], m.new[n]) }); r.found < fewest {
			best, fewest = n, r.found
		}
	}
	return best
}
