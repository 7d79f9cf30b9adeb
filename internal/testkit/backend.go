package testkit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// maxRecorded is how much of a request's body a backend keeps, in bytes.
const maxRecorded = 1 << 20

// Recorded is a request that a backend was asked.
type Recorded struct {
	At     time.Time // when its head had arrived
	Method string
	Target string // path and query as they came over the wire
	Host   string
	Proto  string
	Header http.Header
	// Body is what came of the body, up to 1 MiB; BodyErr says why it ended early.
	Body    []byte
	BodyErr error
}

// BackendServer is an HTTP backend on a real socket that records its requests. It speaks HTTP/1.1 and h2c.
type BackendServer struct {
	// Addr is host:port, and URL the same as a base URL; both outlive Kill and Revive.
	Addr, URL string

	handler http.Handler

	mu       sync.Mutex
	requests []Recorded
	server   *http.Server // nil while killed
	running  int          // handlers
	ended    *sync.Cond   // a handler ended; its lock is mu
	serving  sync.WaitGroup
}

// Backend starts an HTTP backend. It records every request once its handler is done, and answers with the handler; a nil
// handler reads the body and answers 200 with an empty body. It stops in the test's cleanup.
func Backend(t testing.TB, handler http.Handler) *BackendServer {
	t.Helper()
	if handler == nil {
		handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // the record keeps the error
		})
	}
	l := listen(t)
	b := &BackendServer{Addr: l.Addr().String(), URL: "http://" + l.Addr().String(), handler: handler}
	b.ended = sync.NewCond(&b.mu)
	b.serve(t, l)
	t.Cleanup(b.Kill)
	return b
}

// Kill closes the listener and every connection at once, as when the process dies, and waits for the handlers.
func (b *BackendServer) Kill() {
	b.mu.Lock()
	server := b.server
	b.server = nil
	b.mu.Unlock()
	if server != nil {
		_ = server.Close() // the connections' own errors are of no interest: they were to break
	}
	b.serving.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.running > 0 { // Close does not wait for them
		b.ended.Wait()
	}
}

// Revive listens on the old address again.
func (b *BackendServer) Revive(t testing.TB) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.WithoutCancel(t.Context()), "tcp", b.Addr)
	if err != nil {
		t.Fatalf("revive backend: %v", err)
	}
	b.serve(t, l)
}

// Requests returns a copy of what was asked so far, in the order in which the handlers ended.
func (b *BackendServer) Requests() []Recorded {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// Count is the number of requests so far.
func (b *BackendServer) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests)
}

// Forget empties the record.
func (b *BackendServer) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = nil
}

func (b *BackendServer) serve(t testing.TB, l net.Listener) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: http.HandlerFunc(b.record), Protocols: protocols, ReadHeaderTimeout: time.Minute}
	b.mu.Lock()
	b.server = server
	b.mu.Unlock()
	b.serving.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("backend: %v", err)
		}
	})
}

// record serves a request and keeps it, also when its handler panics, as http.ErrAbortHandler makes it do.
func (b *BackendServer) record(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.running++
	b.mu.Unlock()
	kept := Recorded{
		At: time.Now(), Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto, Header: r.Header.Clone(),
	}
	body := &recordedBody{ReadCloser: r.Body}
	r.Body = body
	defer func() {
		// A short body that the handler left unread is still part of what was asked.
		if r.ContentLength > 0 && r.ContentLength <= maxRecorded {
			_, _ = io.Copy(io.Discard, body) // the record keeps the error
		}
		kept.Body, kept.BodyErr = body.kept.Bytes(), body.err
		b.mu.Lock()
		defer b.mu.Unlock()
		b.requests = append(b.requests, kept)
		b.running--
		b.ended.Broadcast()
	}()
	b.handler.ServeHTTP(w, r)
}

// recordedBody keeps what is read through it. Only the handler's goroutine reads a request's body.
type recordedBody struct {
	io.ReadCloser
	kept bytes.Buffer
	err  error
}

func (b *recordedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if room := maxRecorded - b.kept.Len(); room > 0 {
		b.kept.Write(p[:min(n, room)])
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
