package upstream

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// outcome is how a round trip over real sockets ended.
func outcome(rt http.RoundTripper, r *http.Request) *seen {
	s := &seen{}
	resp, err := rt.RoundTrip(r)
	if err != nil {
		s.err = err
		return s
	}
	s.take(resp)
	s.body, s.bodyErr = readAll(resp.Body, 512)
	s.trailer = resp.Trailer
	_ = resp.Body.Close()
	return s
}

// spoken are answers that a real backend's end of the connection is made to cut.
var spoken = []struct{ name, wire string }{
	{"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
	{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n"},
	{"informational", "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"until close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"},
	{"204", "HTTP/1.1 204 No Content\r\n\r\n"},
	{"malformed", "HTTP/1.1 200 OK\r\nX\r\n\r\n"},
	{"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n"},
}

// TestRoundTripsAsTransport has both clients talk to backends that stop after every byte, by closing, or send byte by byte.
func TestRoundTripsAsTransport(t *testing.T) {
	for _, c := range spoken {
		t.Run(c.name, func(t *testing.T) {
			for i := range len(c.wire) + 1 {
				wire, bytewise := c.wire[:i], i%7 == 3
				b := serve(t, func(p *peer) {
					if p.request() == nil {
						return
					}
					if !bytewise {
						p.say(wire)
						return
					}
					for j := range len(wire) {
						p.say(wire[j : j+1])
					}
				})
				transport := &http.Transport{DisableCompression: true}
				ref := outcome(transport, b.get("/"))
				transport.CloseIdleConnections()
				within(t, func() { compare(t, []byte(wire), outcome(b.client(t), b.get("/")), ref, false) })
			}
		})
	}
}

// TestResets has the backend reset the connection after every byte: what is not complete is an error, never a short answer.
func TestResets(t *testing.T) {
	for _, c := range spoken[:4] {
		t.Run(c.name, func(t *testing.T) {
			whole := theirs([]byte(c.wire), http.MethodGet)
			for i := range len(c.wire) {
				b := serve(t, func(p *peer) {
					if p.request() != nil {
						p.say(c.wire[:i])
						p.reset()
					}
				})
				within(t, func() {
					s := outcome(b.client(t), b.get("/"))
					if s.err == nil && s.bodyErr == nil {
						t.Errorf("reset after %q gave %v", c.wire[:i], s)
					}
					if !strings.HasPrefix(whole.body, s.body) {
						t.Errorf("reset after %q gave the body %q", c.wire[:i], s.body)
					}
				})
			}
		})
	}
}

// TestErrorsQuoteNothing: what a backend sends may hold secrets.
func TestErrorsQuoteNothing(t *testing.T) {
	const secret = "hunter2"
	for _, wire := range []string{
		secret + "\r\n\r\n",
		"HTTP/1.1 " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nSet-Cookie sid=" + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n Set-Cookie: sid=" + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + "\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\x00" + secret + "\r\n\r\n",
		"HTTP/1.1 101 " + secret + "\r\n\r\n",
	} {
		s := ours([][]byte{[]byte(wire)}, http.MethodGet, 512)
		if s.err = errors.Join(s.err, s.bodyErr); s.err == nil {
			t.Errorf("%q was taken for an answer", wire)
		} else if strings.Contains(s.err.Error(), secret) {
			t.Errorf("the error quotes the answer: %v", s.err)
		}
	}
}

func TestHeadTooLarge(t *testing.T) {
	for _, c := range []struct {
		size int
		ok   bool
	}{{900, true}, {1100, false}, {100000, false}} {
		b := serve(t, func(p *peer) {
			if p.request() != nil {
				p.say("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", c.size) + "\r\nContent-Length: 0\r\n\r\n")
			}
		})
		s := outcome(b.client(t, func(o *Options) { o.MaxHeaderBytes = 1000 }), b.get("/"))
		if (s.err == nil) != c.ok {
			t.Errorf("%d bytes: %v", c.size, s.err)
		}
	}
}

func TestInformational(t *testing.T) {
	b := serve(t, func(p *peer) {
		for p.request() != nil {
			p.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 0\r\n\r\n")
		}
	})
	client := b.client(t)
	var got []string
	own := http.Header{"Old": {"x"}}
	resp, err := client.Do(b.get("/"), &Call{Header: own, Informed: func(code int, h http.Header) error {
		got = append(got, fmt.Sprint(code, h))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if fmt.Sprint(got) != "[100 map[] 103 map[Link:[</a> </b>]]]" {
		t.Errorf("told %v", got)
	}
	if fmt.Sprint(own) != "map[Content-Length:[0] X:[y]]" || fmt.Sprint(resp.Header) != fmt.Sprint(own) {
		t.Errorf("the given header is %v, the answer's %v", own, resp.Header)
	}
	failure := errors.New("enough")
	if _, err := client.Do(b.get("/"), &Call{Informed: func(int, http.Header) error { return failure }}); !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	if client.Conns() != 0 {
		t.Errorf("%d connections left", client.Conns())
	}
}

func TestWrote(t *testing.T) {
	arrived, told := make(chan struct{}), make(chan struct{})
	b := serve(t, func(p *peer) {
		p.request()
		close(arrived)
		<-told
		p.say("HTTP/1.1 204 No Content\r\n\r\n")
	})
	resp, err := b.client(t).Do(b.get("/"), &Call{Wrote: func() { close(told) }})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	<-arrived
}

// TestAnswerBeforeTheBody: the backend answers and closes without reading the request, or keeps on sending.
func TestAnswerBeforeTheBody(t *testing.T) {
	const refusal = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno!"
	for _, c := range []struct {
		name   string
		answer func(p *peer)
	}{
		{"and closes", func(p *peer) { p.say(refusal) }},
		{"and waits", func(p *peer) {
			p.say(refusal)
			p.drain()
		}},
		{"which is larger than all buffers", func(p *peer) {
			p.say("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 8000003\r\n\r\n" + strings.Repeat(" ", 8000000) + "no!")
			p.drain()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			listener, err := (&net.ListenConfig{Control: narrow}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			b := serveOn(t, listener, c.answer)
			client := b.client(t)
			client.dial = (&net.Dialer{Control: narrow}).DialContext
			r := with(http.MethodPost, strings.Repeat("x", MaxBody), nil)()
			within(t, func() {
				resp, err := client.RoundTrip(r)
				if err != nil {
					if c.name == "and closes" && strings.Contains(err.Error(), "reset") {
						return // the reset overtook the answer
					}
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.HasSuffix(string(body), "no!") {
					t.Errorf("%d, %d bytes, %v", resp.StatusCode, len(body), err)
				}
				_ = resp.Body.Close()
			})
			if client.Conns() != 0 {
				t.Errorf("%d connections left", client.Conns())
			}
		})
	}
}

// TestCallbackThatPanics costs its connection and nothing else.
func TestCallbackThatPanics(t *testing.T) {
	b := serve(t, func(p *peer) {
		for p.request() != nil {
			p.say("HTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	client := b.client(t, func(o *Options) { o.MaxConns = 1 })
	for _, call := range []*Call{
		{Wrote: func() { panic("wrote") }},
		{Informed: func(int, http.Header) error { panic("informed") }},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			resp, err := client.Do(b.get("/"), call)
			if err == nil {
				_ = resp.Body.Close()
			}
		}()
		if client.Conns() != 0 {
			t.Errorf("%d connections left", client.Conns())
		}
		fetch(t, client, b.get("/"))
		client.CloseIdleConnections()
	}
}
