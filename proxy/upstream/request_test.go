package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sending is a request, made anew for each client.
type sending struct {
	name string
	make func() *http.Request
}

func with(method, body string, shape func(*http.Request)) func() *http.Request {
	return func() *http.Request {
		r := request(method)
		r.Header["User-Agent"] = []string{""}
		if body != "" {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}
		if shape != nil {
			shape(r)
		}
		return r
	}
}

func opaque(target, query string) func(*http.Request) {
	return func(r *http.Request) {
		r.URL = &url.URL{Scheme: "http", Host: r.URL.Host, Opaque: target, RawQuery: query}
	}
}

var sendings = []sending{
	{"get", with("GET", "", nil)},
	{"no method", with("", "", nil)},
	{"own method", with("PURGE", "", nil)},
	{"post", with("POST", "hello", nil)},
	{"post without a body", with("POST", "", nil)},
	{"put without a body", with("PUT", "", nil)},
	{"patch with NoBody", with("PATCH", "", func(r *http.Request) { r.Body = http.NoBody })},
	{"delete", with("DELETE", "", nil)},
	{"get with a body", with("GET", "{}", nil)},
	{"large body", with("POST", strings.Repeat("0123456789abcdef", MaxBody/16), nil)},
	{"path", with("GET", "", func(r *http.Request) { r.URL.Path, r.URL.RawQuery = "/a b/%/ü", "x=1&y" })},
	{"opaque", with("GET", "", opaque("/a//b/..;c/%2F/\xfc", "a=1&&b;c=|"))},
	{"opaque with an empty query", with("GET", "", func(r *http.Request) {
		r.URL.Opaque, r.URL.ForceQuery = "/a", true
	})},
	{"opaque that starts with slashes", with("GET", "", opaque("//a/b", ""))},
	{"star", with("OPTIONS", "", opaque("*", ""))},
	{"no path", with("GET", "", func(r *http.Request) { r.URL.Path = "" })},
	{"host", with("GET", "", func(r *http.Request) { r.Host = "shop.example:8080" })},
	{"host with a zone", with("GET", "", func(r *http.Request) { r.Host = "[fe80::1%25eth0]:80" })},
	{"user agent", with("GET", "", func(r *http.Request) { r.Header["User-Agent"] = []string{"a/1", "b/2"} })},
	{"fields", with("GET", "", func(r *http.Request) {
		r.Header["X-A"] = []string{"1", " 2\t", "", "ü\xff", "a\tb"}
		r.Header["x-lower"] = []string{"y"}
		r.Header["X-None"] = nil
		r.Header["Te"] = []string{"trailers"}
	})},
	{"fields that are ours to say", with("POST", "abc", func(r *http.Request) {
		r.Header["Content-Length"] = []string{"7"}
		r.Header["Transfer-Encoding"] = []string{"chunked"}
		r.Header["Trailer"] = []string{"X"}
		r.Header["Host"] = []string{"other.example"}
	})},
	{"close", with("GET", "", func(r *http.Request) { r.Close = true })},
	{"close said twice", with("GET", "", func(r *http.Request) {
		r.Close = true
		r.Header["Connection"] = []string{"close"}
	})},
	{"large header", with("GET", "", func(r *http.Request) { r.Header["Cookie"] = []string{strings.Repeat("a=b; ", 10000)} })},
}

// received is a request as a server sees it.
type received struct {
	line, host, body string
	header           http.Header
	length           int64
	encoding         []string
}

// wireOf returns what a client sends.
func wireOf(t *testing.T, client func(dial func(context.Context, string, string) (net.Conn, error)) http.RoundTripper, r *http.Request) received {
	t.Helper()
	result := make(chan received, 1)
	b := serve(t, func(p *peer) {
		var wire bytes.Buffer
		p.in.Reset(io.TeeReader(p.Conn, &wire))
		req := p.request()
		if req == nil {
			return
		}
		got := received{body: req.Header.Get("X-Test-Body"), host: req.Host, length: req.ContentLength, encoding: req.TransferEncoding}
		req.Header.Del("X-Test-Body")
		got.header = req.Header
		got.line, _, _ = strings.Cut(wire.String(), "\r\n")
		result <- got
		p.say("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	})
	rt := client(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, b.address)
	})
	if status, _ := fetch(t, rt, r); status != http.StatusNoContent {
		t.Fatalf("status %d", status)
	}
	return <-result
}

func TestRequestsAsNetHTTPSendsThem(t *testing.T) {
	for _, c := range sendings {
		t.Run(c.name, func(t *testing.T) {
			want := wireOf(t, func(dial func(context.Context, string, string) (net.Conn, error)) http.RoundTripper {
				return &http.Transport{DialContext: dial, DisableCompression: true}
			}, c.make())
			r := c.make()
			before := r.Header.Clone()
			got := wireOf(t, func(dial func(context.Context, string, string) (net.Conn, error)) http.RoundTripper {
				client := New(Options{URL: &url.URL{Scheme: "http", Host: "backend.example"}})
				client.dial = dial
				return client
			}, r)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("sent %+v\nwant %+v", got, want)
			}
			if !maps.EqualFunc(r.Header, before, slices.Equal) {
				t.Errorf("the request's header was changed: %v", r.Header)
			}
		})
	}
}

func TestTargetIsSentBitForBit(t *testing.T) {
	for _, target := range []string{"//a//b", "/", "*", "/a?b?c#d", "/\xff|\"<>", "http://other.example/x", "?x", "/a;b=%zz&&"} {
		got := make(chan string, 1)
		b := serve(t, func(p *peer) {
			line, _ := p.in.ReadString('\n')
			got <- line
			p.say("HTTP/1.1 204 No Content\r\n\r\n")
		})
		resp, err := b.client(t).Do(b.get("/not/this"), &Call{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if line := <-got; line != "GET "+target+" HTTP/1.1\r\n" {
			t.Errorf("sent %q for %q", line, target)
		}
	}
}

// closable is a body that knows whether it was closed.
type closable struct {
	io.Reader
	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

func TestRefusedBeforeAnythingIsSent(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = []string{value} }
	}
	for _, c := range []struct {
		name        string
		shape       func(*http.Request)
		unsupported bool
	}{
		{"CONNECT", func(r *http.Request) { r.Method = http.MethodConnect }, true},
		{"upgrade", func(r *http.Request) { r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}} }, true},
		{"upgrade in a list", header("Connection", "keep-alive, upgrade"), true},
		{"expect", header("Expect", "100-continue"), true},
		{"trailers", func(r *http.Request) { r.Trailer = http.Header{"X": nil} }, true},
		{"transfer encoding", func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }, true},
		{"unknown length", func(r *http.Request) { r.ContentLength = -1 }, true},
		{"no length", func(r *http.Request) { r.ContentLength = 0 }, true},
		{"too large", func(r *http.Request) { r.ContentLength = MaxBody + 1 }, true},
		{"no body", func(r *http.Request) { r.Body = nil }, false},
		{"shorter than said", func(r *http.Request) { r.ContentLength = 4 }, false},
		{"longer than said", func(r *http.Request) { r.ContentLength = 2 }, false},
		{"method", func(r *http.Request) { r.Method = "G T" }, false},
		{"no URL", func(r *http.Request) { r.URL = nil }, false},
		{"line end in the target", func(r *http.Request) { r.URL.Opaque = "/a\r\nX: y" }, false},
		{"space in the target", func(r *http.Request) { r.URL.Opaque = "/a HTTP/1.1" }, false},
		{"line end in the query", func(r *http.Request) { r.URL.RawQuery = "a\nb" }, false},
		{"delete in the target", func(r *http.Request) { r.URL.Opaque = "/\x7f" }, false},
		{"line end in a value", header("X", "a\r\nY: b"), false},
		{"line feed in a value", header("X", "a\nY: b"), false},
		{"line feed in the user agent", header("User-Agent", "a\nY: b"), false},
		{"nul in a value", header("X", "abcdefghijk\x00"), false},
		{"space in a name", header("X Y", "a"), false},
		{"colon in a name", header("X:Y", "a"), false},
		{"line end in a name", header("X\r\nY", "a"), false},
		{"empty name", header("", "a"), false},
		{"line end in the host", func(r *http.Request) { r.Host = "a\r\nX: y" }, false},
		{"space in the host", func(r *http.Request) { r.Host = "a b" }, false},
		{"host that is not ASCII", func(r *http.Request) { r.Host = "b\xfccher.example" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := dialling(func() net.Conn {
				t.Error("a connection was opened")
				return &scripted{}
			})
			body := &closable{Reader: strings.NewReader("abc")}
			r := request(http.MethodPost)
			r.Body, r.ContentLength = body, 3
			c.shape(r)
			given := r.Body != nil
			resp, err := client.RoundTrip(r)
			if err == nil {
				_ = resp.Body.Close()
				t.Fatal("it was taken")
			}
			if errors.Is(err, ErrUnsupported) != c.unsupported {
				t.Errorf("error %v", err)
			}
			if given && !body.closed {
				t.Error("the body was not closed")
			}
			if client.Conns() != 0 {
				t.Errorf("%d connections", client.Conns())
			}
		})
	}
}

func TestInvalidTarget(t *testing.T) {
	client := dialling(func() net.Conn {
		t.Error("a connection was opened")
		return &scripted{}
	})
	for _, target := range []string{"/a b", "/a\r\n", "/\x00", "/\x7f", " "} {
		if resp, err := client.Do(request(http.MethodGet), &Call{Target: target}); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%q was taken", target)
		}
	}
}

// TestOneWrite sees that head and body leave together.
func TestOneWrite(t *testing.T) {
	conn := &scripted{segments: [][]byte{[]byte("HTTP/1.1 204 No Content\r\n\r\n")}}
	client := dialling(func() net.Conn { return conn })
	r := with(http.MethodPost, "hello", nil)()
	resp, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if conn.writes != 1 || !strings.HasSuffix(conn.wrote.String(), "\r\n\r\nhello") {
		t.Errorf("%d writes: %q", conn.writes, conn.wrote.String())
	}
}

// TestRequestsAroundTheBuffersSize: head and body fill a buffer to its last byte, or just not, or are one more.
func TestRequestsAroundTheBuffersSize(t *testing.T) {
	b := serve(t, func(p *peer) {
		for r := p.request(); r != nil; r = p.request() {
			p.say("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(r.Header.Get("X-Test-Body"))) + "\r\n\r\n" + r.Header.Get("X-Test-Body"))
		}
	})
	client := b.client(t)
	for _, size := range []int{readSize - usualHead, readSize, MaxBody} {
		for body := size - 3; body <= min(size+3, MaxBody); body++ {
			text := strings.Repeat("x", body-1) + "y"
			if _, got := fetch(t, client, with(http.MethodPost, text, nil)()); got != text {
				t.Fatalf("%d bytes: got %d back", body, len(got))
			}
		}
	}
	for pad := readSize - 150; pad < readSize+10; pad++ {
		text := strings.Repeat("z", 10)
		r := with(http.MethodPost, text, func(r *http.Request) { r.Header["X-Pad"] = []string{strings.Repeat("p", pad)} })()
		if _, got := fetch(t, client, r); got != text {
			t.Fatalf("padded with %d: got %q back", pad, got)
		}
	}
}
