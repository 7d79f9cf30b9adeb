package main

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

// walk is a way through the machine on which the program is killed at every point in turn.
type walk struct {
	name        string
	before, way func(s *site) error // the way to it, and itself
	// points that must be among those that are passed, or nothing would be proven.
	points []string
}

var walks = []walk{
	{
		name: "flip", before: func(*site) error { return nil }, way: (*site).flip,
		points: []string{
			"before storing the cutover", "after storing the cutover", "before draining old", "after draining old", "before the checks",
			"before closing streams of old", "before storing the commit", "after storing the commit", "before the release",
		},
	},
	{
		name: "rollback", before: (*site).flip, way: (*site).back,
		points: []string{
			"before closing streams of new", "before draining new", "after draining new", "before storing the rollback",
			"after storing the rollback", "before the release",
		},
	},
}

// lastPoint ends every walk: held writes have been let go.
const lastPoint = "after the release"

// points takes a walk to its end, and returns what is passed on it.
func (w walk) passes(s *site, file string) []string {
	s.t.Helper()
	if err := w.before(s); err != nil {
		s.t.Fatal(err)
	}
	before := s.passed(file, w.name == "rollback")
	if err := w.way(s); err != nil {
		s.t.Fatal(err)
	}
	points := s.passed(file, true)
	for _, p := range append(w.points, lastPoint) {
		if !slices.Contains(points, p) {
			s.t.Errorf("nobody passes %q; there are %q, and before them %q", p, points, before)
		}
	}
	s.home()
	return points
}

// passed returns the points that were passed since it was last asked, after the release if there is one.
func (s *site) passed(file string, released bool) (points []string) {
	s.t.Helper()
	s.eventually("held writes were let go", func() bool {
		points = passed(s.t, file)
		return !released || slices.Contains(points, lastPoint)
	})
	_ = os.Remove(file)
	return points
}

// kill -9 at every step of a flip and of a rollback, under writes: the restarted program is where the store says, and so
// is the fence; no write was lost, doubled, or sent to the side without authority.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	server := testkit.Postgres(t)
	for i, w := range walks {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, server, fmt.Sprintf("site%d", i), "")
			dieAt, file := s.fated()
			s.start()
			stop := s.writers(150)
			points := w.passes(s, file)
			for _, point := range points {
				before := s.ledger.Arrived()
				if err := w.before(s); err != nil {
					t.Fatalf("%s: %v", point, err)
				}
				dieAt(point)
				walked := make(chan struct{})
				go func() { defer close(walked); _ = w.way(s) }()
				select {
				case <-s.ended:
				case <-time.After(20 * time.Second):
					t.Fatalf("%s: the program lives on", point)
				}
				<-walked
				dieAt("")
				s.afterTheKill(point, file)
				s.home()
				s.authority("home again after being killed "+point, "old")
				if turns := s.ledger.Turns(before); !straight(turns) {
					t.Errorf("killed %s: writes went to %q", point, turns)
				}
			}
			stop()
			if code := s.signal(syscall.SIGTERM); code != exitDone {
				t.Errorf("the program ends in %d", code)
			}
			s.settle()
			t.Logf("killed at %d points: %q", len(points), points)
		})
	}
}

// afterTheKill starts the program again, and holds what it makes of the store.
func (s *site) afterTheKill(point, points string) {
	s.t.Helper()
	_ = os.Remove(points) // what the start passes is of no interest
	want := s.storedPhase()
	if want == cutover.Cutover {
		want = cutover.Shadow
	}
	if _, err := os.Stat(s.store() + ".rollback"); err == nil {
		want = cutover.RolledBack
	}
	s.start()
	when := "killed " + point
	if got := s.status().Phase; got != want {
		s.t.Errorf("%s: the store says %s, the program %s", when, want, got)
	}
	if want == cutover.Live {
		s.authority(when, "new")
	} else {
		s.authority(when, "old")
	}
}
