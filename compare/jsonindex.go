package compare

import (
	"bytes"
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// memberIndex finds members by name. Few members are looked through one by one; for many there is a hash table, whose slots
// lead to the first member of a name that is not taken yet.
type memberIndex struct {
	members []indexed
	first   int      // all members before it are taken
	slots   []uint32 // number of the member in members, plus 1; empty where members are few
	buf     []byte
}

type indexed struct {
	mark   uint64 // of the name: equal for equal ones
	length int    // of the name
	node   uint32
	next   uint32 // the next member of the same name: its number plus 1
	taken  bool
}

// fewMembers is how many members are looked through one by one.
const fewMembers = 16

// build fills the index with the members of d from first to end.
func (x *memberIndex) build(d *document, first, end uint32) {
	x.members, x.slots, x.first = x.members[:0], x.slots[:0], 0
	for i := first; i < end; i = d.nodes[i].next {
		name := d.nameIn(i, &x.buf)
		x.members = append(x.members, indexed{mark: nameMark(name), length: len(name), node: i})
	}
	if len(x.members) > fewMembers {
		x.hash(d)
	}
}

// nameMark returns a number that is equal for equal names, and for two names of one length up to 8 only then.
func nameMark(name []byte) uint64 {
	switch n := len(name); {
	case n >= 8:
		return binary.LittleEndian.Uint64(name)
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(name)) | uint64(binary.LittleEndian.Uint32(name[n-4:]))<<32
	case n >= 2:
		return uint64(binary.LittleEndian.Uint16(name)) | uint64(name[n-1])<<16
	case n == 1:
		return uint64(name[0])
	}
	return 0
}

// take returns the first member in d of a name, and takes it out; absent if there is none left.
func (x *memberIndex) take(d *document, name []byte) uint32 {
	if len(x.slots) > 0 {
		return x.takeHashed(d, name)
	}
	mark := nameMark(name)
	for i := x.first; i < len(x.members); i++ {
		m := &x.members[i]
		if m.mark != mark || m.length != len(name) || m.taken || m.length > 8 && !bytes.Equal(d.nameIn(m.node, &x.buf), name) {
			continue
		}
		m.taken = true
		for x.first < len(x.members) && x.members[x.first].taken {
			x.first++
		}
		return m.node
	}
	return absent
}

// hash builds the table.
func (x *memberIndex) hash(d *document) {
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
		name := d.name(m.node)
		m.mark = xxh3.Hash(name)
		slot := x.find(d, name, m.mark)
		m.next, *slot = *slot, uint32(i+1)
	}
}

func (x *memberIndex) takeHashed(d *document, name []byte) uint32 {
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
		if m := &x.members[*slot-1]; m.mark == hash && bytes.Equal(d.nameIn(m.node, &x.buf), name) {
			return slot
		}
	}
}

// left appends the members that nobody took to joints.
func (x *memberIndex) left(joints []joint) []joint {
	for i := x.first; i < len(x.members); i++ {
		if m := &x.members[i]; !m.taken {
			joints = append(joints, joint{absent, m.node})
		}
	}
	return joints
}
