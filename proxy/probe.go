package proxy

import (
	"time"

	"golang.org/x/time/rate"
)

// maxProbes is how many requests old may be asked at once because new failed them.
const maxProbes = 8

// Of the requests that new answers with a 4xx so many a second, and at once, are asked of old as well where they are not mirrored. Half of
// the probes are kept for those that new fails.
const (
	asksPerSecond = 20
	maxAsks       = maxProbes / 2
)

func newAsks() *rate.Limiter { return rate.NewLimiter(asksPerSecond, asksPerSecond) }

// refused reports whether new has answered with a 4xx.
func (c *call) refused() bool {
	return c.backend.id == New && c.err == nil && codeClass(c.resp.StatusCode) == clientErrorClass
}

// probe has old asked for what new has just failed, or refused, whatever the mirror's fraction: only so is it known whether old does
// alike, so that going back would not help. It is in no account and goes to no client, and is left out where it would be in somebody's way.
func (p *Proxy) probe(c *call, in *inbound, t *table, plan Plan) {
	if c.backend.id != New || c.body != nil || in.grpc || clientsFault(c.err) {
		return
	}
	most := int64(maxProbes)
	if c.refused() {
		most = maxAsks
	}
	if p.figures.probes.Add(1) > most {
		p.figures.probes.Add(-1)
		return
	}
	plan.Reads, plan.Shadow = New, Old
	x := &exchange{p: p, in: in, route: c.route, table: t, plan: plan, probe: true}
	x.Exchange = Exchange{Arrived: in.arrived, Epoch: plan.Epoch, Authority: New, Old: Leg{Backend: Old}, New: Leg{Backend: New}}
	if c.err == nil {
		x.New.Status = c.resp.StatusCode
	}
	p.mirror.submit(x)
}

// runProbe asks old, and enters what it did.
func (p *Proxy) runProbe(x *exchange, left time.Duration) {
	defer x.endProbe()
	if left > 0 {
		leg := p.askShadow(x)
		if codeClass(x.New.Status) == clientErrorClass { // chosen for what they got: of old's share they say nothing
			p.figures.paired(x, &leg)
		} else {
			p.figures.shadowed(x, &leg, false)
		}
	}
}

// endProbe gives back what the probe holds, once.
func (x *exchange) endProbe() {
	if x.finished.CompareAndSwap(false, true) {
		x.shadow.drop()
		x.p.figures.probes.Add(-1)
	}
}
