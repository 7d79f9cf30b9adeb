package cutover

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// In every stage of a flip from the canary, where new answers some reads, a trigger and an operator end in rolled_back, with
// writes at an old that takes them. What is under way is overtaken, and may end whenever it likes.
func TestARollbackInEveryStage(t *testing.T) {
	full := errors.New("disk full")
	storing := func(p Phase, err error) func(*scene) {
		return func(s *scene) {
			s.store.fail = func(st State) error {
				if st.Phase != p || st.Epoch == s.from {
					return nil
				}
				s.store.mu.Unlock()
				<-s.open
				s.store.mu.Lock()
				return err
			}
		}
	}
	gate := func(names ...string) func(*scene) {
		return func(s *scene) {
			for _, name := range names[:len(names)-1] {
				s.data.fails[name] = errGone
			}
			s.data.gates[names[len(names)-1]] = s.open
		}
	}
	for _, row := range []struct {
		stage stage
		set   func(*scene)
	}{
		{stage: intending, set: storing(Cutover, nil)},
		{stage: draining, set: func(s *scene) { s.road.inFlight[Old] = 1 }},
		{stage: preparing, set: gate("prepare")},
		{stage: checking, set: func(s *scene) { s.strict = s.open }},
		{stage: fencing, set: gate("fence")},
		{stage: committing, set: storing(Live, nil)},
		{stage: uncertain, set: func(s *scene) {
			s.store.fail = func(st State) error {
				if st.Phase == Live {
					s.store.failLoad = full
					return full
				}
				return nil
			}
		}},
		{stage: undoing, set: gate("prepare", "undo")},
		{stage: unfencing, set: gate("fence", "unfence")},
		{stage: aborting, set: func(s *scene) {
			s.data.fails["prepare"] = errGone
			storing(Canary, full)(s)
		}},
	} {
		for _, byTrigger := range []bool{true, false} {
			t.Run(row.stage.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { newScene(t, row.set).rollsBack(t, row.stage, byTrigger) })
			})
		}
	}
}

// scene is a machine in the canary, with what keeps its flip in one stage.
type scene struct {
	*bench
	data   *bed
	store  *memory
	road   *road
	open   chan struct{} // closed to let go on what is kept
	strict chan struct{} // what the strict checks wait for; nil: nothing
	from   uint64        // epoch of the canary
}

func newScene(t *testing.T, set func(*scene)) *scene {
	s := &scene{data: newBed(), store: &memory{}, open: make(chan struct{})}
	s.bench = withBed(t, s.store, s.data, func(o *Options) {
		o.Strict = func(ctx context.Context) error {
			if s.strict != nil {
				select {
				case <-s.strict:
				case <-ctx.Done():
				}
			}
			return nil
		}
	})
	s.road = s.bench.road
	s.must(t, Command{Kind: SetCanary, Fraction: 0.5})
	synctest.Wait()
	s.from = s.State().Epoch
	s.store.set(func(*memory) { set(s) })
	return s
}

func (s *scene) rollsBack(t *testing.T, in stage, byTrigger bool) {
	defer s.end(t)
	flipped := make(chan error, 1)
	go func() { _, err := s.Do(t.Context(), Command{Kind: Flip}, nil); flipped <- err }()
	synctest.Wait()
	if s.model.stage != in {
		t.Fatalf("the flip is %s", s.model.stage)
	}
	before := s.State().Epoch
	rolled := make(chan error, 1)
	go func() {
		if byTrigger {
			s.Trip(t.Context(), before, "error_rate", "new fails")
			rolled <- nil
			return
		}
		_, err := s.Do(t.Context(), Command{Kind: Rollback, Reason: "stop"}, nil)
		rolled <- err
	}()
	synctest.Wait()
	if p := s.Plan(); p.Phase != RolledBack || p.Canary != 0 || p.Epoch <= before {
		t.Fatalf("right after it was asked for: %+v", *p)
	}
	close(s.open)
	s.store.set(func(m *memory) { m.failLoad, m.fail = nil, nil })
	s.data.set(func(b *bed) { b.fails = map[string]error{} })
	if err := <-flipped; !errors.Is(err, ErrFlip) {
		t.Errorf("the flip says %v", err)
	}
	if err := <-rolled; err != nil {
		t.Errorf("the rollback says %v", err)
	}
	pass(10 * time.Second)
	s.in(t, RolledBack)
	stored, _, _ := s.store.Load(t.Context())
	if p := s.Plan(); p.Hold || p.Refuse || p.Writes != Old || s.data.stands() || stored.Phase != RolledBack || stored.Fenced || stored.Prepared {
		t.Errorf("in the end: plan %+v, fenced %v, the store holds %+v", *p, s.data.stands(), stored)
	}
}

// What hangs in the databases is cut off: nobody waits for its own time to be over.
func TestARollbackCutsOffWhatHangsInTheDatabases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := newBed()
		b := withBed(t, &memory{}, data, nil)
		defer b.end(t)
		data.set(func(b *bed) { b.gates["fence"] = make(chan struct{}) })
		go func() { _, _ = b.Do(t.Context(), Command{Kind: Flip}, nil) }()
		synctest.Wait()
		began := time.Now()
		b.must(t, Command{Kind: Rollback})
		if took := time.Since(began); took > touchGrace || data.stands() {
			t.Errorf("it took %s, fenced %v", took, data.stands())
		}
	})
}

// A phase that is being stored may be in force a moment later: a rollback overtakes it wherever the run still is.
func TestARollbackWhileAnotherPhaseIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		defer b.end(t)
		for _, c := range []Command{{Kind: SetCanary, Fraction: 0.5}, {Kind: Resume}} {
			synctest.Wait()
			open := make(chan struct{})
			b.store.set(func(s *memory) { s.hang = open })
			go func() { _, _ = b.Do(t.Context(), c, nil) }()
			synctest.Wait()
			rolled := make(chan error, 1)
			go func() { _, err := b.Do(t.Context(), Command{Kind: Rollback}, nil); rolled <- err }()
			synctest.Wait()
			b.store.set(func(s *memory) { s.hang = nil })
			close(open)
			if err := <-rolled; err != nil {
				t.Errorf("a rollback while %s is stored says %v", c.Kind, err)
			}
			b.in(t, RolledBack)
		}
	})
}
