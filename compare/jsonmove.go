package compare

import "slices"

// move moves members to other containers, those that lead least deep first, since others may go into them.
func (b *beholder) move() {
	slices.SortStableFunc(b.moves, func(x, y relocation) int { return len(x.target.segments) - len(y.target.segments) })
	for i := range b.moves {
		m := &b.moves[i]
		into := b.container(m)
		if into < 0 {
			b.views[m.view].stranded = true
			into = m.above[len(m.above)-2]
			b.views[into].left--
		}
		b.views[into].children = append(b.views[into].children, m.view)
	}
}

// container returns the view of the object that a member goes to, -1 if there can be none. Objects on the way are made where they
// are not there yet; elements of arrays are not.
func (b *beholder) container(m *relocation) int32 {
	steps := m.target.segments[:len(m.target.segments)-1]
	if len(steps) < b.base {
		return -1
	}
	at, wildcard := m.above[0], 0
	for i, s := range steps {
		actual := step{}
		if s.selector == byWildcard {
			actual = b.capture(m, wildcard)
			wildcard++
		}
		if i < b.base {
			continue
		}
		next := int32(-1)
		if i < m.target.shared {
			next = m.above[i+1-b.base] // the path begins as in old
		}
		if next < 0 || b.views[next].rule != none || at != m.above[i-b.base] {
			if there := b.child(at, s, actual); there >= 0 {
				next = there
			}
		}
		if next < 0 {
			next = b.make(at, s, actual)
		}
		if next < 0 {
			return -1
		}
		at = next
	}
	if b.views[at].kind != jsonObject {
		return -1
	}
	return at
}

// capture returns the step in old that a wildcard stood for.
func (b *beholder) capture(m *relocation, wildcard int) step {
	at := m.target.wildcards[wildcard] - b.base
	if at < 0 {
		return step{}
	}
	return m.path[at]
}

// child returns the child of a view that a segment names, -1 if there is none.
func (b *beholder) child(at int32, s segment, actual step) int32 {
	v := &b.views[at]
	name, index, member := s.name, s.index, s.selector == byName
	if s.selector == byWildcard {
		index, member = actual.index, actual.document != nil
		if member {
			name = string(b.written.name(actual.node))
		}
	}
	switch {
	case !member && v.kind == jsonArray && index < len(v.children):
		return v.children[index]
	case !member || v.kind != jsonObject:
		return -1
	}
	for _, c := range v.children {
		if b.w.work--; b.w.work < 0 {
			return -1
		}
		if string(b.nameOf(&b.views[c])) == name {
			return c
		}
	}
	return -1
}

// nameOf returns a member's name in new.
func (b *beholder) nameOf(v *view) []byte {
	if v.name != nil || v.made {
		return v.name
	}
	return b.written.name(v.from)
}

// make adds an object to one, -1 if the view is no object or the segment no name.
func (b *beholder) make(at int32, s segment, actual step) int32 {
	name := []byte(s.name)
	if s.selector == byWildcard && actual.document != nil {
		name = append([]byte(nil), b.written.name(actual.node)...)
	} else if s.selector != byName {
		return -1
	}
	if b.views[at].kind != jsonObject {
		return -1
	}
	v := int32(len(b.views))
	b.views = append(b.views, view{mark: mark{rule: none, made: true, name: name}, kind: jsonObject})
	b.views[at].children = append(b.views[at].children, v)
	return v
}
