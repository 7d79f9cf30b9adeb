package compare

import (
	"sync"
	"sync/atomic"
)

// maxCells bounds the transitions that an automaton keeps, 8 bytes each. States beyond are made anew each time they are needed.
const maxCells = 1 << 18

// automaton is any number of paths compiled to one machine, which follows all of them at once from the root of a document to a
// place in it. Its input is names and indexes; those that no path names are one symbol. States are sets of positions in the paths,
// made when they are first reached and then shared by all who use the automaton, so that a step costs the same whatever the
// number of paths.
type automaton struct {
	paths    []*Path
	families []family // per path; nil if nothing is to be decided
	names    map[string]uint32
	indexes  map[int]uint32
	symbols  uint32

	root, dead, forgotten *state

	mu     sync.Mutex
	states map[string]*state // by their positions
}

// other is the symbol of names and indexes that no path names.
const other uint32 = 0

// position says that the first segments of a path have matched; where all have, the path matches the place.
type position struct {
	path, segment uint16
}

// state is what the automaton knows of a place.
type state struct {
	positions []position // in order of the paths
	beneath   []position // those of them that may lead to a place beneath
	decision  decision
	matched   bool // a path matches the place
	alive     bool // a path may match a place beneath it
	named     bool // a path goes on with a name
	indexed   bool // a path tells the elements of an array at the place apart
	next      []atomic.Pointer[state]
}

// newAutomaton compiles paths, of which those that are nil match nothing.
func newAutomaton(paths []*Path, families []family) *automaton {
	a := &automaton{
		paths: paths, families: families,
		names: map[string]uint32{}, indexes: map[int]uint32{}, symbols: other + 1, states: map[string]*state{},
	}
	var first []position
	for i, p := range paths {
		if p == nil {
			continue
		}
		first = append(first, position{path: uint16(i)})
		for _, s := range p.segments {
			switch s.selector {
			case byName:
				intern(a, a.names, s.name)
			case byIndex:
				intern(a, a.indexes, s.index)
			case byWildcard:
			}
		}
	}
	a.dead, a.forgotten = a.state(nil), a.newState(nil)
	a.root = a.state(first)
	return a
}

func intern[K comparable](a *automaton, symbols map[K]uint32, key K) {
	if _, ok := symbols[key]; !ok {
		symbols[key] = a.symbols
		a.symbols++
	}
}

// state returns the state of the positions. Until the automaton is in use a.mu is not needed, then it is held.
func (a *automaton) state(positions []position) *state {
	key := make([]byte, 0, 4*len(positions))
	for _, p := range positions {
		key = append(key, byte(p.path), byte(p.path>>8), byte(p.segment), byte(p.segment>>8))
	}
	if s := a.states[string(key)]; s != nil {
		return s
	}
	s := a.newState(positions)
	if (len(a.states)+1)*int(a.symbols) <= maxCells {
		s.next = make([]atomic.Pointer[state], a.symbols)
		a.states[string(key)] = s
	}
	return s
}

func (a *automaton) newState(positions []position) *state {
	s := &state{positions: positions, decision: decision{none, none, none}}
	for _, p := range positions {
		segments := a.paths[p.path].segments
		if int(p.segment) < len(segments) {
			s.alive, s.beneath = true, append(s.beneath, p)
			s.named = s.named || segments[p.segment].selector == byName
			s.indexed = s.indexed || segments[p.segment].selector == byIndex
			continue
		}
		s.matched = true
		if a.families == nil {
			continue
		}
		if f := a.families[p.path]; s.decision[f] == none {
			s.decision[f] = int(p.path)
		}
	}
	return s
}

// step returns the state behind s for a symbol.
func (a *automaton) step(s *state, symbol uint32) *state {
	if !s.alive {
		if s == a.forgotten {
			return s
		}
		return a.dead
	}
	if s.next == nil {
		return a.follow(s, symbol)
	}
	next := s.next[symbol].Load()
	if next == nil {
		next = a.follow(s, symbol)
		s.next[symbol].Store(next)
	}
	return next
}

// follow works out the state behind s for a symbol.
func (a *automaton) follow(s *state, symbol uint32) *state {
	var out []position
	for _, p := range s.positions {
		segments := a.paths[p.path].segments
		if int(p.segment) == len(segments) {
			continue
		}
		at := &segments[p.segment]
		if at.descend {
			out = addPosition(out, p)
		}
		if a.accepts(at, symbol) {
			out = addPosition(out, position{p.path, p.segment + 1})
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state(out)
}

func (a *automaton) accepts(s *segment, symbol uint32) bool {
	switch {
	case s.selector == byWildcard:
		return true
	case symbol == other:
		return false
	case s.selector == byName:
		return a.names[s.name] == symbol
	}
	return a.indexes[s.index] == symbol
}

// addPosition appends p unless it is there; only the positions of one path can be equal.
func addPosition(positions []position, p position) []position {
	for i := len(positions) - 1; i >= 0 && positions[i].path == p.path; i-- {
		if positions[i] == p {
			return positions
		}
	}
	return append(positions, p)
}

// cursor is a way from the root of a document to a place in it, as an automaton sees it. Each step pushes a state, and pop takes it
// back.
type cursor struct {
	automaton *automaton
	states    []*state
}

// start puts the cursor on the root.
func (c *cursor) start(a *automaton) { c.automaton, c.states = a, append(c.states[:0], a.root) }

func (c *cursor) top() *state { return c.states[len(c.states)-1] }

func (c *cursor) push(symbol uint32) { c.states = append(c.states, c.automaton.step(c.top(), symbol)) }

// matched reports whether a path matches the place.
func (c *cursor) matched() bool { return c.top().matched }

// alive reports whether a path may match a place beneath this one.
func (c *cursor) alive() bool { return c.top().alive }

// indexed reports whether a path tells the elements of the array at this place apart.
func (c *cursor) indexed() bool { return c.top().indexed }

// name steps to a member.
func (c *cursor) name(name []byte) {
	symbol := other
	if c.top().named {
		symbol = c.automaton.names[string(name)]
	}
	c.push(symbol)
}

// index steps to an element.
func (c *cursor) index(index int) {
	symbol := other
	if c.top().indexed {
		symbol = c.automaton.indexes[index]
	}
	c.push(symbol)
}

// element steps to an element of an array whose order does not count: no index matches it.
func (c *cursor) element() { c.push(other) }

// forget steps to where no path matches, and none beneath, wherever the cursor jumps.
func (c *cursor) forget() { c.states = append(c.states, c.automaton.forgotten) }

// jump steps to a place that was reached before, unless the cursor has forgotten all places.
func (c *cursor) jump(s *state) {
	if c.top() == c.automaton.forgotten {
		s = c.automaton.forgotten
	}
	c.states = append(c.states, s)
}

// pop takes the last step back.
func (c *cursor) pop() { c.states = c.states[:len(c.states)-1] }
