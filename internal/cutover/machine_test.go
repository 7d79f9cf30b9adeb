package cutover

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// memory is a store that can fail, hang and count. The real store has its own tests; this one fails where a disk will not.
type memory struct {
	mu       sync.Mutex
	state    State
	has      bool
	log      []Transition
	fail     func(State) error // before storing
	lie      func(State) error // after storing: the commit happened, the answer got lost
	failLoad error
	hang     chan struct{} // not nil: Commit waits for it
}

func (s *memory) Load(context.Context) (State, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.has, s.failLoad
}

func (s *memory) Commit(_ context.Context, expect uint64, next State, t Transition) error {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(next); err != nil {
			return err
		}
	}
	if s.state.Epoch != expect {
		return errors.New("another epoch stands in the store")
	}
	s.state, s.has, s.log = next, true, append(s.log, t)
	if s.lie != nil {
		return s.lie(next)
	}
	return nil
}

func (s *memory) set(change func(*memory)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// road records what the machine does to traffic, with the plan that was in force.
type road struct {
	mu       sync.Mutex
	machine  *Machine
	steps    []string
	inFlight map[Side]int
	lost     error  // what a drain with nothing left says
	closed   []Side // whose streams were closed
}

func (r *road) note(step string) {
	p := r.machine.Plan()
	hold := ""
	if p.Hold {
		hold = " held"
	}
	if p.Refuse {
		hold = " refused"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, step+": writes "+[]string{"nobody", "old", "new"}[p.Writes]+hold)
}

func (r *road) Drain(ctx context.Context, of Side) (int, error) {
	r.note("drain " + []string{"nobody", "old", "new"}[of])
	r.mu.Lock()
	left, lost := r.inFlight[of], r.lost
	r.mu.Unlock()
	if left > 0 {
		<-ctx.Done()
	}
	return left, lost
}

func (r *road) CloseStreams(of Side) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = append(r.closed, of)
}
func (r *road) Abandon(Side)            { r.note("abandon") }
func (r *road) Release(context.Context) { r.note("release") }
func (r *road) ResetTriggers()          {}

func (r *road) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.steps...)
}

type bench struct {
	*Machine
	store *memory
	road  *road
	ended chan error
	stop  context.CancelFunc
}

func start(t *testing.T, store *memory, change func(*Options)) *bench {
	t.Helper()
	r := &road{inFlight: map[Side]int{}}
	o := Options{
		Run: "run", Store: store, Traffic: r, Marker: Marker(filepath.Join(t.TempDir(), "rollback")), MirrorFraction: 0.1,
		HoldMax: 10 * time.Second, DrainMax: 5 * time.Second, RollbackDrain: time.Second, Logger: zap.NewNop(),
	}
	if change != nil {
		change(&o)
	}
	m, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.machine = m
	ctx, cancel := context.WithCancel(t.Context())
	b := &bench{m, store, r, make(chan error, 1), cancel}
	go func() { b.ended <- m.Run(ctx) }()
	return b
}

// pass lets the bubble's clock go on.
func pass(d time.Duration) { <-time.After(d) }

func (b *bench) end(t *testing.T) {
	t.Helper()
	b.stop()
	if err := <-b.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func (b *bench) must(t *testing.T, c Command) {
	t.Helper()
	if _, err := b.Do(t.Context(), c, nil); err != nil {
		t.Fatalf("%s: %v", c.Kind, err)
	}
}

func (b *bench) in(t *testing.T, want Phase) {
	t.Helper()
	synctest.Wait()
	if got := b.State().Phase; got != want {
		t.Fatalf("phase is %s, want %s", got, want)
	}
}

func (b *bench) did(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	got := b.road.taken()
	if len(got) != len(want) {
		t.Fatalf("steps:\n%q\nwant\n%q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("step %d is %q, want %q", i, got[i], want[i])
		}
	}
}

func TestTheWholeRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		b.in(t, Shadow)
		b.must(t, Command{Kind: Flip, Reason: "go"})
		b.in(t, Live)
		b.did(t, "drain old: writes old held", "release: writes new")
		if len(b.road.closed) != 1 || b.road.closed[0] != Old {
			t.Errorf("streams closed by the flip: %v, want old's", b.road.closed)
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
		b.road.inFlight[New] = 2
		b.must(t, Command{Kind: Rollback, Reason: "regression"})
		b.did(t, "drain old: writes old held", "release: writes new",
			"drain new: writes old held", "abandon: writes old held", "release: writes old")
	})
}

func TestWhatACrashLeaves(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name   string
		stored State
		marker *State
		want   Phase
	}{
		{"an intent without a commit", State{Run: "run", Phase: Cutover, Before: Shadow, Epoch: 5, Since: at}, nil, Shadow},
		{"live stays live", State{Run: "run", Phase: Live, Epoch: 6, Since: at}, nil, Live},
		{"a rollback stays", State{Run: "run", Phase: RolledBack, Epoch: 7, Since: at}, nil, RolledBack},
		{
			"a marker beyond the store is a rollback",
			State{Run: "run", Phase: Live, Epoch: 6, Since: at},
			&State{Run: "run", Phase: RolledBack, Epoch: 7}, RolledBack,
		},
		{
			"a marker that the store has overtaken is nothing",
			State{Run: "run", Phase: Shadow, Epoch: 9, Since: at},
			&State{Run: "run", Phase: RolledBack, Epoch: 7}, Shadow,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, &memory{state: row.stored, has: true}, func(o *Options) {
					if row.marker != nil {
						if err := o.Marker.write(*row.marker); err != nil {
							t.Fatal(err)
						}
					}
				})
				defer b.end(t)
				b.in(t, row.want)
				if s, _, _ := b.store.Load(t.Context()); s.Phase != row.want || s.Epoch < row.stored.Epoch {
					t.Errorf("the store holds %s in epoch %d", s.Phase, s.Epoch)
				}
			})
		})
	}
}

func TestABrokenMarkerIsAnErrorAtTheStart(t *testing.T) {
	marker := Marker(filepath.Join(t.TempDir(), "rollback"))
	if err := os.WriteFile(string(marker), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Run: "run", Store: &memory{}, Marker: marker, Logger: zap.NewNop()}); err == nil {
		t.Fatal("a marker that cannot be read is passed over")
	}
}

func TestStoppingDuringAFlipGivesTheWritesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		b.road.inFlight[Old] = 1
		go func() { _, _ = b.Do(t.Context(), Command{Kind: Flip}, nil) }()
		synctest.Wait()
		b.end(t)
		if s, _, _ := b.store.Load(t.Context()); s.Phase != Shadow {
			t.Errorf("the store holds %s", s.Phase)
		}
	})
}

func TestAnEditedConfigurationRestartsTheWindow(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	synctest.Test(t, func(t *testing.T) {
		store := &memory{state: State{Run: "run", Phase: Shadow, Epoch: 3, WindowStart: at.Add(-time.Hour), ConfigChecksum: "a"}, has: true}
		b := start(t, store, func(o *Options) { o.ConfigChecksum = "b" })
		defer b.end(t)
		if s := b.State(); !s.Drift || s.ConfigChecksum != "b" || !s.WindowStart.Equal(time.Now().UTC()) {
			t.Errorf("state: %+v", s)
		}
	})
	live := &memory{state: State{Run: "run", Phase: Live, Epoch: 3, ConfigChecksum: "a"}, has: true}
	o := Options{Run: "run", Store: live, Marker: Marker(filepath.Join(t.TempDir(), "m")), ConfigChecksum: "b", Logger: zap.NewNop()}
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrDrift) {
		t.Errorf("an edit in live: %v", err)
	}
	o.AllowDrift = true
	if _, err := Open(t.Context(), o); err != nil {
		t.Errorf("an edit in live that is allowed: %v", err)
	}
}
