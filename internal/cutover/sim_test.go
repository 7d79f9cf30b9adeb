package cutover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"paritygate/internal/testkit"
)

// sim is a run with everything that may befall it.
type sim struct {
	t     *testing.T
	rand  *rand.Rand
	dir   string
	disk  disk
	bases bases
	data  bool         // something is done to the databases
	skew  atomic.Int64 // of the clock, nanoseconds
	now   *life
	n     int // lives

	mu        sync.Mutex
	violation string
	done      []string // the last steps

	cause     bool           // somebody asked for a rollback that counts
	leave     Plan           // that must be in force no more, because a rollback was asked for
	latched   uint64         // epoch of the rollback that clients have seen; 0: none
	resumed   bool           // somebody has asked for resume since
	asked     map[Phase]bool // an operator has asked for it since it was last left
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

func (s *sim) open(declare *Recovery) {
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
	o := Options{
		Run: "run", Store: l, Traffic: l, Marker: l.marker, MirrorFraction: 0.1, Logger: zap.NewNop(),
		HoldMax: 10 * time.Second, DrainMax: 5 * time.Second, RollbackDrain: time.Second, Recover: declare,
		Strict: func(ctx context.Context) error { wait(ctx, 100*time.Millisecond); return ctx.Err() },
		Now:    func() time.Time { return time.Now().Add(time.Duration(s.skew.Load())).Round(0) },
	}
	if s.data {
		o.Data = touching{l}
	}
	if s.now != nil {
		if err := os.RemoveAll(s.now.marker.spare()); err != nil {
			s.t.Fatal(err)
		}
	}
	m, err := Open(s.t.Context(), o)
	if errors.Is(err, ErrNothingToRecover) {
		o.Recover, declare = nil, nil
		m, err = Open(s.t.Context(), o)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if declare != nil {
		s.counts["recovered"]++
		s.latched, s.cause, s.asked[declare.Phase] = 0, true, true
		if declare.Phase == Live {
			s.bases.final() // what a flip before had prepared is how live wants it
		}
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

// kill is kill -9: nothing that the process still does can reach the disk. What the disk did not own up to may come to light.
func (s *sim) kill(declare *Recovery) {
	close(s.now.killed)
	s.now.stop()
	s.disk.break_("")
	s.disk.mu.Lock()
	if s.disk.ghost != nil && s.rand.IntN(2) == 0 {
		if before := s.disk.state.Phase; s.disk.ghost.Phase == Live && before != Live {
			s.bases.final()
		}
		s.disk.state = *s.disk.ghost
	}
	s.disk.ghost = nil
	s.disk.mu.Unlock()
	synctest.Wait() // what it was doing to the databases is done, or is not
	s.open(declare)
}

// anew begins another run on an empty store.
func (s *sim) anew() {
	close(s.now.killed)
	s.now.stop()
	s.disk.break_("")
	synctest.Wait()
	s.disk.mu.Lock()
	s.disk.state, s.disk.has, s.disk.ghost = State{}, false, nil
	s.disk.mu.Unlock()
	s.bases.mu.Lock()
	s.bases.fenced, s.bases.prepared = false, false
	s.bases.mu.Unlock()
	if err := os.Remove(string(s.now.marker)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	s.latched = 0
	s.open(nil)
}

// sigterm lets the process end by itself.
func (s *sim) sigterm() {
	s.disk.break_("")
	s.bases.set("")
	s.now.m.Settle(s.t.Context())
	s.now.stop()
	if err := <-s.now.ended; err != nil && !errors.Is(err, errUndecided) { // a call to the databases may hang until its time is over
		s.wrong("Run ended with %v", err)
	}
	close(s.now.killed)
	synctest.Wait()
	s.open(nil)
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
	case n < 42:
		s.asked[Live] = true
		s.ask(Command{Kind: Flip})
		return "flip"
	case n < 45:
		fraction := float64(r.IntN(3)) / 4
		s.asked[Canary] = s.asked[Canary] || fraction > 0
		s.ask(Command{Kind: SetCanary, Fraction: fraction})
		return fmt.Sprintf("canary %g", fraction)
	case n < 48:
		s.cause, s.leave = true, *l.m.Plan()
		s.ask(Command{Kind: Rollback})
		return "rollback"
	case n < 51:
		s.cause = true
		if p := l.m.Plan(); p.Reads == New && p.Phase == Live || p.Canary > 0 {
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
		mode := []string{"fail", "lie", "unreadable", "hang", "ghost"}[r.IntN(5)]
		s.disk.break_(mode)
		return "disk " + mode
	case n < 83:
		s.disk.break_("")
		s.bases.set("")
		return "mend"
	case n < 85:
		mode := []string{"fail", "half", "hang", "slow", "gone"}[r.IntN(5)]
		s.bases.set(mode)
		return "databases " + mode
	case n < 88:
		s.kill(nil)
		return "kill"
	case n < 89:
		return s.seldom()
	}
	d := time.Duration(r.IntN(300)) * time.Millisecond
	if r.IntN(2) == 0 {
		d *= 10
	}
	<-time.After(d)
	return "pass " + d.String()
}

// seldom does what happens once in a run, if at all.
func (s *sim) seldom() string {
	switch s.rand.IntN(4) {
	case 0:
		s.sigterm()
		return "sigterm"
	case 1:
		return "clock " + time.Duration(s.skew.Add(int64(s.rand.IntN(7200)-3600)*int64(time.Second))).String()
	case 2:
		if s.now.m.Plan().Phase == Complete {
			s.anew()
			return "anew"
		}
		s.asked[Complete] = true
		s.ask(Command{Kind: Finish})
		return "complete"
	}
	phase := []Phase{Shadow, Live, RolledBack}[s.rand.IntN(3)]
	s.kill(&Recovery{Phase: phase, Reason: fmt.Sprint("life ", s.n), Actor: "operator"})
	return "kill, recover " + string(phase)
}

// Random commands, trips, writes, failures of the store and the databases, kills and jumps of the clock, by many seeds. Whatever
// happens: new is in authority only where the store says so, old gets no write while it is fenced or may come up live, a
// rollback stays, nothing moves forward by itself, no hold is for ever, epochs only grow, and in the end all agree.
func TestSimulation(t *testing.T) { simulate(t, 0, 24) }

// The same for a hundred thousand steps.
func TestSimulationAtLength(t *testing.T) {
	testkit.WithoutRaceDetector(t)
	total := simulate(t, 24, 208)
	for _, what := range []string{
		"canary", "live", "rolled back", "complete", "recovered", "recording", "draining", "preparing", "checking", "fencing",
		"committing", "uncertain", "undoing", "unfencing", "aborting", "retreating", "probing", "securing",
	} {
		if total[what] < 10 {
			t.Errorf("%q came up %d times only: the simulation does not reach it", what, total[what])
		}
	}
}

// stepsPerSeed is how long a run of the simulation is.
const stepsPerSeed = 500

// simulate runs the seeds, and returns how often each stage was reached. SIMULATION_SEED has another one run alone.
func simulate(t *testing.T, from, seeds uint64) map[string]int {
	total := map[string]int{}
	if one, err := strconv.ParseUint(os.Getenv("SIMULATION_SEED"), 10, 64); err == nil {
		from, seeds = one, 1
	}
	for seed := from; seed < from+seeds; seed++ {
		synctest.Test(t, func(t *testing.T) { simulateOne(t, seed, total) })
	}
	t.Logf("%d steps: %v", seeds*stepsPerSeed, total)
	return total
}

// inMemory is a directory whose files cost no disk's time, where the system has one.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "simulation-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func simulateOne(t *testing.T, seed uint64, total map[string]int) {
	s := &sim{t: t, rand: rand.New(rand.NewPCG(seed, 1)), dir: inMemory(t), counts: total, asked: map[Phase]bool{}}
	s.data, s.bases.fences = seed%4 != 0, seed%4 > 1
	s.open(nil)
	for i := 0; i < stepsPerSeed && s.violation == ""; i++ {
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
		<-time.After(time.Minute) // for the lives before
	}
	if s.violation != "" {
		t.Fatalf("SIMULATION_SEED=%d, step %d: %s\nthe last steps: %q", seed, len(s.done), s.violation, s.done[max(0, len(s.done)-40):])
	}
}
