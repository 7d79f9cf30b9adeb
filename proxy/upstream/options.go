package upstream

import (
	"crypto/tls"
	"net/url"
	"time"
)

const (
	// MaxBody is the largest body of a request that this client takes, in bytes: it must fit into what sockets buffer, or an
	// early answer could not be read while it is written.
	MaxBody = 64 << 10

	defaultMaxIdle     = 256
	defaultHeaderBytes = 256 << 10
)

// Options say which backend a Client talks to, and within which limits.
type Options struct {
	// URL has the scheme (http or https) and the host of the backend; nothing else of it matters. A host that is not ASCII must
	// be in punycode.
	URL *url.URL
	// TLS is for https; nil means the system's roots. The server's name is the URL's host unless it is set. Only http/1.1 is
	// offered by ALPN.
	TLS *tls.Config
	// MaxIdle connections are kept for reuse; 0 means 256.
	MaxIdle int
	// MaxConns connections are open at most; a request beyond it waits for one until its context ends. 0 means no limit.
	MaxConns int
	// IdleTimeout is how long a connection is kept without a request; 0 means for ever.
	IdleTimeout time.Duration
	// DialTimeout and TLSHandshakeTimeout limit the two steps of a new connection; 0 means no limit.
	DialTimeout, TLSHandshakeTimeout time.Duration
	// HeaderTimeout is from the start of a request to the end of the final answer's head, else ErrTimeout; 0 means no limit.
	HeaderTimeout time.Duration
	// MaxHeaderBytes limits the head of an answer; 0 means 256 KiB.
	MaxHeaderBytes int
}
