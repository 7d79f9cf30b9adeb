package journal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Unanswered says that a write was sent and no answer came, so that nobody knows whether it was carried.
type Unanswered struct {
	ID, Method, Target string
	Err                error
}

func (u *Unanswered) Error() string {
	return "write " + u.ID + " (" + u.Method + " " + u.Target + ") was sent, and there is no answer: " + u.Err.Error() +
		"; look whether the backend has it, and say so with `paritygate journal resolve " + u.ID + " --sent` or `--not-sent`"
}

// Unwrap returns why there is no answer.
func (u *Unanswered) Unwrap() error { return u.Err }

// Spoiled says that a write was not sent, because its body is not the one that was written into the journal.
type Spoiled struct {
	ID, Method, Target string
	Err                error // wraps ErrDamaged
}

func (s *Spoiled) Error() string {
	return "write " + s.ID + " (" + s.Method + " " + s.Target + ") was not sent: its body: " + s.Err.Error() +
		"; put the file back from a copy (`paritygate journal verify` proves it), or make the change by hand and say `paritygate journal resolve " + s.ID + " --sent`"
}

// Unwrap returns the damage.
func (s *Spoiled) Unwrap() error { return s.Err }

// spoiled proves the body of a write that is in a file, before a byte of it is sent.
func (t *task) spoiled() error {
	if t.write.Spool == nil {
		return nil
	}
	err := t.write.Spool.prove()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrDamaged):
		return &Spoiled{t.id, t.write.Method, pathOf(t.write.Target), err}
	}
	return fmt.Errorf("%w: the body: %w", ErrNotSent, err)
}

// Away says that a backend could not be reached for as long as was waited for it.
type Away struct {
	To  Side
	For time.Duration
	Err error
}

func (a *Away) Error() string {
	return string(a.To) + " could not be reached for " + a.For.Round(time.Second).String() + ": " + a.Err.Error() + "; nothing was sent since"
}

// Unwrap returns the latest reason.
func (a *Away) Unwrap() error { return a.Err }

// burst is how far a rate may catch up.
const burst = 50 * time.Millisecond

// allowed reports whether the rate lets another write start now.
func (c *carrier) allowed() bool {
	return c.rate <= 0 || !time.Now().Before(c.next)
}

// spend counts a start against the rate.
func (c *carrier) spend() {
	if c.rate <= 0 {
		return
	}
	if since := time.Now().Add(-burst); c.next.Before(since) {
		c.next = since
		if c.rate < 1/burst.Seconds() {
			c.next = time.Now()
		}
	}
	c.next = c.next.Add(time.Duration(float64(time.Second) / c.rate))
}

// pause is how long nothing has to be done if nothing comes.
func (c *carrier) pause() time.Duration {
	switch {
	case c.stopped != nil:
	case !c.away.since.IsZero():
		if !c.away.tried {
			return time.Until(c.away.next)
		}
	case !c.allowed() && c.flying < c.concurrency && c.schedule.open > c.flying:
		return time.Until(c.next)
	}
	return time.Hour
}

// gone notes a try that did not arrive.
func (c *carrier) gone(why error) {
	now := time.Now()
	c.away.tried, c.away.why = false, why
	if c.away.since.IsZero() {
		c.away.since, c.away.wait = now, firstPause
	} else if !now.Before(c.away.next) {
		c.away.wait = min(2*c.away.wait, longestWait)
	} else {
		return // one of those that were under way when it went
	}
	c.away.next = now.Add(c.away.wait)
}

// back notes an answer.
func (c *carrier) back() { c.away = absence{} }

// probe tries one of the writes that wait for a backend which is away.
func (c *carrier) probe(ctx context.Context) {
	now := time.Now()
	if c.away.tried || now.Before(c.away.next) || len(c.waiting) == 0 {
		return
	}
	if since := now.Sub(c.away.since); c.patience >= 0 && since >= c.patience {
		c.stop(&Away{c.to, since, c.away.why})
		return
	}
	t := c.waiting[0]
	c.waiting = c.waiting[1:]
	c.away.tried = c.again(ctx, t)
}

// again sends a write that was marked before, unless something stands in its way by now.
func (c *carrier) again(ctx context.Context, t *task) bool {
	if c.stopped == nil {
		passed, err := c.admit(t)
		switch {
		case err != nil:
			c.stop(err)
		case passed:
			c.forsake(t)
			c.schedule.end(t)
			return false
		default:
			c.send(ctx, t)
			return true
		}
	}
	c.forsake(t)
	return false
}

// forsake ends a write that waits. Where only a write that may be repeated was tried, nobody knows whether it arrived.
func (c *carrier) forsake(t *task) {
	if t.failed == nil || errors.Is(t.failed, ErrNotSent) {
		c.leave(t)
		return
	}
	c.flying--
	c.mark(t, &Answer{Outcome: Unknown, Error: t.failed.Error()}, "")
}
