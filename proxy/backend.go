package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
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
	b := &backend{id: id, options: o, prefix: strings.TrimSuffix(o.URL.EscapedPath(), "/")}
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

// asking is one request to a backend. A body of nil is none; once forbids that it is sent a second time.
type asking struct {
	role    Role
	in      *inbound
	route   *route
	body    io.ReadCloser
	length  int64 // of the body; -1 is unknown
	trailer http.Header
	once    bool
	// marked says that this is the shadow leg, buffered that the body is in memory, so that nobody has to be asked for it.
	marked, buffered bool
	via              string
}

// request builds the request to the backend: the request line as the client sent it, but for the base URL's prefix and
// the route's rewrite for new.
func (b *backend) request(ctx context.Context, a *asking) *http.Request {
	path, query, hasQuery := a.in.path, a.in.query, a.in.hasQuery
	if b.id == New {
		path, query, hasQuery = a.route.rewrite(path, query, hasQuery)
	}
	r := &http.Request{
		Method: a.in.method, URL: b.url(path, query, hasQuery), Host: b.options.URL.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.in.header.Clone(), Body: a.body, ContentLength: a.length, Trailer: a.trailer,
	}
	if b.options.ClientHost {
		r.Host = a.in.host
	}
	b.prepareHeader(r.Header, a)
	if a.body == nil {
		r.ContentLength = 0
	}
	if a.once {
		renameIdempotencyKey(r.Header)
		if a.body == nil && safeMethod(r.Method) && !b.http2.Load() {
			r.Body = emptyBody{}
		}
	}
	return r.WithContext(ctx)
}

func (b *backend) prepareHeader(h http.Header, a *asking) {
	trailers := headerHasToken(h["Te"], "trailers")
	removeHopByHop(h)
	if trailers {
		h["Te"] = []string{"trailers"}
	}
	if a.in.upgrade != "" {
		h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{a.in.upgrade}
	}
	delete(h, shadowHeader)
	delete(h, fallbackHeader)
	setForwarded(h, a.in)
	addVia(h, a.in.version, a.via)
	for _, name := range b.options.Remove {
		h.Del(name)
	}
	for name, values := range b.options.Set {
		h[http.CanonicalHeaderKey(name)] = values
	}
	if a.buffered {
		delete(h, "Expect")
	}
	if a.marked {
		h[shadowHeader] = []string{"1"}
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // none, rather than net/http's own
	}
}

// url returns the URL whose request line is the escaped path and the query to the byte.
func (b *backend) url(path, query string, hasQuery bool) *url.URL {
	u := &url.URL{Scheme: b.options.URL.Scheme, Host: b.options.URL.Host, RawQuery: query, ForceQuery: hasQuery}
	path = b.prefix + path
	if !strings.HasPrefix(path, "//") {
		u.Opaque = path
		return u
	}
	// net/url would take an opaque `//x` for an authority. Its escaped path passes unless it holds bytes that RFC 3986 forbids;
	// these alone are escaped then.
	u.RawPath = escapeForbidden(path)
	u.Path, _ = url.PathUnescape(u.RawPath)
	return u
}

func escapeForbidden(path string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(path) {
		c := path[i]
		if c > ' ' && c < 0x7f && !strings.ContainsRune("\"<>\\^`{|}#?", rune(c)) {
			out.WriteByte(c)
			continue
		}
		out.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return out.String()
}
