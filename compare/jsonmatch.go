package compare

// candidates divides a cohort into elements that may pair as the rules allow: those whose hashes under the rules differ never do, so
// that each cohort is a matching of its own.
func (m *multiset) candidates(g *cohort) []*cohort {
	w := m.w
	byHash := map[uint64]*cohort{}
	var order []*cohort
	get := func(h uint64) *cohort {
		b := byHash[h]
		if b == nil {
			b = &cohort{}
			byHash[h] = b
			order = append(order, b)
		}
		return b
	}
	for _, o := range g.old {
		b := get(w.hash(&w.old, m.old[o]))
		b.old = append(b.old, o)
	}
	for _, n := range g.new {
		b := get(w.hash(&w.new, m.new[n]))
		b.new = append(b.new, n)
	}
	return order
}

// match finds the largest set of pairs between elements of old and of new, by augmenting paths: elements that are the same
// may be given other partners if that leaves fewer without one.
func (m *multiset) match(old, new []int) {
	left, leftNew := free(old, m.toNew), free(new, m.toOld)
	if len(left) == 0 || len(leftNew) == 0 {
		return
	}
	if !m.few(left, leftNew) {
		return
	}
	for _, o := range left {
		m.augment(o, new, make(map[int]bool, len(new)))
		if m.w.stopped() {
			return
		}
	}
}

// few reports whether so few elements are left that partners can be sought one by one; otherwise the walk is over.
func (m *multiset) few(old, new []int) bool {
	if len(old) > maxLeftovers || len(new) > maxLeftovers {
		m.w.work = -1
		return false
	}
	return true
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
	if n := m.partner(o, free(new, m.toOld)); n != unpaired {
		m.join(o, n)
		return true
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

// partner returns one of candidates that may pair with o, the one at the same index at best.
func (m *multiset) partner(o int, candidates []int) int {
	for _, n := range candidates {
		if n == o && m.compatible(o, n) {
			return n
		}
	}
	for _, n := range candidates {
		if n != o && m.compatible(o, n) {
			return n
		}
	}
	return unpaired
}

// cover finds the elements of a set a like on the other side, where one may serve many.
func (m *multiset) cover(g *cohort) {
	old, new := free(g.old, m.toNew), free(g.new, m.toOld)
	if len(old) == 0 && len(new) == 0 || !m.few(old, new) {
		return
	}
	for _, o := range old {
		if n := m.partner(o, free(new, m.toOld)); n != unpaired {
			m.join(o, n)
		} else if n := m.partner(o, g.new); n != unpaired {
			m.toNew[o], m.used = repeated, append(m.used, [2]int{o, n})
		}
		if m.w.stopped() {
			return
		}
	}
	for _, n := range free(new, m.toOld) {
		for _, o := range g.old {
			if m.compatible(o, n) {
				m.toOld[n], m.used = repeated, append(m.used, [2]int{o, n})
				break
			}
		}
	}
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
