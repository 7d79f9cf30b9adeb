package compare

import (
	"bytes"
	"unicode/utf8"
)

// apart reads the one token that lies ahead, or what is left of a container, on both sides. It returns false to give up.
func (s *lockstep) apart() bool {
	s.o, s.n = skipSpace(s.old, s.o), skipSpace(s.new, s.n)
	a, b := byteAt(s.old, s.o), byteAt(s.new, s.n)
	top := &s.frames[s.depth]
	switch s.state {
	case expectMore:
		return s.apartMore(a, b)
	case expectFirst:
		switch {
		case a == top.closes && b == top.closes:
			s.leave(s.o+1, s.n+1)
		case a == top.closes || b == top.closes:
			return s.uneven()
		case top.closes == ']':
			s.state = expectValue
		default:
			s.state = expectName
		}
		return true
	case expectName:
		return a == '"' && b == '"' && s.apartName()
	case expectColon:
		s.o, s.n, s.state = s.o+1, s.n+1, expectValue
		return a == ':' && b == ':'
	default:
		return s.apartValue(a, b)
	}
}

// apartMore reads what follows a value.
func (s *lockstep) apartMore(a, b byte) bool {
	top := &s.frames[s.depth]
	switch {
	case s.depth == 0:
		s.state = expectNothing
		return s.o == len(s.old) && s.n == len(s.new)
	case a == top.closes && b == top.closes:
		s.leave(s.o+1, s.n+1)
		return true
	case (a == ',' || a == top.closes) && (b == ',' || b == top.closes) && a != b:
		return s.uneven()
	case a != ',' || b != ',':
		return false
	}
	s.o, s.n, s.state = s.o+1, s.n+1, expectName
	if top.closes == ']' {
		top.child, top.childNew, top.count = s.o, s.n, top.count+1
		s.state = expectValue
	}
	return true
}

// leave goes on behind the innermost container.
func (s *lockstep) leave(o, n int) {
	s.depth--
	s.o, s.n, s.state = o, n, expectMore
}

// apartName reads two names.
func (s *lockstep) apartName() bool {
	oldEnd, oldEscaped := scanText(s.old, s.o)
	newEnd, newEscaped := scanText(s.new, s.n)
	if oldEnd == 0 || newEnd == 0 {
		return false
	}
	a, b := &s.w.old, &s.w.new
	a.hold(s.old, node{key: uint32(s.o + 1), keyEnd: uint32(oldEnd - 1), keyEscaped: oldEscaped})
	b.hold(s.new, node{key: uint32(s.n + 1), keyEnd: uint32(newEnd - 1), keyEscaped: newEscaped})
	if !sameName(a, 0, b, 0) {
		return s.rest(false)
	}
	if !utf8.Valid(s.new[s.n:newEnd]) {
		return false
	}
	s.frames[s.depth].child = s.o
	s.o, s.n, s.state = oldEnd, newEnd, expectColon
	return true
}

// hold makes n the only node of d.
func (d *document) hold(src []byte, n node) {
	n.next = 1
	d.src, d.nodes = src, append(d.nodes[:0], n)
}

// apartValue reads two scalars, or the opening of two containers.
func (s *lockstep) apartValue(a, b byte) bool {
	if a == b && (a == '{' || a == '[') {
		if s.depth == maxDepth {
			return false
		}
		s.open(a, s.o, s.n)
		s.o, s.n, s.state = s.o+1, s.n+1, expectFirst
		return true
	}
	if a == '{' || a == '[' || b == '{' || b == '[' {
		return s.value()
	}
	oldEnd, okOld := s.w.old.scalar(s.old, s.o)
	newEnd, okNew := s.w.new.scalar(s.new, s.n)
	switch {
	case !okOld || !okNew || !utf8.Valid(s.new[s.n:newEnd]):
		return false
	case bytes.Equal(s.old[s.o:oldEnd], s.new[s.n:newEnd]) || s.w.sameScalar(0, 0):
		s.o, s.n, s.state = oldEnd, newEnd, expectMore
		return true
	}
	return s.value()
}

// scalar reads the scalar at at as the only node, and returns the offset behind it.
func (d *document) scalar(src []byte, at int) (int, bool) {
	d.hold(src, node{})
	d.open = d.open[:0]
	end, err := d.value(at, &d.nodes[0])
	return end, err == nil
}
