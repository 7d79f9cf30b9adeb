package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"sync/atomic"
	"time"

	"paritygate/proxy/upstream"
)

// call is one request to the authority and its answer.
type call struct {
	backend  *backend
	in       *inbound
	route    *route
	kind     Kind
	epoch    uint64
	body     *requestBody // nil: none
	ctx      context.Context
	stop     context.CancelCauseFunc // ends ctx; nil: the pooled client is asked, and ctx is the client's own
	cause    atomic.Pointer[error]   // why it was cancelled, where there is no stop
	resp     *http.Response
	length   int64 // of the answer's body; -1 is unknown
	early    bool  // the answer is flushed to its end before anything else is done with it
	err      error
	limit    time.Duration // to the response's headers, if it is less than the backend's timeout; 0: it is not
	took     time.Duration // to the response's headers
	informer informer
	envelope *envelope    // nil: http.Transport was asked
	recorder recorder     // of an answer that is not captured
	held     *heldAnswer  // the answer's body, if the journal is told of it
	header   http.Header  // of the answer, from the pool; nil if it is not
	pieces   atomic.Int64 // of the answer's body that have come
	flight   flight       // how it is watched
	judged   atomic.Bool  // how it ended was entered
	touched  atomic.Bool  // something of the request may have reached the backend
}

// ask sends a request to the authority and waits for the headers of its answer.
func (p *Proxy) ask(w http.ResponseWriter, c *call, a *asking) {
	if c.body != nil {
		a.body = c.body
		if memory, whole := c.body.whole(); whole {
			a.body, a.memory, a.buffered = nil, memory, true
		}
	}
	c.in, c.informer.w, c.informer.mute = a.in, w, a.in.major == 1 && a.in.minor == 0
	start := time.Since(a.in.arrived) // cheaper than the time of day
	p.figures.depart(c, a, start)
	if client := c.backend.client(a); client != nil {
		c.envelope = c.backend.seal(c.ctx, a)
		c.header = takeHeader()
		c.envelope.informer, c.envelope.call.Header, c.envelope.call.HeaderTimeout = &c.informer, c.header, c.limit
		c.resp, c.err = client.Do(c.envelope.request, &c.envelope.call) //nolint:bodyclose // whoever relays the answer closes it
		c.touched.Store(c.err == nil || c.envelope.call.Touched)
		switch {
		case !errors.Is(c.err, upstream.ErrTimeout):
		case isConnectError(c.err):
			c.err = fmt.Errorf("%w: %w", errTimeout, c.err) // the backend has seen nothing
		default:
			c.err = errTimeout
		}
	} else {
		p.askStandard(c, a)
	}
	c.took = time.Since(a.in.arrived) - start
	if c.err == nil {
		c.err = checkStatus(c.resp, a.in)
	}
	status := 0
	if c.err == nil {
		status = c.resp.StatusCode
		c.length = bodyLength(c.resp, a.in.method)
	} else {
		c.err = c.reason(c.err)
		c.cancel(c.err)
	}
	p.figures.headers(c, status)
	if a.in.access != nil {
		a.in.access.asked(c.backend.id, status, c.took)
	}
	p.metrics.asked(c.route, c.kind, c.backend.id, a.role, status, c.took)
}

// timeout is how long the backend gets to the response's headers.
func (c *call) timeout() time.Duration {
	if c.limit > 0 {
		return min(c.limit, c.backend.options.Timeout)
	}
	return c.backend.options.Timeout
}

// cancel ends the call, from any goroutine once there is an answer.
func (c *call) cancel(cause error) {
	if c.stop != nil {
		c.stop(cause)
		return
	}
	c.cause.CompareAndSwap(nil, &cause)
	if c.resp != nil {
		_ = c.resp.Body.Close() // the pooled client's may be closed while it is read
	}
}

// outlive ends a call that is detached from its client, if nothing more of its answer comes for as long as the backend's timeout once
// the client has left. stop is to be called when the answer has ended.
func (c *call) outlive(client context.Context) (stop func()) {
	ended := make(chan struct{})
	unwatch := context.AfterFunc(client, func() {
		ticker := time.NewTicker(c.backend.options.Timeout)
		defer ticker.Stop()
		for seen := c.pieces.Load(); ; {
			select {
			case <-ended:
				return
			case <-ticker.C:
			}
			n := c.pieces.Load()
			if n == seen {
				c.cancel(errTimeout)
				return
			}
			seen = n
		}
	})
	return func() {
		unwatch()
		close(ended)
	}
}

// end gives back what the call holds.
func (c *call) end() {
	c.flight.leave()
	if c.stop != nil {
		c.stop(nil)
	}
}

// why says why the call ended: the reason for which it was cancelled, if it was.
func (c *call) why(err error) error {
	if cause := c.cause.Load(); cause != nil {
		return *cause
	}
	return causeOf(c.ctx, err)
}

// askStandard asks by http.Transport, which may read the client's body and tell of informational answers on goroutines of its own.
func (p *Proxy) askStandard(c *call, a *asking) {
	if c.stop == nil {
		c.ctx, c.stop = context.WithCancelCause(c.ctx)
	}
	trace := &httptrace.ClientTrace{Got1xxResponse: c.informer.got, GotConn: func(httptrace.GotConnInfo) { c.touched.Store(true) }}
	if a.sent != nil {
		trace.WroteRequest = func(httptrace.WroteRequestInfo) { a.sent() }
	}
	req := c.backend.request(httptrace.WithClientTrace(c.ctx, trace), a)
	var timer *time.Timer
	set := make(chan struct{})
	timer = time.AfterFunc(c.timeout(), func() {
		<-set
		switch waiting := a.body != nil && a.body.waiting.Load(); {
		case waiting && a.in.grpc: // both sides of a stream may have nothing to say for long
			timer.Reset(c.timeout())
		case waiting:
			c.cancel(errClientStalled)
		default:
			c.cancel(errTimeout)
		}
	})
	close(set)
	defer timer.Stop()
	if a.body != nil {
		again := func() { timer.Reset(c.timeout()) }
		a.body.progress.Store(&again)
		defer a.body.progress.Store(nil)
		context.AfterFunc(c.ctx, a.body.giveUp) // for as long as the call lasts: HTTP/2 minds its context only between two reads
		c.informer.body = a.body
		silence := time.AfterFunc(continueTimeout, a.body.want)
		defer silence.Stop()
	}
	c.resp, c.err = c.backend.transport(a.role, a.in).RoundTrip(req) //nolint:bodyclose // whoever relays the answer closes it
	c.informer.stop()
	if c.err == nil {
		c.backend.http2.Store(c.resp.ProtoMajor == 2)
	}
}

// checkStatus refuses an answer whose status cannot be final, and closes it. A switch of protocols that nobody asked for has no
// end, and no context ends the reading of it.
func checkStatus(resp *http.Response, in *inbound) error {
	if resp.StatusCode >= 200 || (resp.StatusCode == http.StatusSwitchingProtocols && in.upgrade != "") {
		return nil
	}
	_ = resp.Body.Close()
	return errBadStatus
}

// reason says why a call failed: the proxy's own decision, the client's body, or the backend.
func (c *call) reason(err error) error {
	if cause := c.why(nil); cause != nil {
		return cause
	}
	if c.body != nil {
		if failure := c.body.failure(); failure != nil {
			return errors.Join(errClientGone, failure)
		}
	}
	return err
}

// clientsFault reports whether the client, not the backend, is why there is no answer.
func clientsFault(err error) bool {
	var tooLarge *http.MaxBytesError
	return errors.Is(err, errClientGone) || errors.Is(err, errClientStalled) || errors.As(err, &tooLarge) ||
		errors.Is(err, errAbandoned) || errors.Is(err, errStreamClosed)
}

// judge enters the answer into the authority's breaker and the figures, once. err is why it did not come, or broke off.
func (p *Proxy) judge(c *call, in *inbound, err error) {
	if !c.judged.CompareAndSwap(false, true) {
		return
	}
	outcome := err
	switch {
	case err == nil && c.resp != nil && (c.resp.StatusCode >= 500 || in.grpc && callBroke(c.resp.Header, c.resp.Trailer)):
		outcome = errFailure
	case err == nil:
	case clientsFault(err):
		outcome = errNoBlame
	case isConnectError(err):
		outcome = errConnect
	default:
		outcome = errFailure
	}
	p.figures.ended(c, in, outcome)
	p.breakers[c.backend.id][Authority].record(c.epoch, func() uint64 { return in.fingerprint(c.body) }, outcome)
}

// informer passes informational answers (103) on to the client, until the final one is there.
type informer struct {
	w       http.ResponseWriter
	body    *requestBody // nil: nobody waits to send it
	mute    bool         // the client speaks HTTP/1.0
	mu      sync.Mutex
	stopped bool
}

// got is called by the transport, perhaps on its own goroutine. 100 is not passed on: the server sends it when the body
// is first read.
func (i *informer) got(code int, header textproto.MIMEHeader) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if code == http.StatusContinue && i.body != nil {
		i.body.want()
	}
	if i.stopped || code == http.StatusContinue || i.mute {
		return nil
	}
	h := i.w.Header()
	for k, v := range header {
		h[http.CanonicalHeaderKey(k)] = v
	}
	removeHopByHop(h)
	i.w.WriteHeader(code)
	clear(h)
	return nil
}

func (i *informer) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stopped = true
}
