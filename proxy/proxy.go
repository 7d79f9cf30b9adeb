package proxy

import (
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"paritygate/compare"
)

// Proxy is the data plane: an http.Handler whose mirror works while Run does.
type Proxy struct {
	options  Options
	name     string // in Via
	via      *via
	router   Router
	observer Observer
	log      *zap.Logger
	metrics  *metrics
	table    atomic.Pointer[table]
	backends [3]*backend
	breakers [3][2]*breaker // by backend and role; those of None are nil
	figures  *figures
	gate     *gate
	recent   recent // who writes and wrote
	patience patience
	mirror   mirror
	memory   budget
	// journalMemory bounds what bodies take in memory that are recorded.
	journalMemory budget
	mask          atomic.Pointer[Mask] // nil: nothing is masked
	seed          maphash.Seed

	leaving atomic.Bool // every answer is the last on its connection
}

// NewProxy builds the proxy and starts nothing. An error names the route, pattern or backend that is at fault.
func NewProxy(o Options) (*Proxy, error) {
	o = o.withDefaults()
	if o.Router == nil || o.Observer == nil {
		return nil, errors.New("a router and an observer are required")
	}
	if !isToken(o.Run) {
		return nil, errors.New("run name " + o.Run + ": only letters, digits and -_.~ may be in it, because Via names it")
	}
	safe := &contained{o.Observer, o.Router, o.Logger}
	p := &Proxy{
		options: o, name: "paritygate-" + o.Run, via: newVia("paritygate-" + o.Run), router: safe, observer: safe, log: o.Logger, metrics: newMetrics(), figures: newFigures(),
		gate: newGate(safe, o.Hold), mirror: mirror{queue: make(chan *exchange, o.Queue)}, seed: maphash.MakeSeed(),
	}
	p.recent.start, p.patience = time.Now(), newPatience(o.Old.Timeout, o.New.Timeout)
	p.memory.limit = o.Memory
	p.journalMemory.limit = max(o.Memory, o.JournalBody)
	p.mirror.waiting.limit = o.Memory / waitingShare
	p.mirror.desk = newDesk()
	for id, bo := range map[Backend]BackendOptions{Old: o.Old, New: o.New} {
		b, err := newBackend(id, bo, o.Workers)
		if err != nil {
			return nil, err
		}
		p.backends[id] = b
		p.breakers[id][ShadowRole] = newShadowBreaker(id, o.Trip.Window)
	}
	p.breakers[Old][Authority] = newAuthorityBreaker(Old, o.Trip, nil)
	p.breakers[New][Authority] = newAuthorityBreaker(New, o.Trip, p.tripped)
	if err := p.Reload(o.Table); err != nil {
		return nil, err
	}
	if err := p.metrics.register(o.Registerer, p); err != nil {
		return nil, err
	}
	return p, nil
}

func isToken(s string) bool {
	for _, c := range s {
		if !strings.ContainsRune("-_.~", c) && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}

// Reload replaces the table for the requests that come from now on. After an error the old one stays.
func (p *Proxy) Reload(source Table) error {
	t, err := p.compile(source)
	if err != nil {
		return err
	}
	if before := p.table.Swap(t); before != nil && before.canaryBy != t.canaryBy {
		p.recent.all() // nobody's key is known any more
	}
	return nil
}

// Run asks the shadows until ctx ends. What is queued then is counted as skipped; what is under way ends by its deadline,
// which is at most the shadow's timeout away. It returns nil.
func (p *Proxy) Run(ctx context.Context) error {
	rechecks := newRechecker(ctx, p)
	var workers sync.WaitGroup
	for range p.options.Workers {
		workers.Go(func() { p.work(ctx, rechecks) })
	}
	<-ctx.Done()
	p.mirror.close()
	p.mirror.desk.await(func() { workers.Wait(); rechecks.group.Wait() })
	p.mirror.close() // a worker may have left one behind
	for _, b := range p.backends[Old:] {
		b.closeIdle()
	}
	return nil
}

// ServeHTTP serves one client request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := p.table.Load()
	in := newInbound(r, t.TrustedProxies, p.via)
	if p.options.Access != nil && p.options.Access.Sampled() {
		a := p.recordAccess(w, in)
		defer a.end()
		w = a
	}
	p.serve(w, r, in, t)
	if in.access != nil {
		in.access.whole = true // no panic has cut the answer
	}
}

// serve is ServeHTTP for a request that was looked at.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request, in *inbound, t *table) {
	if f, bad := p.unacceptable(in, r.Trailer); bad {
		p.options.Clients.refused(f)
		f.write(w)
		return
	}
	var body *requestBody
	if r.Body != nil && r.Body != http.NoBody && in.upgrade == "" {
		if len(r.TransferEncoding) > 0 {
			r.Body = &trailerGuard{r.Body, r}
		}
		body = newRequestBody(r.Body, r.ContentLength, p.seed)
		defer receive(w, r, body)()
	}
	seen := sight{p: p, in: in, body: body, limit: t.MaxBody}
	rt, kind := t.classify(in, &seen)
	if seen.err != nil {
		p.refuse(w, seen.err)
		return
	}
	if kind == Read {
		carried, err := p.suspect(in, body, t)
		if err != nil {
			p.refuse(w, err)
			return
		}
		if carried == unclear {
			p.skipUnread(in, rt, t, body)
		}
		if carried != harmless {
			kind = Write
		}
	}
	if in.access != nil {
		in.access.record.Route, in.access.record.Kind = rt.Name, kind
	}
	if kind == Read {
		p.serveRead(w, r, in, rt, t, body)
		return
	}
	p.serveWrite(w, r, in, rt, t, kind, body)
}

// unacceptable says which requests no backend gets to see.
func (p *Proxy) unacceptable(in *inbound, announced http.Header) (refusal, bool) {
	switch {
	case in.method == http.MethodConnect || in.method == http.MethodTrace:
		// TRACE would show the client the credentials that are set for the backend.
		return refusal{http.StatusMethodNotAllowed, "method_not_allowed", "This method is not supported."}, true
	case viaNames(in.header, p.name):
		return refusal{http.StatusLoopDetected, "loop_detected", "The request has passed this proxy before."}, true
	case !in.wellFormed():
		return refusal{http.StatusBadRequest, "bad_request", "The request target is malformed."}, true
	case !validTrailers(announced):
		return refusal{http.StatusBadRequest, "bad_request", "The request announces a trailer that must not be one."}, true
	}
	return refusal{}, false
}

// suspect says whether a request that a route calls a read may write all the same. To know, it reads ahead a body in which a
// GraphQL mutation or the name of another method could be.
func (p *Proxy) suspect(in *inbound, body *requestBody, t *table) (verdictOnBody, error) {
	if body == nil || in.grpc || !mayCarryGraphQL(in) {
		return judgeBody(in, nil, true), nil
	}
	if err := body.prefetch(&p.memory, t.MaxBody); err != nil {
		return harmless, errors.Join(errClientGone, err)
	}
	_, whole := body.whole()
	return judgeBody(in, body.prefix(), whole), nil
}

// skipUnread counts a read whose body is too large to be looked through. It is forwarded as a write, since the part that was not
// seen may be one; a shadow would not have got it in either case.
func (p *Proxy) skipUnread(in *inbound, rt *route, t *table, body *requestBody) {
	x := p.sample(in, rt, t, p.router.Plan())
	switch {
	case x == nil:
	case body.ranOut():
		x.skip(compare.Memory)
	default:
		x.skip(compare.RequestBody)
	}
}

// tripped tells the observer, on a goroutine of its own, that new fails too often.
func (p *Proxy) tripped(trip Trip) {
	p.log.Warn("the authority fails too often", zap.String("reason", trip.Reason), zap.Uint64("epoch", trip.Epoch))
	go p.observer.Tripped(trip)
}

// ResetBreakers makes every breaker forget what it saw; for a change of epoch.
func (p *Proxy) ResetBreakers() {
	epoch := p.router.Plan().Epoch
	for _, id := range []Backend{Old, New} {
		for _, role := range []Role{Authority, ShadowRole} {
			p.breakers[id][role].restart(epoch)
		}
	}
}

// Drain waits until no write, and no bypassing request but streams, is in flight to the backend. If ctx ends first it returns how
// many are left and ctx's error. ErrUnanswered says that one of them ended without an answer.
func (p *Proxy) Drain(ctx context.Context, b Backend) (inFlight int, err error) {
	return p.gate.drain(ctx, b)
}

// Release lets the held writes go, in order of arrival, each by the plan that the router then gives. It returns when none is
// left, or when the plan holds again. When ctx ends they go without waiting for one another.
func (p *Proxy) Release(ctx context.Context) { p.gate.releaseHeld(ctx) }

// Abandon gives up the writes in flight to the backend and returns how many they are: their clients get 504 with the code
// write_unknown, and nobody sends them again.
func (p *Proxy) Abandon(b Backend) int { return p.gate.giveUp(&p.gate.inFlight, b, errAbandoned) }

// CloseStreams closes the upgrades and event streams that go to the backend, and returns how many they are.
func (p *Proxy) CloseStreams(b Backend) int {
	return p.gate.giveUp(&p.gate.streams, b, errStreamClosed)
}

// CloseStrayed closes the upgrades and event streams to a backend that the plan gives neither reads nor writes any more; for a change
// of epoch.
func (p *Proxy) CloseStrayed() {
	plan := p.router.Plan()
	for _, b := range []Backend{Old, New} {
		if !plan.readsFrom(b) && plan.Writes != b {
			p.CloseStreams(b)
		}
	}
}

// Held counts the writes that are held.
func (p *Proxy) Held() int {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	return p.gate.waiting.Len() + p.gate.reading
}

// WriteCounts is what the gate knows of one backend's writes.
type WriteCounts struct {
	// InFlight are writes without an answer yet, Streams established upgrades and event streams.
	InFlight, Streams int
	// Unanswered counts, since the start, writes that ended without an answer: what became of them is unknown.
	Unanswered uint64
}

// Writes returns the counts of one backend.
func (p *Proxy) Writes(b Backend) WriteCounts {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	return WriteCounts{len(p.gate.inFlight[b]), len(p.gate.streams[b]), p.gate.unanswered[b]}
}
