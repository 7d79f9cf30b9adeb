package compare

// children appends the nodes of a container's children to out.
func (d *document) children(i uint32, out []uint32) []uint32 {
	end := d.nodes[i].next
	for c := i + 1; c < end; c = d.nodes[c].next {
		out = append(out, c)
	}
	return out
}

// arrays compares two arrays, element by element; first is the index of the first one that is at hand.
func (w *walker) arrays(o, n uint32, first int) {
	oldCount, newCount := int(w.old.nodes[o].count), int(w.new.nodes[n].count)
	if oldCount != newCount && w.rec.stop == 0 && !w.at.indexed() {
		w.aligned(w.old.children(o, nil), w.new.children(n, nil), first)
		return
	}
	oldEnd, newEnd := w.old.nodes[o].next, w.new.nodes[n].next
	o, n = o+1, n+1
	for i := first; (o < oldEnd || n < newEnd) && !w.stopped(); i++ {
		switch {
		case n >= newEnd:
			w.element(i, o, absent)
			o = w.old.nodes[o].next
		case o >= oldEnd:
			w.element(i, absent, n)
			n = w.new.nodes[n].next
		default:
			w.element(i, o, n)
			o, n = w.old.nodes[o].next, w.new.nodes[n].next
		}
	}
}

// element compares two elements at an index, or shows that one side has none.
func (w *walker) element(index int, o, n uint32) {
	if o != absent && n != absent && w.identical(o, n) {
		return
	}
	w.enterElement(index)
	if o == absent || n == absent {
		w.lone(o, n)
	} else {
		w.pair(o, n)
	}
	w.leave()
}

// aligned compares two arrays of different lengths. The elements at the end that agree are set against each other, so that a
// row which was left out in the middle shows as that row, not as a change of all that follow.
func (w *walker) aligned(old, new []uint32, first int) {
	short := min(len(old), len(new))
	head := 0
	for head < short && w.agree(old[head], new[head]) {
		head++
	}
	tail := 0
	for tail < short-head && w.agree(old[len(old)-1-tail], new[len(new)-1-tail]) {
		tail++
	}
	for i := 0; i < max(len(old), len(new))-tail && !w.stopped(); i++ {
		switch {
		case i >= len(new)-tail:
			w.element(first+i, old[i], absent)
		case i >= len(old)-tail:
			w.element(first+i, absent, new[i])
		default:
			w.element(first+i, old[i], new[i])
		}
	}
	for i := tail; i > 0 && !w.stopped(); i-- {
		w.element(first+len(old)-i, old[len(old)-i], new[len(new)-i])
	}
}

// agree reports whether two elements have no difference that counts; no rule tells the elements apart.
func (w *walker) agree(o, n uint32) bool {
	w.at.element()
	r := w.try(o, n, 1)
	w.at.pop()
	return r.found == 0
}
