package proxy

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// figureKind tells reads from all else: new may answer the one and not the other, and they are not equally quick.
type figureKind uint8

const (
	ofReads  figureKind = iota
	ofWrites            // and what bypasses comparison
)

func figureKindOf(k Kind) figureKind {
	if k == Read {
		return ofReads
	}
	return ofWrites
}

// figures are what the triggers are judged by: of new as the authority, in the present epoch, and of old in both roles.
type figures struct {
	epoch    atomic.Uint64 // answers that new gave in an earlier one are not entered
	counters [3][2][2]*counter
	flights  [3][2]*flights
	hanging  [2]atomic.Int64 // by kind: of new's requests, how many Inspect found that are slow already
	slow     [2]atomic.Int64 // by kind: longer than this is slow; 0: nobody has said so yet

	failures, refusals, late [2]distinct   // of new's requests, by kind: that failed, that got a 4xx, that were slow
	rows                     [2]kindRow    // by kind
	probes                   atomic.Int64  // that wait or are under way
	asks                     *rate.Limiter // of those for what new refused
}

func newFigures() *figures {
	g := &figures{asks: newAsks()}
	for _, who := range watchedRoles {
		g.flights[who.backend][who.role] = &flights{}
		for kind := range g.counters[who.backend][who.role] {
			g.counters[who.backend][who.role][kind] = newCounter()
		}
	}
	return g
}

var watchedRoles = [...]struct {
	backend Backend
	role    Role
}{{Old, Authority}, {Old, ShadowRole}, {New, Authority}}

// current reports whether what a backend did in an epoch is entered.
func (g *figures) current(b Backend, epoch uint64) bool { return b == Old || epoch >= g.epoch.Load() }

// depart begins to watch a call, unless its answer is a tunnel.
func (g *figures) depart(c *call, a *asking, began time.Duration) {
	if a.in.upgrade != "" {
		return
	}
	c.flight = flight{in: a.in, body: a.body, call: c, began: began, epoch: c.epoch, kind: figureKindOf(c.kind)}
	g.flights[c.backend.id][Authority].enter(&c.flight)
}

// headers enters what is known of a call when its answer's headers are there, or will not come.
func (g *figures) headers(c *call, status int) {
	f, id := &c.flight, c.backend.id
	if c.err == nil && c.length > 0 {
		f.inBody.Store(true)
	} else {
		f.leave()
	}
	if f.in == nil || !g.current(id, c.epoch) {
		return
	}
	n := g.counters[id][Authority][f.kind]
	n.answer(status)
	if id == New && codeClass(status) == clientErrorClass {
		g.refusals[f.kind].see(f.fingerprint())
	}
	g.time(f, n, id, status != 0, f.took(c.took))
}

// clientErrorClass is the class of 4xx.
const clientErrorClass = 4

// time enters a latency once. Without an answer it took at least that long, which says something only if that is too long already.
func (g *figures) time(f *flight, n *counter, id Backend, answered bool, took time.Duration) {
	limit := time.Duration(g.slow[f.kind].Load())
	late := limit > 0 && took > limit
	if !late && !answered || !f.timed.CompareAndSwap(false, true) {
		return
	}
	if late {
		took = max(took, above(limit)) // so that Over counts it
	}
	n.took(took)
	if late && id == New {
		g.late[f.kind].see(f.fingerprint())
	}
}

// fingerprint identifies the request, as far as its body has come.
func (f *flight) fingerprint() uint64 {
	if f.call == nil {
		return fingerprint(f.in, nil)
	}
	return f.in.fingerprint(f.call.body)
}

// ended enters how a call ended; outcome is what is told to the breaker.
func (g *figures) ended(c *call, in *inbound, outcome error) {
	id := c.backend.id
	if errors.Is(outcome, errNoBlame) || !g.current(id, c.epoch) {
		return
	}
	kind := figureKindOf(c.kind)
	g.counters[id][Authority][kind].end(outcome == nil)
	if id != New {
		return
	}
	if outcome == nil {
		g.rows[kind].end()
		return
	}
	f := failed(func() uint64 { return in.fingerprint(c.body) }, outcome)
	g.failures[kind].see(f)
	g.rows[kind].fail(f)
}

// departShadow begins to watch old's answer to an exchange; new's shadows are judged by their breaker alone.
func (g *figures) departShadow(x *exchange) {
	if x.plan.Shadow == Old {
		x.flight = flight{in: x.in, began: time.Since(x.Arrived), epoch: x.plan.Epoch, kind: ofReads}
		g.flights[Old][ShadowRole].enter(&x.flight)
	}
}

// shadowed enters old's answer to an exchange that new answered. expired says that the queue left it too little time.
func (g *figures) shadowed(x *exchange, leg *Leg, expired bool) {
	if x.plan.Shadow != Old {
		return
	}
	n := g.counters[Old][ShadowRole][ofReads]
	if expired {
		return
	}
	n.answer(leg.Status)
	g.time(&x.flight, n, Old, leg.Status != 0, leg.Duration)
	broke := x.in.grpc && leg.Answer != nil && callBroke(leg.Answer.Header, leg.Answer.Trailer)
	n.end(leg.Err == nil && leg.Status < http.StatusInternalServerError && !broke)
	g.paired(x, leg)
}

// paired enters whether old gave the status that new refused the same request with.
func (g *figures) paired(x *exchange, leg *Leg) {
	if codeClass(x.New.Status) == clientErrorClass && leg.Status != 0 {
		g.counters[Old][ShadowRole][ofReads].pair(leg.Status == x.New.Status)
	}
}

// Figures is what a backend did in a role since the start: with reads, or with all else. New is told of as the authority alone, and
// from BeginFigures on.
func (p *Proxy) Figures(b Backend, role Role, write bool) (Answers, Latencies) {
	kind := ofReads
	if write {
		kind = ofWrites
	}
	if c := p.figures.counters[b][role][kind]; c != nil {
		return c.read()
	}
	return Answers{}, Latencies{}
}

// BeginFigures says that what new did before the epoch, or does from now on for a request of an earlier one, tells nothing.
func (p *Proxy) BeginFigures(epoch uint64) {
	g := p.figures
	g.epoch.Store(epoch)
	for kind := range g.failures {
		g.failures[kind].forget()
		g.refusals[kind].forget()
		g.late[kind].forget()
		g.rows[kind].end()
	}
}

// Different is of how many different requests something was seen at new lately, about.
type Different struct{ Failures, ClientErrors, Slow int }

// Different tells of the time that is past, of reads or of all else: failures within the first duration, 4xx within the second, slow
// answers within the third.
func (p *Proxy) Different(write bool, failures, clientErrors, slow time.Duration) Different {
	g, kind := p.figures, ofReads
	if write {
		kind = ofWrites
	}
	return Different{g.failures[kind].within(failures), g.refusals[kind].within(clientErrors), g.late[kind].within(slow)}
}

// Probing counts the requests that old is being asked because new failed or refused them.
func (p *Proxy) Probing() int { return int(p.figures.probes.Load()) }

// Hanging counts the requests of clients, reads or all else, that Inspect found in flight at new for longer than it was told.
func (p *Proxy) Hanging(write bool) int {
	kind := ofReads
	if write {
		kind = ofWrites
	}
	return int(p.figures.hanging[kind].Load())
}

// Inspect looks at what is in flight. What takes longer than slow says, for reads and for all else, is entered as having taken at
// least that long; 0 enters nothing. An answer whose body does not go on for as long as its backend's timeout is a failure,
// once. It is to be called now and then, from one goroutine.
func (p *Proxy) Inspect(slowReads, slowWrites time.Duration) {
	g := p.figures
	g.slow[ofReads].Store(int64(slowReads))
	g.slow[ofWrites].Store(int64(slowWrites))
	var hanging [2]int64
	for _, who := range watchedRoles {
		g.flights[who.backend][who.role].each(func(f *flight) {
			switch {
			case f.inBody.Load():
				p.inspectBody(f)
			case g.current(who.backend, f.epoch):
				age := f.age()
				g.time(f, g.counters[who.backend][who.role][f.kind], who.backend, false, age)
				if limit := g.slow[f.kind].Load(); who.backend == New && limit > 0 && int64(age) > limit {
					hanging[f.kind]++
				}
			}
		})
	}
	g.hanging[ofReads].Store(hanging[ofReads])
	g.hanging[ofWrites].Store(hanging[ofWrites])
}

// inspectBody judges an answer that stalls in the middle. It is not ended: the client decides how long it waits.
func (p *Proxy) inspectBody(f *flight) {
	now, n := time.Now(), f.call.pieces.Load()
	if n != f.seen || f.since.IsZero() || !f.reading.Load() {
		f.seen, f.since = n, now
		return
	}
	if now.Sub(f.since) >= f.call.backend.options.Timeout {
		p.judge(f.call, f.in, errTimeout)
	}
}
