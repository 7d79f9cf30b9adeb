package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"paritygate/compare"
)

// mirror asks the shadows: a bounded queue and a fixed number of workers. Nobody ever waits for room in the queue.
type mirror struct {
	queue   chan *exchange
	waiting budget // of what is captured of those in the queue

	mu     sync.RWMutex
	closed bool // Run has ended: what comes is counted, not asked

	desk desk // those whom Run waits for
}

// waitingShare is the part of the memory that exchanges may take which wait for a worker: an eighth. What waits behind a shadow that
// hangs is seldom asked in time, and must not cost what those need that are being asked.
const waitingShare = 8

// fruitless says why an exchange that begins now is not worth capturing; empty if it is. Room that others make meanwhile is not
// waited for.
func (p *Proxy) fruitless(shadow Backend) compare.Reason {
	m := &p.mirror
	switch {
	case p.breakers[shadow][ShadowRole].open():
		return compare.BreakerOpen
	case len(m.queue) == cap(m.queue):
		return compare.QueueFull
	case m.waiting.used.Load() > m.waiting.limit-m.waiting.limit/16:
		return compare.Memory
	}
	return ""
}

// submit hands the exchange to the workers, or ends it with the reason why not.
func (m *mirror) submit(x *exchange) {
	x.handed = true
	x.deadline = x.Arrived.Add(time.Since(x.Arrived) + x.table.ShadowTimeout)
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		x.skip(compare.Shutdown)
		return
	}
	x.size = cap(x.body.bytes) + cap(x.authority.kept.bytes)
	if !m.waiting.admit(x.size) {
		x.skip(compare.Memory)
		return
	}
	select {
	case m.queue <- x:
	default:
		m.waiting.release(x.size)
		x.skip(compare.QueueFull)
	}
}

// close counts what is still queued, and everything that is submitted from now on.
func (m *mirror) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	for {
		select {
		case x := <-m.queue:
			m.waiting.release(x.size)
			x.skip(compare.Shutdown)
		default:
			return
		}
	}
}

// work asks one shadow after the other until ctx ends. What is under way then still ends by its deadline.
func (p *Proxy) work(ctx context.Context, rechecks *rechecker) {
	seat := p.mirror.desk.take()
	for {
		select {
		case <-ctx.Done():
			return
		case x := <-p.mirror.queue:
			p.mirror.waiting.release(x.size)
			if !seat.put(x) || ctx.Err() != nil {
				x.skip(compare.Shutdown)
			} else {
				p.process(x, rechecks)
			}
			seat.clear()
		}
	}
}

// process takes one exchange from the queue to its verdict, or to the recheck.
func (p *Proxy) process(x *exchange, rechecks *rechecker) {
	defer p.contain(x)
	left := time.Until(x.deadline)
	if x.probe {
		p.runProbe(x, left)
		return
	}
	if left <= 0 {
		x.skip(compare.QueueExpired)
		return
	}
	done := p.breakers[x.plan.Shadow][ShadowRole].allow()
	if done == nil {
		x.skip(compare.BreakerOpen)
		return
	}
	outcome := errNoBlame
	defer func() { done(outcome) }()
	second := p.askAgain(rechecks.ctx, x)
	defer p.endAgain(x, second)
	leg := p.askBoth(x, second)
	starved := errors.Is(leg.Err, errMemory)
	if starved {
		leg.Err = nil // not the backend's failing
	}
	outcome = leg.Err
	*x.leg(x.plan.Shadow) = leg
	expired := errors.Is(leg.Err, context.DeadlineExceeded) && left < x.table.ShadowTimeout/2
	p.figures.shadowed(x, &leg, expired)
	switch {
	case starved:
		x.skip(compare.Memory)
		return
	case expired:
		x.skip(compare.QueueExpired) // it was the queue that left the shadow too little time
		return
	}
	result := p.judgeShadow(x, leg)
	x.Pair = x.pair(result, second)
	result, x.Masked = p.masked(x.Route, result)
	if result.Verdict == compare.Mismatch && rechecks.take(x, result) {
		return
	}
	x.finish(result)
}

// errMemory says that the shadow's answer found no room.
var errMemory = errors.New("no memory left to capture the answer")

func (p *Proxy) askShadow(x *exchange) Leg {
	p.metrics.inFlight.Inc()
	defer p.metrics.inFlight.Dec()
	p.figures.departShadow(x)
	defer x.flight.leave()
	a := &asking{role: ShadowRole, in: x.in, route: x.route, once: true, marked: true}
	return p.fetch(x.deadline, x.plan.Shadow, a, x, &x.shadow)
}

// fetch asks a backend apart from any client, until the deadline, and captures its answer in full.
func (p *Proxy) fetch(deadline time.Time, id Backend, a *asking, x *exchange, rec *recorder) Leg {
	b := p.backends[id]
	a.buffered, a.memory, a.trailer = true, x.body.bytes, x.trailer
	leg := Leg{Backend: id}
	start := time.Since(x.Arrived)
	f, err := b.roundTrip(deadline, a)
	defer f.end()
	rec.header = f.header
	leg.Duration = time.Since(x.Arrived) - start
	if err == nil {
		err = checkStatus(f.resp, a.in)
	}
	if err != nil {
		leg.Err = fmt.Errorf("ask %s: %w", id, quiet(err))
		p.metrics.asked(x.route, Read, id, a.role, 0, leg.Duration)
		return leg
	}
	resp := f.resp
	p.metrics.asked(x.route, Read, id, a.role, resp.StatusCode, leg.Duration)
	leg.Status = resp.StatusCode
	rec.capture(&p.memory, x.table.MaxBody, bodyLength(resp, a.in.method))
	defer rec.done()
	for err == nil {
		_, err = rec.next(resp.Body)
	}
	switch {
	case !errors.Is(err, io.EOF):
		leg.Err = fmt.Errorf("read the answer of %s: %w", id, quiet(f.cause(err)))
	case rec.starved:
		leg.Err = errMemory
	default:
		removeHopByHop(resp.Header)
		leg.Answer = rec.answer(resp.StatusCode, resp.Header, resp.Trailer)
	}
	return leg
}

// fetched is an answer that no client waits for, and what is to be given back once it was read.
type fetched struct {
	until
	resp     *http.Response
	envelope *envelope // of the pooled client, with the answer's header, or
	header   http.Header
	cancel   context.CancelFunc // of the context that http.Transport was given
}

// roundTrip sends the request and waits for the headers of the answer.
func (b *backend) roundTrip(deadline time.Time, a *asking) (f *fetched, err error) {
	f = &fetched{until: until{deadline}}
	if client := b.client(a); client != nil {
		f.envelope = b.seal(&f.until, a)
		f.header = takeHeader()
		f.envelope.call.Header = f.header
		f.resp, err = client.Do(f.envelope.request, &f.envelope.call) //nolint:bodyclose // end closes it
	} else {
		var ctx context.Context
		ctx, f.cancel = context.WithDeadline(context.Background(), deadline)
		f.resp, err = b.transport(a.role, a.in).RoundTrip(b.request(ctx, a)) //nolint:bodyclose // end closes it
		if err == nil {
			b.http2.Store(f.resp.ProtoMajor == 2)
		}
	}
	return f, f.cause(err)
}

// cause says that the deadline is over, where that is why something failed.
func (f *fetched) cause(err error) error {
	if err == nil {
		return nil
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() && f.Err() != nil {
		return f.Err()
	}
	return err
}

func (f *fetched) end() {
	if f.resp != nil {
		_ = f.resp.Body.Close()
	}
	if f.cancel != nil {
		f.cancel()
	}
	f.envelope.release()
}

// judgeShadow says what the shadow's answer means.
func (p *Proxy) judgeShadow(x *exchange, leg Leg) compare.Result {
	skipped := func(why compare.Reason) compare.Result { return compare.Result{Verdict: compare.Skipped, Reason: why} }
	switch {
	case x.stale():
		return skipped(compare.Stale)
	case leg.Err != nil:
		return compare.Result{Verdict: compare.Failed}
	case (leg.Status == 304 || leg.Status == 206) && conditional(x.in.header):
		return skipped(compare.Conditional)
	}
	return x.route.comparer.Compare(x.Old.Answer, x.New.Answer)
}

// stale reports whether the shadow's data was behind when the client was answered, or is now: a write that came in between makes its
// answer older than the authority's.
func (x *exchange) stale() bool {
	if x.plan.Stale {
		return true
	}
	now := x.p.router.Plan()
	return now.Stale && now.Writes == x.plan.Writes
}

// conditional reports whether the request asks for a part, or only for news: the backends' tags and dates need not agree.
func conditional(h map[string][]string) bool {
	for _, name := range [...]string{"If-None-Match", "If-Modified-Since", "Range"} {
		if len(h[name]) > 0 {
			return true
		}
	}
	return false
}

// contain has a panic cost the one exchange.
func (p *Proxy) contain(x *exchange) {
	if v := recover(); v != nil {
		p.log.Error("panic while an exchange was judged", zap.String("route", x.Route), zap.Any("panic", v),
			zap.ByteString("stack", debug.Stack()))
		x.skip(compare.Panic)
	}
}
