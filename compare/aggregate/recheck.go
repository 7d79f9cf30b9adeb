package aggregate

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// settleDown asks again, some time later, a check that failed: what one side did not have yet it may have by then. The first
// asking that passes is the result; without one the last failure is. Between two askings no connection
// is held, and other checks have their turn.
func (r *Runner) settleDown(ctx context.Context, p *plan, first Result, t *turn) Result {
	last := first
	for n, delay := range r.recheck {
		if t.pause(ctx, delay) != nil {
			return last
		}
		again := r.measure(ctx, p, false, t)
		again.Attempts = n + 2
		again.Duration += again.At.Sub(first.At)
		switch again.Verdict {
		case Pass:
			again.Lagged = true
			again.Reason = fmt.Sprintf("%s; they agreed at the %s asking, after %s s.",
				strings.TrimSuffix(again.Reason, "."), ordinal(again.Attempts), seconds(again.At.Sub(first.At)))
			return again
		case Fail:
			last = again
		case Inconclusive: // it refutes nothing
			last.Attempts, last.Duration = again.Attempts, again.Duration
		}
	}
	return last
}

// seconds writes a time with one digit behind the point, and never as 0.
func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", max(d, 100*time.Millisecond).Seconds())
}

func ordinal(n int) string {
	words := [...]string{"first", "second", "third", "fourth", "fifth"}
	if n <= len(words) {
		return words[n-1]
	}
	return fmt.Sprintf("%dth", n)
}
