package proxy

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeebo/xxh3"

	"paritygate/compare"
)

// exchange is an eligible request on its way to a verdict. Observer.Begin was called for it; finish calls Observer.Finish,
// once, whoever comes first.
type exchange struct {
	Exchange
	p         *Proxy
	in        *inbound
	route     *route
	table     *table
	plan      Plan
	body      buffer // of the request
	trailer   http.Header
	authority recorder
	shadow    recorder
	deadline  time.Time
	size      int            // of what is captured of it, while it waits
	headers   int            // bytes that are reserved for them
	handed    bool           // to the mirror: the handler is no longer its owner
	doom      compare.Reason // why the mirror would not take it when it began, so that nothing of it is captured
	probe     bool           // of old, in no account
	flight    flight         // of old's answer
	finished  atomic.Bool
}

// doomed are exchanges for the accounts alone, which never leave their handler.
var doomed = sync.Pool{New: func() any { return &exchange{} }}

// sample makes a read eligible, or returns nil.
func (p *Proxy) sample(in *inbound, rt *route, t *table, plan Plan) *exchange {
	fraction := plan.Fraction
	if rt.Mirror != nil {
		fraction = *rt.Mirror
	}
	if plan.Shadow == None || plan.Shadow == plan.Reads || !t.sampleBy.takes(in, fraction) {
		return nil
	}
	if t.mirrorRate != nil && !t.mirrorRate.Allow() {
		return nil
	}
	x := &exchange{}
	doom := p.fruitless(plan.Shadow)
	if doom != "" {
		x = doomed.Get().(*exchange) //nolint:forcetypeassert // nothing else is in the pool
	}
	x.p, x.in, x.route, x.table, x.plan, x.doom = p, in, rt, t, plan, doom
	x.Exchange = Exchange{
		Arrived: in.arrived, Route: rt.Name, Method: in.method, Target: in.target, Header: in.header, Epoch: plan.Epoch,
		Authority: plan.Reads, Old: Leg{Backend: Old}, New: Leg{Backend: New},
	}
	p.metrics.pending.Inc()
	p.observer.Begin(in.arrived)
	return x
}

func (x *exchange) leg(b Backend) *Leg {
	if b == Old {
		return &x.Old
	}
	return &x.New
}

// skip ends the exchange without a comparison.
func (x *exchange) skip(why compare.Reason) {
	if x.probe {
		x.endProbe()
		return
	}
	x.finish(compare.Result{Verdict: compare.Skipped, Reason: why})
}

// finish gives the exchange its verdict and what it holds back to the memory.
func (x *exchange) finish(result compare.Result) {
	if !x.finished.CompareAndSwap(false, true) {
		return
	}
	if x.Fingerprint == 0 {
		x.Fingerprint = fingerprint(x.in, x.body.bytes)
	}
	x.Result = result
	x.p.metrics.finished(&x.Exchange, x.route)
	x.p.observer.Finish(&x.Exchange)
	x.Old.Answer, x.New.Answer = nil, nil
	x.body.drop()
	x.authority.drop()
	x.shadow.drop()
	x.p.memory.release(x.headers)
}

// keepHeaders accounts for the headers that wait with the exchange, or reports that there is no memory left for them.
func (x *exchange) keepHeaders(answer, trailer http.Header) bool {
	n := headerBytes(x.in.header) + headerBytes(answer) + headerBytes(trailer)
	if !x.p.memory.reserve(n) {
		return false
	}
	x.headers = n
	return true
}

// headerBytes is what a header takes in memory, about.
func headerBytes(h http.Header) int {
	const entry = 64
	n := 0
	for name, values := range h {
		n += len(name) + entry
		for _, v := range values {
			n += len(v)
		}
	}
	return n
}

// abandon is deferred by the handler: what it neither finished nor handed over ended by a panic.
func (x *exchange) abandon() {
	if x != nil && !x.handed && !x.finished.Load() {
		x.skip(compare.Panic)
	}
	if x != nil && x.doom != "" {
		*x = exchange{}
		doomed.Put(x)
	}
}

// fingerprint identifies a request by method, target and body.
func fingerprint(in *inbound, body []byte) uint64 {
	h := xxh3.HashStringSeed(in.target, xxh3.HashString(in.method))
	if len(body) == 0 {
		return h
	}
	return xxh3.HashSeed(body, h)
}

// fingerprint tells requests of this process apart, whose bodies are not kept.
func (in *inbound) fingerprint(body *requestBody) uint64 {
	n := fingerprint(in, nil)
	if body != nil {
		n ^= body.sum()
	}
	return n
}
