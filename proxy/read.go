package proxy

import (
	"errors"
	"net/http"
	"time"

	"paritygate/compare"
)

// serveRead forwards a read to the authority, has old answer where new failed and the plan allows it, and hands the
// exchange to the mirror if the request is sampled.
func (p *Proxy) serveRead(w http.ResponseWriter, r *http.Request, in *inbound, rt *route, t *table, body *requestBody) {
	plan := p.router.Plan()
	if plan.Reads == None {
		refusal{http.StatusServiceUnavailable, "unavailable", "No backend answers at the moment."}.write(w)
		return
	}
	plan = p.assigned(in, rt, t, plan)
	x := p.sample(in, rt, t, plan)
	defer x.abandon()
	fallback := plan.Fallback && plan.Reads == New
	if body != nil && (x != nil && x.doom == "" || fallback) {
		body.keep(&p.memory, t.MaxBody)
	}
	if in.access != nil {
		in.access.record.Mirrored = x != nil
	}
	if x != nil {
		x.trailer = r.Trailer // filled in when the body has been read
	}
	c := &call{backend: p.backends[plan.Reads], route: rt, kind: Read, epoch: plan.Epoch, body: body, ctx: r.Context()}
	if fallback {
		c.limit = p.patience.first
	}
	defer c.end()
	p.ask(w, c, &asking{role: Authority, in: in, route: rt, trailer: r.Trailer})
	if fallback && c.failed() && p.fallBack(w, r, c, in, x, plan.Writes == New) {
		return
	}
	switch {
	case c.failed() && !fallback:
		p.probe(c, in, t, plan)
	case x == nil && c.refused() && p.figures.asks.Allow():
		p.probe(c, in, t, plan)
	}
	if c.err != nil {
		p.judge(c, in, c.err)
		p.failRead(w, c, x)
		return
	}
	p.metrics.overhead.add(0, time.Since(in.arrived)-c.took)
	p.answerRead(w, c, in, x, t)
}

// failRead tells the client that there is no answer, and why the exchange is not compared.
func (p *Proxy) failRead(w http.ResponseWriter, c *call, x *exchange) {
	if x != nil {
		*x.leg(c.backend.id) = Leg{Backend: c.backend.id, Duration: c.took, Err: quiet(c.err)}
		if clientsFault(c.err) {
			x.skip(compare.ClientGone)
		} else {
			x.skip(compare.AuthorityError)
		}
	}
	p.refuse(w, c.err)
}

// refuse answers for a failure. Where the client has left there is nobody to tell.
func (p *Proxy) refuse(w http.ResponseWriter, err error) {
	f := refusalFor(err)
	if errors.Is(err, errClientGone) && f.code == "bad_gateway" {
		f = refusal{http.StatusBadRequest, "bad_request", "The request's body broke off."}
	} else if !errors.Is(err, errTooSlow) {
		p.options.Clients.refused(f)
	}
	f.write(w)
}

// answerRead streams the authority's answer to the client and passes the exchange on.
func (p *Proxy) answerRead(w http.ResponseWriter, c *call, in *inbound, x *exchange, t *table) {
	removeHopByHop(c.resp.Header)
	if endless(c.resp) {
		if x != nil {
			*x.leg(c.backend.id) = Leg{Backend: c.backend.id, Duration: c.took, Status: c.resp.StatusCode}
			x.skip(compare.Stream)
			x = nil
		}
		defer p.gate.addStream(c.backend.id, c.cancel).done(nil)
	}
	rec := &c.recorder
	if x != nil && x.doom == "" {
		rec = &x.authority
		rec.capture(&p.memory, t.MaxBody, c.length)
	}
	rec.header = c.header
	c.early = x != nil
	end := p.relay(w, c, rec, false)
	if end.client != nil {
		p.judge(c, in, errClientGone)
	} else {
		p.judge(c, in, end.backend)
	}
	if x != nil {
		leg := x.leg(c.backend.id)
		*leg = Leg{Backend: c.backend.id, Duration: c.took, Status: c.resp.StatusCode, Err: quiet(end.backend)}
		p.settle(x, c, end)
	}
	c.recorder.drop()
	if end.backend != nil || end.client != nil {
		cutOff(w, in)
	}
}

// settle skips the exchange for what the authority's side says, or hands it to the mirror.
func (p *Proxy) settle(x *exchange, c *call, end relayed) {
	var body []byte
	whole := true
	if c.body != nil {
		body, whole = c.body.whole()
		x.Fingerprint = fingerprint(x.in, c.body.prefix())
	}
	status := c.resp.StatusCode
	switch {
	case end.client != nil:
		x.skip(compare.ClientGone)
	case end.backend != nil || status >= 500:
		x.skip(compare.AuthorityError)
	case status == http.StatusNotModified || status == http.StatusPartialContent:
		x.skip(compare.Conditional)
	case x.doom != "":
		x.skip(x.doom)
	case c.body != nil && c.body.ranOut():
		x.skip(compare.Memory)
	case x.in.grpc && (!whole || !unary(body) || !unary(x.authority.kept.bytes)):
		x.skip(compare.Stream)
	case !whole:
		x.skip(compare.RequestBody)
	case x.authority.starved:
		x.skip(compare.Memory)
	case !x.keepHeaders(c.resp.Header, c.resp.Trailer):
		x.skip(compare.Memory)
	default:
		if c.body != nil {
			x.body = c.body.take()
		}
		x.leg(c.backend.id).Answer = x.authority.answer(status, c.resp.Header, c.resp.Trailer)
		p.mirror.submit(x)
	}
}

// unary reports whether a gRPC body holds one message at most.
func unary(body []byte) bool {
	if len(body) == 0 {
		return true
	}
	if len(body) < 5 {
		return false
	}
	size := uint64(body[1])<<24 | uint64(body[2])<<16 | uint64(body[3])<<8 | uint64(body[4])
	return uint64(len(body)) <= 5+size
}
