package cutover

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheWholeRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		b.in(t, Shadow)
		b.must(t, Command{Kind: Flip, Reason: "go"})
		b.in(t, Live)
		b.did(t, "drain old: writes old held", "release: writes new")
		if closed := b.road.closed; len(closed) != 2 || closed[0] != Old || closed[1] != Old {
			t.Errorf("streams closed by the flip: %v, want old's before the commit and after it", closed)
		}
		if p := b.Plan(); p.Reads != New || p.Shadow != Old || !p.Stale {
			t.Errorf("plan in live: %+v", *p)
		}
		b.WriteToNew()
		b.Trip(t.Context(), b.State().Epoch, "error_rate", "new fails")
		b.in(t, RolledBack)
		b.did(t, "drain old: writes old held", "release: writes new", "drain new: writes old held", "release: writes old")
		if s := b.State(); s.WritesOnNew != 1 || s.Actor != "trigger:error_rate" {
			t.Errorf("after the rollback: %+v", s)
		}
		b.must(t, Command{Kind: Resume})
		b.in(t, Shadow)
		if b.State().WritesOnNew != 0 {
			t.Error("resume keeps the count of writes on new")
		}
		var kinds []string
		for _, line := range b.store.log {
			kinds = append(kinds, line.Kind)
		}
		want := []string{"start", "cutover", "commit", "trigger", "resume"}
		if len(kinds) != len(want) {
			t.Fatalf("audit log: %v, want %v", kinds, want)
		}
		for i, line := range b.store.log {
			if kinds[i] != want[i] || line.Epoch != uint64(i+1) {
				t.Errorf("line %d is %s in epoch %d, want %s in %d", i, line.Kind, line.Epoch, want[i], i+1)
			}
		}
	})
}

func TestCommandsAreRefusedWhereTheyDoNotBelong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		refused := func(c Command, want error) {
			t.Helper()
			if _, err := b.Do(t.Context(), c, nil); !errors.Is(err, want) {
				t.Errorf("%s in %s: %v, want %v", c.Kind, b.State().Phase, err, want)
			}
		}
		refused(Command{Kind: Rollback}, ErrPhase)
		refused(Command{Kind: Resume}, ErrPhase)
		refused(Command{Kind: Flip, Epoch: 7}, ErrEpoch)
		b.must(t, Command{Kind: Flip, Epoch: 1})
		refused(Command{Kind: Flip}, ErrPhase)
		b.must(t, Command{Kind: Rollback, Reason: "no"})
		b.must(t, Command{Kind: Rollback, Reason: "no, again"}) // latched: asking twice is no error
		refused(Command{Kind: Flip}, ErrPhase)
	})
}

func TestATripFromAnotherEpochIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		b.Trip(t.Context(), 1, "error_rate", "in shadow new answers nobody")
		b.in(t, Shadow)
		b.must(t, Command{Kind: Flip})
		b.Trip(t.Context(), 1, "error_rate", "late news")
		b.in(t, Live)
	})
}

func TestAFlipThatFailsGoesBack(t *testing.T) {
	full := errors.New("disk full")
	in := func(p Phase) func(State) error {
		return func(s State) error {
			if s.Phase == p {
				return full
			}
			return nil
		}
	}
	for _, row := range []struct {
		name   string
		store  func(*memory)
		change func(*Options)
		flight int
		lost   error
		steps  []string
	}{
		{name: "the intent cannot be stored", store: func(s *memory) { s.fail = in(Cutover) }},
		{
			name: "a write does not end", flight: 1,
			steps: []string{"drain old: writes old held", "release: writes old"},
		},
		{
			name: "a write ends without an answer", lost: errors.New("a write ended without an answer"),
			steps: []string{"drain old: writes old held", "release: writes old"},
		},
		{
			name:   "the strict checks disagree",
			change: func(o *Options) { o.Strict = func(context.Context) error { return errors.New("datasets: 5 and 6") } },
			steps:  []string{"drain old: writes old held", "release: writes old"},
		},
		{
			name: "the commit is not stored", store: func(s *memory) { s.fail = in(Live) },
			steps: []string{"drain old: writes old held", "release: writes old"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, &memory{}, row.change)
				defer b.end(t)
				b.road.inFlight[Old], b.road.lost = row.flight, row.lost
				if row.store != nil {
					b.store.set(row.store)
				}
				if _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); !errors.Is(err, ErrFlip) {
					t.Fatalf("the flip says %v", err)
				}
				b.in(t, Shadow)
				b.did(t, row.steps...)
				if p := b.Plan(); p.Hold || p.Refuse || p.Writes != Old {
					t.Errorf("plan afterwards: %+v", *p)
				}
			})
		})
	}
}

// The store took the commit and its answer was lost: the flip stands.
func TestACommitWhoseAnswerIsLostIsReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		b.store.set(func(s *memory) {
			s.lie = func(st State) error {
				if st.Phase == Live {
					return errors.New("connection lost")
				}
				return nil
			}
		})
		b.must(t, Command{Kind: Flip})
		b.in(t, Live)
		b.did(t, "drain old: writes old held", "release: writes new")
	})
}

// While nobody knows whether the commit was stored, no write goes anywhere.
func TestWritesAreRefusedWhileTheCommitIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		lost := errors.New("gone")
		b.store.set(func(s *memory) {
			s.lie = func(st State) error {
				if st.Phase == Live {
					s.failLoad = lost
					return lost
				}
				return nil
			}
		})
		ended := make(chan error, 1)
		go func() { _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); ended <- err }()
		synctest.Wait()
		if p := b.Plan(); !p.Refuse || b.Unwell() == "" {
			t.Fatalf("plan while the outcome is unknown: %+v, unwell %q", *p, b.Unwell())
		}
		b.store.set(func(s *memory) { s.failLoad = nil })
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		b.in(t, Live)
	})
}

func TestARollbackIsNotStoppedByTheStore(t *testing.T) {
	for _, row := range []struct {
		name   string
		breaks func(*memory)
		mend   func(*memory)
	}{
		{"it fails", func(s *memory) { s.fail = func(State) error { return errors.New("disk full") } }, func(s *memory) { s.fail = nil }},
		{"it hangs", func(s *memory) { s.hang = make(chan struct{}) }, func(s *memory) { close(s.hang); s.hang = nil }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var marker Marker
				b := start(t, &memory{}, func(o *Options) { marker = o.Marker })
				defer b.end(t)
				b.must(t, Command{Kind: Flip})
				b.store.set(row.breaks)
				b.Trip(t.Context(), b.State().Epoch, "error_rate", "new fails")
				synctest.Wait()
				if p := b.Plan(); p.Reads != Old || p.Writes != Old {
					t.Fatalf("plan right after the trip: %+v", *p)
				}
				b.must(t, Command{Kind: Rollback, Reason: "asked for as well"})
				pass(3 * time.Second)
				if p := b.Plan(); p.Hold {
					t.Fatal("writes are held for ever when the store is broken")
				}
				if s, ok, err := marker.read(); !ok || err != nil || s.Phase != RolledBack {
					t.Fatalf("marker: %+v %v %v", s, ok, err)
				}
				if _, err := b.Do(t.Context(), Command{Kind: Resume}, nil); !errors.Is(err, ErrBusy) {
					t.Fatalf("resume while the rollback is not stored: %v", err)
				}
				b.store.set(row.mend)
				pass(3 * time.Second)
				if s, _, _ := b.store.Load(t.Context()); s.Phase != RolledBack {
					t.Errorf("the store holds %s after it was mended", s.Phase)
				}
				if _, ok, _ := marker.read(); ok {
					t.Error("the marker stays although the store has the rollback")
				}
				if b.Unwell() != "" {
					t.Error("unwell although all is stored:", b.Unwell())
				}
			})
		})
	}
}

func TestARollbackDuringTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		b.road.inFlight[Old] = 1 // keeps the flip draining
		ended := make(chan error, 1)
		go func() { _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); ended <- err }()
		synctest.Wait()
		b.in(t, Cutover)
		b.must(t, Command{Kind: Rollback, Reason: "stop"})
		if err := <-ended; !errors.Is(err, ErrFlip) {
			t.Errorf("the flip's caller hears %v", err)
		}
		b.in(t, RolledBack)
		if p := b.Plan(); p.Hold || p.Writes != Old {
			t.Errorf("plan: %+v", *p)
		}
		pass(10 * time.Second)
		b.in(t, RolledBack)
	})
}

// A rollback while the commit is being stored goes beyond it, whichever of the two the store takes first.
func TestARollbackDuringTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		gate := make(chan struct{})
		b.store.set(func(s *memory) {
			s.fail = func(st State) error {
				if st.Phase == Live {
					s.mu.Unlock()
					<-gate
					s.mu.Lock()
				}
				return nil
			}
		})
		go func() { _, _ = b.Do(t.Context(), Command{Kind: Flip}, nil) }()
		synctest.Wait()
		rolled := make(chan error, 1)
		go func() { _, err := b.Do(t.Context(), Command{Kind: Rollback, Reason: "stop"}, nil); rolled <- err }()
		synctest.Wait()
		close(gate)
		if err := <-rolled; err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		b.in(t, RolledBack)
		if s, _, _ := b.store.Load(t.Context()); s.Phase != RolledBack {
			t.Errorf("the store holds %s", s.Phase)
		}
	})
}

func TestInFlightWritesAtNewAreAbandonedAfterTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		b.must(t, Command{Kind: Flip})
		b.in(t, Live)
		b.WriteToNew()
		b.must(t, Command{Kind: Mirror, Fraction: 0.2})
		if n := b.State().WritesOnNew; n != 1 {
			t.Errorf("%d writes on new after a change in live, want 1", n)
		}
		b.road.inFlight[New] = 2
		b.must(t, Command{Kind: Rollback, Reason: "regression"})
		b.did(t, "drain old: writes old held", "release: writes new",
			"drain new: writes old held", "abandon: writes old held", "release: writes old")
		if closed := b.road.closed; closed[len(closed)-1] != New {
			t.Errorf("streams closed: %v, want new's by the rollback", closed)
		}
		if s, _, _ := b.store.Load(t.Context()); s.UnknownWrites != 2 {
			t.Errorf("the store knows of %d writes of which nobody knows what became, want 2", s.UnknownWrites)
		}
	})
}

func TestAShortHoldIsLongEnoughForAFlip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, func(o *Options) { o.HoldMax = 400 * time.Millisecond })
		defer b.end(t)
		b.must(t, Command{Kind: Flip})
		b.in(t, Live)
	})
}
