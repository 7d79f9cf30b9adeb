package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// conn is one connection to the backend. Whoever has it from the pool is its only user until it is given back or closed.
type conn struct {
	client *Client
	sock   *sock
	tls    *tls.Conn // nil: plain
	state  *tls.ConnectionState

	idleSince time.Duration // since the client's epoch
	reused    bool
	suspect   bool // look before the next use, however short the rest was

	// Of the exchange under way.
	buf  *buffer
	got  bool // a byte of the answer has come
	full bool // the last read was filled: there may be more in the socket
}

// send has the request written before the first read.
func (cn *conn) send(ctx context.Context, wire *buffer, limit time.Duration, wrote func()) error {
	cn.buf, cn.got, cn.full = wire, false, false
	image := wire.buffered()
	wire.r, wire.w = 0, 0
	cn.sock.begin(ctx, limit, wrote)
	if cn.tls == nil {
		cn.sock.out = image
		return nil
	}
	cn.sock.cork = true
	_, err := cn.tls.Write(image)
	cn.sock.cork = false
	cn.sock.out = cn.sock.corked
	return err
}

// read reads from the backend.
func (cn *conn) read(p []byte) (int, error) {
	var n int
	var err error
	if cn.tls == nil {
		n, err = cn.sock.Read(p)
	} else {
		n, err = cn.tls.Read(p)
	}
	if n > 0 {
		cn.got, cn.full = true, n == len(p)
		return n, nil
	}
	if err != nil && cn.sock.ctx != nil {
		err = cn.sock.cause(err)
	}
	return n, err
}

// readNow reads what can be had without waiting, or returns errWouldBlock.
func (cn *conn) readNow(p []byte) (int, error) {
	cn.sock.nowait = true
	n, err := cn.read(p)
	cn.sock.nowait = false
	return n, err
}

// fill reads more into the buffer, which must have room.
func (cn *conn) fill(wait bool) error {
	var n int
	var err error
	if room := cn.buf.room(); wait {
		n, err = cn.read(room)
	} else {
		n, err = cn.readNow(room)
	}
	cn.buf.w += n
	return err
}

// stale reports whether the connection cannot be used again: the backend has closed it, or sent what nobody asked for.
func (cn *conn) stale() bool {
	var one [1]byte
	if cn.tls == nil && cn.sock.raw == nil {
		return false // the request will show
	}
	cn.sock.nowait = true
	n, err := cn.read(one[:])
	cn.sock.nowait = false
	return n > 0 || !errors.Is(err, errWouldBlock)
}

// failed says why an exchange failed before its answer's head was complete.
func (cn *conn) failed(err error) error {
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case cn.sock.broken != nil:
		return cn.sock.broken
	case cn.got:
		return errCut
	}
	return errClosed
}

// close closes the connection and gives its place free.
func (cn *conn) close() {
	cn.sock.end()
	_ = cn.sock.Close()
	cn.client.pool.closed()
}

// retire closes a connection that is whole, with TLS's goodbye. Its place stays taken.
func (cn *conn) retire() {
	if cn.tls != nil {
		_ = cn.tls.Close()
		return
	}
	_ = cn.sock.Close()
}

// done ends an exchange whose answer has been read to its end: the connection is kept if it may be used again.
func (cn *conn) done(keep bool) {
	switch alone := cn.sock.end(); {
	case !alone || cn.sock.broken != nil:
		cn.close()
		return
	case !keep:
		cn.client.pool.discard(cn)
		return
	}
	cn.reused = true
	cn.suspect = cn.suspect || cn.full
	cn.client.pool.put(cn)
}

// dialTCP is the net.Dialer's.
type dialTCP func(ctx context.Context, network, address string) (net.Conn, error)

// connect opens a connection. Whatever fails is a *net.OpError with Op "dial", since the backend has not seen anything of a request
// then; or the context's cause.
func (c *Client) connect(ctx context.Context, limit time.Duration) (*conn, error) {
	until := limit
	if c.options.DialTimeout > 0 && (until == 0 || c.now()+c.options.DialTimeout < until) {
		until = c.now() + c.options.DialTimeout
	}
	dialing := ctx
	if until > 0 {
		if ctx.Done() == nil {
			dialing = context.WithoutCancel(ctx) // its deadline is in until, and ends nobody who waits for Done
		}
		var cancel context.CancelFunc
		dialing, cancel = context.WithDeadline(dialing, c.epoch.Add(until))
		defer cancel()
	}
	nc, err := c.dial(dialing, "tcp", c.address)
	if err != nil {
		return nil, c.dialError(ctx, limit, nil, err)
	}
	cn := &conn{client: c, sock: newSock(nc, c.epoch)}
	if !c.secure {
		return cn, nil
	}
	if err := cn.handshake(ctx, limit); err != nil {
		_ = nc.Close()
		return nil, c.dialError(ctx, limit, nc.RemoteAddr(), err)
	}
	return cn, nil
}

func (cn *conn) handshake(ctx context.Context, limit time.Duration) error {
	c, s := cn.client, cn.sock
	if t := c.options.TLSHandshakeTimeout; t > 0 && (limit == 0 || c.now()+t < limit) {
		limit = c.now() + t
	}
	s.begin(ctx, limit, nil)
	s.secure = true
	if limit > 0 {
		_ = s.SetWriteDeadline(c.epoch.Add(limit))
	}
	cn.tls = tls.Client(s, c.tls)
	if err := cn.tls.HandshakeContext(context.Background()); err != nil {
		s.end()
		return err
	}
	state := cn.tls.ConnectionState()
	cn.state = &state
	if !s.end() {
		return context.Cause(ctx)
	}
	return s.SetWriteDeadline(time.Time{})
}

// dialError makes an error of connecting what connect promises.
func (c *Client) dialError(ctx context.Context, limit time.Duration, addr net.Addr, err error) error {
	var op *net.OpError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case limit > 0 && c.now() >= limit:
		err = ErrTimeout
	case errors.As(err, &op) && op.Op == "dial":
		return err
	}
	return &net.OpError{Op: "dial", Net: "tcp", Addr: addr, Err: err}
}

// answer is the response and its body in one piece of memory.
type answer struct {
	resp     http.Response
	body     body
	encoding [1]string
}
