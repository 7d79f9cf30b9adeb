package aggregate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// plan is a check that was validated: what is asked, and what is allowed.
type plan struct {
	check   Check
	inquiry inquiry
	bounds  bounds
	alone   chan struct{} // full while a run of it is under way that is not strict
	web     [2]*question  // what endpoints are asked; nil for a database
}

// readsCatalog reports whether the check asks for more than it was given: for what there is to be compared.
func (p *plan) readsCatalog() bool {
	return slices.Contains([]Type{Checksum, Schema, Sequences}, p.check.Type)
}

// asksAgain reports whether a failure may be but the lag of one side. A schema does not lag, and a checksum looks again at
// what differs by itself.
func (p *plan) asksAgain() bool {
	return p.check.Type != Checksum && p.check.Type != Schema
}

// long says whether a run may take hours, in which other checks are to have their turns.
func (p *plan) long() bool { return p.check.Type == Checksum }

// measure asks both databases at one moment and judges the answers. Whatever goes wrong is in the result.
func (r *Runner) measure(ctx context.Context, p *plan, strict bool, t *turn) Result {
	result := Result{
		Name: p.check.Name, Type: p.check.Type, Verdict: Inconclusive, Tolerance: p.check.Tolerance, Strict: strict, At: time.Now(),
		Attempts: 1,
	}
	allowed := p.bounds
	if strict {
		result.Tolerance = Tolerance{}
		allowed, _ = result.Tolerance.parse() // the empty tolerance is always good
	}
	a := &asking{runner: r, plan: p, strict: strict}
	both := &pair{allowed: allowed, strict: strict, databases: r.identity()}
	if !strict {
		both.progress = r.progress
	}
	var err error
	end := func() {}
	begin := func(ctx context.Context) error {
		sides, opened, err := a.open(ctx)
		if err == nil {
			both.sides, end = sides, opened
		}
		return err
	}
	both.renew = func(ctx context.Context, pause time.Duration) error {
		end()
		end = func() {} // nothing stays open on a production server while it pauses
		if err := t.pause(ctx, pause); err != nil {
			return err
		}
		return begin(ctx)
	}
	if err = begin(ctx); err == nil {
		err = contained(func() error { return p.inquiry.measure(ctx, both, &result) })
	}
	end()
	result.Duration = time.Since(result.At)
	if err != nil {
		result.inconclusive("The check could not be measured: " + strings.ReplaceAll(err.Error(), "\n", "; ") + ".")
	}
	return result
}

// identity tells the two databases apart from others, without a secret.
func (r *Runner) identity() string {
	var parts []string
	for _, db := range r.databases {
		if db != nil {
			parts = append(parts, fmt.Sprintf("%s/%s as %s", db.address(), db.redact.Clean(db.config.Database), db.redact.Clean(db.config.User)))
		}
	}
	return strings.Join(parts, " and ")
}

// openBoth opens both transactions before either is asked, so that their snapshots, which a statement takes, are of one
// moment. end must be called when there is no error.
func (r *Runner) openBoth(ctx context.Context, p *plan) (both [2]source, end func(), err error) {
	var held []*database
	var sessions [2]*session
	end = func() {
		// Both at once: a side that hangs must not keep the other's transaction open.
		_ = onSides(ctx, func(_ context.Context, i int) error {
			if sessions[i] != nil {
				sessions[i].close()
			}
			return nil
		})
		for _, db := range held {
			db.release()
		}
	}
	// Always old first: two checks that each hold one side's last connection and wait for the other's would wait for ever.
	for i, db := range r.databases {
		if p.web[i] != nil {
			both[i] = &endpoint{side: sides[i], at: r.endpoints[i], asked: p.web[i]}
			continue
		}
		if err = db.acquire(ctx); err != nil {
			end()
			return both, nil, err
		}
		held = append(held, db)
	}
	err = onSides(ctx, func(ctx context.Context, i int) (err error) {
		if p.web[i] == nil {
			sessions[i], err = r.databases[i].open(ctx)
			both[i] = sessions[i]
		}
		return err
	})
	if err != nil {
		end()
		return both, nil, err
	}
	return both, end, nil
}

// contained makes a panic an error: one check that meets what nobody thought of must not end the proxy.
func contained(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("an error in paritygate itself, please report it: %v in %s", v, culprit())
		}
	}()
	return f()
}

// culprit is the place of this program at which a panic began, for a deferred function.
func culprit() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") || !more {
			return fmt.Sprintf("%s, line %d", frame.Function, frame.Line)
		}
	}
}

// onSides runs a function for both sides at once, and returns their errors joined. When one fails the other is cancelled:
// half a comparison is none.
func onSides(ctx context.Context, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var errs [2]error
	done := make(chan struct{})
	run := func(i int) {
		if errs[i] = contained(func() error { return f(ctx, i) }); errs[i] != nil {
			cancel()
		}
	}
	go func() {
		defer close(done)
		run(1)
	}()
	run(0)
	<-done
	// The side that was cancelled has nothing to add to the side that failed.
	if errs[0] != nil && errs[1] != nil {
		for i, err := range errs {
			if errors.Is(err, context.Canceled) && !errors.Is(errs[1-i], context.Canceled) {
				return errs[1-i]
			}
		}
	}
	return errors.Join(errs[0], errs[1])
}
