package compare

import "unicode/utf8"

// rest compares what is left of two objects: from a name on both sides, or from behind a member if begun. Of new it is
// parsed; of old only the members whose partners are not the same text. The walker compares those, in the order of old, and
// what only new has comes last.
func (s *lockstep) rest(begun bool) bool {
	if ruled := s.reach(s.depth); ruled != 0 {
		return s.container(ruled)
	}
	w := &s.w
	newEnd, err := w.new.parseRest(s.new, s.n, jsonObject, begun, s.depth, s.maxNodes)
	if err != nil || !utf8.Valid(s.new[s.n:newEnd]) {
		return false
	}
	w.index.build(&w.new, 1, w.new.nodes[0].next)
	w.joined = w.joined[:0]
	oldEnd, ok := s.joinOld(begun)
	if !ok {
		return false
	}
	w.joined = w.index.left(w.joined)
	if array := s.judge(handedMembers, s.depth); array != 0 {
		return s.array(array)
	}
	s.leave(oldEnd, newEnd)
	return true
}

// joinOld reads what is left of old's object, and joins each member to the one of new that has its name. It returns the
// offset behind the object.
func (s *lockstep) joinOld(begun bool) (int, bool) {
	old, index := &s.w.old, &s.w.index
	old.reset(s.old, s.depth, s.maxNodes)
	old.nodes = append(old.nodes, node{}) // stands for what is absent
	at := s.o
	for ; ; begun = true {
		at = skipSpace(s.old, at)
		switch c := byteAt(s.old, at); {
		case c == '}':
			return at + 1, true
		case begun && c != ',' || len(old.nodes) >= s.maxNodes:
			return at, false
		case begun:
			at = skipSpace(s.old, at+1)
		}
		i := uint32(len(old.nodes))
		old.nodes = append(old.nodes, node{})
		var err error
		if at, err = old.key(at, &old.nodes[i]); err != nil {
			return at, false
		}
		partner := index.take(&s.w.new, old.name(i))
		if end := s.sameText(at, partner); end > 0 {
			at = end
			old.nodes = old.nodes[:i]
			continue
		}
		if at, err = old.value(at, &old.nodes[i]); err == nil {
			at, err = old.finish(at)
		}
		if err != nil {
			return at, false
		}
		s.w.joined = append(s.w.joined, joint{i, partner})
	}
}

// sameText returns the offset behind the value at at in old if it is written like that of a member of new, and 0 if it is not.
func (s *lockstep) sameText(at int, partner uint32) int {
	if partner == absent {
		return 0
	}
	raw := s.w.new.raw(partner)
	end := at + len(raw)
	if end > len(s.old) || string(s.old[at:end]) != string(raw) {
		return 0
	}
	if c := byteAt(s.old, end); s.w.new.nodes[partner].kind == jsonNumber && c != ',' && c != '}' && !isSpace(c) {
		return 0 // the number goes on
	}
	return end
}
