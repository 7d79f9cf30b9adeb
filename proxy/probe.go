package proxy

import "time"

// maxProbes is how many requests old may be asked at once because new failed them.
const maxProbes = 8

// probe has old asked for what new has just failed, whatever the mirror's fraction: only so is it known whether old fails alike, so
// that going back would not help. It is in no account and goes to no client, and is left out where it would be in somebody's way.
func (p *Proxy) probe(c *call, in *inbound, t *table, plan Plan) {
	if c.backend.id != New || c.body != nil || in.grpc || clientsFault(c.err) {
		return
	}
	if p.figures.probes.Add(1) > maxProbes {
		p.figures.probes.Add(-1)
		return
	}
	plan.Reads, plan.Shadow = New, Old
	x := &exchange{p: p, in: in, route: c.route, table: t, plan: plan, probe: true}
	x.Exchange = Exchange{Arrived: in.arrived, Epoch: plan.Epoch, Authority: New, Old: Leg{Backend: Old}, New: Leg{Backend: New}}
	p.mirror.submit(x)
}

// runProbe asks old, and enters what it did.
func (p *Proxy) runProbe(x *exchange, left time.Duration) {
	defer x.endProbe()
	if left > 0 {
		leg := p.askShadow(x)
		p.figures.shadowed(x, &leg, false)
	}
}

// endProbe gives back what the probe holds, once.
func (x *exchange) endProbe() {
	if x.finished.CompareAndSwap(false, true) {
		x.shadow.drop()
		x.p.figures.probes.Add(-1)
	}
}
