package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"

	"paritygate/proxy/upstream"
)

// backend is one of the two, with a pool of connections for each role. Everything behind http.RoundTripper may be
// replaced by a faster one.
type backend struct {
	id      Backend
	options BackendOptions
	prefix  string
	set     http.Header         // options.Set, its names canonical
	edited  map[string]struct{} // the canonical names in options.Set and options.Remove
	pools   [2]pool
	// http2 is set once the backend has answered in HTTP/2, where only unprocessed requests are repeated.
	http2 atomic.Bool
}

// pool is the connections for one role.
type pool struct {
	pooled  *upstream.Client  // nil: it is switched off
	plain   http.RoundTripper // for what the pooled client does not take
	upgrade http.RoundTripper // HTTP/1.1 alone
	grpc    http.RoundTripper // HTTP/2 even without TLS
	all     []*http.Transport
}

func newBackend(id Backend, o BackendOptions, workers int) (*backend, error) {
	if o.URL == nil || o.URL.Host == "" || (o.URL.Scheme != "http" && o.URL.Scheme != "https") {
		return nil, errors.New("backend " + id.String() + ": the URL must be http:// or https:// with a host")
	}
	if o.URL.RawQuery != "" || o.URL.Fragment != "" {
		return nil, errors.New("backend " + id.String() + ": the URL must have neither query nor fragment")
	}
	b := &backend{id: id, options: o, prefix: strings.TrimSuffix(o.URL.EscapedPath(), "/"), set: http.Header{}, edited: map[string]struct{}{}}
	for name, values := range o.Set {
		if !httpguts.ValidHeaderFieldName(name) || !validValues(values) {
			return nil, fmt.Errorf("backend %s: the header %q cannot be set to that value", id, name)
		}
		name = http.CanonicalHeaderKey(name)
		b.set[name], b.edited[name] = values, struct{}{}
	}
	for _, name := range o.Remove {
		b.edited[http.CanonicalHeaderKey(name)] = struct{}{}
	}
	b.pools[Authority] = newPool(o, 256, upstream.Options{HeaderTimeout: o.Timeout})
	b.pools[ShadowRole] = newPool(o, workers, upstream.Options{MaxConns: workers})
	return b, nil
}

func validValues(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) })
}

func newPool(o BackendOptions, idle int, u upstream.Options) pool {
	secure := o.URL.Scheme == "https"
	plain, upgrade := newTransport(o, idle, true, secure, false), newTransport(o, idle, true, false, false)
	p := pool{plain: plain, upgrade: upgrade, grpc: plain, all: []*http.Transport{plain, upgrade}}
	if !secure {
		h2c := newTransport(o, idle, false, false, true)
		p.grpc, p.all = h2c, append(p.all, h2c)
	}
	if !o.Standard {
		u.URL, u.TLS, u.MaxIdle, u.IdleTimeout = o.URL, o.TLS, idle, idleTimeout
		u.DialTimeout, u.TLSHandshakeTimeout, u.MaxHeaderBytes = dialTimeout, dialTimeout, maxHeader
		p.pooled = upstream.New(u)
	}
	return p
}

// client returns the pooled client if the request is one for it, else nil: then transport returns who takes it. This is the one
// place where that is decided.
func (b *backend) client(a *asking) *upstream.Client {
	in := a.in
	switch {
	case in.upgrade != "" || in.grpc || len(a.trailer) > 0:
		return nil
	case a.body != nil || len(a.memory) > upstream.MaxBody:
		return nil // it may have to wait for the client, while an early answer waits to be read
	case !a.buffered && len(in.header["Expect"]) > 0:
		return nil
	}
	return b.pools[a.role].pooled
}

// idleTimeout is below the keep-alive of common servers (Node: 5 s), so that a write seldom meets a connection that the
// backend is closing: it could not be sent again.
const idleTimeout = 4 * time.Second

// maxHeader bounds the headers of an answer, in bytes.
const maxHeader = 256 << 10

// continueTimeout is how long a client's body waits for a backend that does not say whether it wants it.
const continueTimeout = time.Second

// dialTimeout bounds a new connection, and then its TLS handshake.
const dialTimeout = 10 * time.Second

func newTransport(o BackendOptions, idle int, http1, http2, h2c bool) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(http1)
	protocols.SetHTTP2(http2)
	protocols.SetUnencryptedHTTP2(h2c)
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		ExpectContinueTimeout:  continueTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idle,
		MaxResponseHeaderBytes: maxHeader,
		IdleConnTimeout:        idleTimeout,
		Protocols:              protocols,
	}
	if o.TLS != nil {
		t.TLSClientConfig = o.TLS.Clone()
	}
	return t
}

func (b *backend) closeIdle() {
	for i := range b.pools {
		for _, t := range b.pools[i].all {
			t.CloseIdleConnections()
		}
		if c := b.pools[i].pooled; c != nil {
			c.CloseIdleConnections()
		}
	}
}

func (b *backend) transport(role Role, in *inbound) http.RoundTripper {
	switch {
	case in.upgrade != "":
		return b.pools[role].upgrade
	case in.grpc:
		return b.pools[role].grpc
	}
	return b.pools[role].plain
}

// emptyBody is a body without content: http.Transport takes a request for one that it may repeat if it has no body at
// all and a safe method.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }
