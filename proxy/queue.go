package proxy

import (
	"context"
	"sync/atomic"
	"time"
)

// How long those behind wait for one held request, and in all: to be written to its backend, and then for its answer. What was written
// to one connection may be read after what was written to another, so that a few are let out one by one, and many not for long.
const (
	orderWait       = 250 * time.Millisecond
	orderWaitTotal  = 2 * time.Second
	answerWait      = 5 * time.Millisecond
	answerWaitTotal = 50 * time.Millisecond
)

// together is how many held requests are let go at a time that are recorded first: the journal takes them all at once, and each goes to its
// backend only after the one before. What is not recorded goes one by one.
const together = 64

// queue is the order in which the held requests of one Release go.
type queue struct {
	ctx     context.Context // when it ends they go without waiting for one another
	end     time.Time       // and then as well
	answers atomic.Int64    // what is left of answerWaitTotal
}

// spot is one request's in the queue. The first one, and who goes one by one, needs none.
type spot struct {
	queue *queue
	after *admission    // goes before this one; nil: it has gone
	turn  chan struct{} // closed when it has come to this one, or the request has ended
	over  bool
}

func newQueue(ctx context.Context) *queue {
	q := &queue{ctx: ctx, end: time.Now().Add(orderWaitTotal)}
	q.answers.Store(int64(answerWaitTotal))
	return q
}

// await returns when the channel is closed, or the time is over, or nobody is to wait any longer.
func (q *queue) await(own context.Context, most time.Duration, done <-chan struct{}) {
	if most = min(most, time.Until(q.end)); most <= 0 {
		return
	}
	select {
	case <-done:
		return
	default:
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-own.Done():
	case <-q.ctx.Done():
	}
}

// follow waits until a request was written to its backend, and answered if that takes but a moment.
func (q *queue) follow(own context.Context, a *admission) {
	if a.queued != nil {
		q.await(own, orderWaitTotal, a.queued.turn)
	}
	q.await(own, orderWait, a.sent)
	start := time.Now()
	q.await(own, min(answerWait, time.Duration(q.answers.Load())), a.ended)
	q.answers.Add(-int64(time.Since(start)))
}

// awaitTurn returns when the requests have gone that were held before this one.
func (a *admission) awaitTurn() {
	if a.queued == nil {
		return
	}
	a.queued.queue.follow(a.ctx, a.queued.after)
	a.queued.after = nil // it would keep all that were before in memory
	a.leaveQueue()
}

// leaveQueue lets the next one go. Like awaitTurn it is called by the request's own goroutine.
func (a *admission) leaveQueue() {
	if a.queued != nil && !a.queued.over {
		a.queued.over = true
		close(a.queued.turn)
	}
}

// releaseHeld lets the held requests go in order of arrival, each by the plan of its moment: the next one once the one before
// was written to its backend, and answered if that takes but a moment. It stops if the plan holds again. When ctx ends the rest goes
// without waiting.
func (g *gate) releaseHeld(ctx context.Context) {
	g.release.Lock()
	defer g.release.Unlock()
	q, n := newQueue(ctx), 0
	var last *admission
	for {
		adm, more := g.releaseNext(q, last)
		if adm != nil {
			last = adm
			n++
		}
		switch {
		case more && (last == nil || last.plan.Journal != NotJournaled && n < together):
		case last == nil:
			return
		default:
			q.follow(ctx, last)
			last, n = nil, 0
		}
	}
}

// releaseNext admits the first of the waiting, to go after another one. Until none is left and none is to be followed, what newly arrives
// queues behind them.
func (g *gate) releaseNext(q *queue, after *admission) (adm *admission, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := g.waiting.Front()
	plan := g.router.Plan()
	if first == nil || plan.Hold {
		g.releasing = after != nil
		return nil, false
	}
	g.releasing = true
	wt := g.waiting.Remove(first).(*waiter)
	if plan.Refuse || plan.Writes == None {
		wt.err = errRefused
	} else {
		wt.adm = g.register(wt.ctx, plan, wt.stream)
		if after != nil {
			wt.adm.queued = &spot{queue: q, after: after, turn: make(chan struct{})}
		}
	}
	close(wt.turn)
	return wt.adm, true
}
