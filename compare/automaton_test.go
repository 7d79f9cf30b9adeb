package compare

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// reaches is the obvious way to match a path against a place.
func reaches(pattern, place []segment) bool {
	switch {
	case len(pattern) == 0:
		return len(place) == 0
	case len(place) == 0:
		return false
	case pattern[0].descend && reaches(pattern, place[1:]):
		return true
	}
	p, s := pattern[0], place[0]
	same := p.selector == byWildcard || p.selector == s.selector && p.name == s.name && p.index == s.index
	return same && reaches(pattern[1:], place[1:])
}

func randomSegment(r *rand.Rand, concrete bool) segment {
	kinds := 3
	if concrete {
		kinds = 2
	}
	s := segment{descend: !concrete && r.IntN(3) == 0}
	switch s.selector = selector(r.IntN(kinds)); s.selector {
	case byName:
		s.name = string(rune('a' + r.IntN(3)))
	case byIndex:
		s.index = r.IntN(3)
	case byWildcard:
	}
	return s
}

func randomPath(r *rand.Rand, concrete bool) *Path {
	p := &Path{}
	for range r.IntN(6) {
		p.segments = append(p.segments, randomSegment(r, concrete))
	}
	return p
}

func (c *cursor) follow(place []segment) {
	for _, s := range place {
		if s.selector == byName {
			c.name([]byte(s.name))
		} else {
			c.index(s.index)
		}
	}
}

// At every place the automaton says of each family the first path that matches there; so does one that may keep nothing.
func TestAutomatonDecides(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	for range 300 {
		paths, families := make([]*Path, 1+r.IntN(8)), make([]family, 8)
		for i := range paths {
			if r.IntN(8) > 0 {
				paths[i] = randomPath(r, false)
			}
			families[i] = family(r.IntN(int(familyCount)))
		}
		a := newAutomaton(paths, families)
		for i := range 60 {
			if i == 30 {
				for _, s := range a.states {
					s.next = nil
				}
			}
			place := randomPath(r, true).segments
			want, matched := decision{none, none, none}, false
			for k, p := range paths {
				if p != nil && reaches(p.segments, place) {
					matched = true
					if want[families[k]] == none {
						want[families[k]] = k
					}
				}
			}
			var c cursor
			c.start(a)
			c.follow(place)
			if got := c.top(); got.decision != want || got.matched != matched {
				t.Fatalf("paths %v, place %v: %v %v, want %v %v", paths, place, got.decision, got.matched, want, matched)
			}
		}
	}
}

func TestAutomatonIsShared(t *testing.T) {
	p, err := ParsePath("$..a[*]..b")
	if err != nil {
		t.Fatal(err)
	}
	a := newAutomaton([]*Path{p}, nil)
	place, err := ParsePath("$.x.a[1].y.a[0].b")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				var c cursor
				c.start(a)
				if c.follow(place.segments); !c.matched() {
					t.Error("the place was not reached")
				}
			}
		})
	}
	all.Wait()
}

// Paths whose states are more than can be kept still match.
func TestAutomatonKeepsOnlySoMuch(t *testing.T) {
	var paths []*Path
	for i := range 2000 {
		p, err := ParsePath(fmt.Sprintf("$..n%d", i))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	a := newAutomaton(paths, make([]family, len(paths)))
	var c cursor
	c.start(a)
	for i := range paths {
		c.name(fmt.Appendf(nil, "n%d", i))
		if got := c.top().decision[familySuppress]; got != i {
			t.Fatalf("n%d is decided by %d", i, got)
		}
		c.pop()
	}
	if cells := len(a.states) * int(a.symbols); cells > maxCells {
		t.Errorf("%d cells are kept", cells)
	}
}
