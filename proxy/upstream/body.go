package upstream

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// Available is what the body of an answer can do besides being read.
type Available interface {
	// TryRead is Read without waiting: it reads what is there, and returns 0 and no error if that is nothing. Whoever relays a
	// body asks it before it flushes.
	TryRead(p []byte) (int, error)
}

type kind uint8

const (
	sized      kind = iota // left bytes
	chunked                // left bytes of this chunk, and more chunks
	untilClose             // up to the end of the connection
)

// body is an answer's body. The last bytes come with io.EOF, at which the connection has gone back to the pool.
type body struct {
	mu    sync.Mutex // Read, against a Close by another goroutine
	conn  *conn      // nil: all of it is in buf
	buf   *buffer
	keep  bool // the connection may be used again
	kind  kind
	left  int64
	err   error // how it ended
	over  atomic.Bool
	state chunkState
	// excess is what came in chunks besides data.
	excess int64
	resp   *http.Response // takes the trailers
}

// Read reads what there is, waiting for the first byte of it. It may use all of p.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read(p, true)
}

// TryRead implements Available.
func (b *body) TryRead(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.read(p, false)
	if err != nil && errors.Is(err, errWouldBlock) {
		err = nil
	}
	return n, err
}

func (b *body) read(p []byte, wait bool) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	switch b.kind {
	case sized:
		n, err = b.readSized(p, wait)
	case chunked:
		n, err = b.readChunks(p, wait)
	case untilClose:
		n, err = b.readRest(p, wait)
	}
	if err != nil && !errors.Is(err, errWouldBlock) {
		b.finish(err)
	}
	return n, err
}

// readSized reads a body whose length is known. After what is in the buffer it goes on with what is in the socket, so that a large
// p is filled before anybody writes it on.
func (b *body) readSized(p []byte, wait bool) (int, error) {
	n := b.takeBuffered(p)
	if b.left == 0 {
		return n, io.EOF
	}
	if n == len(p) {
		return n, nil
	}
	// One byte more than is due, where there is room: if it comes, nobody asked for it.
	p = p[n:]
	if int64(len(p)) > b.left {
		p = p[:b.left+1]
	}
	m, err := b.fetch(p, wait && n == 0)
	if int64(m) > b.left {
		m, b.keep = int(b.left), false
	}
	b.left -= int64(m)
	switch {
	case b.left == 0:
		err = io.EOF
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	case n > 0 && errors.Is(err, errWouldBlock):
		err = nil
	}
	return n + m, err
}

// readRest reads a body that ends with the connection.
func (b *body) readRest(p []byte, wait bool) (int, error) {
	if rest := b.buf.buffered(); len(rest) > 0 {
		n := copy(p, rest)
		b.buf.r += n
		return n, nil
	}
	return b.fetch(p, wait)
}

// takeBuffered copies what the buffer has of the body, or of the chunk.
func (b *body) takeBuffered(p []byte) int {
	rest := b.buf.buffered()
	if int64(len(rest)) > b.left {
		rest = rest[:b.left]
	}
	n := copy(p, rest)
	b.buf.r += n
	b.left -= int64(n)
	return n
}

// fetch reads from the connection into p.
func (b *body) fetch(p []byte, wait bool) (int, error) {
	if wait {
		return b.conn.read(p)
	}
	return b.conn.readNow(p)
}

// finish ends the exchange, once.
func (b *body) finish(err error) {
	b.err = err
	buf := b.buf
	b.buf = nil
	if b.conn == nil {
		buf.give()
		return
	}
	clean := errors.Is(err, io.EOF) && len(buf.buffered()) == 0
	buf.give()
	if b.over.CompareAndSwap(false, true) {
		b.conn.done(b.keep && clean)
	} else {
		b.conn.close()
	}
}

// Close ends the exchange. The connection is kept only if the rest of the body has already been read from it. A Read that waits ends.
func (b *body) Close() error {
	if !b.mu.TryLock() {
		if b.conn != nil && b.over.CompareAndSwap(false, true) {
			b.conn.sock.abort()
		}
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.err == nil && b.kind == chunked {
		b.drain()
	}
	if b.err == nil {
		b.finish(errBodyClosed)
	}
	b.err = errBodyClosed
	return nil
}
