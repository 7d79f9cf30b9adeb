package proxy

import (
	"container/list"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// ErrUnanswered says that a write that was drained ended without an answer: its backend may still be at work on it.
var ErrUnanswered = errors.New("a write ended without an answer, its backend may still be at work on it")

// gate is where writes and bypassing requests pass. One lock covers the look at the plan and the registration of what it
// lets through, so that none slips past a plan that was replaced. Those that are held wait in order of arrival.
type gate struct {
	router Router
	hold   HoldOptions
	budget budget // of held bodies

	mu         sync.Mutex
	inFlight   [3]map[*admission]struct{}
	streams    [3]map[*admission]struct{}
	waiting    list.List // of *waiter
	reading    int       // held, their bodies still arriving
	releasing  bool
	unanswered [3]uint64
	lost       [3]uint64     // epoch in which the last of them ended
	changed    chan struct{} // closed and replaced whenever an admission ends

	release sync.Mutex // one Release at a time
}

// waiter is a held request. turn is closed when it is admitted or refused.
type waiter struct {
	turn   chan struct{}
	stream bool
	ctx    context.Context
	adm    *admission
	err    error
}

// admission is the right to send one request to one backend, and its place in the accounts until it ends.
type admission struct {
	gate     *gate
	plan     Plan
	backend  Backend
	stream   bool
	ctx      context.Context // detached from the client; ends when the gate gives the request up
	cancel   context.CancelCauseFunc
	queued   *spot         // among those that were held and are let go together; nil: it has none
	sent     chan struct{} // closed when the request was written to the backend, or has ended
	ended    chan struct{} // closed when it has ended
	sentOnce sync.Once
	doneOnce sync.Once
}

func newGate(router Router, o HoldOptions) *gate {
	g := &gate{router: router, hold: o, budget: budget{limit: o.Bytes}, changed: make(chan struct{})}
	for b := range g.inFlight {
		g.inFlight[b], g.streams[b] = map[*admission]struct{}{}, map[*admission]struct{}{}
	}
	return g
}

// admit lets a request through by the plan of this moment, or holds it. A held request's body is read in full: only then
// is a client that leaves noticed.
func (g *gate) admit(w http.ResponseWriter, r *http.Request, body *requestBody, stream bool) (adm *admission, held bool, err error) {
	g.mu.Lock()
	adm, err = g.tryAdmit(r.Context(), stream)
	if adm != nil || err != nil {
		g.mu.Unlock()
		return adm, false, err
	}
	if g.reading+g.waiting.Len() >= g.hold.Requests {
		g.mu.Unlock()
		return nil, true, errBusy
	}
	g.reading++
	g.mu.Unlock()

	deadline := time.Now().Add(g.hold.Max)
	err = g.readBody(w, body, deadline)

	g.mu.Lock()
	g.reading--
	if err != nil {
		g.mu.Unlock()
		return nil, true, err
	}
	// An order among writers exists from here on: the whole request has arrived.
	if adm, err = g.tryAdmit(r.Context(), stream); adm != nil || err != nil {
		g.mu.Unlock()
		return adm, true, err
	}
	wt := &waiter{turn: make(chan struct{}), stream: stream, ctx: r.Context()}
	place := g.waiting.PushBack(wt)
	g.mu.Unlock()
	adm, err = g.wait(wt, place, deadline)
	return adm, true, err
}

// tryAdmit admits or refuses by the current plan; both results are nil if the request must wait. The caller has the lock.
func (g *gate) tryAdmit(ctx context.Context, stream bool) (*admission, error) {
	plan := g.router.Plan()
	switch {
	case plan.Hold || g.waiting.Len() > 0 || g.releasing:
		return nil, nil
	case plan.Refuse || plan.Writes == None:
		return nil, errRefused
	}
	return g.register(ctx, plan, stream), nil
}

func (g *gate) register(ctx context.Context, plan Plan, stream bool) *admission {
	adm := &admission{gate: g, plan: plan, backend: plan.Writes, stream: stream, sent: make(chan struct{}), ended: make(chan struct{})}
	adm.ctx, adm.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	if stream {
		g.streams[plan.Writes][adm] = struct{}{}
	} else {
		g.inFlight[plan.Writes][adm] = struct{}{}
	}
	return adm
}

func (g *gate) readBody(w http.ResponseWriter, body *requestBody, deadline time.Time) error {
	if body == nil || body.gathered {
		return nil // in the journal's memory, or in a file
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(deadline) // where it cannot be set, the client's own pace counts
	body.hold(&g.budget, g.hold.Bytes)
	err := body.prefetch(&g.budget, g.hold.Bytes)
	_ = control.SetReadDeadline(time.Time{})
	if err != nil {
		if !time.Now().Before(deadline) {
			return errHeldTooLong
		}
		return errors.Join(errClientGone, err)
	}
	if _, whole := body.whole(); !whole {
		return errBodyTooLarge
	}
	return nil
}

func (g *gate) wait(wt *waiter, place *list.Element, deadline time.Time) (*admission, error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	var why error
	select {
	case <-wt.turn:
		return wt.adm, wt.err
	case <-wt.ctx.Done():
		why = errClientGone
	case <-timer.C:
		why = errHeldTooLong
	}
	g.mu.Lock()
	select {
	case <-wt.turn: // just released
		g.mu.Unlock()
		if wt.adm != nil && errors.Is(why, errClientGone) {
			wt.adm.done(nil)
			return nil, why
		}
		return wt.adm, wt.err
	default:
	}
	g.waiting.Remove(place)
	g.mu.Unlock()
	return nil, why
}

// drain waits until no write is in flight to the backend. What has ended without an answer since the plan of this epoch is in force
// counts, though the drain may have begun after.
func (g *gate) drain(ctx context.Context, b Backend) (int, error) {
	epoch := g.router.Plan().Epoch
	g.mu.Lock()
	for {
		n, lost, changed := len(g.inFlight[b]), g.unanswered[b] > 0 && g.lost[b] >= epoch, g.changed
		g.mu.Unlock()
		switch {
		case n == 0 && lost:
			return 0, ErrUnanswered
		case n == 0:
			return 0, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return n, ctx.Err()
		}
		g.mu.Lock()
	}
}

// give up cancels what is registered in one of the two sets, and returns how many that were.
func (g *gate) giveUp(set *[3]map[*admission]struct{}, b Backend, cause error) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	for adm := range set[b] {
		adm.cancel(cause)
	}
	return len(set[b])
}

// addStream registers a stream that no plan of writes has admitted: an answer without end to a read. One that begins after
// its backend lost the reads ends at once.
func (g *gate) addStream(b Backend, cancel context.CancelCauseFunc) *admission {
	adm := &admission{gate: g, backend: b, stream: true, cancel: cancel, sent: make(chan struct{}), ended: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.streams[b][adm] = struct{}{}
	if !g.router.Plan().readsFrom(b) {
		cancel(errStreamClosed)
	}
	return adm
}

// becomeStream takes the request out of those that a drain waits for: its answer has no end.
func (a *admission) becomeStream() {
	g := a.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.inFlight[a.backend], a)
	a.stream = true
	g.streams[a.backend][a] = struct{}{}
	g.notify()
}

// cause is why the gate gave the request up; nil if it did not.
func (a *admission) cause() error { return context.Cause(a.ctx) }

func (a *admission) markSent() { a.sentOnce.Do(func() { close(a.sent) }) }

// done ends the admission. unanswered is why a request that may have reached the backend got no answer.
func (a *admission) done(unanswered error) {
	a.doneOnce.Do(func() {
		a.leaveQueue()
		a.markSent()
		close(a.ended)
		a.cancel(nil)
		g := a.gate
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.inFlight[a.backend], a)
		delete(g.streams[a.backend], a)
		if unanswered != nil && !a.stream {
			g.unanswered[a.backend]++
			g.lost[a.backend] = g.router.Plan().Epoch
		}
		g.notify()
	})
}

// notify wakes those that drain. The caller has the lock.
func (g *gate) notify() {
	close(g.changed)
	g.changed = make(chan struct{})
}
