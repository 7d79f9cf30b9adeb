package aggregate

import (
	"context"
	"errors"
	"strings"
	"time"
)

// plan is a check that was validated: what is sent to each side, and what is allowed.
type plan struct {
	check      Check
	statements [2]string // old, new
	bounds     bounds
}

// measure asks both databases at one moment and judges the answers. Whatever goes wrong is in the result.
func (r *Runner) measure(ctx context.Context, p *plan, strict bool) Result {
	result := Result{
		Name: p.check.Name, Type: p.check.Type, Verdict: Inconclusive, Tolerance: p.check.Tolerance, Strict: strict, At: time.Now(),
	}
	allowed := p.bounds
	if strict {
		result.Tolerance = Tolerance{}
		allowed, _ = result.Tolerance.parse() // the empty tolerance is always good
	}
	values, err := r.ask(ctx, p.statements)
	result.Duration = time.Since(result.At)
	if err != nil {
		result.inconclusive("The check could not be measured: " + strings.ReplaceAll(err.Error(), "\n", "; ") + ".")
		return result
	}
	judge(&result, allowed, values[0], values[1])
	return result
}

// askBoth opens both transactions before it sends either statement, so that their snapshots, which a statement takes, are
// of one moment.
func (r *Runner) askBoth(ctx context.Context, statements [2]string) (values [2]value, err error) {
	// Always old first: two checks that each hold one side's last connection and wait for the other's would wait for ever.
	for _, db := range r.databases {
		if err := db.acquire(ctx); err != nil {
			return values, err
		}
		defer db.release()
	}
	var sessions [2]*session
	defer func() {
		// Both at once: a side that hangs must not keep the other's transaction open.
		_ = onSides(ctx, func(_ context.Context, i int) error {
			if sessions[i] != nil {
				sessions[i].close()
			}
			return nil
		})
	}()
	err = onSides(ctx, func(ctx context.Context, i int) (err error) {
		sessions[i], err = r.databases[i].open(ctx)
		return err
	})
	if err != nil {
		return values, err
	}
	err = onSides(ctx, func(ctx context.Context, i int) (err error) {
		values[i], err = sessions[i].ask(ctx, statements[i])
		return err
	})
	return values, err
}

// onSides runs a function for both sides at once, and returns their errors joined. When one fails the other is cancelled:
// half a comparison is none.
func onSides(ctx context.Context, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var errs [2]error
	done := make(chan struct{})
	run := func(i int) {
		if errs[i] = f(ctx, i); errs[i] != nil {
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
