package proxy

import (
	"context"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Drainer ends a server so that no client loses a request. http.Server.Shutdown closes idle connections at once, where a
// request may be on its way; here they are first given a while to be used once more, and told then that it was the last time:
//
//	serving ─► asking to leave ─► closed to new ones ─► shut down
//	           │ answers say `Connection: close`, GOAWAY    │ requests in flight end; what is idle for a while is closed
//	           └ new connections are still served once      └ streams are closed; at the end of ctx, everything
type Drainer struct {
	server *http.Server
	proxy  *Proxy

	draining atomic.Bool
	requests atomic.Int64 // handlers at work

	accepted sync.WaitGroup // the accepting of connections
	mu       sync.Mutex
	listener net.Listener
	conns    map[*clientConn]net.Conn // with TLS around them, where there is
}

// NewDrainer takes over the server's Handler and ConnState. proxy is what has streams to close and writes to give up.
func NewDrainer(server *http.Server, proxy *Proxy) *Drainer {
	d := &Drainer{server: server, proxy: proxy, conns: map[*clientConn]net.Conn{}}
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.requests.Add(1)
		defer d.requests.Add(-1)
		if d.draining.Load() {
			w.Header()["Connection"] = lastAnswer[:]
		}
		next.ServeHTTP(w, r)
	})
	before := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if before != nil {
			before(conn, state)
		}
		d.note(conn, state)
	}
	return d
}

// Serve serves the listener until Drain or an error. A listener of Listen or Adopt is drained as told; of another kind idle
// connections are closed at once.
func (d *Drainer) Serve(l net.Listener) error {
	d.mu.Lock()
	d.listener = l
	d.mu.Unlock()
	d.accepted.Add(1)
	defer d.accepted.Done()
	err := d.server.Serve(l)
	if d.draining.Load() {
		return nil
	}
	return err
}

// note knows the connections that there are, once the server's own view of them has changed.
func (d *Drainer) note(conn net.Conn, state http.ConnState) {
	c, _ := clientConnOf(conn)
	if c == nil {
		return
	}
	switch state {
	case http.StateNew:
		d.mu.Lock()
		d.conns[c] = conn
		d.mu.Unlock()
	case http.StateHijacked, http.StateClosed:
		d.mu.Lock()
		delete(d.conns, c)
		d.mu.Unlock()
	case http.StateIdle, http.StateActive:
		if inFrames(conn) {
			c.streams.Store(true)
		}
	}
}

// inFrames reports whether a connection speaks HTTP/2: only then there is a guard in front of it.
func inFrames(conn net.Conn) bool {
	switch conn.(type) {
	case *frameGuard, *secureFrameGuard:
		return true
	}
	return false
}

const (
	drainPoll = 5 * time.Millisecond
	// goAwayTime is enough for the GOAWAY to be on its way: from then on net/http ignores new streams, and the client knows.
	goAwayTime = 100 * time.Millisecond
	// farewell is for the answers of what is given up at the end of the time, lastWait for its handlers to notice.
	farewell = 250 * time.Millisecond
	lastWait = time.Second
)

// Drain ends the server and returns how many requests were cut off because ctx ended; streams are not among them. grace is
// how long a connection without a request is kept for another one.
func (d *Drainer) Drain(ctx context.Context, grace time.Duration) (cut int) {
	d.draining.Store(true)
	d.proxy.leaving.Store(true)
	watch := &idleWatch{grace: grace, seen: map[*clientConn]glance{}}
	d.ask(ctx, watch)
	d.mu.Lock()
	l := d.listener
	d.mu.Unlock()
	if l != nil {
		_ = l.Close() // nothing is to be lost by it
	}
	d.accepted.Wait() // the last one is known only then
	if d.finish(ctx, watch) {
		return 0
	}
	cut = d.inFlight()
	d.closeStreams()
	for _, b := range []Backend{Old, New} {
		d.proxy.Abandon(b)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	d.await(last, func() bool { return d.requests.Load() == 0 })
	d.Close()
	last, cancelLast := context.WithTimeout(context.WithoutCancel(ctx), lastWait)
	defer cancelLast()
	d.await(last, func() bool { return d.requests.Load() == 0 })
	return cut
}

// Close cuts off what is left.
func (d *Drainer) Close() {
	_ = d.server.Close()
}

// inFlight counts the requests that are no streams.
func (d *Drainer) inFlight() int {
	n := int(d.requests.Load())
	for _, b := range []Backend{Old, New} {
		n -= d.proxy.Writes(b).Streams
	}
	return max(n, 0)
}

func (d *Drainer) closeStreams() {
	for _, b := range []Backend{Old, New} {
		d.proxy.CloseStreams(b) // they have no end to wait for
	}
}

// ask waits, for as long as the grace, until every connection that is open now was told that it served its last request, or has
// ended otherwise.
func (d *Drainer) ask(ctx context.Context, watch *idleWatch) {
	ctx, cancel := context.WithTimeout(ctx, watch.grace)
	defer cancel()
	before := d.open()
	for c := range before {
		watch.see(c)
	}
	d.await(ctx, func() bool {
		now := d.open()
		for c := range before {
			if _, ok := now[c]; ok {
				return false
			}
			delete(before, c)
		}
		return true
	})
}

// finish waits for the requests in flight, and closes the connections that rest. The server is shut down only when there is none
// left but for HTTP/2, where GOAWAY loses nothing: net/http would close what is idle at that moment, though it was told nothing.
// It reports false if ctx ends before.
func (d *Drainer) finish(ctx context.Context, watch *idleWatch) bool {
	var down time.Time // when the server was shut down
	ended, end := context.WithCancel(ctx)
	end()
	return d.await(ctx, func() bool {
		d.closeStreams()
		http1, http2 := 0, 0
		for c, outer := range d.open() {
			switch {
			case c.streams.Load():
				http2++
				continue
			case c.resting() && watch.ripe(c):
				_ = outer.Close()
			}
			http1++
		}
		if http1 > 0 {
			return false
		}
		if down.IsZero() {
			down = time.Now()
			_ = d.server.Shutdown(ended) // sets off what there is to be done, and waits for nothing
		}
		return d.requests.Load() == 0 && (http2 == 0 || time.Since(down) > goAwayTime)
	})
}

func (d *Drainer) open() map[*clientConn]net.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.conns)
}

// await asks every few milliseconds, and reports false if ctx ends before the answer is yes.
func (d *Drainer) await(ctx context.Context, ended func() bool) bool {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for !ended() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// idleWatch remembers since when connections rest.
type idleWatch struct {
	grace time.Duration
	seen  map[*clientConn]glance
}

// glance is when a connection was seen, and since when it was in its state then.
type glance struct {
	since int64
	at    time.Time
}

func (w *idleWatch) see(c *clientConn) { w.seen[c] = glance{c.since.Load(), time.Now()} }

func (w *idleWatch) unchanged(c *clientConn) bool {
	g, ok := w.seen[c]
	return ok && g.since == c.since.Load()
}

// ripe reports whether a resting connection may be closed: nothing has come for as long as the grace, and nothing has
// arrived that nobody has looked at. A request that is not there in full twice as long after is not waited for.
func (w *idleWatch) ripe(c *clientConn) bool {
	if !w.unchanged(c) {
		w.see(c)
		return w.grace <= 0
	}
	rested := time.Since(w.seen[c].at)
	return rested >= w.grace && (c.quiet() || rested >= 2*w.grace)
}

// resting reports whether no request is being served on the connection.
func (c *clientConn) resting() bool {
	s := http.ConnState(c.state.Load())
	return s == http.StateNew || s == http.StateIdle
}

// quiet reports whether nothing has come since the connection is idle, neither read nor waiting in the kernel.
func (c *clientConn) quiet() bool {
	if c.received.Load() != c.before.Load() {
		return false
	}
	conn, ok := c.Conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return true // closed
	}
	waiting := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		waiting = err == nil && n > 0
	})
	return err != nil || !waiting
}
