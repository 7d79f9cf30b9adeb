package compare

// mark is what a rename has made of a node. The document is old's, seen with new's names; rules and differences still go by the
// names and places that the nodes had.
type mark struct {
	from    uint32 // the node in the document as it is written; of no use if made
	name    []byte // the name in new, if that is another one
	rule    int32  // that renamed it, or none
	altered bool   // something in it is not as it is written
	// stranded says that its new name is taken, or that there is no such place: nothing in new is its like.
	stranded bool
	// made says that it is an object which only holds what was moved there, and not in old itself.
	made bool
	// emptied says that everything in the object was moved away. It may as well be absent.
	emptied bool
	moved   *origins // where it was, if in another container
}

// origins is the place in old from which a member was moved.
type origins struct {
	path []step
	at   *state
}

// view is a value of old in the tree that becomes the document.
type view struct {
	mark
	kind     jsonKind
	parent   uint32  // the container in which it stands in old, to tell names apart
	children []int32 // views; the members and elements
	left     int     // how many members were moved away
}

// relocation is a member that is moved to another container.
type relocation struct {
	view   int32
	target *target
	path   []step  // to the member
	above  []int32 // the views of the document and of each container on the way, and last of the member
}

// beholder rebuilds old's document with new's names.
type beholder struct {
	w       *walker
	written *document
	views   []view
	above   []int32
	moves   []relocation
	base    int // how many steps of the paths lead to the document itself
}

// behold sets w.old to the document w.written as it is seen with new's names. The cursor is on the root.
func (w *walker) behold() {
	b := beholder{w: w, written: &w.written, base: len(w.at.states) - 1}
	b.build(0, 0)
	b.move()
	b.settle(0)
	d := &w.old
	d.src, d.nodes, d.marks = w.written.src, d.nodes[:0], d.marks[:0]
	b.write(0)
}

// build makes the view of a node and of all beneath it. What is moved is left out of its container.
func (b *beholder) build(i, parent uint32) int32 {
	w, d := b.w, b.written
	v := int32(len(b.views))
	n := d.nodes[i]
	b.views = append(b.views, view{mark: mark{from: i, rule: none}, kind: n.kind, parent: parent})
	if n.kind != jsonObject && n.kind != jsonArray {
		return v
	}
	b.above = append(b.above, v)
	orderless := w.rules.orderless(w.rules.decide(&w.at))
	index := 0
	for c := i + 1; c < n.next; c = d.nodes[c].next {
		switch {
		case n.kind == jsonObject:
			w.enterMember(d, c)
		case orderless:
			w.enterLeftover(index)
		default:
			w.enterElement(index)
		}
		child := b.build(c, i)
		if n.kind != jsonObject || !b.rename(child) {
			b.views[v].children = append(b.views[v].children, child)
		} else {
			b.views[v].left++
		}
		w.leave()
		index++
	}
	b.above = b.above[:len(b.above)-1]
	return v
}

// rename does to the member at the place what a rule says, and reports whether it goes elsewhere.
func (b *beholder) rename(v int32) bool {
	w := b.w
	d := w.rules.decide(&w.at)
	if !w.rules.does(d, actRename) {
		return false
	}
	number := d[familyStructure]
	to := &w.rules.rules[number].rename
	b.views[v].name, b.views[v].rule = to.name, int32(number)
	if to.segments == nil {
		return false
	}
	path := append([]step(nil), w.path...)
	b.views[v].moved = &origins{path: path, at: w.at.top()}
	b.moves = append(b.moves, relocation{v, to, path, append(append([]int32(nil), b.above...), v)})
	return true
}

// settle decides, from the leaves up, which objects are emptied and which names are taken.
func (b *beholder) settle(v int32) {
	s := &b.views[v]
	s.altered = s.made || s.left > 0
	renamed := false
	for _, c := range s.children {
		b.settle(c)
		child := &b.views[c]
		renamed = renamed || child.rule != none
		s.altered = s.altered || child.altered || child.rule != none
	}
	s.emptied = s.kind == jsonObject && !s.made && b.empties(s)
	if renamed {
		b.take(s)
	}
}

// empties reports whether an object holds nothing but what was emptied, and something was moved away.
func (b *beholder) empties(s *view) bool {
	for _, c := range s.children {
		if !b.views[c].emptied {
			return false
		}
	}
	return s.left > 0 || len(s.children) > 0
}

// owner tells members of one name apart by what they were in old.
type owner struct {
	parent uint32
	name   string
}

// take strands the renamed members of s whose names others have. Repeats of one member share a name.
func (b *beholder) take(s *view) {
	owners := map[string]owner{}
	name := func(v *view) string { return string(b.nameOf(v)) }
	for _, c := range s.children {
		if v := &b.views[c]; v.rule == none && !v.emptied {
			owners[name(v)] = owner{}
		}
	}
	for _, c := range s.children {
		v := &b.views[c]
		if v.rule == none {
			continue
		}
		self := owner{v.parent + 1, string(b.written.name(v.from))}
		if first, ok := owners[name(v)]; ok && first != self {
			v.stranded = true
			continue
		}
		owners[name(v)] = self
	}
	kept := s.children[:0]
	for _, c := range s.children {
		v := &b.views[c]
		if _, taken := owners[name(v)]; taken && v.emptied && v.rule == none {
			continue // what was moved out of it has its place now
		}
		kept = append(kept, c)
	}
	s.children = kept
}

// write appends the nodes of a view to the document.
func (b *beholder) write(v int32) {
	d, s := &b.w.old, &b.views[v]
	at := len(d.nodes)
	n := node{kind: jsonObject}
	if !s.made {
		n = b.written.nodes[s.from]
	}
	n.count = uint32(len(s.children))
	d.nodes, d.marks = append(d.nodes, n), append(d.marks, s.mark)
	for _, c := range s.children {
		b.write(c)
	}
	d.nodes[at].next = uint32(len(d.nodes))
}
