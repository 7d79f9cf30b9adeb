package proxy

import (
	"errors"
	"net"
	"os"
)

// corkSize is how much of an answer net/http's server collects before it writes, so that the head of a large answer goes out by
// itself.
const corkSize = 4 << 10

// cork has the next small write wait for the large one that follows it, so that head and body go out together, in one system call.
// Whoever corks a connection writes and uncorks it at once; nobody else may write meanwhile. That holds for HTTP/1 alone.
func (c *clientConn) cork() { c.corked.Store(true) }

// uncork writes what has waited in vain.
func (c *clientConn) uncork() error {
	c.corked.Store(false)
	if c.held == nil {
		return nil
	}
	defer c.freeHeld()
	_, err := c.write(*c.held)
	return err
}

func (c *clientConn) freeHeld() {
	*c.held = (*c.held)[:0]
	givePiece(c.held)
	c.held = nil
}

// gather holds a small write, or sends what is held with a large one.
func (c *clientConn) gather(p []byte) (int, error) {
	if len(p) <= corkSize && c.held == nil {
		c.held = takePiece(corkSize)
		*c.held = append((*c.held)[:0], p...)
		return len(p), nil
	}
	if c.held == nil {
		return c.write(p)
	}
	defer c.freeHeld()
	if len(p) > writePiece {
		if _, err := c.write(*c.held); err != nil {
			return 0, err
		}
		return c.write(p)
	}
	if c.stuck.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	c.arm()
	head := len(*c.held)
	both := net.Buffers{*c.held, p}
	n, err := both.WriteTo(c.Conn)
	c.failed(err)
	return max(int(n)-head, 0), err
}

// failed notes that the client took nothing in time, if that is the error.
func (c *clientConn) failed(err error) {
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && !c.foreign.Load() && c.stuck.CompareAndSwap(false, true) {
		c.listener.clients.reject(reasonWriteTimeout)
	}
}

// writeTogether writes a piece of an answer, with the head if that has not gone out yet.
func (c *call) writeTogether(w interface{ Write([]byte) (int, error) }, piece []byte) error {
	var conn *clientConn
	if len(piece) >= corkSize/2 && len(piece) <= writePiece && c.in.major == 1 && !c.in.secure {
		conn, _ = c.ctx.Value(connKey{}).(*clientConn)
	}
	if conn == nil {
		_, err := w.Write(piece)
		return err
	}
	conn.cork()
	_, err := w.Write(piece)
	return errors.Join(err, conn.uncork())
}
