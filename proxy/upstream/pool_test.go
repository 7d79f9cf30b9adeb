package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestReuseOfTheNewest(t *testing.T) {
	b := serve(t, func(p *peer) {
		for r := p.request(); r != nil; r = p.request() {
			p.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n%d\r\n", p.n))
			p.say("0\r\n\r\n")
		}
	})
	client := b.client(t)
	var open []*http.Response
	for range 3 {
		resp, err := client.RoundTrip(b.get("/"))
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, resp)
	}
	for _, i := range []int{2, 0, 1} {
		_, _ = io.Copy(io.Discard, open[i].Body)
		_ = open[i].Body.Close()
	}
	for range 3 {
		if _, body := fetch(t, client, b.get("/")); body != "2" {
			t.Errorf("connection %s was used, not the last that was given back", body)
		}
	}
	if client.Conns() != 3 {
		t.Errorf("%d connections", client.Conns())
	}
	client.CloseIdleConnections()
	if client.Conns() != 0 {
		t.Errorf("%d connections left", client.Conns())
	}
}

func TestMaxIdle(t *testing.T) {
	b := serve(t, echo)
	client := b.client(t, func(o *Options) { o.MaxIdle = 2 })
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { fetch(t, client, b.get("/x")) })
	}
	group.Wait()
	if n := client.Conns(); n > 2 {
		t.Errorf("%d connections kept", n)
	}
}

func TestMaxConns(t *testing.T) {
	var open, most atomic.Int32
	b := serve(t, func(p *peer) {
		n := open.Add(1)
		for before := most.Load(); n > before && !most.CompareAndSwap(before, n); before = most.Load() {
			continue
		}
		for range 5 {
			p.request()
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
		}
		p.request()
		open.Add(-1)
		p.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
	})
	client := b.client(t, func(o *Options) { o.MaxConns = 3 })
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() {
			for range 20 {
				fetch(t, client, b.get("/x"))
			}
		})
	}
	group.Wait()
	if n := most.Load(); n > 3 {
		t.Errorf("%d connections were open at once", n)
	}
}

func TestWaitForAConnectionEndsWithTheContext(t *testing.T) {
	release := make(chan struct{})
	b := serve(t, func(p *peer) {
		p.request()
		<-release
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		echo(p)
	})
	client := b.client(t, func(o *Options) { o.MaxConns = 1 })
	first := make(chan error, 1)
	go func() {
		resp, err := client.RoundTrip(b.get("/"))
		if err == nil {
			_ = resp.Body.Close()
		}
		first <- err
	}()
	eventually(t, "the first request is under way", func() bool { return b.accepted() == 1 })
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := client.RoundTrip(b.get("/").WithContext(ctx))
		failed <- err
	}()
	eventually(t, "the second waits", func() bool {
		client.pool.mu.Lock()
		defer client.pool.mu.Unlock()
		return len(client.pool.queue) == 1
	})
	cancel(why)
	if err := <-failed; !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	fetch(t, client, b.get("/")) // the place has not been lost
}

func TestWaitForAConnectionTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		client := dialling(func() net.Conn { return near }, func(o *Options) {
			o.MaxConns, o.HeaderTimeout = 1, 5*time.Second
		})
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		client.pool.open = 1 // somebody else has the one that may be
		start := time.Now()
		group.Go(func() {
			_, err := client.RoundTrip(request(http.MethodGet).WithContext(ctx))
			if !errors.Is(err, ErrTimeout) {
				t.Errorf("error %v", err)
			}
		})
		group.Wait()
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
		cancel()
		_, _ = near.Close(), far.Close()
	})
}

func TestIdleConnectionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := dialling(func() net.Conn {
			near, far := net.Pipe()
			go func() {
				defer func() { _ = far.Close() }()
				buf := make([]byte, 4096)
				for {
					if _, err := far.Read(buf); err != nil {
						return
					}
					if _, err := io.WriteString(far, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"); err != nil {
						return
					}
				}
			}()
			return near
		}, func(o *Options) { o.IdleTimeout = 4 * time.Second })
		var open []*http.Response
		for range 3 {
			resp, err := client.RoundTrip(request(http.MethodGet))
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, resp)
		}
		for _, resp := range open { // at 0, 1 and 2 s
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			time.Sleep(time.Second)
		}
		for want := 3; want > 0; want-- { // at 3, 4 and 5 s
			if client.Conns() != want {
				t.Errorf("%d connections, want %d", client.Conns(), want)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if client.Conns() != 0 {
			t.Errorf("%d connections left", client.Conns())
		}
		fetch(t, client, request(http.MethodGet))
		if client.Conns() != 1 {
			t.Errorf("%d connections", client.Conns())
		}
		time.Sleep(3 * time.Second)
		fetch(t, client, request(http.MethodGet))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if client.Conns() != 1 {
			t.Error("the connection was closed too early")
		}
		client.CloseIdleConnections()
		if client.Conns() != 0 || client.pool.armed {
			t.Error("something is left")
		}
	})
}

// aged makes the idle connections look as if they had rested long enough to be looked at.
func aged(c *Client) {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	for _, cn := range c.pool.idle {
		cn.idleSince -= lookAfter
	}
}

// TestClosedWhileIdle: a write goes to a connection that is still good, and is not lost on one that the backend has closed.
func TestClosedWhileIdle(t *testing.T) {
	closed := make(chan struct{}, 1)
	b := serve(t, func(p *peer) {
		p.request()
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
		_ = p.Close()
		closed <- struct{}{}
	})
	client := b.client(t)
	for range 20 {
		if status, _ := fetch(t, client, with(http.MethodPost, "x", nil)()); status != 200 {
			t.Errorf("status %d", status)
		}
		<-closed
		aged(client)
	}
	if n := b.accepted(); n != 20 {
		t.Errorf("%d connections", n)
	}
}

// TestClosedBeforeItsEnd: a connection is reused only if the rest of a body has come.
func TestClosedBeforeItsEnd(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		kept         bool
	}{
		{"all there", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", 100), true},
		{"chunks all there", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\nyou\r\n0\r\n\r\n", true},
		{"not all there", "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + strings.Repeat("x", 100), false},
		{"chunk missing", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\nyou\r\n0\r\n", false},
		{"chunk malformed", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\nyou!\r\n0\r\n\r\n", false},
		{"large", "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("x", 10000), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := serve(t, func(p *peer) {
				for p.request() != nil {
					p.say(c.answer)
				}
			})
			client := b.client(t)
			resp, err := client.RoundTrip(b.get("/"))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := resp.Body.Read(make([]byte, 1)); n != 1 || err != nil {
				t.Errorf("read %d, %v", n, err)
			}
			_ = resp.Body.Close()
			if kept := client.Conns() == 1; kept != c.kept {
				t.Errorf("kept %t", kept)
			}
			if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
				t.Error("a closed body can be read")
			}
		})
	}
}

func TestDialErrors(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{address: listener.Addr().String()}
	_ = listener.Close()
	client := b.client(t, func(o *Options) { o.MaxConns = 1 })
	for range 3 {
		var op *net.OpError
		if _, err := client.RoundTrip(b.get("/")); !errors.As(err, &op) || op.Op != "dial" {
			t.Errorf("error %v", err)
		}
	}
	client.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
	client.options.HeaderTimeout = time.Millisecond
	var op *net.OpError
	if _, err := client.RoundTrip(b.get("/")); !errors.As(err, &op) || op.Op != "dial" || !errors.Is(err, ErrTimeout) {
		t.Errorf("error %v", err)
	}
	client.options.HeaderTimeout, client.options.DialTimeout = 0, time.Millisecond
	if _, err := client.RoundTrip(b.get("/")); !errors.As(err, &op) || op.Op != "dial" || !op.Timeout() {
		t.Errorf("error %v", err)
	}
	if client.Conns() != 0 {
		t.Errorf("%d connections", client.Conns())
	}
}

// TestPlaceOfAClosedConnection goes to who waits for one.
func TestPlaceOfAClosedConnection(t *testing.T) {
	release := make(chan struct{})
	b := serve(t, func(p *peer) {
		p.request()
		<-release
		p.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	})
	client := b.client(t, func(o *Options) { o.MaxConns = 1 })
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() { fetch(t, client, b.get("/")) })
	}
	eventually(t, "two wait", func() bool {
		client.pool.mu.Lock()
		defer client.pool.mu.Unlock()
		return len(client.pool.queue) == 2
	})
	close(release)
	within(t, group.Wait)
}
