package compare

// byKey cohorts the elements by the value of their key. Those without one are a cohort, in the place of the first of them.
func (m *multiset) byKey() []cohort {
	k := m.w.keyOf(m.rule)
	var cohorts []cohort
	numbers := map[uint64]int{} // of cohorts, by the hash of the key
	get := func(d *document, element uint32) *cohort {
		h := m.w.keyHash(d, element, k)
		i, ok := numbers[h]
		if !ok {
			i = len(cohorts)
			cohorts, numbers[h] = append(cohorts, cohort{}), i
		}
		return &cohorts[i]
	}
	for o, node := range m.old {
		g := get(&m.w.old, node)
		g.old = append(g.old, o)
	}
	for n, node := range m.new {
		g := get(&m.w.new, node)
		g.new = append(g.new, n)
	}
	return cohorts
}

// elementKey is where the elements of an array have their key, and what is said about that place.
type elementKey struct {
	path     []segment // in new's names
	decision decision
}

// keyOf looks up the key's place. The cursor is at an element.
func (w *walker) keyOf(r *rule) elementKey {
	k := elementKey{path: r.key}
	for i, s := range r.key {
		if s.selector == byIndex {
			w.at.index(s.index)
			continue
		}
		w.at.name([]byte(s.name))
		if d := w.rules.decide(&w.at); w.rules.does(d, actRename) {
			k.path = append([]segment(nil), k.path...)
			k.path[i].name = string(w.rules.rules[d[familyStructure]].rename.name)
		}
	}
	k.decision = w.rules.decide(&w.at)
	for range r.key {
		w.at.pop()
	}
	return k
}

// keyHash is equal for elements whose keys mean the same, and for those without one. Should others share it no harm is done: what is
// joined is still compared in full.
func (w *walker) keyHash(d *document, element uint32, k elementKey) uint64 {
	i, ok := d.find(element, k.path)
	if !ok {
		return mix(4, 0)
	}
	if w.rules.does(k.decision, actCoerce) {
		if number, ok := d.coerced(i); ok {
			return mix(5, number.hash())
		}
	}
	if w.rules.does(k.decision, actTime) {
		if t, ok := d.instant(i, w.rules.textual); ok {
			return mix(mix(6, uint64(t.seconds)), uint64(t.nanos))
		}
	}
	w.at.forget()
	defer w.at.pop()
	return mix(7, w.hash(d, i))
}

// find follows a path of names and indexes from a value.
func (d *document) find(i uint32, path []segment) (uint32, bool) {
	for _, s := range path {
		found := false
		kind, index := d.nodes[i].kind, 0
		for c := i + 1; c < d.nodes[i].next && !found; c = d.nodes[c].next {
			switch {
			case kind == jsonObject && s.selector == byName:
				found = string(d.name(c)) == s.name
			case kind == jsonArray && s.selector == byIndex:
				found = index == s.index
			}
			if index++; found {
				i = c
			}
		}
		if !found {
			return 0, false
		}
	}
	return i, true
}
