package cutover

import (
	"context"
	"fmt"
	"time"
)

// lane lets one call through at a time, and waits for none longer than it is told to: a disk that hangs must not hang the
// machine. A call that outlives its wait goes on alone and keeps the lane, so that however often it is tried again, one
// goroutine hangs and not many.
type lane chan struct{}

func newLane() lane { return make(lane, 1) }

// run makes the call and returns its error, or says that it did not end within the limit (0: none) or before ctx.
func (l lane) run(ctx context.Context, limit time.Duration, call func() error) error {
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case l <- struct{}{}:
	case <-over:
		return fmt.Errorf("an earlier call still hangs after %s", limit)
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-l }()
		done <- call()
	}()
	select {
	case err := <-done:
		return err
	case <-over:
		return fmt.Errorf("no answer within %s", limit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idle waits until no call is under way, or for the limit; it reports whether none is.
func (l lane) idle(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case l <- struct{}{}:
		<-l
		return true
	case <-timer.C:
		return false
	}
}
