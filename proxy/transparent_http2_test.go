package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func onlyHTTP2(secure bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP2(secure)
	p.SetUnencryptedHTTP2(!secure)
	return p
}

// secureFront listens with TLS for the rig's proxy, and returns the address and a client that speaks HTTP/2 alone.
func (r *rig) secureFront(t *testing.T) (string, *http.Transport) {
	t.Helper()
	o, roots := certificate(t)
	l, err := Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(o, r.proxy)
	served := make(chan struct{})
	go func() { _ = server.Serve(l); close(served) }()
	transport := &http.Transport{Protocols: onlyHTTP2(true), TLSClientConfig: clientTLS(roots), DisableCompression: true}
	t.Cleanup(func() { transport.CloseIdleConnections(); _ = server.Close(); <-served })
	return "https://" + l.Addr().String(), transport
}

func (r *rig) clearFront(t *testing.T) (string, *http.Transport) {
	transport := &http.Transport{Protocols: onlyHTTP2(false), DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return r.url, transport
}

// serveTLS starts a backend that speaks TLS, and HTTP/2 in it or not.
func serveTLS(t *testing.T, h http.Handler, http2 bool) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = http2
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// Backends as they speak; h2c is spoken for gRPC alone.
var (
	anyHTTP  = []string{"HTTP/1.1", "HTTP/1.1 TLS", "HTTP/2 TLS"}
	onlyGRPC = []string{"h2c", "HTTP/2 TLS"}
)

// overHTTP2 runs a test for clients of HTTP/2 with and without TLS, and for each of the backends.
func overHTTP2(t *testing.T, backends []string, h http.Handler, test func(t *testing.T, r *rig, url string, client *http.Transport)) {
	t.Helper()
	for _, backend := range backends {
		for _, front := range []string{"h2c", "TLS"} {
			t.Run(front+" to "+backend, func(t *testing.T) {
				build := func() *httptest.Server { return serve(t, h) }
				switch backend {
				case "HTTP/1.1 TLS", "HTTP/2 TLS":
					build = func() *httptest.Server { return serveTLS(t, h, backend == "HTTP/2 TLS") }
				case "h2c":
					build = func() *httptest.Server { return serveH2C(t, &http.Server{Handler: h, Protocols: onlyHTTP2(false)}) }
				}
				old, fresh := build(), build()
				r := mirrored(t, old, fresh, func(o *Options) {
					o.Old.TLS, o.New.TLS = trusting(old), trusting(fresh)
					o.Old.Standard = backend == "HTTP/2 TLS"
				})
				url, client := r.clearFront(t)
				if front == "TLS" {
					url, client = r.secureFront(t)
				}
				test(t, r, url, client)
				settled(t, r)
			})
		}
	}
}

func trusting(s *httptest.Server) *tls.Config {
	if s.Certificate() == nil {
		return nil
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return clientTLS(roots)
}

func TestTransparentHTTP2Front(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("v", 40<<10)
	backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := w.Header()
		h.Set("Trailer", "X-Sum")
		for i := range 20 {
			h.Add("Set-Cookie", fmt.Sprint("c=", i))
		}
		h.Set("X-Large", large)
		h.Set("X-Seen", fmt.Sprintf("%s %s|%d|%s|%s", r.Method, r.RequestURI, len(r.Header.Get("X-Large")), r.Header["X-Same"], r.Trailer.Get("X-Asked")))
		w.WriteHeader(299)
		_, _ = w.Write(body)
		h.Set("X-Sum", "7")
		h.Set(http.TrailerPrefix+"X-Late", "8")
	})
	overHTTP2(t, anyHTTP, backend, func(t *testing.T, _ *rig, url string, client *http.Transport) {
		for _, path := range []string{"/write", "/read/x"} {
			req, _ := http.NewRequestWithContext(t.Context(), "POST", url, io.MultiReader(strings.NewReader("hello ")))
			req.URL.Opaque = path + "//a%2Fb;c?x=1;y&&z"
			req.Trailer = http.Header{"X-Asked": {"9"}}
			req.Header = http.Header{"X-Large": {large}, "X-Same": {"2", "1", "2"}, "Content-Type": {"a/b"}}
			resp, err := client.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || string(body) != "hello " || resp.StatusCode != 299 || resp.ProtoMajor != 2 {
				t.Errorf("%d %q %v in %s", resp.StatusCode, body, err, resp.Proto)
			}
			if want := fmt.Sprintf("POST %s|%d|[2 1 2]|9", path+"//a%2Fb;c?x=1;y&&z", len(large)); resp.Header.Get("X-Seen") != want {
				t.Errorf("arrived as %s, want %s", resp.Header.Get("X-Seen"), want)
			}
			if c := resp.Header["Set-Cookie"]; len(c) != 20 || c[19] != "c=19" || resp.Header.Get("X-Large") != large {
				t.Errorf("%d cookies, %d bytes", len(c), len(resp.Header.Get("X-Large")))
			}
			if resp.Trailer.Get("X-Sum") != "7" || resp.Trailer.Get("X-Late") != "8" {
				t.Errorf("trailers %v", resp.Trailer)
			}
		}
	})
}

// A hundred streams of one connection are under way at once, in both directions, and each gets its own bytes.
func TestTransparentHTTP2StreamsInterleaved(t *testing.T) {
	const n = 100
	var all sync.WaitGroup
	backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(shadowHeader) != "" {
			return
		}
		all.Done()
		all.Wait() // nobody is answered before everybody has asked
		for i := range 5 {
			_, _ = fmt.Fprintf(w, "%s-%d;", r.URL.Path, i)
			_ = http.NewResponseController(w).Flush()
		}
	})
	overHTTP2(t, anyHTTP, backend, func(t *testing.T, _ *rig, url string, client *http.Transport) {
		var connections sync.Map
		all.Add(n)
		clients(n, 1, func(i, _ int) {
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { connections.Store(c.Conn, true) }})
			req, _ := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s/%d", url, i), nil)
			resp, err := client.RoundTrip(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(resp.Body)
			var want strings.Builder
			for j := range 5 {
				fmt.Fprintf(&want, "/%d-%d;", i, j)
			}
			if err != nil || string(body) != want.String() {
				t.Errorf("stream %d: %q, %v", i, body, err)
			}
		})
		used := 0
		connections.Range(func(any, any) bool { used++; return true })
		if used > n/10 {
			t.Errorf("%d connections", used)
		}
	})
}

// RST_STREAM means that this client is gone: its request ends at the backend, and nobody else's does.
func TestTransparentHTTP2ResetOfAStream(t *testing.T) {
	left, asked, goOn := make(chan string, 4), make(chan bool, 4), make(chan bool)
	backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(shadowHeader) != "" {
			return
		}
		if r.URL.Path == "/early" {
			_, _ = io.WriteString(w, "first")
			_ = http.NewResponseController(w).Flush()
		}
		asked <- true
		if r.URL.Path == "/other" {
			<-goOn
			_, _ = io.WriteString(w, "fine")
			return
		}
		<-r.Context().Done()
		left <- r.URL.Path
	})
	overHTTP2(t, anyHTTP, backend, func(t *testing.T, r *rig, url string, client *http.Transport) {
		other := make(chan string)
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", url+"/other", nil)
			resp, err := client.RoundTrip(req)
			if err != nil {
				other <- err.Error()
				return
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			other <- string(body)
		}()
		<-asked
		for _, path := range []string{"/late", "/early"} {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-asked; cancel() }()
			req, _ := http.NewRequestWithContext(ctx, "GET", url+path, nil)
			if resp, err := client.RoundTrip(req); err == nil {
				_, _ = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if got := <-left; got != path {
				t.Errorf("%s ended at the backend, want %s", got, path)
			}
		}
		goOn <- true
		if body := <-other; body != "fine" {
			t.Errorf("the other stream got %q", body)
		}
		await(t, "no stream left", func() bool { return r.proxy.Writes(Old).InFlight == 0 })
	})
}

func TestTransparentHTTP2EarlyHintsAnd304(t *testing.T) {
	const answer = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n" +
		"HTTP/1.1 304 Not Modified\r\nContent-Type: a/b\r\nContent-Length: 321\r\nETag: \"1\"\r\n\r\n"
	r := mirrored(t, always(t, answer).Server, always(t, answer).Server)
	for name, front := range map[string]func(*testing.T) (string, *http.Transport){"h2c": r.clearFront, "TLS": r.secureFront} {
		url, client := front(t)
		var links []string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
			links = append(links, h.Get("Link"))
			return nil
		}})
		req, _ := http.NewRequestWithContext(ctx, "GET", url+"/", nil)
		resp, err := client.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if !slices.Equal(links, []string{"</a.css>", "</b.css>"}) || resp.StatusCode != 304 || resp.Header.Get("Etag") != "\"1\"" {
			t.Errorf("%s: %d %v after %v", name, resp.StatusCode, resp.Header, links)
		}
		if resp.Header.Get("Content-Type") != "a/b" || resp.Header.Get("Content-Length") != "321" {
			t.Errorf("%s: %v", name, resp.Header)
		}
	}
	settled(t, r)
}

// An answer that breaks off resets its stream, and the connection lives on.
func TestTransparentHTTP2CutAnswer(t *testing.T) {
	for name, rest := range map[string]string{"length": "Content-Length: 9\r\n\r\nhalf", "chunked": "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"} {
		backend := func() *httptest.Server {
			return play(t, func(w *wire, m message) bool {
				if m.target() == "/whole" {
					w.say("%s", sized)
					return true
				}
				w.say("HTTP/1.1 200 OK\r\n%s", rest)
				return false
			}).Server
		}
		r := mirrored(t, backend(), backend(), func(o *Options) { o.Old.Timeout = 5 * time.Second })
		url, client := r.clearFront(t)
		for _, path := range []string{"/cut", "/whole"} {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", url+path, nil)
			resp, err := client.RoundTrip(req)
			var body []byte
			if err == nil {
				body, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if whole := err == nil; whole != (path == "/whole") {
				t.Errorf("%s %s: %q, %v", name, path, body, err)
			}
		}
		settled(t, r)
	}
}
