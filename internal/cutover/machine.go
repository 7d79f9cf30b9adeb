package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Store keeps the state. Its methods may be called one at a time, and may block.
type Store interface {
	// Load returns the stored state; false if there is none.
	Load(ctx context.Context) (State, bool, error)
	// Commit stores the state and its line in the audit log, durably and together, if the store holds epoch expect.
	Commit(ctx context.Context, expect uint64, s State, t Transition) error
}

// Traffic is the data plane as the machine drives it.
type Traffic interface {
	// Drain waits until no write that went to the side is in flight, or ctx ends; it returns how many are left. An error with
	// none left says that one of them ended without an answer, so that the side may still be at work on it.
	Drain(ctx context.Context, of Side) (int, error)
	// CloseStreams ends the upgrades and other answers without end that the side gives.
	CloseStreams(of Side)
	// Abandon cancels the writes still in flight at the side.
	Abandon(of Side)
	// Release lets the held writes go, in order of arrival, to where the plan now says.
	Release(ctx context.Context)
	// ResetTriggers forgets what the triggers have seen.
	ResetTriggers()
}

// Data prepares the databases for the flip and fences old. Every method is idempotent, gives up when ctx ends, and may be asked
// again after an error.
type Data interface {
	// Prepares and Fences report whether there is something to prepare, and a fence.
	Prepares() bool
	Fences() bool
	// Prepare does what is configured to be done after the drain. After an error Undo is called.
	Prepare(ctx context.Context) error
	// Undo takes back what Prepare did, or may have done, in the opposite order.
	Undo(ctx context.Context) error
	// Fence puts the fence up, and returns nil once a write that works without it was seen to fail. An error that has a method
	// Untouched, which says true, came before anything was done to old: there is nothing to take down.
	Fence(ctx context.Context) error
	// Unfence takes it down, and returns nil once that write was seen to work.
	Unfence(ctx context.Context) error
	// Standing reports whether the fence stands. An error says that nobody knows.
	Standing(ctx context.Context) (bool, error)
}

// Options wires a Machine.
type Options struct {
	Run     string
	Store   Store
	Traffic Traffic
	// InFlight counts the writes in flight at a side, so that the step of the drain can say how many ran out. It may be nil.
	InFlight func(Side) int
	// CatchUp has the journal's mirror carry to the other side what the side had accepted, until ctx ends at most, once no write is in flight
	// there. When it returns the mirror sends nothing, and goes on in another epoch alone. The error says that the other side lacks
	// something still. nil: there is no mirror.
	CatchUp func(ctx context.Context, from Side) (Carried, error)
	// Strict runs the checks with tolerance 0 and returns why they do not agree, or ErrNoStrict if none is strict at this moment;
	// nil if none is configured.
	Strict func(context.Context) error
	// Data is what a flip does to the databases besides; nil if nothing is configured.
	Data Data
	// Marker is the file that stands in for a rollback which the store could not take.
	Marker         Marker
	MirrorFraction float64
	// ConfigChecksum identifies the configuration: another one than before restarts the window, and in live is refused
	// with ErrDrift unless AllowDrift is set.
	ConfigChecksum string
	AllowDrift     bool
	// ConfigText is what the checksum is of, without secrets.
	ConfigText string
	// CanaryFraction is what the configuration says.
	CanaryFraction    float64
	Fallback          Fallback
	HoldMax, DrainMax time.Duration
	RollbackDrain     time.Duration
	Logger            *zap.Logger
	// WritesOnNew is how many writes new had taken when this was last noted; the state's own count may be older.
	WritesOnNew int64
	// Snapshot returns the gate as it stands, or nil; every transition keeps it. It must not block. It may be nil.
	Snapshot func() *Report
	// Baseline returns what old answered until now, which a commit keeps. It must not block. It may be nil.
	Baseline func() json.RawMessage
	// Progress is told of every step of a flip or rollback, when it begins, when it is tried again and when it ends. It must not
	// block. It may be nil.
	Progress func(Step)
	// Witness is what the journal of writes tells of the run.
	Witness Witness
	// Unrecordable says why a write to new could not be recorded in the journal at this moment; nil if it could. A flip does not commit
	// then. It must not block. It may be nil.
	Unrecordable func() error
	// Recover is what an operator says is true; nil if nobody does.
	Recover *Recovery
	// RolledBack is told of every rollback once writes are at old again: who asked (an operator's name, or `trigger:NAME`) and
	// how long it took. It may be nil.
	RolledBack           func(actor string, took time.Duration)
	Now                  func() time.Time
	RetryEvery, StoreFor time.Duration // how often a failed store is tried again, how long a rollback waits for it; 1s each if 0
}

// Machine owns the run's state. It is safe for concurrent use.
type Machine struct {
	o      Options
	steps  atomic.Pointer[[]Step]
	plan   atomic.Pointer[Plan]
	state  atomic.Pointer[State]
	unwell atomic.Pointer[string]

	disputed atomic.Bool
	writes   atomic.Int64 // that new may have taken since the flip

	events           chan event
	flow             sync.WaitGroup // effects under way
	storing, marking lane           // calls of the store, of the marker's disk
	marker           atomic.Uint64  // epoch of the rollback that the marker must stand for; 0: it must not be there

	touching lane // calls of Data
	turn     atomic.Uint64
	holder   atomic.Pointer[context.CancelFunc] // cancels the call that has the lane

	first []effect // what Run does before all else

	dispute  string // what the journal disputes of the store, at the start
	nameless bool   // the store is empty, so that there is no state to go on with

	known     chan struct{} // closed once the first look at the fence is over: until then every command but a rollback waits
	knownOnce sync.Once
	rollbacks atomic.Uint64 // how many were asked for

	mu       sync.Mutex
	waiting  map[waiter]*call
	lastCall waiter
	model    model // of Run's goroutine
}

type call struct {
	done     chan error
	progress func(Step)
}

// Open reads the state, decides what a crash left undecided, and publishes the plan. The caller runs Run next.
func Open(ctx context.Context, o Options) (*Machine, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RetryEvery == 0 {
		o.RetryEvery = time.Second
	}
	if o.StoreFor == 0 {
		o.StoreFor = time.Second
	}
	m := &Machine{o: o, events: make(chan event, 64), storing: newLane(), marking: newLane(), touching: newLane(), waiting: map[waiter]*call{}, known: make(chan struct{})}
	state, err := m.recover(ctx)
	if err != nil {
		return nil, err
	}
	m.model = model{
		state: state, fallback: o.Fallback, holdMax: o.HoldMax, drainMax: o.DrainMax,
		rollbackDrain: o.RollbackDrain, hasStrict: o.Strict != nil, prepares: o.Data != nil && o.Data.Prepares(), fences: o.Data != nil && o.Data.Fences(),
		fenced: state.Fenced, prepared: state.Prepared,
	}
	m.model.keep(state)
	if m.dispute == "" {
		m.first = m.model.start(o.Now().UTC())
	} else {
		m.first = m.model.mistrust(m.dispute, m.nameless)
	}
	m.writes.Store(state.WritesOnNew)
	m.plan.Store(new(m.model.plan()))
	m.state.Store(&state)
	m.note()
	m.look()
	return m, nil
}

// Plan says where traffic goes now. It is one atomic load.
func (m *Machine) Plan() *Plan { return m.plan.Load() }

// State returns the run's state as it is in force.
func (m *Machine) State() State {
	s := *m.state.Load()
	s.WritesOnNew = m.writes.Load()
	return s
}

// Unwell says what is wrong with the machine itself, such as a rollback that is not stored yet; empty if nothing is.
func (m *Machine) Unwell() string {
	if s := m.unwell.Load(); s != nil {
		return *s
	}
	return ""
}

// Disputed reports whether writes are refused because the store disagrees with the fence or the journal.
func (m *Machine) Disputed() bool { return m.disputed.Load() }

// WriteToNew counts a write that is about to be sent to new, and returns how many there are since the flip.
func (m *Machine) WriteToNew() int64 { return m.writes.Add(1) }

// Trip hands in what a trigger, such as `error_rate`, found. It does not wait for the outcome. A trip from another epoch is
// ignored.
func (m *Machine) Trip(ctx context.Context, epoch uint64, trigger, reason string) {
	m.TripWith(ctx, epoch, trigger, reason, nil)
}

// TripWith is Trip with the figures that the trigger goes by, which are kept in the audit log.
func (m *Machine) TripWith(ctx context.Context, epoch uint64, trigger, reason string, figures any) {
	c := Command{Kind: Rollback, Actor: "trigger:" + trigger, Reason: reason}
	if figures != nil {
		c.Evidence = map[string]any{"trigger": figures}
	}
	m.send(ctx, event{kind: tripped, epoch: epoch, command: c})
}

// Steps lists the steps of the flip or rollback that is under way, or else of the last one.
func (m *Machine) Steps() []Step {
	if s := m.steps.Load(); s != nil {
		return *s
	}
	return nil
}

// Do asks for a change and waits until it took effect or was refused. Progress, if not nil, is told of each step of a flip or
// rollback when it begins, when it is tried again, and when it ends. The errors wrap ErrPhase, ErrBusy, ErrEpoch, ErrFlip,
// ErrStore or ErrFence.
func (m *Machine) Do(ctx context.Context, c Command, progress func(Step)) (State, error) {
	if err := m.admit(ctx, c.Kind); err != nil {
		return m.State(), err
	}
	ask := &call{done: make(chan error, 1), progress: progress}
	m.mu.Lock()
	m.lastCall++
	id := m.lastCall
	m.waiting[id] = ask
	m.mu.Unlock()
	m.send(ctx, event{kind: command, command: c, waiter: id})
	select {
	case err := <-ask.done:
		return m.State(), err
	case <-ctx.Done():
		return m.State(), fmt.Errorf("waiting for %s, which goes on: %w", c.Kind, ctx.Err())
	}
}

// admit keeps a command until it is known whether old is fenced. A rollback neither waits, nor is what waits carried out behind it.
func (m *Machine) admit(ctx context.Context, kind CommandKind) error {
	if kind == Rollback {
		m.rollbacks.Add(1)
		return nil
	}
	before := m.rollbacks.Load()
	select {
	case <-m.known:
	case <-ctx.Done():
		return fmt.Errorf("%w: whether old is fenced is not known yet: %w", ErrBusy, ctx.Err())
	}
	if m.rollbacks.Load() != before {
		return fmt.Errorf("%w: a rollback was asked for while %s waited; look at `paritygate status` and decide again", ErrBusy, kind)
	}
	return nil
}

// Settle abandons a flip that has not reached its commit, because the process is about to stop.
func (m *Machine) Settle(ctx context.Context) { m.send(ctx, event{kind: stopping}) }

func (m *Machine) send(ctx context.Context, e event) {
	select {
	case m.events <- e:
	case <-ctx.Done():
	}
}

// stopFor bounds how long Run goes on after its context ended, to bring a change under way to an end.
const stopFor = 5 * time.Second

var errUndecided = errors.New("cutover: stopped in the middle of a change; the next start decides it")

// Run owns the model until ctx ends and what was under way has come to an end.
func (m *Machine) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	err := m.own(ctx, work)
	cancel()
	m.flow.Wait()
	m.refuseWaiting()
	if !m.storing.idle(stopFor) || !m.marking.idle(stopFor) {
		err = errors.Join(err, errors.New("cutover: the store or its disk hangs, and was not waited for any longer"))
	}
	return err
}

// own handles events until ctx ends and the model is at rest; effects run in work.
func (m *Machine) own(ctx, work context.Context) error {
	for _, ef := range m.first {
		m.do(work, ef)
	}
	stop := ctx.Done()
	var deadline <-chan time.Time
	for {
		select {
		case e := <-m.events:
			m.handle(work, e)
		case <-stop:
			stop, deadline = nil, time.After(stopFor)
			m.handle(work, event{kind: stopping})
		case <-deadline:
			return errUndecided
		}
		if s := m.model.stage; stop == nil && (s == steady || s == disputed) {
			return nil
		}
	}
}

func (m *Machine) refuseWaiting() {
	m.knownOnce.Do(func() { close(m.known) })
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, c := range m.waiting {
		c.done <- fmt.Errorf("%w: paritygate is stopping", ErrBusy)
		delete(m.waiting, id)
	}
}

func (m *Machine) handle(ctx context.Context, e event) {
	e.now = m.o.Now().UTC()
	if m.o.Snapshot != nil {
		e.gate = m.o.Snapshot()
	}
	if m.o.Baseline != nil && m.model.state.Phase == Cutover {
		e.baseline = m.o.Baseline()
	}
	if m.o.Unrecordable != nil && m.model.state.Phase == Cutover {
		e.unrecordable = m.o.Unrecordable()
	}
	unheard := m.model.stage == disputed && m.model.unheard
	effects := m.model.step(e)
	if unheard && e.kind != reconciled && m.model.stage != disputed {
		m.writes.Add(m.o.Witness.Lost) // a rollback ended the dispute
	}
	state := m.model.state
	m.state.Store(&state)
	m.note()
	for _, ef := range effects {
		m.do(ctx, ef)
	}
	m.look()
}

// look lets commands in once it is known whether old is fenced, or that nobody knows.
func (m *Machine) look() {
	if m.model.stage != probing {
		m.knownOnce.Do(func() { close(m.known) })
	}
}

// note keeps what Unwell and Steps say up to date.
func (m *Machine) note() {
	text, steps := m.model.trouble(), m.model.taken()
	m.unwell.Store(&text)
	m.steps.Store(&steps)
	m.disputed.Store(m.model.stage == disputed)
}

func (m *Machine) publish(p Plan) {
	if old := m.plan.Load(); p.Phase == Live && old != nil && old.Phase != Live || p.Phase == Shadow {
		m.writes.Store(0)
	}
	state := m.model.state
	m.state.Store(&state)
	m.plan.Store(&p)
}
