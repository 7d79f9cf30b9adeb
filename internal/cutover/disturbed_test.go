package cutover

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// A change that hangs in the store is overtaken: the rollback queues behind nothing, and writes are at old within its own times.
func TestARollbackOvertakesAChangeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var marker Marker
		b := start(t, &memory{}, func(o *Options) { marker = o.Marker })
		b.must(t, Command{Kind: Flip})
		hang := make(chan struct{})
		b.store.set(func(s *memory) { s.hang = hang })
		asked := make(chan error, 1)
		go func() { _, err := b.Do(t.Context(), Command{Kind: Mirror, Fraction: 0.5}, nil); asked <- err }()
		synctest.Wait()
		b.WriteToNew()
		b.Trip(t.Context(), b.State().Epoch, "error_rate", "new fails")
		if err := <-asked; !errors.Is(err, ErrFlip) {
			t.Errorf("the change that was overtaken says %v", err)
		}
		pass(b.o.RollbackDrain + 2*b.o.StoreFor)
		b.in(t, RolledBack)
		if b.Plan().Hold {
			t.Fatal("writes are held as long as the store hangs")
		}
		if s, ok, err := marker.read(); !ok || err != nil || s.WritesOnNew != 1 {
			t.Errorf("the marker says %+v %v %v, want one write on new", s, ok, err)
		}
		pass(time.Hour)
		b.store.set(func(s *memory) { s.hang = nil })
		close(hang)
		pass(3 * time.Second)
		b.end(t)
		if s, _, _ := b.store.Load(t.Context()); s.Phase != RolledBack || s.WritesOnNew != 1 {
			t.Errorf("the store holds %+v", s)
		}
	})
}

// Neither the store nor the marker's disk can be written: the rollback goes on all the same.
func TestARollbackWithoutAnyDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, func(o *Options) { o.Marker = Marker(filepath.Join(t.TempDir(), "gone", "rollback")) })
		defer b.end(t)
		b.must(t, Command{Kind: Flip})
		b.store.set(func(s *memory) { s.fail = func(State) error { return errors.New("disk full") } })
		b.must(t, Command{Kind: Rollback, Reason: "now"})
		b.in(t, RolledBack)
		if p := b.Plan(); p.Hold || p.Writes != Old || b.Unwell() == "" {
			t.Errorf("plan %+v, unwell %q", *p, b.Unwell())
		}
		b.store.set(func(s *memory) { s.fail = nil })
		pass(3 * time.Second)
		if b.Unwell() != "" {
			t.Error("unwell although the store has it:", b.Unwell())
		}
	})
}

// A store that hangs for good does not keep the process from ending.
func TestStoppingWithAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		b.must(t, Command{Kind: Flip})
		hang := make(chan struct{})
		b.store.set(func(s *memory) { s.hang = hang })
		b.Trip(t.Context(), b.State().Epoch, "error_rate", "new fails")
		synctest.Wait()
		began := time.Now()
		b.stop()
		if err := <-b.ended; err == nil {
			t.Error("Run does not say that the store hangs")
		}
		if took := time.Since(began); took > 3*stopFor {
			t.Errorf("it took %s to stop", took)
		}
		close(hang)
	})
}

// The store took a change and its answer was lost: it took effect.
func TestAChangeWhoseAnswerIsLostIsReadBack(t *testing.T) {
	lost := errors.New("connection lost")
	lie := func(s *memory) { s.lie = func(State) error { return lost } }
	truth := func(s *memory) { s.lie, s.failLoad = nil, nil }
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		b.must(t, Command{Kind: Flip})
		b.must(t, Command{Kind: Rollback})
		b.store.set(lie)
		b.must(t, Command{Kind: Resume})
		b.in(t, Shadow)
		b.must(t, Command{Kind: Mirror, Fraction: 0.7})
		if f := b.Plan().Fraction; f != 0.7 {
			t.Errorf("the fraction is %g", f)
		}
		b.store.set(func(s *memory) { lie(s); s.failLoad = lost })
		if _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); !errors.Is(err, ErrFlip) {
			t.Errorf("an intent of which nobody knows says %v", err)
		}
		if _, err := b.Do(t.Context(), Command{Kind: Restart}, nil); !errors.Is(err, ErrBusy) || b.Unwell() == "" {
			t.Errorf("a change on top of what nobody knows says %v, unwell %q", err, b.Unwell())
		}
		b.store.set(truth)
		pass(3 * time.Second)
		b.in(t, Shadow) // the intent was found, and taken back
		if b.Unwell() != "" {
			t.Error("unwell:", b.Unwell())
		}
		b.must(t, Command{Kind: Restart})
		b.must(t, Command{Kind: Flip})
		b.in(t, Live)
	})
}

// A process that is about to end begins no flip, and goes on with none whose intent is being stored.
func TestNoFlipWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		hang := make(chan struct{})
		b.store.set(func(s *memory) { s.hang = hang })
		flipped := make(chan error, 1)
		go func() { _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); flipped <- err }()
		synctest.Wait()
		b.Settle(t.Context())
		synctest.Wait()
		b.store.set(func(s *memory) { s.hang = nil })
		close(hang)
		if err := <-flipped; !errors.Is(err, ErrFlip) {
			t.Errorf("a flip that was stopped at its intent says %v", err)
		}
		b.in(t, Shadow)
		if _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("a flip while the process is draining says %v", err)
		}
		b.did(t, "release: writes old")
		b.end(t)
	})
}

// What the gate judged is what is flipped: a window that began anew meanwhile was not.
func TestAFlipOnAnotherWindowIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		judged := b.State()
		pass(time.Second)
		b.must(t, Command{Kind: Restart, Reason: "new was fixed"})
		c := Command{Kind: Flip, Epoch: judged.Epoch, Window: judged.WindowStart}
		if _, err := b.Do(t.Context(), c, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("the flip says %v", err)
		}
		c.Window = b.State().WindowStart
		b.must(t, c)
	})
}

// The configuration's fraction counts at the start even where a crash has something else to be decided.
func TestAnEditedFractionAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{state: State{Run: "run", Phase: Cutover, Before: Shadow, Epoch: 5, MirrorFraction: 0.1, ConfiguredFraction: 0.1}, has: true}
		b := start(t, store, func(o *Options) { o.MirrorFraction = 0.5 })
		defer b.end(t)
		if s, p := b.State(), b.Plan(); s.Phase != Shadow || s.Epoch != 6 || p.Fraction != 0.5 {
			t.Errorf("state %+v, plan %+v", s, *p)
		}
	})
}

// What was counted since the state was stored is not forgotten: the count only errs on the side of too many.
func TestTheCountOfWritesOnNewAfterACrash(t *testing.T) {
	for _, phase := range []Phase{Live, RolledBack} {
		o := Options{
			Run: "run", Store: &memory{state: State{Run: "run", Phase: phase, Epoch: 5, WritesOnNew: 3}, has: true},
			Marker: Marker(filepath.Join(t.TempDir(), "rollback")), WritesOnNew: 7,
		}
		m, err := Open(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if n := m.State().WritesOnNew; n != 7 {
			t.Errorf("%s: %d writes on new, want 7", phase, n)
		}
	}
}
