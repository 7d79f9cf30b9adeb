package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// Client sends requests to one backend over pooled connections. It is an http.RoundTripper, and may be used by many goroutines.
type Client struct {
	options Options
	address string
	secure  bool
	tls     *tls.Config
	epoch   time.Time // durations are counted from here: that is cheaper than the time of day
	dial    dialTCP
	pool    pool
}

// New makes a client. It starts nothing; the options' URL must have a host and the scheme http or https.
func New(o Options) *Client {
	if o.MaxIdle <= 0 {
		o.MaxIdle = defaultMaxIdle
	}
	if o.MaxHeaderBytes <= 0 {
		o.MaxHeaderBytes = defaultHeaderBytes
	}
	c := &Client{options: o, secure: o.URL.Scheme == "https", epoch: time.Now()}
	c.dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	c.pool.client = c
	port := o.URL.Port()
	switch {
	case port != "":
	case c.secure:
		port = "443"
	default:
		port = "80"
	}
	c.address = net.JoinHostPort(o.URL.Hostname(), port)
	if c.secure {
		c.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLS != nil {
			c.tls = o.TLS.Clone()
		}
		if c.tls.ServerName == "" {
			c.tls.ServerName = o.URL.Hostname()
		}
		c.tls.NextProtos = []string{"http/1.1"}
		c.tls.DynamicRecordSizingDisabled = true // a request is one record, and one packet
	}
	return c
}

func (c *Client) now() time.Duration { return time.Since(c.epoch) }

// CloseIdleConnections closes the connections that no request uses.
func (c *Client) CloseIdleConnections() { c.pool.closeIdle() }

// Conns returns how many connections are open or being opened.
func (c *Client) Conns() int { return c.pool.conns() }

// RoundTrip sends a request and returns its answer, as http.RoundTripper says. A context may also have a deadline and no Done: then
// the deadline ends the request, and no timer is needed. See Call for what the context may carry.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	call, _ := req.Context().Value(CallKey{}).(*Call)
	return c.Do(req, call)
}

var noCall Call

// Do is RoundTrip without a look into the context; call may be nil. The request is neither changed nor, but for the answer's Request
// field, kept. The answer's body must be closed; it is a Body unless the answer has none. An error of the context's end is the
// context's cause, one of connecting is a *net.OpError with Op "dial".
func (c *Client) Do(req *http.Request, call *Call) (*http.Response, error) {
	if call == nil {
		call = &noCall
	}
	if call.Touched {
		call.Touched = false
	}
	wire, err := image(req, call)
	if err != nil {
		return nil, err
	}
	ctx := req.Context()
	if ctx.Err() != nil {
		wire.give()
		return nil, context.Cause(ctx)
	}
	timeout := c.options.HeaderTimeout
	if call.HeaderTimeout > 0 && (timeout <= 0 || call.HeaderTimeout < timeout) {
		timeout = call.HeaderTimeout
	}
	var limit time.Duration
	if timeout > 0 {
		limit = c.now() + timeout
	}
	if d := due(ctx, c.epoch); d > 0 && (limit == 0 || d < limit) {
		limit = d
	}
	resp, err := c.deliver(req, call, wire, limit)
	if err != nil {
		wire.give()
	}
	return resp, err
}

// deliver has the request answered over one connection, or a second one.
func (c *Client) deliver(req *http.Request, call *Call, wire *buffer, limit time.Duration) (*http.Response, error) {
	ctx := req.Context()
	cn, err := c.pool.take(ctx, limit)
	if err == nil && cn == nil {
		cn, err = c.open(ctx, limit)
	}
	defer func() {
		if cn != nil {
			cn.close() // a callback panics
		}
	}()
	size := wire.w
	for err == nil {
		var resp *http.Response
		if resp, err = cn.exchange(req, call, wire, limit); err == nil {
			cn = nil
			return resp, nil
		}
		if cn.sock.written > 0 && call != &noCall {
			call.Touched = true
		}
		again := cn.mayRepeat(ctx, req, call, err)
		cn.close()
		cn = nil
		if !again {
			break
		}
		wire.r, wire.w = 0, size
		if err = c.pool.place(ctx, limit); err == nil {
			cn, err = c.open(ctx, limit)
		}
	}
	return nil, err
}

// open opens a connection, for which the place has been taken.
func (c *Client) open(ctx context.Context, limit time.Duration) (*conn, error) {
	cn, err := c.connect(ctx, limit)
	if err != nil {
		c.pool.closed()
	}
	return cn, err
}

// mayRepeat reports whether a failed request may be sent again: it went over a connection that had rested, which the backend may
// have closed meanwhile; nothing of an answer came; and either the backend cannot have seen anything of it, or it changes nothing.
func (cn *conn) mayRepeat(ctx context.Context, req *http.Request, call *Call, err error) bool {
	if !cn.reused || cn.got || ctx.Err() != nil || errors.Is(err, ErrTimeout) {
		return false
	}
	if cn.sock.written == 0 {
		return true
	}
	return !call.Once && (req.Method == "" || req.Method == http.MethodGet || req.Method == http.MethodHead || req.Method == http.MethodOptions)
}
