package compare

import "unicode/utf8"

// The parts of both documents that the walker gets. Before each of them it is brought to the part's place; if a rule
// decides on a container on the way there, that container is the part instead. Nothing was found or forgiven in it before:
// the walker would have been there.

// value gives the walker the two values ahead.
func (s *lockstep) value() bool {
	if ruled := s.reach(s.depth); ruled != 0 {
		return s.container(ruled)
	}
	if s.depth > 0 {
		s.step(s.depth)
	}
	oldEnd, newEnd, ok := s.parseValues(s.o, s.n, s.depth)
	if !ok {
		return false
	}
	if array := s.judge(handedValues, s.depth); array != 0 {
		return s.array(array)
	}
	s.o, s.n, s.state = oldEnd, newEnd, expectMore
	return true
}

// container gives the walker the two containers of frame k, from their beginning.
func (s *lockstep) container(k int) bool {
	f := &s.frames[k]
	oldEnd, newEnd, ok := s.parseValues(f.old, f.new, k-1)
	if !ok {
		return false
	}
	if array := s.judge(handedValues, k-1); array != 0 {
		return s.array(array)
	}
	s.depth = k
	s.leave(oldEnd, newEnd)
	return true
}

// uneven goes on where one side has another child and the other one has none.
func (s *lockstep) uneven() bool {
	if s.frames[s.depth].closes == '}' {
		return s.rest(s.state == expectMore)
	}
	if array := s.countArrays(s.depth); array != 0 {
		return s.array(array)
	}
	return false
}

// array gives the walker what is left of the arrays of frame k from the current element on. What was
// forgiven in this element is forgotten: the walker sees it again.
func (s *lockstep) array(k int) bool {
	f := &s.frames[k]
	if s.element == f.visit() {
		s.pending.reset()
	}
	if ruled := s.reach(k); ruled != 0 {
		return s.container(ruled)
	}
	oldEnd, newEnd, ok := s.parseElements(f.child, f.childNew, k)
	if !ok {
		return false
	}
	s.w.rec = &s.found
	s.w.arrays(0, 0, f.count)
	s.depth = k
	s.leave(oldEnd, newEnd)
	return true
}

func (s *lockstep) parseValues(o, n, outer int) (oldEnd, newEnd int, ok bool) {
	oldEnd, oldErr := s.w.old.parseValue(s.old, o, outer, s.maxNodes)
	newEnd, newErr := s.w.new.parseValue(s.new, n, outer, s.maxNodes)
	return oldEnd, newEnd, oldErr == nil && newErr == nil && utf8.Valid(s.new[n:newEnd])
}

func (s *lockstep) parseElements(o, n, outer int) (oldEnd, newEnd int, ok bool) {
	oldEnd, oldErr := s.w.old.parseRest(s.old, o, jsonArray, false, outer, s.maxNodes)
	newEnd, newErr := s.w.new.parseRest(s.new, n, jsonArray, false, outer, s.maxNodes)
	return oldEnd, newEnd, oldErr == nil && newErr == nil && utf8.Valid(s.new[n:newEnd])
}

// reach brings the walker to the container of frame k. If a rule decides on it or on one around it as a whole, the walker
// stays at the outermost such container, whose frame is returned; otherwise 0 is.
func (s *lockstep) reach(k int) int {
	w := &s.w
	same := 0
	for same < len(s.steps) && same < k-1 && s.steps[same] == s.frames[same+1].visit() {
		same++
	}
	for ; len(s.steps) > same; s.steps = s.steps[:len(s.steps)-1] {
		w.leave()
	}
	for f := same + 1; f <= k; f++ {
		if d := w.rules.decide(&w.at); d[familySuppress] != none || d[familyStructure] != none {
			return f
		}
		if f < k {
			s.step(f)
		}
	}
	return 0
}

// step takes the walker from the container of frame k to its current child.
func (s *lockstep) step(k int) {
	f := &s.frames[k]
	if f.closes == ']' {
		s.w.enterElement(f.count)
	} else {
		end, escaped := scanText(s.old, f.child)
		for len(s.names.nodes) <= k {
			s.names.nodes = append(s.names.nodes, node{})
		}
		s.names.nodes[k] = node{key: uint32(f.child + 1), keyEnd: uint32(end - 1), keyEscaped: escaped}
		s.w.enterMember(&s.names, uint32(k))
	}
	s.steps = append(s.steps, f.visit())
}
