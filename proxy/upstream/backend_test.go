package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// peer is the backend's end of a connection.
type peer struct {
	net.Conn
	in *bufio.Reader
	n  int // from 1: which connection it is
}

// backend serves each connection with handle, and closes it when that returns.
type backend struct {
	address string
	mu      sync.Mutex
	count   int
	conns   map[net.Conn]bool
}

func serve(t testing.TB, handle func(p *peer)) *backend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, listener, handle)
}

func serveOn(t testing.TB, listener net.Listener, handle func(p *peer)) *backend {
	t.Helper()
	b := &backend{address: listener.Addr().String(), conns: map[net.Conn]bool{}}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.count++
			n := b.count
			b.conns[c] = true
			b.mu.Unlock()
			group.Go(func() {
				handle(&peer{c, bufio.NewReader(c), n})
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		b.mu.Lock()
		for c := range b.conns {
			_ = c.Close()
		}
		b.mu.Unlock()
		group.Wait()
	})
	return b
}

// accepted is how many connections there have been.
func (b *backend) accepted() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// request reads a request and its body; nil at the end of the connection.
func (p *peer) request() *http.Request {
	r, err := http.ReadRequest(p.in)
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Header.Set("X-Test-Body", string(body))
	return r
}

func (p *peer) say(s string) bool {
	_, err := io.WriteString(p, s)
	return err == nil
}

func (p *peer) reset() {
	_ = p.Conn.(*net.TCPConn).SetLinger(0)
	_ = p.Close()
}

// drain reads until the other end closes.
func (p *peer) drain() { _, _ = io.Copy(io.Discard, p.in) }

// echo answers each request with its target.
func echo(p *peer) {
	for r := p.request(); r != nil; r = p.request() {
		if !p.say("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(r.RequestURI)) + "\r\n\r\n" + r.RequestURI) {
			return
		}
	}
}

func (b *backend) client(t testing.TB, shape ...func(*Options)) *Client {
	o := Options{URL: &url.URL{Scheme: "http", Host: b.address}, HeaderTimeout: patience, DialTimeout: patience}
	for _, f := range shape {
		f(&o)
	}
	c := New(o)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func (b *backend) get(path string) *http.Request {
	r := request(http.MethodGet)
	r.URL.Host, r.URL.Path = b.address, path
	return r
}

// fetch sends a request and returns status and body.
func fetch(t testing.TB, rt http.RoundTripper, r *http.Request) (int, string) {
	t.Helper()
	resp, err := rt.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// within fails the test if f takes too long.
func within(t testing.TB, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("it takes too long")
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("never: " + what)
		}
	}
}

// narrow are sockets that take as little as they can.
func narrow(_, _ string, c syscall.RawConn) error {
	var failure error
	err := c.Control(func(fd uintptr) {
		failure = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1),
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1))
	})
	return errors.Join(err, failure)
}

// unrested makes the idle connections look as if they had been given back just now.
func unrested(c *Client) {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	for _, cn := range c.pool.idle {
		cn.idleSince = c.now()
	}
}
