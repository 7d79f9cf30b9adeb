package journal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomHistory makes writes as clients would that do several things at once: each has an intent and, later, an outcome.
func randomHistory(r *rand.Rand, writes, clients, paths int) []*task {
	type open struct{ t *task }
	var live []open
	var ended []*task
	for seq, begun := uint64(1), 0; begun < writes || len(live) > 0; seq++ {
		if begun < writes && len(live) < clients && (len(live) == 0 || r.IntN(2) == 0) {
			t := &task{id: fmt.Sprint(begun), write: &Write{}, intent: seq, line: fmt.Sprintf("/%d", r.IntN(paths))}
			live, begun = append(live, open{t}), begun+1
			continue
		}
		i := r.IntN(len(live))
		live[i].t.outcome = seq
		ended = append(ended, live[i].t)
		live = slices.Delete(live, i, i+1)
	}
	return ended
}

// mustWait is the order of the facts as it is said: b waits for a if a had been answered before b arrived, or a was answered first on the
// same line.
func mustWait(a, b *task) bool {
	return a.outcome < b.intent || a.line == b.line && a.outcome < b.outcome
}

func TestScheduleKeepsTheOrderOfTheFacts(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		history := randomHistory(r, 60, 1+r.IntN(12), 1+r.IntN(20))
		window := 1 + r.IntN(20)
		limit := 1 + r.IntN(8)
		s := newSchedule()
		done := map[*task]bool{}
		var flying []*task
		for left := history; len(done) < len(history); {
			for len(left) > 0 && len(s.live) < window {
				s.add(left[0])
				left = left[1:]
			}
			for len(flying) < limit {
				may := mayStart(s.live, done)
				next := s.next()
				if (next == nil) != (len(may) == 0) {
					t.Fatalf("seed %d: next gives %v, and %d may start", seed, next, len(may))
				}
				if next == nil {
					break
				}
				for _, a := range history {
					if mustWait(a, next) && !done[a] {
						t.Fatalf("seed %d: %s starts before %s has ended", seed, next.id, a.id)
					}
				}
				if r.IntN(10) == 0 {
					s.postpone(next)
					continue
				}
				flying = append(flying, next)
			}
			if len(flying) == 0 {
				t.Fatalf("seed %d: nothing is under way, and %d of %d have ended", seed, len(done), len(history))
			}
			i := r.IntN(len(flying))
			done[flying[i]] = true
			s.end(flying[i])
			flying = slices.Delete(flying, i, i+1)
		}
		if s.open != 0 || len(s.live) != 0 || len(s.lines) != 0 || s.bytes != 0 {
			t.Fatalf("seed %d: something is left: %+v", seed, s)
		}
	}
}

// mayStart lists what may start of those that were added.
func mayStart(live []*task, done map[*task]bool) []*task {
	var out []*task
	for i, b := range live {
		free := !b.started
		for j, a := range live {
			free = free && (i == j || done[a] || !mustWait(a, b))
		}
		if free {
			out = append(out, b)
		}
	}
	return out
}

func TestALineCanBeDissolved(t *testing.T) {
	s := newSchedule()
	for i := range uint64(3) {
		s.add(&task{write: &Write{}, intent: 1 + i, outcome: 100 + i, line: "/a", counted: "7"})
	}
	first := s.next()
	if first == nil || s.next() != nil {
		t.Fatal("a line has one at a time under way")
	}
	s.dissolve("/a")
	for range 2 {
		if s.next() == nil {
			t.Error("one still waits")
		}
	}
	s.end(first)
	if s.open != 2 || len(s.lines) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestScheduleStartsTogetherWhatWasUnderWayTogether(t *testing.T) {
	s := newSchedule()
	for i := range uint64(16) {
		s.add(&task{write: &Write{}, intent: 1 + i, outcome: 100 + i, line: fmt.Sprint("/", i)})
	}
	for i := range 16 {
		if s.next() == nil {
			t.Fatalf("only %d of 16 may start at once", i)
		}
	}
}
