package compare

// handed is what the walker was given.
type handed uint8

const (
	handedValues  handed = iota // two values
	handedMembers               // what is left of two objects, joined
)

// judge lets the walker compare what it was given, within the frames up to last, and returns 0. If something differs and an
// array around it is not as long on both sides, nothing is recorded, and the frame of the array that the walker must be given
// instead is returned.
func (s *lockstep) judge(part handed, last int) (array int) {
	open := s.openArray(last)
	if open == 0 {
		s.walk(part, &s.found)
		return 0
	}
	if element := s.frames[open].visit(); element != s.element {
		s.keepPending()
		s.element = element
	}
	s.walk(part, &s.trial)
	differs := s.trial.found > 0
	if !differs {
		s.pending.absorb(&s.trial)
	}
	s.trial.reset()
	if !differs {
		return 0
	}
	if array = s.countArrays(last); array == 0 {
		s.keepPending()
		s.walk(part, &s.found)
	}
	return array
}

// walk lets the walker tell rec what it finds.
func (s *lockstep) walk(part handed, rec *recorder) {
	w := &s.w
	w.rec = rec
	if part == handedValues {
		w.pair(0, 0)
		return
	}
	w.work -= len(w.joined)
	for i := 0; i < len(w.joined) && !w.stopped(); i++ {
		w.member(w.joined[i].old, w.joined[i].new)
	}
}

// keepPending counts what was forgiven in an element.
func (s *lockstep) keepPending() {
	s.found.absorb(&s.pending)
	s.pending.reset()
}

// openArray returns the outermost frame up to last that is an array of which it is not known that both sides have as many
// elements, 0 if there is none.
func (s *lockstep) openArray(last int) int {
	for k := 1; k <= last; k++ {
		if s.frames[k].closes == ']' && !s.frames[k].even {
			return k
		}
	}
	return 0
}

// countArrays counts what is left of the arrays up to last that are open. If it is as much on both sides of each, they are so
// no longer, and 0 is returned; otherwise the frame of the array that is to be given to the walker: the outermost one if
// anything was forgiven in its element, since that counts again.
func (s *lockstep) countArrays(last int) int {
	first := s.openArray(last)
	for k := first; k != 0; k = s.openArray(last) {
		f := &s.frames[k]
		old, oldEnd := countElements(s.old, f.child)
		new, newEnd := countElements(s.new, f.childNew)
		s.counted += oldEnd - f.child + newEnd - f.childNew
		// Arrays within arrays within arrays are not counted again and again.
		if old != new || old < 0 || s.counted > 4*(len(s.old)+len(s.new)) {
			if s.pending.forgave() {
				return first
			}
			return k
		}
		f.even = true
	}
	return 0
}

// countElements counts the elements of an array from the one that begins at at, behind blank space, and returns the offset of
// its end; -1 if it has none. Only strings are looked at closely.
func countElements(src []byte, at int) (count, end int) {
	depth := 0
	if byteAt(src, skipSpace(src, at)) != ']' {
		count = 1
	}
	for i := at; i < len(src); i++ {
		switch src[i] {
		case '"':
			end, _ := scanText(src, i)
			if end == 0 {
				return -1, len(src)
			}
			i = end - 1
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return count, i
			}
			depth--
		case ',':
			if depth == 0 {
				count++
			}
		}
	}
	return -1, len(src)
}
