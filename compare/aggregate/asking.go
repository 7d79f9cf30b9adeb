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
	// wrap takes what would be run, where nothing is to be; nil otherwise.
	wrap func(i int, s source) source
	// before is the moment before which rows are settled; nil until the first transactions are open. All of a run's
	// transactions have the same one, on both sides.
	before *cutoff
}

// open opens a transaction on both sides, at one moment, and makes sure that they may be asked. end must be called when
// there is no error.
func (a *asking) open(ctx context.Context) (both [2]source, end func(), err error) {
	if both, end, err = a.runner.open(ctx, a.plan); err != nil {
		return both, nil, err
	}
	if err = a.prepare(ctx, &both); err != nil {
		end()
		return both, nil, err
	}
	return both, end, nil
}

// prepare asks what must be known before a check's own statements, and lets these through only as they may be.
func (a *asking) prepare(ctx context.Context, both *[2]source) error {
	err := onSides(ctx, func(ctx context.Context, i int) error {
		if db := a.runner.databases[i]; db != nil && a.plan.web[i] == nil && a.wrap == nil && db.lag.SQL != "" {
			return db.keptUp(ctx, both[i])
		}
		return nil
	})
	if err == nil && a.plan.check.Settled != nil && a.before == nil {
		a.before, err = a.settle(ctx, *both)
	}
	if err != nil {
		return err
	}
	for i := range both {
		switch {
		case a.wrap != nil:
			both[i] = a.wrap(i, both[i])
		case a.plan.check.MaxCost > 0 && a.plan.web[i] == nil:
			both[i] = &guarded{source: both[i], side: sides[i], most: a.plan.check.MaxCost, catalog: a.plan.readsCatalog()}
		}
		if a.before != nil {
			both[i] = a.fill(both[i])
		}
	}
	return nil
}

func (a *asking) fill(s source) source {
	if e, ok := s.(*endpoint); ok {
		e.moment = a.before.text()
		return e
	}
	return filled{source: s, moment: a.before.sql()}
}

// settle finds the moment before which rows are settled: by the clock that is behind, or else what that side writes now
// could be older than the moment. Without a database it is our own clock's.
func (a *asking) settle(ctx context.Context, both [2]source) (*cutoff, error) {
	if a.strict { // nothing is written any more, so nothing is too new
		return &cutoff{none: true}, nil
	}
	var clocks [2]time.Time
	err := onSides(ctx, func(ctx context.Context, i int) (err error) {
		if a.plan.web[i] == nil {
			clocks[i], err = now(ctx, both[i])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var earlier time.Time
	for _, at := range clocks {
		if !at.IsZero() && (earlier.IsZero() || at.Before(earlier)) {
			earlier = at
		}
	}
	if earlier.IsZero() {
		earlier = time.Now()
	}
	return &cutoff{at: earlier.Add(-a.plan.check.Settled.Lag)}, nil
}
