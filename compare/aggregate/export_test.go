package aggregate

import (
	"context"
	"time"
)

// The tests have small tables, and rows that differ for good.
func init() {
	lookAgain = []time.Duration{5 * time.Millisecond, 20 * time.Millisecond}
	saveEvery = 0
	firstChunk = 2_000
}

// OnOpen calls a function before each time that both sides are opened, with how often they were before.
func (r *Runner) OnOpen(f func(n int)) {
	open, n := r.open, 0
	r.open = func(ctx context.Context, p *plan) ([2]source, func(), error) {
		f(n)
		n++
		return open(ctx, p)
	}
}
