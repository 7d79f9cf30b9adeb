package proxy

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// errTooSlow is what a body that comes too slowly ends with. It is counted where it is made.
var errTooSlow = fmt.Errorf("%w: less than %d bytes in the time for bodies", errClientStalled, bodyPiece)

// bodyPiece is how much of a body must arrive within the time for bodies.
const bodyPiece = 1 << 10

// pacedBody ends a request's body that comes too slowly: less than bodyPiece within limit, all waits for the client together.
// What the proxy takes to ask for more does not count.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	clients *Clients
	limit   time.Duration
	left    time.Duration
	got     int
	ended   bool
	watch   watch
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	if b.ended {
		return 0, errTooSlow
	}
	begin := time.Now()
	b.watch.begin(b.left, func() { _ = b.control.SetReadDeadline(begin) }) // a past one ends the read
	n, err := b.ReadCloser.Read(p)
	if b.watch.end() {
		b.ended = true
		b.clients.reject(reasonBodyTimeout)
		return n, errTooSlow
	}
	b.got += n
	b.left -= time.Since(begin)
	if b.got >= bodyPiece {
		b.got, b.left = 0, b.limit
	}
	return n, err
}

// pacedWriter ends a stream of HTTP/2 whose client does not let its answer flow. What is stuck in the connection itself,
// clientConn sees.
type pacedWriter struct {
	http.ResponseWriter
	clients *Clients
	limit   time.Duration
	ended   bool
	watch   watch
}

// Unwrap is for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements io.Writer.
func (w *pacedWriter) Write(p []byte) (n int, err error) {
	for {
		m := 0
		err = w.guard(func() error {
			m, err = w.ResponseWriter.Write(p[n:min(len(p), n+writePiece)])
			return err
		})
		n += m
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// FlushError is for http.ResponseController.
func (w *pacedWriter) FlushError() error {
	return w.guard(http.NewResponseController(w.ResponseWriter).Flush)
}

func (w *pacedWriter) guard(do func() error) error {
	if w.ended {
		return errClientGone
	}
	past := time.Now()
	w.watch.begin(w.limit, func() { _ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(past) }) // resets the stream
	err := do()
	if w.watch.end() {
		w.ended = true
		w.clients.reject(reasonWriteTimeout)
		return errClientGone
	}
	return err
}

// watch calls a function if what was begun does not end in time. The function may still be running when end returns.
type watch struct {
	timer *time.Timer
	fired atomic.Bool
	late  func()
}

func (w *watch) begin(limit time.Duration, late func()) {
	w.late = late
	if w.timer == nil {
		w.timer = time.AfterFunc(limit, func() {
			w.fired.Store(true)
			w.late()
		})
		return
	}
	w.timer.Reset(limit)
}

// end reports whether it was too late.
func (w *watch) end() bool {
	return !w.timer.Stop() || w.fired.Load()
}
