package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// backend is one of the two, with a pool of connections for each role. Everything behind http.RoundTripper may be
// replaced by a faster one.
type backend struct {
	id      Backend
	options BackendOptions
	prefix  string
	set     http.Header // options.Set, its names canonical
	pools   [2]pool
	// http2 is set once the backend has answered in HTTP/2, where only unprocessed requests are repeated.
	http2 atomic.Bool
}

// pool is the connections for one role.
type pool struct {
	plain   http.RoundTripper
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
	b := &backend{id: id, options: o, prefix: strings.TrimSuffix(o.URL.EscapedPath(), "/"), set: http.Header{}}
	for name, values := range o.Set {
		b.set[http.CanonicalHeaderKey(name)] = values
	}
	b.pools[Authority] = newPool(o, 256)
	b.pools[ShadowRole] = newPool(o, workers)
	return b, nil
}

func newPool(o BackendOptions, idle int) pool {
	tls := o.URL.Scheme == "https"
	plain, upgrade := newTransport(o, idle, true, tls, false), newTransport(o, idle, true, false, false)
	p := pool{plain: plain, upgrade: upgrade, grpc: plain, all: []*http.Transport{plain, upgrade}}
	if !tls {
		h2c := newTransport(o, idle, false, false, true)
		p.grpc, p.all = h2c, append(p.all, h2c)
	}
	return p
}

// idleTimeout is below the keep-alive of common servers (Node: 5 s), so that a write seldom meets a connection that the
// backend is closing: it could not be sent again.
const idleTimeout = 4 * time.Second

func newTransport(o BackendOptions, idle int, http1, http2, h2c bool) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(http1)
	protocols.SetHTTP2(http2)
	protocols.SetUnencryptedHTTP2(h2c)
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		MaxIdleConnsPerHost:   idle,
		IdleConnTimeout:       idleTimeout,
		Protocols:             protocols,
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
