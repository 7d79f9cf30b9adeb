package aggregate

import (
	"context"
	"time"
)

// asking is one run of a check, which may open its sides more than once: what all its transactions have in common.
type asking struct {
	runner *Runner
	plan   *plan
	strict bool
	// before is the moment before which rows are settled, as SQL; empty until the first transactions are open. All of a
	// run's transactions have the same one, on both sides.
	before string
}

// open opens a transaction on both sides, at one moment, and makes sure that they may be asked. end must be called when
// there is no error.
func (a *asking) open(ctx context.Context) (both [2]source, end func(), err error) {
	if both, end, err = a.runner.open(ctx, a.plan); err != nil {
		return both, nil, err
	}
	if err = a.settle(ctx, both); err != nil {
		end()
		return both, nil, err
	}
	if a.plan.check.Settled != nil {
		for i, s := range both {
			both[i] = filled{source: s, moment: a.before}
		}
	}
	return both, end, nil
}

// settle finds the moment before which rows are settled: by the clock that is behind, or else what that side writes now
// could be older than the moment.
func (a *asking) settle(ctx context.Context, both [2]source) error {
	s := a.plan.check.Settled
	switch {
	case s == nil || a.before != "":
		return nil
	case a.strict: // nothing is written any more, so nothing is too new
		a.before = everything
		return nil
	}
	var clocks [2]time.Time
	err := onSides(ctx, func(ctx context.Context, i int) (err error) {
		clocks[i], err = now(ctx, both[i])
		return err
	})
	if err != nil {
		return err
	}
	earlier := clocks[0]
	if clocks[1].Before(earlier) {
		earlier = clocks[1]
	}
	a.before = moment(earlier.Add(-s.Lag))
	return nil
}
