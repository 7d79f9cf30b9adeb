package compare

// joint is a member of old and the one of new that has its name; either may be absent.
type joint struct{ old, new uint32 }

// objects compares two objects. Members pair up by name, those of one name in their order.
func (w *walker) objects(o, n uint32) {
	oldEnd, newEnd := w.old.nodes[o].next, w.new.nodes[n].next
	o, n = o+1, n+1
	// As long as the names come in one order nothing needs to be looked up.
	for o < oldEnd && n < newEnd && !w.old.stranded(o) && sameName(&w.old, o, &w.new, n) {
		w.member(o, n)
		o, n = w.old.nodes[o].next, w.new.nodes[n].next
		if w.stopped() {
			return
		}
	}
	if o < oldEnd || n < newEnd {
		w.join(o, oldEnd, n, newEnd)
	}
}

// member compares two members, or shows that one side has none.
func (w *walker) member(o, n uint32) {
	if o != absent && n != absent && w.old.marks != nil && w.old.marks[o].rule != none {
		w.forgive(int(w.old.marks[o].rule))
	}
	switch {
	case n == absent:
		w.enterMember(&w.old, o)
		w.lone(o, absent)
	case o == absent:
		w.enterMember(&w.new, n)
		w.foreign(n)
	case w.identical(o, n):
		return
	default:
		w.enterMember(&w.old, o)
		w.pair(o, n)
	}
	w.leave()
}

// join pairs up the members from o to oldEnd and from n to newEnd, and compares them in the order of old; what only new has
// comes last.
func (w *walker) join(o, oldEnd, n, newEnd uint32) {
	start := len(w.joined)
	w.index.build(&w.new, n, newEnd)
	for ; o < oldEnd; o = w.old.nodes[o].next {
		like := uint32(absent)
		if !w.old.stranded(o) {
			like = w.index.take(&w.new, w.old.name(o))
		}
		w.joined = append(w.joined, joint{o, like})
	}
	w.joined = w.index.left(w.joined)
	end := len(w.joined)
	w.work -= end - start
	for i := start; i < end && !w.stopped(); i++ {
		w.member(w.joined[i].old, w.joined[i].new)
	}
	w.joined = w.joined[:start]
}
