package cutover

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// sim is a run with everything that may befall it.
type sim struct {
	t    *testing.T
	rand *rand.Rand
	dir  string
	disk disk
	now  *life
	n    int // lives

	mu        sync.Mutex
	violation string
	done      []string // the last steps

	cause     bool   // somebody asked for a rollback that counts
	leave     Plan   // that must be in force no more, because a rollback was asked for
	latched   uint64 // epoch of the rollback that clients have seen; 0: none
	resumed   bool   // somebody has asked for resume since
	lastEpoch uint64
	lastPhase Phase
	moving    time.Time // since when the machine is in the stage
	stage     stage
	counts    map[string]int
}

func (s *sim) wrong(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.violation == "" {
		s.violation = fmt.Sprintf(format, args...)
	}
}

func (s *sim) open() {
	s.n++
	l := &life{
		sim: s, marker: Marker(filepath.Join(s.dir, fmt.Sprintf("marker-%d", s.n))),
		killed: make(chan struct{}), ended: make(chan error, 1), changed: make(chan struct{}),
	}
	if s.now != nil { // what the dead process left, out of its reach
		if data, err := os.ReadFile(string(s.now.marker)); err == nil {
			if err := os.WriteFile(string(l.marker), data, 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	m, err := Open(s.t.Context(), Options{
		Run: "run", Store: l, Traffic: l, Marker: l.marker, MirrorFraction: 0.1, Logger: zap.NewNop(),
		HoldMax: 10 * time.Second, DrainMax: 5 * time.Second, RollbackDrain: time.Second,
		Strict: func(ctx context.Context) error { wait(ctx, 100*time.Millisecond); return ctx.Err() },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	l.m = m
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	go func() { l.ended <- m.Run(ctx) }()
	s.now, s.lastEpoch, s.lastPhase, s.stage, s.moving = l, 0, "", steady, time.Now()
	if p := m.Plan(); s.latched > 0 && !s.resumed && p.Phase != RolledBack {
		s.wrong("a rollback that clients have seen is %s after a restart", p.Phase)
	}
}

// kill is kill -9: nothing that the process still does can reach the disk.
func (s *sim) kill() {
	close(s.now.killed)
	s.now.stop()
	s.disk.break_("")
	s.open()
}

// sigterm lets the process end by itself.
func (s *sim) sigterm() {
	s.disk.break_("")
	s.now.m.Settle(s.t.Context())
	s.now.stop()
	if err := <-s.now.ended; err != nil {
		s.wrong("Run ended with %v", err)
	}
	s.open()
}

func (s *sim) ask(c Command) {
	c.Actor, c.Reason = "alice", "because"
	l := s.now
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = l.m.Do(ctx, c, nil)
	}()
	go func() {
		select {
		case <-l.killed:
			cancel()
		case <-ctx.Done():
		}
	}()
}

// step does one thing at random, and names it.
func (s *sim) step() string {
	r, l := s.rand, s.now
	switch n := r.IntN(100); {
	case n < 30:
		takes := []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 8 * time.Second}[min(r.IntN(20)/4, r.IntN(6))]
		l.write(takes)
		return "write " + takes.String()
	case n < 45:
		s.ask(Command{Kind: Flip})
		return "flip"
	case n < 48:
		s.cause, s.leave = true, *l.m.Plan()
		s.ask(Command{Kind: Rollback})
		return "rollback"
	case n < 51:
		s.cause = true
		if p := l.m.Plan(); p.Phase == Live {
			s.leave = *p
		}
		l.m.Trip(s.t.Context(), l.m.State().Epoch, "error_rate", "new fails")
		return "trip"
	case n < 58:
		l.m.Trip(s.t.Context(), max(l.m.State().Epoch, 2)-1, "error_rate", "late news")
		return "late trip"
	case n < 68:
		s.resumed = true
		s.ask(Command{Kind: Resume})
		return "resume"
	case n < 72:
		s.ask(Command{Kind: Mirror, Fraction: r.Float64()})
		return "mirror"
	case n < 74:
		s.ask(Command{Kind: Restart})
		return "restart"
	case n < 79:
		mode := []string{"fail", "lie", "unreadable", "hang"}[r.IntN(4)]
		s.disk.break_(mode)
		return mode
	case n < 83:
		s.disk.break_("")
		return "mend"
	case n < 86:
		s.kill()
		return "kill"
	case n < 87:
		s.sigterm()
		return "sigterm"
	}
	d := time.Duration(r.IntN(300)) * time.Millisecond
	if r.IntN(2) == 0 {
		d *= 10
	}
	<-time.After(d)
	return "pass " + d.String()
}

// check looks at everything that must hold between two steps; all goroutines rest.
func (s *sim) check() {
	m := s.now.m
	p, state, stored := m.Plan(), m.State(), s.disk.stored()
	switch {
	case p.Epoch != state.Epoch || p.Phase != state.Phase:
		s.wrong("the plan is of %s in %d, the state of %s in %d", p.Phase, p.Epoch, state.Phase, state.Epoch)
	case p.Epoch < s.lastEpoch:
		s.wrong("epoch %d comes after %d", p.Epoch, s.lastEpoch)
	case s.lastPhase != "" && p.Phase != s.lastPhase && p.Epoch == s.lastEpoch:
		s.wrong("%s became %s within epoch %d", s.lastPhase, p.Phase, p.Epoch)
	case (p.Reads == New || p.Writes == New) && (p.Phase != Live || stored.Phase != Live || stored.Epoch != p.Epoch):
		s.wrong("new is in authority in phase %s, epoch %d; the store says %s in %d", p.Phase, p.Epoch, stored.Phase, stored.Epoch)
	case s.leave.Epoch == p.Epoch && s.leave.Phase == p.Phase && (p.Phase == Live || p.Phase == Cutover):
		s.wrong("a rollback was asked for, and the run is still %s in epoch %d", p.Phase, p.Epoch)
	case s.lastPhase == RolledBack && p.Phase != RolledBack && !s.resumed:
		s.wrong("rolled_back became %s, and nobody resumed", p.Phase)
	case p.Phase == RolledBack && s.lastPhase != RolledBack && s.lastPhase != "" && !s.cause:
		s.wrong("rolled back in epoch %d, and nothing asked for it", p.Epoch)
	}
	switch {
	case p.Phase == Live && s.lastPhase != Live:
		s.cause = false
		s.counts["live"]++
	case p.Phase == RolledBack && s.lastPhase != RolledBack:
		s.counts["rolled back"]++
	}
	if p.Phase == RolledBack && !p.Hold {
		if s.latched != p.Epoch {
			s.latched, s.resumed = p.Epoch, false
		}
	} else if p.Phase != RolledBack {
		s.latched = 0
	}
	s.lastEpoch, s.lastPhase, s.leave = p.Epoch, p.Phase, Plan{}
	s.checkHold(p)
}

// checkHold sees that no stage but those that wait for the store's word holds writes for longer than it may.
func (s *sim) checkHold(p *Plan) {
	m := s.now.m
	if st := m.model.stage; st != s.stage {
		s.stage, s.moving = st, time.Now()
		s.counts[st.String()]++
	}
	took := time.Since(s.moving)
	limit := map[stage]time.Duration{
		draining: m.o.DrainMax, checking: m.o.HoldMax, retreating: m.o.RollbackDrain + 2*m.o.StoreFor,
	}[s.stage]
	if limit > 0 && took > limit+3*time.Second { // a step lasts up to three
		s.wrong("%s takes %s", s.stage, took)
	}
	if p.Hold && s.stage == steady {
		s.wrong("writes are held in stage %s", s.stage)
	}
	m.Trip(s.t.Context(), 1<<40, "nothing", "") // of no epoch that ever is, so ignored: it orders this look before what the machine does next
}

// settle mends everything, and sees that whatever was under way ends.
func (s *sim) settle() {
	s.disk.break_("")
	<-time.After(time.Minute)
	synctest.Wait()
	p, stored := s.now.m.Plan(), s.disk.stored()
	s.now.mu.Lock()
	held := s.now.held
	s.now.mu.Unlock()
	if p.Hold || p.Refuse || held > 0 || s.now.m.Unwell() != "" {
		s.wrong("with all mended: plan %+v, %d writes held, unwell %q", *p, held, s.now.m.Unwell())
	}
	if stored.Epoch != p.Epoch || stored.Phase != p.Phase {
		s.wrong("with all mended the store says %s in %d, the plan %s in %d", stored.Phase, stored.Epoch, p.Phase, p.Epoch)
	}
	s.now.stop()
	if err := <-s.now.ended; err != nil {
		s.wrong("Run: %v", err)
	}
	close(s.now.killed)
}

// A run with random commands, trips, failures of the store, hangs and kills, by many seeds. Whatever happens: new is in
// authority only where the store says so, a rollback stays, no hold is for ever, epochs only grow.
func TestSimulation(t *testing.T) {
	const seeds, steps = 60, 500
	total := map[string]int{}
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) {
			s := &sim{t: t, rand: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), counts: total}
			s.open()
			for i := 0; i < steps && s.violation == ""; i++ {
				s.done = append(s.done, s.step())
				<-time.After(time.Duration(s.rand.IntN(100)) * time.Millisecond)
				synctest.Wait()
				s.check()
			}
			if s.violation == "" {
				s.settle()
			} else {
				s.now.stop()
				s.disk.break_("")
				close(s.now.killed)
				if err := <-s.now.ended; err != nil {
					t.Log("Run ended with", err)
				}
			}
			if s.violation != "" {
				t.Fatalf("seed %d, step %d: %s\nthe last steps: %q", seed, len(s.done), s.violation, s.done[max(0, len(s.done)-25):])
			}
		})
	}
	t.Logf("%d steps: %v", seeds*steps, total)
	for _, what := range []string{"live", "rolled back", "recording", "draining", "checking", "committing", "uncertain", "aborting", "retreating"} {
		if total[what] < 10 {
			t.Errorf("%q came up %d times only: the simulation does not reach it", what, total[what])
		}
	}
}
