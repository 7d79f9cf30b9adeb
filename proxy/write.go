package proxy

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// serveWrite passes a write, or a request that bypasses comparison, through the gate and to the one backend that takes it, and has it
// recorded where the plan says so. It is detached from its client: cancelling it would not stop the backend from committing it.
func (p *Proxy) serveWrite(w http.ResponseWriter, r *http.Request, in *inbound, rt *route, t *table, kind Kind, body *requestBody) {
	mark := p.noteWrite(in, t)
	defer mark.end()
	arrived := time.Now()
	if err := p.gatherFirst(w, in, kind, body); err != nil {
		p.refuseHeld(w, err)
		return
	}
	gathered := time.Since(arrived)
	adm, held, err := p.gate.admit(w, r, body, in.upgrade != "")
	wait := time.Since(arrived)
	if held {
		p.metrics.holdTime.Observe((wait - gathered).Seconds())
	}
	if in.access != nil {
		in.access.held = wait
	}
	if err != nil {
		p.refuseHeld(w, err)
		return
	}
	var unanswered error
	defer func() { adm.done(unanswered) }()
	x := writeExchange{p: p, w: w, r: r, in: in, adm: adm, mark: &mark, wait: wait}
	if kind == Write {
		if x.entry, err = p.record(w, r, in, rt, body, adm); err != nil {
			p.refuseHeld(w, err)
			return
		}
	}
	if adm.backend == New && x.entry == nil {
		p.observer.WriteToNew(adm.plan.Epoch)
	}
	defer x.abandon()
	x.c = &call{backend: p.backends[adm.backend], route: rt, kind: kind, epoch: adm.plan.Epoch, body: body, ctx: adm.ctx, stop: adm.cancel}
	unanswered = x.forward()
}

// writeExchange is a write that was admitted.
type writeExchange struct {
	p     *Proxy
	w     http.ResponseWriter
	r     *http.Request
	in    *inbound
	adm   *admission
	mark  *writing
	wait  time.Duration // for the client's body, and while writes were held
	entry JournalEntry  // nil: it is not recorded
	ended bool          // the entry knows how the write ended
	c     *call
}

// forward sends the write and passes its answer on. It returns why a write got no answer that may have reached its backend.
func (x *writeExchange) forward() (unanswered error) {
	p, c, in := x.p, x.c, x.in
	x.adm.awaitTurn()
	if err := c.openBody(); err != nil {
		x.lost(err)
		p.refuseHeld(x.w, err)
		return nil
	}
	p.ask(x.w, c, &asking{role: Authority, in: in, route: c.route, trailer: x.r.Trailer, once: true, sent: x.adm.markSent})
	if c.err != nil {
		x.lost(c.err)
		p.judge(c, in, c.err)
		if c.neverSent() && errors.Is(c.err, errAbandoned) {
			p.refuse(x.w, errRefused) // given up before it went
			return nil
		}
		p.refuse(x.w, c.err)
		if c.neverSent() || errors.Is(c.err, errClientGone) || errors.Is(c.err, errClientStalled) {
			return nil
		}
		return c.err
	}
	x.adm.markSent()
	x.mark.answered(c.resp.Header)
	if c.resp.StatusCode == http.StatusSwitchingProtocols {
		p.metrics.overhead.add(0, time.Since(in.arrived)-c.took-x.wait)
		p.judge(c, in, nil)
		p.switchProtocols(x.w, x.r, in, c)
		return nil
	}
	x.answer()
	return nil
}

// neverSent reports whether nothing of the request can have reached the backend.
func (c *call) neverSent() bool { return isConnectError(c.err) || !c.touched.Load() }

// lost has the journal know that there is no answer.
func (x *writeExchange) lost(err error) {
	if x.entry != nil && !x.ended {
		x.ended = true
		x.entry.Lost(!x.c.touched.Load() || isConnectError(err), quiet(err))
	}
}

// abandon is deferred: a panic must not leave the journal without an outcome.
func (x *writeExchange) abandon() {
	if x.entry != nil && !x.ended {
		x.lost(errAborted)
	}
}

// drops are the reasons for which a write is not let through, as writes_dropped_total has them.
var drops = []struct {
	err    error
	reason string
}{
	{errJournal, "journal"}, {errClientGone, "client_gone"}, {errBusy, "requests"}, {errBodyTooLarge, "bytes"}, {errHeldTooLong, "timeout"}, {errRefused, "refused"},
}

// refuseHeld answers a write that was not let through.
func (p *Proxy) refuseHeld(w http.ResponseWriter, err error) {
	for _, d := range drops {
		if errors.Is(err, d.err) {
			p.metrics.dropped.WithLabelValues(d.reason).Inc()
			break
		}
	}
	p.refuse(w, err)
}

// answer passes the answer on. Where the plan says so, its outcome is durable before the client hears of it.
func (x *writeExchange) answer() {
	p, c, in := x.p, x.c, x.in
	removeHopByHop(c.resp.Header)
	detached := true
	stream := endless(c.resp)
	if stream {
		adm := x.adm // x itself stays on the stack
		adm.becomeStream()
		detached = false
		stop := context.AfterFunc(x.r.Context(), func() { adm.cancel(errClientGone) })
		defer stop()
	}
	read, err := x.recordAnswer(stream)
	if c.held != nil {
		defer c.held.drop()
	}
	p.metrics.overhead.add(0, time.Since(in.arrived)-c.took-x.wait-read)
	if in.access != nil {
		in.access.held += read
	}
	if err != nil {
		p.tell(err)
		p.judge(c, in, nil)
		c.discard()
		p.refuse(x.w, errUnrecorded)
		return
	}
	if !stream {
		defer c.outlive(x.r.Context())()
	}
	c.recorder.header = c.header
	early := c.held != nil && !c.held.whole()
	end := p.relay(x.w, c, &c.recorder, detached)
	if early {
		x.entry.Ended(c.held.answer(c))
	}
	c.recorder.drop()
	if end.client != nil {
		p.judge(c, in, errClientGone)
	} else {
		p.judge(c, in, end.backend)
	}
	if end.backend != nil || end.client != nil {
		cutOff(x.w, in)
	}
}

// recordAnswer has the outcome recorded, and returns for how long it waited for the answer's body. In JournalFirst the outcome is
// durable when it returns, and the answer was read ahead; else nothing is waited for.
func (x *writeExchange) recordAnswer(stream bool) (read time.Duration, err error) {
	if x.entry == nil {
		return 0, nil
	}
	x.ended = true
	held := x.c.hold(&x.p.journalMemory)
	if x.adm.plan.Journal != JournalFirst {
		if !stream {
			held.come(x.c.length)
		}
		x.entry.AnsweredSoon(held.answer(x.c))
		return 0, nil
	}
	if !stream {
		start := time.Now()
		held.ahead(x.c.length)
		read = time.Since(start)
	}
	return read, x.entry.Answered(held.answer(x.c))
}
