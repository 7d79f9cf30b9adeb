package aggregate

import (
	"context"
	"time"
)

// turn is the right of one run to go on while others that want the same wait.
type turn struct {
	of   chan struct{} // full while somebody has it
	free bool          // this run goes past the others
	held bool
}

// take waits for the turn.
func (t *turn) take(ctx context.Context) error {
	if t.free {
		return nil
	}
	select {
	case t.of <- struct{}{}:
		t.held = true
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// give lets go of the turn, if it is held.
func (t *turn) give() {
	if t.held {
		t.held = false
		<-t.of
	}
}

// pause lets the others have their turn, for at least so long.
func (t *turn) pause(ctx context.Context, least time.Duration) error {
	t.give()
	if least > 0 {
		timer := time.NewTimer(least)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return t.take(ctx)
}
