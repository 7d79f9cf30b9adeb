package aggregate

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// jitter is the part of a check's interval by which it may be early or late, so that checks, and replicas, drift apart.
const jitter = 0.1

// restFor is how long a check that is due while the checks rest is put off.
const restFor = time.Second

// Run runs each check at once and then every so often, one at a time, until the context ends or the Runner is closed, and
// then returns nil. A check that takes longer than its interval runs again when the others had their turn. A checksum, which
// may take hours, lets the others have theirs meanwhile.
func (r *Runner) Run(ctx context.Context) error {
	due := map[*plan]time.Time{}
	var long longRun
	defer long.wait()
	for {
		p, at := r.next(due, long.ended != nil)
		if p == nil || time.Until(at) > 0 {
			if !r.rest(ctx, p, at, long.ended) {
				return nil
			}
			if long.over() {
				due[long.plan] = time.Now().Add(spread(long.plan.check.Every))
			}
			continue // the checks may have changed
		}
		if r.resting != nil && r.resting() {
			due[p] = time.Now().Add(min(p.check.Every, restFor))
			continue
		}
		if p.long() {
			long.start(p, func() { _, _ = r.run(ctx, p, Mode{}) }) // as below
			continue
		}
		// What came of it is reported; the next turn is due all the same.
		_, err := r.run(ctx, p, Mode{})
		if ctx.Err() != nil || errors.Is(err, ErrClosed) {
			return nil
		}
		due[p] = time.Now().Add(spread(p.check.Every))
	}
}

// longRun is the run of a long check beside the others.
type longRun struct {
	plan  *plan
	ended chan struct{} // closed when it is over; nil when there is none
}

func (l *longRun) start(p *plan, run func()) {
	ended := make(chan struct{})
	l.plan, l.ended = p, ended
	go func() {
		defer close(ended)
		run()
	}()
}

// over says, once for each run, that it is.
func (l *longRun) over() bool {
	select {
	case <-l.ended:
		l.ended = nil
		return true
	default:
		return false
	}
}

func (l *longRun) wait() {
	if l.ended != nil {
		<-l.ended
	}
}

// next is the check that is due first; one that never ran is due now. It forgets the times of checks that are no more.
// While a long check is under way the other long ones, and itself, are due after it.
func (r *Runner) next(due map[*plan]time.Time, underWay bool) (first *plan, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.soon {
		r.soon = false
		clear(due)
	}
	known := make(map[*plan]bool, len(r.plans))
	for _, p := range r.plans {
		known[p] = true
		if _, ran := due[p]; !ran {
			due[p] = now
		}
		if underWay && p.long() {
			continue
		}
		if first == nil || due[p].Before(at) {
			first, at = p, due[p]
		}
	}
	for p := range due {
		if !known[p] {
			delete(due, p)
		}
	}
	return first, at
}

// rest waits until the time, or for ever when there is no check, and returns early when the checks change
// or the long one ended. It reports whether to go on.
func (r *Runner) rest(ctx context.Context, p *plan, until time.Time, ended <-chan struct{}) bool {
	var due <-chan time.Time
	if p != nil {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-r.life.Done():
		return false
	case <-r.changed:
		return true
	case <-ended:
		return true
	case <-due:
		return true
	}
}

func spread(every time.Duration) time.Duration {
	return time.Duration(float64(every) * (1 - jitter + 2*jitter*rand.Float64())) //nolint:gosec // spreads load, guards nothing
}
