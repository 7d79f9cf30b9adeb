package compare

import (
	"bytes"

	"github.com/zeebo/xxh3"
)

// joint is a member of old and the one of new that has its name; either may be absent.
type joint struct{ old, new uint32 }

// objects compares two objects. Members pair up by name, those of one name in their order.
func (w *walker) objects(o, n uint32) {
	oldEnd, newEnd := w.old.nodes[o].next, w.new.nodes[n].next
	o, n = o+1, n+1
	// As long as the names come in one order nothing needs to be looked up.
	for o < oldEnd && n < newEnd && sameName(&w.old, o, &w.new, n) {
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
	switch {
	case n == absent:
		w.enterMember(&w.old, o)
		w.lone(o, absent)
	case o == absent:
		w.enterMember(&w.new, n)
		w.lone(absent, n)
	case bytes.Equal(w.old.raw(o), w.new.raw(n)):
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
		w.joined = append(w.joined, joint{o, w.index.take(&w.new, w.old.name(o))})
	}
	for _, m := range w.index.members {
		if !m.taken {
			w.joined = append(w.joined, joint{absent, m.node})
		}
	}
	end := len(w.joined)
	w.work -= end - start
	for i := start; i < end && !w.stopped(); i++ {
		w.member(w.joined[i].old, w.joined[i].new)
	}
	w.joined = w.joined[:start]
}

// memberIndex finds members by name: a hash table whose slots lead to the first member of a name that is not taken yet.
type memberIndex struct {
	slots   []uint32 // number of the member in members, plus 1
	members []indexed
	buf     []byte
}

type indexed struct {
	hash  uint64
	node  uint32
	next  uint32 // the next member of the same name: its number plus 1
	taken bool
}

// build fills the index with the members of d from first to end.
func (x *memberIndex) build(d *document, first, end uint32) {
	x.members = x.members[:0]
	for i := first; i < end; i = d.nodes[i].next {
		x.members = append(x.members, indexed{hash: xxh3.Hash(d.name(i)), node: i})
	}
	size := 4
	for size < 2*len(x.members) {
		size *= 2
	}
	if cap(x.slots) < size {
		x.slots = make([]uint32, size)
	}
	x.slots = x.slots[:size]
	clear(x.slots)
	// From the last to the first, so that each chain is in the order of the document.
	for i := len(x.members) - 1; i >= 0; i-- {
		m := &x.members[i]
		slot := x.find(d, d.name(m.node), m.hash)
		m.next, *slot = *slot, uint32(i+1)
	}
}

// take returns the first member in d of a name, and takes it out; absent if there is none left.
func (x *memberIndex) take(d *document, name []byte) uint32 {
	slot := x.find(d, name, xxh3.Hash(name))
	if *slot == 0 {
		return absent
	}
	m := &x.members[*slot-1]
	if m.taken {
		return absent
	}
	m.taken = true
	if m.next != 0 {
		// Otherwise the slot keeps the last member of the name, so that the probing of other names goes on past it.
		*slot = m.next
	}
	return m.node
}

// find returns the slot of a name, an empty one if d has no such member.
func (x *memberIndex) find(d *document, name []byte, hash uint64) *uint32 {
	mask := uint64(len(x.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := &x.slots[i]
		if *slot == 0 {
			return slot
		}
		if m := &x.members[*slot-1]; m.hash == hash && bytes.Equal(d.nameIn(m.node, &x.buf), name) {
			return slot
		}
	}
}
