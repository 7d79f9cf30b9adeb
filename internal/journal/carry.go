package journal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sender sends a write to a side as its client would have. key is the Idempotency-Key of a client that sent none. An error that wraps
// ErrNotSent says that nothing of the request arrived; after any other one nobody knows. It is safe for concurrent use.
type Sender interface {
	Send(ctx context.Context, to Side, w *Write, key string) (*Answer, error)
}

// marker is what a carrier needs of the journal.
type marker interface {
	Mark(ctx context.Context, marks ...Record) error
	MarkSoon(marks ...Record) error
}

// carrier carries writes to the other side, in the order of the facts, at most so many at once, each behind a durable mark that it is about
// to be sent. It is what a replay and the mirror have in common; what may be sent and what an answer means, they say.
//
//	added ─ admitted ─► marked `sending`, durably ─ admitted again ─► sent ──► marked `sent` with what it came to
//	                          ▲                                        │ nothing of it arrived, or it may be repeated
//	                          └────────────── away, a while ◄──────────┘
type carrier struct {
	to          Side
	by          string // in the marks
	concurrency int
	rate        float64       // starts per second; 0: as fast as may be
	patience    time.Duration // how long a backend may be away; less than 0: for ever
	window      int           // how many writes are looked at for one that may start
	marks       marker
	sender      Sender
	// admit says whether a write may go now; an error stops the carrier at it. It is asked in the order of the starts, and again after
	// the mark is durable. A write that is passed over is neither sent nor marked.
	admit func(*task) (passed bool, err error)
	// judge says what an answer comes to: how it differs, or an error that stops the carrier, with the write not carried.
	judge func(t *task, a *Answer) (differs string, err error)
	// ended is told of each write that was carried, and turn is called whenever something may have happened; nil if nobody asks.
	ended func(t *task, a *Answer, differs string)
	turn  func()
	place func(*task)                 // gives a write its line before it is scheduled; nil: it has one
	flush func(context.Context) error // makes the marks durable; nil: they are synced with what comes

	schedule *schedule
	flying   int // marked or being marked, and not ended
	waiting  []*task
	away     absence
	next     time.Time // when the rate allows another start
	stopped  error
	results  chan result
	marked   chan marking
}

// windowBytes bounds the bodies that wait, in bytes; one write is taken in any case.
const windowBytes = 32 << 20

// result is how a try to send ended.
type result struct {
	task   *task
	answer *Answer
	err    error
}

// marking is what was marked together.
type marking struct {
	tasks []*task
	err   error
}

// absence is a backend that does not answer.
type absence struct {
	since time.Time // zero: it is not away
	next  time.Time
	wait  time.Duration
	why   error
	tried bool // one write is under way, to see whether it is back
}

// The pauses between two tries of a backend that is away.
const (
	firstPause  = 50 * time.Millisecond
	longestWait = 2 * time.Second
)

// run carries what comes from tasks, in the order of their outcomes, until the channel is closed and all have ended, or something stops it:
// ctx, admit, judge, a backend that stays away, or a journal that takes no marks. What is under way then is waited for, and marked. It is
// called once.
func (c *carrier) run(ctx context.Context, tasks <-chan *task) error {
	c.schedule = newSchedule()
	c.results, c.marked = make(chan result, c.concurrency), make(chan marking, c.concurrency)
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := ctx.Done()
	for {
		c.start(ctx)
		if c.turn != nil {
			c.turn()
		}
		if c.flying == 0 && (c.stopped != nil || tasks == nil && c.schedule.open == 0) {
			return c.finish(ctx)
		}
		timer.Reset(c.pause())
		select {
		case t, ok := <-c.source(tasks):
			if ok {
				c.add(t)
				c.more(tasks)
			} else {
				tasks = nil
			}
		case b := <-c.marked:
			c.launch(ctx, b)
		case r := <-c.results:
			c.came(r)
		case <-timer.C:
		case <-done:
			done = nil
			c.stop(context.Cause(ctx))
		}
	}
}

// source is where the next write comes from; nil while there is no room for it.
func (c *carrier) source(tasks <-chan *task) <-chan *task {
	if c.stopped != nil || !c.room() {
		return nil
	}
	return tasks
}

func (c *carrier) room() bool {
	return c.schedule.open == 0 || len(c.schedule.live) < c.window && c.schedule.bytes < windowBytes
}

func (c *carrier) add(t *task) {
	if c.place != nil {
		c.place(t)
	}
	c.schedule.add(t)
}

// more takes what has come already.
func (c *carrier) more(tasks <-chan *task) {
	for c.room() {
		select {
		case t, ok := <-tasks:
			if !ok {
				return // it is seen again
			}
			c.add(t)
		default:
			return
		}
	}
}

// stop keeps anything more from being started. The first reason stands.
func (c *carrier) stop(why error) {
	if c.stopped == nil {
		c.stopped = why
	}
}

// start has what may be started marked. While the backend is away only one write is tried, again and again.
func (c *carrier) start(ctx context.Context) {
	if c.stopped == nil && !c.away.since.IsZero() {
		if c.probe(ctx); c.stopped == nil {
			return
		}
	}
	for _, t := range c.waiting {
		c.again(ctx, t) // gives it up if something has stopped the carrier
	}
	c.waiting = nil
	if c.stopped != nil {
		return
	}
	var tasks []*task
	for c.flying < c.concurrency && c.allowed() {
		t := c.schedule.next()
		if t == nil {
			break
		}
		passed, err := c.admit(t)
		if err != nil {
			c.schedule.postpone(t)
			c.stop(err)
			break
		}
		if passed {
			c.schedule.end(t)
			continue
		}
		c.spend()
		c.flying++
		tasks = append(tasks, t)
	}
	if len(tasks) == 0 {
		return
	}
	marks := make([]Record, len(tasks))
	for i, t := range tasks {
		marks[i] = Record{Type: SendingRecord, ID: t.id, Mark: &Mark{To: c.to, By: c.by, Repeatable: t.write.Repeatable()}}
	}
	ctx = context.WithoutCancel(ctx) // a mark that was begun is either there or not
	go func() { c.marked <- marking{tasks, c.marks.Mark(ctx, marks...)} }()
}

// launch sends what is marked, unless something stands in the way by now.
func (c *carrier) launch(ctx context.Context, b marking) {
	if b.err != nil {
		c.stop(fmt.Errorf("marks of what is about to be sent: %w", b.err))
		c.flying -= len(b.tasks)
		return
	}
	for _, t := range b.tasks {
		if c.stopped == nil {
			if passed, err := c.admit(t); err != nil {
				c.stop(err)
			} else if passed {
				c.leave(t)
				c.schedule.end(t)
				continue
			}
		}
		switch {
		case c.stopped != nil:
			c.leave(t)
		case !c.away.since.IsZero():
			c.waiting = append(c.waiting, t)
		default:
			c.send(ctx, t)
		}
	}
}

func (c *carrier) send(ctx context.Context, t *task) {
	ctx = context.WithoutCancel(ctx) // what is under way is finished
	go func() {
		if err := t.spoiled(); err != nil {
			c.results <- result{t, nil, err}
			return
		}
		a, err := c.sender.Send(ctx, c.to, t.write, t.id)
		c.results <- result{t, a, err}
	}()
}

// leave takes a mark back: nothing of the write was sent.
func (c *carrier) leave(t *task) {
	c.flying--
	c.mark(t, &Answer{Outcome: NotSent}, "")
}

// mark records what a write came to, to be durable with the next batch.
func (c *carrier) mark(t *task, a *Answer, differs string) {
	record := Record{Type: SentRecord, ID: t.id, Answer: a, Mark: &Mark{To: c.to, By: c.by, Differs: differs}}
	if err := c.marks.MarkSoon(record); err != nil {
		c.stop(fmt.Errorf("the mark of what became of write %s (%s): %w", t.id, a.Outcome, err))
	}
}

// came takes the end of a try.
func (c *carrier) came(r result) {
	t := r.task
	var spoiled *Spoiled
	switch {
	case errors.As(r.err, &spoiled):
		c.away.tried = false
		c.forsake(t)
		c.stop(spoiled)
	case r.err == nil:
		c.flying--
		c.back()
		c.answered(t, r.answer)
	case errors.Is(r.err, ErrNotSent) || t.write.Repeatable():
		c.gone(r.err)
		t.failed = r.err
		c.waiting = append(c.waiting, t)
	default:
		c.flying--
		c.away.tried = false
		c.mark(t, &Answer{Outcome: Unknown, Error: r.err.Error()}, "")
		c.stop(&Unanswered{ID: t.id, Method: t.write.Method, Target: pathOf(t.write.Target), Err: r.err})
	}
}

// answered takes an answer. One that stops the carrier leaves the write as what the answer says it is.
func (c *carrier) answered(t *task, a *Answer) {
	differs, err := c.judge(t, a)
	kept := *a
	if err != nil {
		if kept.Outcome = meant(a); kept.Outcome == Acknowledged {
			kept.Outcome = Unknown // it took it, but not as it was meant: a person looks at it
		}
		c.mark(t, &kept, "")
		c.stop(err)
		return
	}
	kept.Outcome = Acknowledged
	c.mark(t, &kept, differs)
	if c.ended != nil {
		c.ended(t, a, differs)
	}
	c.schedule.end(t)
}

// finish returns once all marks are durable, if that is asked for.
func (c *carrier) finish(ctx context.Context) error {
	if c.flush == nil {
		return c.stopped
	}
	if err := c.flush(context.WithoutCancel(ctx)); err != nil {
		c.stop(fmt.Errorf("the marks of what was sent: %w", err))
	}
	return c.stopped
}
