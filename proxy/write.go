package proxy

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// serveWrite passes a write, or a request that bypasses comparison, through the gate and to the one backend that takes it.
// It is detached from its client: cancelling it would not stop the backend from committing it.
func (p *Proxy) serveWrite(w http.ResponseWriter, r *http.Request, in *inbound, rt *route, t *table, kind Kind, body *requestBody) {
	mark := p.noteWrite(in, t)
	defer mark.end()
	arrived := time.Now()
	adm, held, err := p.gate.admit(w, r, body, in.upgrade != "")
	wait := time.Since(arrived)
	if in.access != nil {
		in.access.held = wait
	}
	if held {
		p.metrics.holdTime.Observe(wait.Seconds())
	}
	if err != nil {
		p.refuseHeld(w, err)
		return
	}
	var unanswered error
	defer func() { adm.done(unanswered) }()
	if adm.backend == New {
		p.observer.WriteToNew(adm.plan.Epoch)
	}
	c := &call{backend: p.backends[adm.backend], route: rt, kind: kind, epoch: adm.plan.Epoch, body: body, ctx: adm.ctx, stop: adm.cancel}
	p.ask(w, c, &asking{role: Authority, in: in, route: rt, trailer: r.Trailer, once: true, sent: adm.markSent})
	if c.err != nil {
		if neverArrived := isConnectError(c.err) || errors.Is(c.err, errClientGone) || errors.Is(c.err, errClientStalled); !neverArrived {
			unanswered = c.err
		}
		p.judge(c, in, c.err)
		p.refuse(w, c.err)
		return
	}
	adm.markSent()
	mark.answered(c.resp.Header)
	p.metrics.overhead.add(0, time.Since(in.arrived)-c.took-wait)
	if c.resp.StatusCode == http.StatusSwitchingProtocols {
		p.judge(c, in, nil)
		p.switchProtocols(w, r, in, c)
		return
	}
	p.answerWrite(w, r, in, c, adm)
}

// drops are the reasons for which a write is not let through, as writes_dropped_total has them.
var drops = []struct {
	err    error
	reason string
}{
	{errClientGone, "client_gone"}, {errBusy, "requests"}, {errBodyTooLarge, "bytes"}, {errHeldTooLong, "timeout"}, {errRefused, "refused"},
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

func (p *Proxy) answerWrite(w http.ResponseWriter, r *http.Request, in *inbound, c *call, adm *admission) {
	removeHopByHop(c.resp.Header)
	detached := true
	if endless(c.resp) {
		adm.becomeStream()
		detached = false
		stop := context.AfterFunc(r.Context(), func() { adm.cancel(errClientGone) })
		defer stop()
	} else {
		defer c.outlive(r.Context())()
	}
	c.recorder.header = c.header
	end := p.relay(w, c, &c.recorder, detached)
	c.recorder.drop()
	if end.client != nil {
		p.judge(c, in, errClientGone)
	} else {
		p.judge(c, in, end.backend)
	}
	if end.backend != nil || end.client != nil {
		cutOff(w, in)
	}
}
