package proxy

import (
	"bytes"
	"context"
	"net/http"
	"net/textproto"
	"sync"
	"time"

	"paritygate/proxy/upstream"
)

// envelope is a request for the pooled client. It is used again and again: the request's context is the envelope itself, which
// points to the context of the exchange that is under way.
type envelope struct {
	context.Context
	request  *http.Request
	backend  *backend
	asking   *asking
	call     upstream.Call
	body     memoryBody
	informer *informer // nil: nobody is told
}

// memoryBody is a request's body that nobody waits for.
type memoryBody struct{ bytes.Reader }

// Close does nothing: the bytes belong to the exchange.
func (*memoryBody) Close() error { return nil }

var envelopes = sync.Pool{New: func() any {
	e := &envelope{Context: context.Background()}
	e.request = (&http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(e)
	e.call.Informed = e.informed
	e.call.Fields = func(to []byte) []byte { return e.backend.appendFields(to, e.asking) }
	return e
}}

// seal makes the request to the backend.
func (b *backend) seal(ctx context.Context, a *asking) *envelope {
	e := envelopes.Get().(*envelope) //nolint:forcetypeassert // nothing else is in the pool
	e.Context, e.backend, e.asking = ctx, b, a
	r := e.request
	r.Method, r.URL, r.Host = a.in.method, b.options.URL, b.host(a)
	e.call.Target, e.call.Once, e.call.Wrote = b.target(a), a.once, a.sent
	if len(a.memory) > 0 {
		e.body.Reset(a.memory)
		r.Body, r.ContentLength = &e.body, int64(len(a.memory))
	}
	return e
}

// release lets the envelope be used for another exchange, once nobody reads the answer to its request any more.
func (e *envelope) release() {
	if e == nil {
		return
	}
	e.body.Reset(nil)
	e.backend, e.asking = nil, nil
	e.request.Body, e.request.ContentLength = nil, 0
	e.Context, e.informer, e.call.Wrote, e.call.Target, e.call.Header = context.Background(), nil, nil, "", nil
	e.call.HeaderTimeout = 0
	envelopes.Put(e)
}

// headers are maps for the headers of answers.
var headers = sync.Pool{New: func() any { return make(http.Header, 16) }}

func takeHeader() http.Header { return headers.Get().(http.Header) } //nolint:forcetypeassert // nothing else is in the pool

// giveHeader lets the map be used again. The values it held stay as they are.
func giveHeader(h http.Header) {
	if h != nil {
		clear(h)
		headers.Put(h)
	}
}

func (e *envelope) informed(status int, h http.Header) error {
	if e.informer == nil {
		return nil
	}
	return e.informer.got(status, textproto.MIMEHeader(h))
}

// until is a context that ends at a time, for one who asks for its deadline instead of waiting for its end.
type until struct{ at time.Time }

// Deadline returns the time.
func (u *until) Deadline() (time.Time, bool) { return u.at, true }

// Done returns nil.
func (*until) Done() <-chan struct{} { return nil }

// Err returns nil before the deadline.
func (u *until) Err() error {
	if time.Until(u.at) > 0 {
		return nil
	}
	return context.DeadlineExceeded
}

// Value returns nil.
func (*until) Value(any) any { return nil }
