package proxy

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// asking is one request to a backend.
type asking struct {
	role     Role
	in       *inbound
	route    *route
	body     *requestBody // the client's; nil: none, or one that is in memory
	memory   []byte       // the whole body, where buffered says that nobody has to be asked for it
	trailer  http.Header
	once     bool   // it must not be sent a second time
	marked   bool   // this is the shadow leg
	sent     func() // called when the request is written; nil: nobody wants to know
	buffered bool
}

// request builds the request to the backend: the request line as the client sent it, but for the base URL's prefix and
// the route's rewrite for new.
func (b *backend) request(ctx context.Context, a *asking) *http.Request {
	path, query, hasQuery := b.rewritten(a)
	r := &http.Request{
		Method: a.in.method, URL: b.url(path, query, hasQuery), Host: b.host(a),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(a.in.header)+8), Trailer: a.trailer,
	}
	b.fields(a, func(name string, values []string) { r.Header[name] = values })
	switch {
	case len(a.trailer) > 0 && a.buffered:
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(a.memory)), -1 // only chunks can be followed by one
	case len(a.memory) > 0:
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(a.memory)), int64(len(a.memory))
	case a.body != nil:
		r.Body, r.ContentLength = a.body, a.body.length
	}
	if a.once {
		renameIdempotencyKey(r.Header)
		if r.Body == nil && safeMethod(r.Method) && !b.http2.Load() {
			r.Body = emptyBody{}
		}
	}
	return r.WithContext(ctx)
}

// host returns the Host that the backend gets.
func (b *backend) host(a *asking) string {
	if b.options.ClientHost {
		return a.in.host
	}
	return b.options.URL.Host
}

// rewritten returns the path and the query by which the backend is asked.
func (b *backend) rewritten(a *asking) (path, query string, hasQuery bool) {
	if b.id == New {
		return a.route.rewrite(a.in.path, a.in.query, a.in.hasQuery)
	}
	return a.in.path, a.in.query, a.in.hasQuery
}

// target returns the request target as it goes over the wire.
func (b *backend) target(a *asking) string {
	if a.in.target == "*" || b.prefix == "" && (b.id != New || a.route.newPath == nil && a.route.newQuery == "") {
		return a.in.target
	}
	path, query, hasQuery := b.rewritten(a)
	if hasQuery {
		return b.prefix + path + "?" + query
	}
	return b.prefix + path
}

// url returns the URL whose request line is the escaped path and the query to the byte.
func (b *backend) url(path, query string, hasQuery bool) *url.URL {
	u := &url.URL{Scheme: b.options.URL.Scheme, Host: b.options.URL.Host, RawQuery: query, ForceQuery: hasQuery}
	if path == "*" {
		u.Opaque = path
		return u
	}
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
