package upstream

import (
	"net"
	"net/http"
	"testing"
	"time"
)

// TestSentAgain: how often the backend sees a request whose connection fails, and whether the caller gets an answer.
func TestSentAgain(t *testing.T) {
	const (
		closes  = "closes"
		resets  = "resets"
		partial = "answers in part"
	)
	for _, c := range []struct {
		name, method, body string
		once               bool
		fails              string
		fresh              bool // on the first request of a connection
		times              int
		ok                 bool
	}{
		{"get", "GET", "", false, closes, false, 2, true},
		{"head", "HEAD", "", false, closes, false, 2, true},
		{"options", "OPTIONS", "", false, closes, false, 2, true},
		{"get, reset", "GET", "", false, resets, false, 2, true},
		{"get with a body", "GET", "{}", false, closes, false, 2, true},
		{"get, once", "GET", "", true, closes, false, 1, false},
		{"get, once, reset", "GET", "", true, resets, false, 1, false},
		{"get, partial", "GET", "", false, partial, false, 1, false},
		{"get, fresh", "GET", "", false, closes, true, 1, false},
		{"post", "POST", "x", false, closes, false, 1, false},
		{"post, empty", "POST", "", false, closes, false, 1, false},
		{"put", "PUT", "x", false, closes, false, 1, false},
		{"delete", "DELETE", "", false, closes, false, 1, false},
		{"patch", "PATCH", "x", false, resets, false, 1, false},
		{"trace", "TRACE", "", false, closes, false, 1, false},
		{"own method", "SEARCH", "", false, closes, false, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			times := make(chan string, 10)
			b := serve(t, func(p *peer) {
				for n := 0; ; n++ {
					r := p.request()
					if r == nil {
						return
					}
					if r.URL.Path != "/first" {
						times <- r.Header.Get("X-Test-Body")
					}
					if p.n > 1 || n == 0 && !c.fresh {
						p.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
						continue
					}
					switch c.fails {
					case partial:
						p.say("H")
					case resets:
						p.reset()
					}
					return
				}
			})
			client := b.client(t)
			if !c.fresh {
				fetch(t, client, b.get("/first"))
			}
			resp, err := client.Do(with(c.method, c.body, nil)(), &Call{Once: c.once})
			if err == nil {
				_ = resp.Body.Close()
			}
			if (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
			if len(times) != c.times {
				t.Errorf("the backend saw it %d times, want %d", len(times), c.times)
			}
			for range len(times) {
				if body := <-times; body != c.body {
					t.Errorf("body %q", body)
				}
			}
			want := 0
			if c.ok {
				want = 1
			}
			if client.Conns() != want {
				t.Errorf("%d connections, want %d", client.Conns(), want)
			}
		})
	}
}

// TestSentAgainOnlyOnce: the second failure is the caller's.
func TestSentAgainOnlyOnce(t *testing.T) {
	b := serve(t, func(p *peer) {
		if p.request() != nil && p.n == 1 {
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			p.request()
		}
	})
	client := b.client(t)
	fetch(t, client, b.get("/"))
	if resp, err := client.RoundTrip(b.get("/")); err == nil {
		_ = resp.Body.Close()
		t.Error("an answer from nowhere")
	}
	if n := b.accepted(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// TestUnsentIsSent: what cannot have left is sent on another connection, also a write.
func TestUnsentIsSent(t *testing.T) {
	b := serve(t, echo)
	client := b.client(t)
	fetch(t, client, b.get("/"))
	_ = client.pool.idle[0].sock.Conn.Close() // behind the pool's back, and faster than it looks
	client.pool.idle[0].idleSince = client.now() + lookAfter
	resp, err := client.Do(with(http.MethodPost, "x", nil)(), &Call{Once: true})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// TestEndThatCameBeforeTheRequest: the backend closed its half of the connection just before the request was written, and goes on
// reading, so that nothing more comes that could wake the client. It looks by itself.
func TestEndThatCameBeforeTheRequest(t *testing.T) {
	closed := make(chan struct{})
	b := serve(t, func(p *peer) {
		if p.n > 1 {
			echo(p)
			return
		}
		p.request()
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_ = p.Conn.(*net.TCPConn).CloseWrite()
		close(closed)
		p.drain()
	})
	client := b.client(t)
	fetch(t, client, b.get("/"))
	<-closed
	unrested(client)
	start := time.Now()
	if _, body := fetch(t, client, b.get("/again")); body != "/again" {
		t.Errorf("answered %q", body)
	}
	if took := time.Since(start); took > patience/2 {
		t.Errorf("took %v", took)
	}
}
