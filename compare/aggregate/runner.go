package aggregate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"
)

// defaultEvery is how often a check runs that does not say.
const defaultEvery = 5 * time.Minute

// sides are the names of the two databases, in the order of every pair here.
var sides = [2]string{"old", "new"}

// Runner runs checks. Its methods may be called from any goroutine.
type Runner struct {
	databases [2]*database // old, new; nil without a DSN
	missing   [2]error     // why a database is nil
	endpoints [2]Endpoint
	recheck   []time.Duration
	// open is openBoth, but in tests of time, which have no sockets.
	open    func(ctx context.Context, p *plan) (both [2]source, end func(), err error)
	report  func(Result)
	metrics *metrics

	progress Progress // nil: long checks begin anew
	// turn is held by the check that runs: one at a time is what production is asked to bear. Strict runs go past it.
	turn    chan struct{}
	resting func() bool // nil: never
	// changed wakes Run after SetChecks and RunSoon.
	changed chan struct{}

	life context.Context // ends at Close
	end  context.CancelFunc

	mu      sync.Mutex
	plans   []*plan
	soon    bool // Run is to forget when the checks are due: they are, now
	closed  bool
	running sync.WaitGroup // runs under way; grows under mu only while not closed
}

// New checks everything that can be known without a connection, and returns all that is wrong at once. A DSN that no check
// needs may be empty.
func New(o Options) (*Runner, error) {
	r := &Runner{
		report: o.Report, resting: o.Resting, turn: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		endpoints: [2]Endpoint{o.OldEndpoint, o.NewEndpoint}, recheck: o.Recheck, progress: o.Progress,
	}
	r.open = r.openBoth
	var errs []error
	for i, d := range []Database{o.Old, o.New} {
		if r.databases[i], r.missing[i] = newDatabase(sides[i], d); d.DSN != "" {
			errs = append(errs, r.missing[i])
		}
	}
	var err error
	if err = errors.Join(errs...); err != nil {
		return nil, err
	}
	if r.plans, err = r.planned(o.Checks); err != nil {
		return nil, err
	}
	if r.metrics, err = newMetrics(o.Registerer); err != nil {
		return nil, fmt.Errorf("register the metrics of the checks: %w", err)
	}
	r.life, r.end = context.WithCancel(context.Background())
	return r, nil
}

// plans validates checks.
func plans(checks []Check) ([]*plan, error) {
	var errs []error
	out := make([]*plan, 0, len(checks))
	names := map[string]bool{}
	for i, c := range checks {
		p, err := newPlan(c)
		if err == nil && names[c.Name] {
			err = errors.New("another check has this name")
		}
		names[c.Name] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("checks[%d] %q: %w", i, c.Name, err))
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

// planned validates checks, and that all they ask is there.
func (r *Runner) planned(checks []Check) ([]*plan, error) {
	made, err := plans(checks)
	if err != nil {
		return nil, err
	}
	lacks := map[error]bool{}
	var errs []error
	for _, p := range made {
		for i, asked := range p.web {
			missing := r.missing[i]
			if asked != nil {
				missing = nil
				if e := r.endpoints[i]; e.URL == nil || e.Transport == nil {
					missing = fmt.Errorf("check %s: there is no endpoint of %s", p.check.Name, sides[i])
				}
			}
			if missing != nil && !lacks[missing] {
				lacks[missing] = true
				errs = append(errs, missing)
			}
		}
	}
	return made, errors.Join(errs...)
}

func newPlan(c Check) (*plan, error) {
	var errs []error
	if c.Name == "" {
		errs = append(errs, errors.New("name is empty"))
	}
	if !slices.Contains(Types, c.Type) {
		return nil, errors.Join(append(errs, fmt.Errorf("type %q is none of %v", c.Type, Types))...)
	}
	if c.Every == 0 {
		c.Every = defaultEvery
	}
	if c.MaxAge == 0 {
		c.MaxAge = 3 * c.Every
	}
	if c.Every < 0 || c.MaxAge < c.Every {
		errs = append(errs, fmt.Errorf("every (%s) must be above 0, and max_age (%s) not below it: each pass would be stale before the next",
			c.Every, c.MaxAge))
	}
	p := &plan{check: c, alone: make(chan struct{}, 1)}
	var err error
	if p.bounds, err = c.Tolerance.parse(); err != nil {
		errs = append(errs, err)
	}
	if err := c.Settled.check(&c); err != nil {
		errs = append(errs, err)
	}
	if c.MaxCost < 0 || math.IsNaN(c.MaxCost) || math.IsInf(c.MaxCost, 0) {
		errs = append(errs, errors.New("max_cost: must be a number, 0 or more"))
	}
	for i, side := range []Side{c.Old, c.New} {
		if side.HTTP == nil {
			continue
		}
		if side.Table != "" || side.SQL != "" {
			errs = append(errs, fmt.Errorf("%s: give http, or a table or sql, not both", sides[i]))
		}
		if p.web[i], err = newQuestion(*side.HTTP, c.Type, c.Settled != nil); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", sides[i], err))
		}
	}
	if p.inquiry, err = inquiries[c.Type](&c); err != nil {
		errs = append(errs, err)
	}
	return p, errors.Join(errs...)
}

// Checks are the checks as they now are, with their defaults.
func (r *Runner) Checks() []Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	checks := make([]Check, len(r.plans))
	for i, p := range r.plans {
		checks[i] = p.check
	}
	return checks
}

// SetChecks puts other checks in place of the present ones; with an error everything stays as it is. New and changed checks
// run at once, the others when they are due. A run under way ends as it began.
func (r *Runner) SetChecks(checks []Check) error {
	next, err := r.planned(checks)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, p := range next {
		// The same plan in the same place of memory is how Run knows that nothing changed.
		if kept := find(r.plans, p.check.Name); kept != nil && reflect.DeepEqual(kept.check, p.check) {
			next[i] = kept
		}
	}
	for _, p := range r.plans {
		if find(next, p.check.Name) == nil {
			r.metrics.forget(p.check.Name)
		}
	}
	r.plans = next
	r.wake()
	return nil
}

// RunSoon makes every check due now, since what they found before counts no more.
func (r *Runner) RunSoon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.soon = true
	r.wake()
}

func (r *Runner) wake() {
	select {
	case r.changed <- struct{}{}:
	default: // Run is to look already
	}
}

func find(plans []*plan, name string) *plan {
	for _, p := range plans {
		if p.check.Name == name {
			return p
		}
	}
	return nil
}

// RunNow runs one check and returns its result, whose verdict also tells of databases that could not be asked. The error
// is an *UnknownCheckError, ErrClosed, or that of the context.
func (r *Runner) RunNow(ctx context.Context, name string, mode Mode) (Result, error) {
	r.mu.Lock()
	p := find(r.plans, name)
	r.mu.Unlock()
	if p == nil {
		return Result{}, &UnknownCheckError{Name: name}
	}
	return r.run(ctx, p, mode)
}

// RunAll runs the named checks and returns their results in the same order. Without names it runs all, or when strict
// those that are strict. Unknown names are an error before anything runs. Strict ones are asked at once, as far as connections
// allow; of the others one at a time, while those that failed wait to be asked again.
func (r *Runner) RunAll(ctx context.Context, names []string, mode Mode) ([]Result, error) {
	chosen, err := r.choose(names, mode)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(chosen))
	errs := make([]error, len(chosen))
	var all sync.WaitGroup
	for i, p := range chosen {
		all.Go(func() { results[i], errs[i] = r.run(ctx, p, mode) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err // one says it: they are the context's, or that of a Runner that was closed
		}
	}
	return results, nil
}

func (r *Runner) choose(names []string, mode Mode) ([]*plan, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var chosen []*plan
	var errs []error
	for _, name := range names {
		p := find(r.plans, name)
		if p == nil {
			errs = append(errs, &UnknownCheckError{Name: name})
		}
		chosen = append(chosen, p)
	}
	if len(names) == 0 {
		for _, p := range r.plans {
			if p.check.Strict || !mode.Strict {
				chosen = append(chosen, p)
			}
		}
	}
	return chosen, errors.Join(errs...)
}

// run measures, again if need be. Only a result that is whole is reported: a context that ended says nothing of the databases.
func (r *Runner) run(ctx context.Context, p *plan, mode Mode) (Result, error) {
	if !r.enter() {
		return Result{}, ErrClosed
	}
	defer r.running.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.life, func() { cancel(ErrClosed) })()
	t := &turn{of: r.turn, free: mode.Strict}
	if !mode.Strict {
		// Two runs of one long check would take each other's progress for their own.
		alone := &turn{of: p.alone}
		if err := alone.take(ctx); err != nil {
			return Result{}, fmt.Errorf("check %s: wait for the end of its run: %w", p.check.Name, err)
		}
		defer alone.give()
	}
	if err := t.take(ctx); err != nil {
		return Result{}, fmt.Errorf("check %s: wait for its turn: %w", p.check.Name, err)
	}
	defer t.give()
	result := r.measure(ctx, p, mode.Strict, t)
	if result.Verdict == Fail && !mode.Strict && p.asksAgain() {
		result = r.settleDown(ctx, p, result, t)
	}
	if ctx.Err() != nil {
		return Result{}, fmt.Errorf("check %s: %w", p.check.Name, context.Cause(ctx))
	}
	if !mode.Strict {
		r.publish(p, result)
	}
	return result, nil
}

// publish hands a result on. The turn is held, so there is one at a time.
func (r *Runner) publish(p *plan, result Result) {
	r.mu.Lock()
	current := find(r.plans, p.check.Name) == p
	if current {
		r.metrics.observe(result, p.check.MaxAge)
	}
	r.mu.Unlock()
	// What was measured by a check that has changed since says nothing of the one that has its name now.
	if current && r.report != nil {
		r.report(result)
	}
}

func (r *Runner) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.running.Add(1)
	return true
}

// Probe connects to both databases as a check would, and returns what is wrong with each; of one
// that has no DSN that is ErrNoDatabase.
func (r *Runner) Probe(ctx context.Context) (old, new error) {
	if !r.enter() {
		return ErrClosed, ErrClosed
	}
	defer r.running.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.life, func() { cancel(ErrClosed) })()
	done := make(chan struct{})
	go func() {
		defer close(done)
		new = r.probe(ctx, 1)
	}()
	old = r.probe(ctx, 0)
	<-done
	return old, new
}

func (r *Runner) probe(ctx context.Context, i int) error {
	if r.missing[i] != nil {
		return r.missing[i]
	}
	return r.databases[i].probe(ctx)
}

// Close cancels what is under way, on the servers too, waits for it, and makes every later call fail with ErrClosed.
func (r *Runner) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.end()
	r.running.Wait()
}
