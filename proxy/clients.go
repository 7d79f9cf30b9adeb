package proxy

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Clients keeps account of the clients' connections and of what was refused to them. Listen, NewServer and NewProxy share one.
type Clients struct {
	limit    atomic.Int64 // of the connections, and of the requests at once; 0 before Listen
	requests atomic.Int64
	rejected *prometheus.CounterVec
	waits    prometheus.Counter

	mu   sync.Mutex
	open map[*clientConn]struct{}
}

// reason says why a client was refused, or its connection was ended.
type reason string

const (
	reasonConnections   reason = "connections"    // ended to make room for another: idle, or no request on it yet
	reasonRequests      reason = "requests"       // as many requests as connections may be are under way
	reasonHandshake     reason = "tls_handshake"  // failed, or not done in time
	reasonHeaderTimeout reason = "header_timeout" // the request's headers did not arrive in time
	reasonHeaders       reason = "headers_too_large"
	reasonBadRequest    reason = "bad_request" // what HTTP does not allow
	reasonMethod        reason = "method_not_allowed"
	reasonLoop          reason = "loop_detected"
	reasonBody          reason = "body_too_large"
	reasonBodyTimeout   reason = "body_timeout"   // the request's body came too slowly
	reasonWriteTimeout  reason = "write_timeout"  // the client did not take its answer
	reasonHTTP2         reason = "http2_protocol" // an error of a connection or stream
	reasonHTTP2Flood    reason = "http2_flood"    // streams opened and reset at once
)

var reasons = [...]reason{
	reasonConnections, reasonRequests, reasonHandshake, reasonHeaderTimeout, reasonHeaders, reasonBadRequest, reasonMethod,
	reasonLoop, reasonBody, reasonBodyTimeout, reasonWriteTimeout, reasonHTTP2, reasonHTTP2Flood,
}

// NewClients makes an empty account. Its metrics are registered with r, or nowhere if r is nil.
func NewClients(r prometheus.Registerer) (*Clients, error) {
	const p = "paritygate_client_"
	c := &Clients{
		open: map[*clientConn]struct{}{},
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: p + "rejected_total",
			Help: "Client requests and connections that were refused or ended, by reason.",
		}, []string{"reason"}),
		waits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: p + "accept_waits_total",
			Help: "How often accepting connections waited, because as many as may be were open.",
		}),
	}
	for _, why := range reasons {
		c.rejected.WithLabelValues(string(why))
	}
	if r == nil {
		return c, nil
	}
	for _, collector := range []prometheus.Collector{
		c.rejected, c.waits,
		connectionStates{c},
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: p + "connections_limit",
			Help: "Client connections that may be open at once.",
		}, func() float64 { return float64(c.limit.Load()) }),
	} {
		if err := r.Register(collector); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// orOwn returns c, or an account that nobody sees.
func (c *Clients) orOwn() *Clients {
	if c == nil {
		c, _ = NewClients(nil) // fails only where it registers
	}
	return c
}

func (c *Clients) reject(why reason) { c.rejected.WithLabelValues(string(why)).Inc() }

// refused counts an answer of the proxy itself, if it refuses something to the client rather than tells of a backend.
func (c *Clients) refused(f refusal) {
	switch why := reason(f.code); {
	case f.status == http.StatusRequestTimeout:
		c.reject(reasonBodyTimeout)
	case why == reasonBody || why == reasonBadRequest || why == reasonMethod || why == reasonLoop:
		c.reject(why)
	}
}

// begin takes a place for a request, or reports that none is left.
func (c *Clients) begin() bool {
	limit := c.limit.Load()
	return c.requests.Add(1) <= limit || limit == 0
}

func (c *Clients) end() { c.requests.Add(-1) }

func (c *Clients) add(conn *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = struct{}{}
}

func (c *Clients) remove(conn *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
}

// newcomer is how long a connection without a request is left alone when room is needed.
const newcomer = time.Second

// evict ends one connection on which nothing is under way, to make room: the one that has idled longest of some, or else the
// oldest of those on which no request has arrived.
func (c *Clients) evict() {
	if victim := c.victim(); victim != nil {
		c.reject(reasonConnections)
		_ = victim.Close() // it is of no use any more
	}
}

func (c *Clients) victim() *clientConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	var idle, silent *clientConn
	looked := 0
	for conn := range c.open { // begins anywhere
		switch http.ConnState(conn.state.Load()) {
		case http.StateIdle:
			if idle == nil || conn.since.Load() < idle.since.Load() {
				idle = conn
			}
		case http.StateNew:
			if now()-conn.since.Load() > int64(newcomer) && (silent == nil || conn.since.Load() < silent.since.Load()) {
				silent = conn
			}
		case http.StateActive, http.StateHijacked, http.StateClosed:
		}
		if looked++; looked >= 256 && (idle != nil || silent != nil) {
			break
		}
	}
	if idle != nil {
		return idle
	}
	return silent
}

// started is the origin of the connections' clock.
var started = time.Now()

func now() int64 { return int64(time.Since(started)) }

// connectionStates is the gauge of open connections, counted when it is asked for.
type connectionStates struct{ clients *Clients }

var connectionsDesc = prometheus.NewDesc("paritygate_client_connections", "Open client connections.", []string{"state"}, nil)

// Describe implements prometheus.Collector.
func (s connectionStates) Describe(ch chan<- *prometheus.Desc) { ch <- connectionsDesc }

// Collect implements prometheus.Collector.
func (s connectionStates) Collect(ch chan<- prometheus.Metric) {
	names := [...]string{http.StateNew: "new", http.StateActive: "active", http.StateIdle: "idle", http.StateHijacked: "upgraded"}
	var counts [len(names)]int
	s.clients.mu.Lock()
	for conn := range s.clients.open {
		if state := int(conn.state.Load()); state < len(counts) {
			counts[state]++
		}
	}
	s.clients.mu.Unlock()
	for state, name := range names {
		ch <- prometheus.MustNewConstMetric(connectionsDesc, prometheus.GaugeValue, float64(counts[state]), name)
	}
}

// clientListener accepts as many connections as may be; the next ones wait in the system's queue, as with HAProxy's maxconn.
type clientListener struct {
	net.Listener
	clients *Clients
	slots   chan struct{}
	closed  context.Context
	close   context.CancelFunc
	headers int64
	write   time.Duration
	lot     lot
}

func newClientListener(l net.Listener, o ServerOptions) *clientListener {
	c := o.Clients.orOwn()
	c.limit.Store(int64(o.Connections))
	out := &clientListener{Listener: l, clients: c, slots: make(chan struct{}, o.Connections), headers: int64(o.Headers), write: o.WriteTimeout}
	out.closed, out.close = context.WithCancel(context.Background())
	return out
}

// Accept implements net.Listener.
func (l *clientListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	// The connection is there already, so that nobody is sent away for one that never comes. If the listener is closed while it
	// waits, it is served beyond the limit rather than dropped.
	conn := &clientConn{Conn: c, listener: l, slot: l.take()}
	conn.since.Store(now())
	l.clients.add(conn)
	return conn, nil
}

// take waits for room, and makes some where it can.
func (l *clientListener) take() bool {
	select {
	case l.slots <- struct{}{}:
		return true
	default:
	}
	l.clients.waits.Inc()
	again := time.NewTicker(newcomer / 10)
	defer again.Stop()
	for {
		l.clients.evict()
		select {
		case l.slots <- struct{}{}:
			return true
		case <-l.closed.Done():
			return false
		case <-again.C:
		}
	}
}

// Close implements net.Listener.
func (l *clientListener) Close() error {
	l.close()
	return l.Listener.Close()
}
