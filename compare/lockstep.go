package compare

import (
	"math/bits"
	"unicode/utf8"
)

// lockstep compares two JSON documents from the front, without building anything of what is equal. Both sides stand at the
// same token at any time:
//
//	run     the bytes ahead are equal up to some place: only old is read, token by token, up to there
//	apart   the one token that is not: it is read on both sides
//
// What cannot be judged token by token is parsed and given to the walker, which alone decides what differs and what a rule
// forgives: two scalars that do not mean the same, the rest of two objects whose names differ in their order, a container
// that a rule decides on, and an array in which something differs. Arrays of different lengths are set against each other
// from both ends, so nothing that differs within an array may be recorded before it is known whether both sides have as many
// elements. They are counted then, for the first time; if they are not as many, what is left of the array, from the element
// at hand, goes to the walker as a whole, and what was forgiven in that element is counted anew. So no byte is read more than
// a few times.
//
// Whatever cannot go on, a syntax error or a limit, gives up the whole pair, which the tapes then word.
type lockstep struct {
	old, new []byte
	o, n     int // where both sides stand
	state    expectation
	depth    int // of frames; frames[0] stands for the document

	frames [maxDepth + 1]frame
	names  document // the names of steps, by the number of their frame
	steps  []visit  // the steps that the walker has taken to its place

	w        walker
	maxNodes int
	found    recorder // what this comparison found
	pending  recorder // what was forgiven in an element of the outermost array that is open
	element  visit    // that element
	trial    recorder // what the walker finds where it is not known whether that is recorded
	counted  int      // bytes of arrays whose elements were counted
}

// frame is an object or array that both sides are inside of.
type frame struct {
	closes   byte // the byte that ends it; 0 for the document
	even     bool // an array that is known to have as many elements on both sides
	old, new int  // where it begins
	child    int  // where its current child begins: a member's name, or the first byte behind the comma before an element
	childNew int  // the same in new; of arrays only
	count    int  // the index of the current element of an array
}

// visit names the child of a container by their places in old.
type visit struct{ container, child int }

func (f *frame) visit() visit { return visit{f.old, f.child} }

// expectation is what comes next on both sides.
type expectation uint8

const (
	expectValue expectation = iota
	expectFirst             // a child, or the end of an empty container
	expectName
	expectColon
	expectMore // a comma, or the end
	expectNothing
)

// compare goes through both documents. It returns false if it gave up; what s holds then means nothing.
func (s *lockstep) compare(old, new []byte, rules *ruleset, maxNodes int, rec *recorder) bool {
	if !utf8.Valid(old) {
		return false
	}
	s.old, s.new, s.o, s.n = old, new, 0, 0
	s.state, s.depth, s.frames[0] = expectValue, 0, frame{}
	s.names.src, s.steps, s.element = old, s.steps[:0], visit{-1, -1}
	s.found.reset()
	s.pending.reset()
	s.trial.reset()
	s.trial.stop, s.maxNodes, s.counted = 1, maxNodes, 0
	s.w.begin(rules, rec)
	for s.state != expectNothing {
		s.run(s.o + commonPrefix(old[s.o:], new[s.n:]))
		if !s.apart() || s.w.work < 0 {
			return false
		}
	}
	s.keepPending()
	return true
}

// commonPrefix returns how many bytes a and b begin with in common.
func commonPrefix(a, b []byte) int {
	const near, block = 64, 512
	b = b[:min(len(a), len(b))]
	a = a[:len(b)]
	i := equalWords(a[:min(near, len(a))], b)
	if i < near {
		return i
	}
	for len(a)-i >= block && string(a[i:i+block]) == string(b[i:i+block]) {
		i += block
	}
	return i + equalWords(a[i:], b[i:])
}

// equalWords is commonPrefix, eight bytes at a time; b is at least as long as a.
func equalWords(a, b []byte) int {
	i := 0
	for ; len(a)-i >= 8; i += 8 {
		if x := word(a, i) ^ word(b, i); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i
}

// open steps into a container, and returns its frame.
func (s *lockstep) open(c byte, old, new int) *frame {
	s.depth++
	f := &s.frames[s.depth]
	f.closes, f.even, f.old, f.new, f.count = c+2, false, old, new, 0
	f.child, f.childNew = old+1, new+1
	return f
}

// run reads old up to limit, as far as whole tokens lie before it; new has the same bytes there.
func (s *lockstep) run(limit int) {
	src, i, state := s.old[:limit], s.o, s.state
	delta := s.n - s.o
	top := &s.frames[s.depth]
scan:
	for i < len(src) {
		c, end := src[i], i+1
		switch {
		case c <= ' ':
			if !isSpace(c) {
				break scan
			}
		case state == expectValue:
			switch {
			case c == '"':
				end, _ = scanText(src, i)
				state = expectMore
			case c|0x20 == '{':
				if s.depth == maxDepth {
					break scan
				}
				top = s.open(c, i, i+delta)
				state = expectFirst
			default:
				end = scanScalar(src, i)
				state = expectMore
			}
			if end == 0 {
				state = expectValue
				break scan
			}
		case c == '"' && (state == expectName || state == expectFirst && top.closes == '}'):
			if end, _ = scanText(src, i); end == 0 {
				break scan
			}
			top.child = i
			state = expectColon
			if end < len(src) && src[end] == ':' { // as it mostly does
				end++
				state = expectValue
			}
		case c == ',' && state == expectMore && s.depth > 0:
			state = expectName
			if top.closes == ']' {
				top.child, top.childNew, top.count = end, end+delta, top.count+1
				state = expectValue
			}
		case c == top.closes && (state == expectMore || state == expectFirst):
			s.depth--
			top = &s.frames[s.depth]
			state = expectMore
		case c == ':' && state == expectColon:
			state = expectValue
		case state == expectFirst && top.closes == ']':
			end, state = i, expectValue
		default:
			break scan
		}
		i = end
	}
	s.o, s.n, s.state = i, i+delta, state
}
