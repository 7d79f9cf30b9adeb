package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// serveTLS is serve over TLS. The client's options trust it.
func serveTLS(t *testing.T, handle func(p *peer)) (*backend, func(*Options)) {
	t.Helper()
	authority := httptest.NewUnstartedServer(nil)
	authority.StartTLS()
	config := authority.TLS.Clone()
	pool := x509.NewCertPool()
	pool.AddCert(authority.Certificate())
	authority.Close()
	config.NextProtos = []string{"h2", "http/1.1"}
	b := serve(t, func(p *peer) {
		c := tls.Server(p.Conn, config)
		if c.Handshake() != nil {
			return
		}
		defer func() { _ = c.Close() }()
		handle(&peer{c, bufio.NewReader(c), p.n})
	})
	return b, func(o *Options) {
		o.URL = &url.URL{Scheme: "https", Host: b.address}
		o.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
}

func TestTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			b, trust := serveTLS(t, echo)
			client := b.client(t, trust, func(o *Options) { o.TLS.MaxVersion = version })
			for i := range 5 {
				resp, err := client.RoundTrip(b.get("/x"))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if string(body) != "/x" || err != nil {
					t.Errorf("read %q, %v", body, err)
				}
				if resp.TLS == nil || resp.TLS.Version != version || resp.TLS.NegotiatedProtocol != "http/1.1" {
					t.Errorf("state %v", resp.TLS)
				}
				if i == 3 {
					aged(client)
				}
			}
			fetch(t, client, with(http.MethodPost, strings.Repeat("x", MaxBody), nil)())
			if n := b.accepted(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestTLSLargeAnswer(t *testing.T) {
	b, trust := serveTLS(t, func(p *peer) {
		for p.request() != nil {
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + strings.Repeat("x", 300000))
		}
	})
	client := b.client(t, trust)
	for range 3 {
		if _, body := fetch(t, client, b.get("/")); len(body) != 300000 {
			t.Errorf("%d bytes", len(body))
		}
	}
	if n := b.accepted(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestTLSHandshakeFails: no connection came about.
func TestTLSHandshakeFails(t *testing.T) {
	b, trust := serveTLS(t, echo)
	plain := serve(t, func(p *peer) { p.say("HTTP/1.1 400 Bad Request\r\n\r\n") })
	silent := serve(t, (*peer).drain)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	for _, c := range []struct {
		name   string
		client *Client
		ctx    context.Context
	}{
		{"unknown authority", b.client(t, trust, func(o *Options) { o.TLS = nil }), t.Context()},
		{"other name", b.client(t, trust, func(o *Options) { o.TLS.ServerName = "other.test" }), t.Context()},
		{"not TLS", plain.client(t, trust, func(o *Options) { o.URL.Host = plain.address }), t.Context()},
		{"silent", silent.client(t, trust, func(o *Options) {
			o.URL.Host, o.TLSHandshakeTimeout = silent.address, 2*time.Millisecond
		}), t.Context()},
		{"given up", silent.client(t, trust, func(o *Options) { o.URL.Host = silent.address }), ctx},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.ctx == ctx {
				defer time.AfterFunc(5*time.Millisecond, func() { cancel(why) }).Stop()
			}
			within(t, func() {
				_, err := c.client.RoundTrip(b.get("/").WithContext(c.ctx))
				var op *net.OpError
				dial := errors.As(err, &op) && op.Op == "dial"
				if dial != (c.ctx != ctx) || errors.Is(err, why) != (c.ctx == ctx) {
					t.Errorf("error %v", err)
				}
			})
			if c.client.Conns() != 0 {
				t.Errorf("%d connections left", c.client.Conns())
			}
		})
	}
}

// TestTLSTruncation: an end without TLS's goodbye cuts a body that has a length. One that has none ends there, as for net/http: too many
// servers say none.
func TestTLSTruncation(t *testing.T) {
	for answer, ok := range map[string]bool{
		"HTTP/1.1 200 OK\r\n\r\nhello":                      true,
		"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello": false,
	} {
		b, trust := serveTLS(t, func(p *peer) {
			p.request()
			p.say(answer)
			_ = p.Conn.(*tls.Conn).NetConn().Close()
		})
		s := outcome(b.client(t, trust), b.get("/"))
		if s.err != nil || s.body != "hello" || (s.bodyErr == nil) != ok || (!ok && !errors.Is(s.bodyErr, io.ErrUnexpectedEOF)) {
			t.Errorf("%q: %v", answer, s)
		}
	}
}

// TestTLSUnasked: a goodbye, or an answer to nothing, while a connection rests, or behind the answer in one record.
func TestTLSUnasked(t *testing.T) {
	for _, c := range []struct {
		name  string
		first func(p *peer)
	}{
		{"goodbye", func(p *peer) {
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
			_ = p.Close()
		}},
		{"in the same record", func(p *peer) { p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" + poison) }},
		{"behind a large body", func(p *peer) {
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("x", 10000) + poison)
		}},
		{"in the next record", func(p *peer) {
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
			p.say(poison)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			done := make(chan struct{})
			b, trust := serveTLS(t, func(p *peer) {
				for n := 0; p.request() != nil; n++ {
					if p.n == 1 && n == 0 {
						c.first(p)
						close(done)
						continue
					}
					p.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
				}
			})
			client := b.client(t, trust)
			fetch(t, client, b.get("/"))
			<-done
			unrested(client)
			resp, err := client.Do(with(http.MethodPost, "x", nil)(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); string(body) != "good" || err != nil {
				t.Errorf("the second request got %q, %v", body, err)
			}
			_ = resp.Body.Close()
		})
	}
}

func TestTLSCancel(t *testing.T) {
	b, trust := serveTLS(t, stalling("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"))
	client := b.client(t, trust)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	resp, err := client.RoundTrip(b.get("/").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(2*watchAfter, func() { cancel(why) }).Stop()
	within(t, func() {
		if text, err := io.ReadAll(resp.Body); string(text) != "hell" || !errors.Is(err, why) {
			t.Errorf("read %q, %v", text, err)
		}
	})
	_ = resp.Body.Close()
	if client.Conns() != 0 {
		t.Errorf("%d connections left", client.Conns())
	}
}

// TestTryRead: what is there is read at once, what is not there is not waited for.
func TestTryRead(t *testing.T) {
	text := strings.Repeat("0123456789", 3000)
	for _, framing := range []struct{ name, head, body, end string }{
		{"length", fmt.Sprintf("Content-Length: %d", 2+len(text)), "%s", ""},
		{"chunked", "Transfer-Encoding: chunked", "7530\r\n%s\r\n", "0\r\nX: y\r\n\r\n"},
		{"until close", "X: y", "%s", ""},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(framing.name, ", TLS ", secure), func(t *testing.T) {
				next, said := make(chan struct{}), make(chan struct{})
				handle := func(p *peer) {
					p.request()
					first := "hi"
					if framing.name == "chunked" {
						first = "2\r\nhi\r\n"
					}
					p.say("HTTP/1.1 200 OK\r\n" + framing.head + "\r\n\r\n" + first)
					<-next
					p.say(fmt.Sprintf(framing.body, text) + framing.end)
					if framing.name == "until close" {
						_ = p.Close()
					}
					close(said)
				}
				var client *Client
				var b *backend
				if secure {
					var trust func(*Options)
					b, trust = serveTLS(t, handle)
					client = b.client(t, trust)
				} else {
					b = serve(t, handle)
					client = b.client(t)
				}
				resp, err := client.RoundTrip(b.get("/"))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				p := make([]byte, 100000)
				if n, err := io.ReadAtLeast(resp.Body, p, 2); n != 2 || err != nil {
					t.Fatalf("read %d, %v", n, err)
				}
				available := resp.Body.(Available)
				within(t, func() {
					if n, err := available.TryRead(p); n != 0 || err != nil {
						t.Errorf("read %d, %v, of nothing", n, err)
					}
				})
				close(next)
				<-said
				total := 0
				for total < len(text) {
					n, err := available.TryRead(p[total:])
					if total += n; errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						t.Fatal(err)
					}
				}
				if string(p[:total]) != text {
					t.Errorf("%d bytes", total)
				}
				if _, err := available.TryRead(p); !errors.Is(err, io.EOF) {
					t.Errorf("error %v", err)
				}
				if framing.name == "chunked" && resp.Trailer.Get("X") != "y" {
					t.Errorf("trailer %v", resp.Trailer)
				}
			})
		}
	}
}
