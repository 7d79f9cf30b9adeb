package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// clientConn is a client's connection. It bounds how long a client may take none of what is sent to it, and sees what net/http
// answers by itself, before there is a request that a handler could see.
type clientConn struct {
	net.Conn
	listener *clientListener

	state    atomic.Int32 // an http.ConnState
	since    atomic.Int64 // when the state began
	phase    atomic.Int32
	http2    atomic.Bool  // over TLS
	streams  atomic.Bool  // HTTP/2 with TLS or without
	received atomic.Int64 // bytes
	before   atomic.Int64 // bytes received before the current request
	late     atomic.Bool  // a deadline ended the last read
	armed    atomic.Int64 // when the deadline for writing was set; 0 is never
	foreign  atomic.Bool  // net/http has set a deadline for writing of its own
	stuck    atomic.Bool  // the client took nothing in time: the connection is of no use
	gone     sync.Once
	slot     bool        // it has one of the listener's
	corked   atomic.Bool // see cork
	held     *[]byte     // what waits for the next write
	framing  framing
	parking  parking
}

// The phases of a connection, as far as answers of net/http itself are to be told from those of the handler.
const (
	noRequest int32 = iota
	parsing         // a request, or what was meant as one, has arrived
	answered        // net/http has answered it
	serving         // the handler has it
)

// writePiece is how much a client must take within the time for writing.
const writePiece = 64 << 10

// Read implements net.Conn.
func (c *clientConn) Read(p []byte) (int, error) {
	if len(p) == 1 && c.phase.Load() == serving && c.park() {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	c.framing.watch(p[:n])
	c.late.Store(err != nil && errors.Is(err, os.ErrDeadlineExceeded))
	return n, err
}

// Write implements net.Conn. It fails when the client does not take a piece in time, and then for ever.
func (c *clientConn) Write(p []byte) (int, error) {
	if c.corked.Load() {
		return c.gather(p)
	}
	return c.write(p)
}

func (c *clientConn) write(p []byte) (n int, err error) {
	if c.phase.Load() < answered {
		c.sniff(p)
	}
	for {
		if c.stuck.Load() {
			return n, os.ErrDeadlineExceeded
		}
		c.arm()
		m, err := c.Conn.Write(p[n:min(len(p), n+writePiece)])
		n += m
		c.failed(err)
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// arm sets the deadline for writing anew once a quarter of it is over, since to set it before every write costs more.
func (c *clientConn) arm() {
	limit := c.listener.write
	if at := now(); !c.foreign.Load() && (c.armed.Load() == 0 || at-c.armed.Load() > int64(limit/4)) {
		c.armed.Store(at)
		_ = c.Conn.SetWriteDeadline(time.Now().Add(limit)) // fails only on a closed connection, as the write will
	}
}

// SetWriteDeadline implements net.Conn. No deadline means that of the connection.
func (c *clientConn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() && !c.foreign.Swap(false) {
		return nil
	}
	c.armed.Store(0)
	c.foreign.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *clientConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// sniff counts an answer that net/http gives by itself. Of one that is encrypted only the length tells it from an alert.
func (c *clientConn) sniff(p []byte) {
	const record, alert = 23, 64
	switch {
	case len(p) > 12 && string(p[:7]) == "HTTP/1." && string(p[9:12]) == "431":
		c.listener.clients.reject(reasonHeaders)
	case len(p) > 12 && string(p[:7]) == "HTTP/1.":
		c.listener.clients.reject(reasonBadRequest)
	case c.phase.Load() != parsing || len(p) < alert || p[0] != record:
		return
	case c.received.Load()-c.before.Load() > c.listener.headers:
		c.listener.clients.reject(reasonHeaders)
	default:
		c.listener.clients.reject(reasonBadRequest)
	}
	c.phase.Store(answered)
}

// Close implements net.Conn.
func (c *clientConn) Close() error {
	err := c.Conn.Close()
	c.gone.Do(func() {
		c.listener.clients.remove(c)
		if c.slot {
			<-c.listener.slots
		}
	})
	return err
}

const (
	lingerTime  = time.Second
	lingerBytes = 16 << 20
)

// CloseWrite ends the answer. The server calls it only where it is about to close a connection on which data may be arriving:
// a reset would destroy the answer (413, 431) before the client has read it.
func (c *clientConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	err := half.CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	return err
}

// stateChanged follows the server's view of a connection.
func stateChanged(conn net.Conn, state http.ConnState) {
	c, secure := clientConnOf(conn)
	if c == nil {
		return
	}
	was := http.ConnState(c.state.Swap(int32(state)))
	c.since.Store(now())
	switch state {
	case http.StateActive:
		if was == http.StateNew && secure != nil {
			c.http2.Store(secure.ConnectionState().NegotiatedProtocol == "h2")
		}
		if !c.http2.Load() {
			c.phase.Store(parsing)
		}
	case http.StateIdle:
		c.before.Store(c.received.Load())
	case http.StateClosed:
		c.ended(secure, was)
	case http.StateNew, http.StateHijacked:
	}
}

// ended counts a connection that ended before its request had arrived.
func (c *clientConn) ended(secure *tls.Conn, was http.ConnState) {
	switch {
	case was == http.StateNew && secure != nil && !secure.ConnectionState().HandshakeComplete:
		if c.received.Load() > 0 && c.phase.Load() == noRequest {
			c.listener.clients.reject(reasonHandshake)
		}
	case c.late.Load() && (was == http.StateNew || was == http.StateActive && c.phase.Load() == parsing):
		c.listener.clients.reject(reasonHeaderTimeout)
	}
}
