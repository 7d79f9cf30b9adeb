package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// triggers looks at new, for as long as new answers clients, and has the machine roll back. It measures with what the proxy counts,
// judges with the pure functions of package cutover, and owns what is remembered in between. What it was told by others stands above mu.
type triggers struct {
	program *Program
	limits  triggerLimits
	urgent  chan proxy.Trip // new fails too often: looked at at once
	wake    chan struct{}   // the epoch changed
	lines   chan evidence.Event

	parity   parityCounter
	rows     checkRows
	withheld atomic.Pointer[map[string]bool] // routes that new does not answer in the canary; nil: there is none
	lately   lately
	shown    atomic.Pointer[shownTriggers]

	firing, missing *prometheus.GaugeVec

	// Of the goroutine that runs look.
	epoch   uint64
	since   time.Time
	figures figures
	alerts  map[cutover.TriggerName]*alarm
	tripped map[cutover.TriggerName]bool      // in this epoch
	trip    *proxy.Trip                       // the breaker's, not followed yet
	asking  bool                              // a rollback for new's failures waits for news of old
	holds   map[cutover.TriggerName]time.Time // since when a trigger's condition holds that does not act at once
}

// triggerLimits are the configuration's.
type triggerLimits struct {
	errors  cutover.ErrorRateLimit
	clients cutover.ClientErrorsLimit
	latency cutover.LatencyTriggerLimit
	parity  cutover.ParityLimit
	checks  cutover.ChecksLimit
	manual  bool
}

func triggerLimitsOf(r config.Rollback) triggerLimits {
	e := r.ErrorRate
	m := cutover.Minimum{Requests: e.MinRequests, Failures: e.MinFailures, Distinct: e.MinDistinct}
	return triggerLimits{
		errors:  cutover.ErrorRateLimit{Threshold: e.Threshold, Window: e.Window, Minimum: m},
		clients: cutover.ClientErrorsLimit{Ratio: r.ClientErrors.Ratio, Threshold: r.ClientErrors.Threshold, Window: r.ClientErrors.Window, Minimum: m},
		latency: cutover.LatencyTriggerLimit{
			Quantile: r.Latency.Quantile, Ratio: r.Latency.Ratio, Floor: r.Latency.Floor, Window: r.Latency.Window, Minimum: m,
		},
		parity: cutover.ParityLimit{Threshold: r.Parity.Threshold, Window: r.Parity.Window, MinRequests: r.Parity.MinRequests},
		checks: cutover.ChecksLimit{Failures: r.Checks.Failures},
		manual: r.Writes == config.WritesManual,
	}
}

// window is how long a trigger looks back; 0 for checks, which have their own times.
func (l triggerLimits) window(name cutover.TriggerName) time.Duration {
	return map[cutover.TriggerName]time.Duration{
		cutover.ErrorRate: l.errors.Window, cutover.ClientErrors: l.clients.Window, cutover.Latency: l.latency.Window, cutover.Parity: l.parity.Window,
	}[name]
}

// every is how often the triggers are looked at: often enough for the shortest window.
func (l triggerLimits) every() time.Duration {
	shortest := min(l.errors.Window, l.clients.Window, l.latency.Window, l.parity.Window)
	return min(max(shortest/rollingSteps, 50*time.Millisecond), time.Second)
}

func newTriggers(p *Program, r config.Rollback) *triggers {
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "paritygate_" + name, Help: help}, []string{"trigger"})
		for _, t := range cutover.Triggers {
			g.WithLabelValues(string(t))
		}
		p.registry.MustRegister(g)
		return g
	}
	t := &triggers{
		program: p, limits: triggerLimitsOf(r), urgent: make(chan proxy.Trip, 1), wake: make(chan struct{}, 1), lines: make(chan evidence.Event, 64),
		firing:  gauge("trigger_firing", "1 while a trigger's condition holds."),
		missing: gauge("trigger_missing_data", "1 while a trigger is armed and has nothing to judge by."),
	}
	t.figures = newFigures(t.limits)
	t.shown.Store(&shownTriggers{})
	return t
}

// run looks until ctx ends. The audit log has a goroutine of its own: a disk that hangs must not hold up a rollback.
func (t *triggers) run(ctx context.Context) error {
	written := make(chan struct{})
	go func() { defer close(written); t.write(ctx) }()
	defer func() { <-written }()
	tick := time.NewTicker(t.limits.every())
	defer tick.Stop()
	for {
		var soon <-chan time.Time
		if t.asking {
			soon = time.After(probeEach)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-t.wake:
		case <-soon:
		case trip := <-t.urgent:
			t.trip = &trip
		}
		t.look(ctx, time.Now())
	}
}

// A rollback for new's failures waits so long, at most, for the first answers of old to what new failed, asked for so often: if old fails alike it
// must not be followed, and where reads are not mirrored nobody has asked old before.
const (
	probePatience = 250 * time.Millisecond
	probeEach     = 2 * time.Millisecond
)

// tripNow hands in what the breaker of new found. It does not wait.
func (t *triggers) tripNow(trip proxy.Trip) {
	select {
	case t.urgent <- trip:
	default: // one is there, of this epoch or of one that is over
	}
}

// epochChanged has the triggers forget, soon, what they have seen.
func (t *triggers) epochChanged() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// look measures, judges and acts, once.
func (t *triggers) look(ctx context.Context, now time.Time) {
	plan := *t.program.machine.Plan()
	if plan.Epoch != t.epoch || t.alerts == nil {
		t.begin(plan, now)
	}
	t.noteRoutes(plan)
	arming := plan.Arming(t.limits.manual)
	if arming == cutover.Rests {
		t.trip = nil
		t.program.proxy.Inspect(0, 0)
		t.figures.rest(t.program.proxy, now)
		t.lately.take(t.program.proxy, now)
		t.shown.Store(&shownTriggers{})
		return
	}
	live := plan.Phase == cutover.Live
	if seen := t.lately.take(t.program.proxy, now); !live {
		t.figures.before = seen
	}
	t.figures.measure(t.program.proxy, now, live)
	shown := make([]admin.Trigger, 0, len(cutover.Triggers))
	for _, name := range cutover.Triggers {
		found := t.judge(name, plan, now)
		t.act(ctx, name, plan, arming, found, now)
		shown = append(shown, t.view(name, arming, found, now))
	}
	t.show(shown)
}

// begin forgets what was seen in another epoch.
func (t *triggers) begin(plan cutover.Plan, now time.Time) {
	t.epoch, t.since, t.holds, t.asking = plan.Epoch, now, map[cutover.TriggerName]time.Time{}, false
	t.alerts, t.tripped = map[cutover.TriggerName]*alarm{}, map[cutover.TriggerName]bool{}
	if t.trip != nil && t.trip.Epoch < plan.Epoch {
		t.trip = nil
	}
	for _, name := range cutover.Triggers {
		t.firing.WithLabelValues(string(name)).Set(0)
		t.missing.WithLabelValues(string(name)).Set(0)
	}
	state := t.program.machine.State()
	t.program.proxy.BeginFigures(plan.Epoch)
	t.figures.begin(t.program.proxy, now)
	if state.Phase == cutover.Live {
		var err error
		if t.figures.before, err = recall(state.Baseline); err != nil {
			t.program.log.Error("what old answered before the flip cannot be read", zap.Error(err))
		}
	}
	t.parity.begin(plan.Epoch)
	t.rows.begin(state.Since)
}

// judge is what one trigger finds in the figures.
func (t *triggers) judge(name cutover.TriggerName, plan cutover.Plan, now time.Time) cutover.TriggerFinding {
	live := plan.Phase == cutover.Live
	standsStill := cutover.TriggerFinding{State: cutover.Rests, Reason: t.program.mirror.standing()}
	switch name {
	case cutover.ErrorRate:
		return t.judgeErrors()
	case cutover.ClientErrors:
		return t.limits.clients.Judge(live, t.figures.answers()...)
	case cutover.Latency:
		return t.limits.latency.Judge(live, t.figures.latencies(t.program.proxy)...)
	case cutover.Parity:
		if t.program.trails(&plan) {
			return standsStill
		}
		seen := t.figures.parity.within(now, t.parity.read())
		return t.limits.parity.Judge(seen.compared, seen.against)
	case cutover.Checks:
		if t.program.trails(&plan) {
			return standsStill
		}
		return t.limits.checks.Judge(now, t.since, t.rows.list(t.program.current.Load().checks))
	}
	return cutover.TriggerFinding{State: cutover.Rests}
}

// judgeErrors believes the breaker, which sees every answer, where it has tripped; the figures say the rest.
func (t *triggers) judgeErrors() cutover.TriggerFinding {
	fresh, old, kinds := t.figures.outcomes(t.program.proxy)
	found := t.limits.errors.Judge(old, fresh, kinds...)
	if t.trip == nil || found.State == cutover.Firing {
		return found
	}
	return t.limits.errors.Tripped(t.trip.Rate, t.trip.Requests, t.trip.Reason, old)
}

// act rolls back, or alerts.
func (t *triggers) act(ctx context.Context, name cutover.TriggerName, plan cutover.Plan, arming cutover.TriggerState, found cutover.TriggerFinding, now time.Time) {
	t.firing.WithLabelValues(string(name)).Set(truth(found.State == cutover.Firing && !found.Past))
	t.missing.WithLabelValues(string(name)).Set(truth(found.State == cutover.NoData && found.Missing))
	against := found.State == cutover.Firing && !found.Alike
	if name == cutover.ErrorRate {
		t.asking = false
	}
	if !against {
		delete(t.holds, name)
	} else if t.awaits(name, found, now) {
		return // nor is anybody told of what may be over
	}
	if against && arming == cutover.Armed {
		t.rollBack(ctx, name, plan, found)
	} else {
		t.alert(name, plan, arming, found, now)
	}
	if name == cutover.ErrorRate {
		t.trip = nil
	}
}

// awaits reports whether a trigger whose condition holds waits for something before it rolls back, or tells.
func (t *triggers) awaits(name cutover.TriggerName, found cutover.TriggerFinding, now time.Time) bool {
	if _, ok := t.holds[name]; !ok {
		t.holds[name] = now
	}
	held := now.Sub(t.holds[name])
	if name == cutover.ErrorRate {
		t.asking = held < probePatience && t.awaitsOld()
		return t.asking
	}
	if name == cutover.ClientErrors {
		return t.awaitsPairs(held)
	}
	return name == cutover.Latency && (found.Past || held < t.limits.latency.Pause())
}

// awaitsOld reports whether old is just being asked for what new failed, and has not said enough yet.
func (t *triggers) awaitsOld() bool {
	if t.program.proxy.Probing() == 0 {
		return false
	}
	_, old, _ := t.figures.outcomes(t.program.proxy)
	return old.Succeeded+old.Failed < probesWanted
}

// awaitsPairs reports whether too few of the requests that new refused are known to have been asked of old, which is being done.
func (t *triggers) awaitsPairs(held time.Duration) bool {
	return t.figures.seen[oldShadows].clients.Paired < probesWanted && held < pairPatience
}

// pairPatience is for how long a surge of 4xx may wait for that.
const pairPatience = time.Second

// probesWanted is how many answers of old tell whether it fails alike.
const probesWanted = 3

func (t *triggers) rollBack(ctx context.Context, name cutover.TriggerName, plan cutover.Plan, found cutover.TriggerFinding) {
	if t.tripped[name] {
		return
	}
	t.tripped[name] = true
	t.program.log.Error("rolling back", zap.String("trigger", string(name)), zap.String("reason", found.Reason), zap.Uint64("epoch", plan.Epoch))
	t.program.machine.TripWith(ctx, plan.Epoch, string(name), found.Reason, figuresOf(name, found))
}

// figuresOf is what a trigger went by, for the audit log.
func figuresOf(name cutover.TriggerName, found cutover.TriggerFinding) map[string]string {
	return map[string]string{"name": string(name), "observed": found.Observed, "limit": found.Limit}
}
