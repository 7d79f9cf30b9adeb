package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"paritygate/internal/cutover"
)

// walk is a way through the machine on which the program is killed at every point in turn.
type walk struct {
	name        string
	before, way func(s *site) error // the way to it, and itself
	from        string              // the first point that is not another walk's; empty: the first
	// points that must be among those that are passed, or nothing would be proven.
	points []string
}

var walks = []walk{
	{
		name: "flip", before: func(*site) error { return nil }, way: (*site).flip,
		points: []string{
			"before storing the cutover", "after storing the cutover", "before draining old", "after draining old", "before preparing",
			"after preparing", "before the checks", "before fencing", "after fencing", "before closing streams of old",
			"before storing the commit", "after storing the commit", "before the release",
		},
	},
	{
		name: "rollback", before: func(s *site) error {
			err := s.flip()
			s.passed()
			return err
		}, way: (*site).back,
		points: []string{
			"before closing streams of new", "before draining new", "after draining new", "before storing the rollback",
			"after storing the rollback", "before unfencing", "after unfencing", "before the release",
		},
	},
	{
		name: "flip that is abandoned", before: func(*site) error { return nil }, way: (*site).abandoned, from: "after fencing",
		points: []string{
			"before undoing", "after undoing", "before unfencing", "after unfencing", "before storing the abort", "after storing the abort",
			"before the release",
		},
	},
}

// abandoned is a flip whose last statement of the fence fails.
func (s *site) abandoned() error {
	s.server.Run(s.t, s.name+"_old", "UPDATE willing SET yes = 0")
	defer s.server.Run(s.t, s.name+"_old", "UPDATE willing SET yes = 1")
	if s.flip() == nil {
		return errors.New("it was not abandoned")
	}
	return nil
}

// passes takes a walk to its end, and returns what is passed on it.
func (w walk) passes(s *site) []string {
	s.t.Helper()
	if err := w.before(s); err != nil {
		s.t.Fatal(err)
	}
	if err := w.way(s); err != nil {
		s.t.Fatal(err)
	}
	points := s.passed()
	for _, p := range w.points {
		if !slices.Contains(points, p) {
			s.t.Errorf("nobody passes %q; there are %q", p, points)
		}
	}
	s.home()
	return between(points[max(slices.Index(points, w.from), 0):])
}

// between leaves out the end of one step where the next thing to happen is the beginning of another: one point lies between them.
func between(points []string) (one []string) {
	for i, p := range points {
		if i+1 < len(points) && strings.HasPrefix(p, "after") && strings.HasPrefix(points[i+1], "before") {
			continue
		}
		one = append(one, p)
	}
	return one
}

// kill -9 at every step of a flip, of a rollback and of an abort, under writes: the restarted program is where the store says, and
// so is the fence; no write was lost, doubled, or sent to the side without authority.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, w := range walks {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s, end := mortalSite(t)
			points := w.passes(s)
			for _, point := range points {
				s.killedAt(w, point)
			}
			end()
			t.Logf("killed at %d points: %q", len(points), points)
		})
	}
	t.Run("starts after a kill", func(t *testing.T) {
		t.Parallel()
		s, end := mortalSite(t)
		points := s.startsAfterAKill()
		end()
		t.Logf("killed at %d points: %q", len(points), points)
	})
}

// mortalSite runs a site, and writes to it until the end.
func mortalSite(t *testing.T) (s *site, end func()) {
	t.Helper()
	s = newSite(t, "mortal", "")
	s.dieAt("")
	s.start()
	s.passed()
	stop := s.writers(100)
	return s, func() {
		t.Helper()
		stop()
		if code := s.signal(syscall.SIGTERM); code != exitDone {
			t.Errorf("the program ends in %d", code)
		}
		s.settle()
	}
}

// startsAfterAKill kills the program in a flip, when the fence is up, and then at every point that the next start passes, each
// time one further: what one start leaves to the next must be enough for it. It returns the points.
func (s *site) startsAfterAKill() []string {
	s.t.Helper()
	s.dieAt("before storing the commit")
	_ = s.flip() // the program dies
	<-s.ended
	arrived := s.ledger.Arrived()
	s.dieAt("")
	_ = os.Remove(s.points)
	s.start()
	passed := s.passed()
	points := []string{"before storing the abort", "after storing the abort", "before undoing", "after undoing", "before unfencing", "after unfencing"}
	if len(passed) < len(points) || !slices.Equal(passed[:len(points)], points) {
		s.t.Fatalf("a start passes %q, not %q first", passed, points)
	}
	s.dieAt("before storing the commit")
	_ = s.flip()
	<-s.ended
	for _, point := range points {
		s.dieAt(point)
		s.launch()
		s.dead(point)
	}
	s.dieAt("")
	s.start()
	s.authority("after all these kills", "old")
	s.undone("after all these kills")
	if phase := s.status().Phase; phase != cutover.Shadow {
		s.t.Errorf("after all these kills: %s", phase)
	}
	if turns := s.ledger.Turns(arrived); !straight(turns) || len(turns) != 1 {
		s.t.Errorf("writes went to %q", turns)
	}
	return points
}

// dead waits until the program is.
func (s *site) dead(point string) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("the program lives on %s", point)
	}
}

// killedAt has the program die at a point of a walk, and holds what it makes of the store when it is started again.
func (s *site) killedAt(w walk, point string) {
	s.t.Helper()
	arrived := s.ledger.Arrived()
	if err := w.before(s); err != nil {
		s.t.Fatalf("%s: %v", point, err)
	}
	s.dieAt(point)
	walked := make(chan struct{})
	go func() { defer close(walked); _ = w.way(s) }() // it ends with the program
	s.dead(point)
	<-walked
	s.dieAt("")
	_ = os.Remove(s.points)
	want := s.storedPhase()
	if want == cutover.Cutover {
		want = cutover.Shadow
	}
	if _, err := os.Stat(s.store() + ".journal/rollback"); err == nil {
		want = cutover.RolledBack
	}
	s.start()
	when, side := "killed "+point, "old"
	if want == cutover.Live {
		side = "new"
	}
	s.authority(when, side)
	if got := s.status().Phase; got != want {
		s.t.Errorf("%s: the store says %s, the program %s", when, want, got)
	}
	s.passed()
	if want == cutover.Shadow {
		s.undone(when)
	}
	s.home()
	_ = os.Remove(s.points)
	if turns := s.ledger.Turns(arrived); !straight(turns) {
		s.t.Errorf("%s: writes went to %q", when, turns)
	}
}
