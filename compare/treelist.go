package compare

// list compares the children of one name, of which one side at least has several. It reports whether both have as many, as far
// as that counts.
func (w *treeWalker) list(old, new []*element) bool {
	switch d := w.rules.decide(&w.at); {
	case w.rules.does(d, actUnordered), w.rules.does(d, actKey):
		return w.anyOrder(old, new, d[familyStructure])
	case len(old) != len(new) && w.rec.stop == 0 && !w.at.indexed():
		return w.aligned(old, new)
	}
	even := true
	for i := 0; i < max(len(old), len(new)) && !w.stopped(); i++ {
		even = w.nth(i, elementAt(old, i), elementAt(new, i)) && even
	}
	return even
}

func elementAt(elements []*element, i int) *element {
	if i >= len(elements) {
		return nil
	}
	return elements[i]
}

// nth compares two elements at an index; one may be nil.
func (w *treeWalker) nth(index int, o, n *element) bool {
	w.enterOne(index)
	defer w.leave()
	return w.either(o, n)
}

// aligned compares two lists of different lengths. The elements at the end that agree are set against each other, so that one
// which was left out in the middle shows as that one.
func (w *treeWalker) aligned(old, new []*element) bool {
	short := min(len(old), len(new))
	head := 0
	for head < short && w.agree(old[head], new[head]) {
		head++
	}
	tail := 0
	for tail < short-head && w.agree(old[len(old)-1-tail], new[len(new)-1-tail]) {
		tail++
	}
	even := true
	for i := 0; i < max(len(old), len(new))-tail && !w.stopped(); i++ {
		even = w.nth(i, elementAt(old[:len(old)-tail], i), elementAt(new[:len(new)-tail], i)) && even
	}
	for i := tail; i > 0 && !w.stopped(); i-- {
		w.nth(len(old)-i, old[len(old)-i], new[len(new)-i])
	}
	return even
}

// agree reports whether two elements have no difference that counts; no rule tells the elements apart.
func (w *treeWalker) agree(o, n *element) bool {
	w.enterAny(0)
	defer w.leave()
	r := w.try(1, func() { w.pair(o, n) })
	return r.found == 0
}
