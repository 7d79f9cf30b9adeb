package cutover

import (
	"context"
	"errors"
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
