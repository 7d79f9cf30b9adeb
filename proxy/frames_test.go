package proxy

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2conn is a client's HTTP/2 connection, frame by frame.
type h2conn struct {
	*http2.Framer
	t       *testing.T
	block   bytes.Buffer
	encoder *hpack.Encoder
}

// dialH2 opens a connection to the rig without TLS, with the settings given.
func dialH2(t *testing.T, address string, settings ...http2.Setting) *h2conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return beginH2(t, c, settings...)
}

func beginH2(t *testing.T, c net.Conn, settings ...http2.Setting) *h2conn {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	h := &h2conn{Framer: http2.NewFramer(c, c), t: t}
	h.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.encoder = hpack.NewEncoder(&h.block)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := h.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	return h
}

// fields encodes a header block: a GET of the path, and the fields given.
func (h *h2conn) fields(method, path string, more ...string) []byte {
	h.block.Reset()
	all := append([]string{":method", method, ":scheme", "http", ":path", path, ":authority", "example.com"}, more...)
	for i := 0; i+1 < len(all); i += 2 {
		if err := h.encoder.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]}); err != nil {
			h.t.Fatal(err)
		}
	}
	return h.block.Bytes()
}

func (h *h2conn) get(stream uint32, path string, more ...string) {
	h.t.Helper()
	err := h.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: h.fields("GET", path, more...), EndStream: true, EndHeaders: true})
	if err != nil {
		h.t.Fatal(err)
	}
}

// answer returns status and body of a stream, or the code with which it was reset.
func (h *h2conn) answer(stream uint32) (status, body string, reset http2.ErrCode) {
	h.t.Helper()
	for {
		f, err := h.ReadFrame()
		if err != nil {
			h.t.Fatalf("stream %d: %v", stream, err)
		}
		if goAway, ok := f.(*http2.GoAwayFrame); ok {
			h.t.Fatalf("GOAWAY %s %q", goAway.ErrCode, goAway.DebugData())
		}
		if f.Header().StreamID != stream {
			continue
		}
		switch f := f.(type) {
		case *http2.RSTStreamFrame:
			return status, body, f.ErrCode
		case *http2.MetaHeadersFrame:
			if s := f.PseudoValue("status"); s != "" {
				status = s
			}
		case *http2.DataFrame:
			body += string(f.Data())
		}
		if f.Header().Flags.Has(http2.FlagDataEndStream) {
			return status, body, 0
		}
	}
}

// counted answers with the path, and counts.
func counted(n *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		_, _ = io.WriteString(w, r.URL.Path)
	})
}

func TestSettingNamedTwiceInOneFrame(t *testing.T) {
	r := start(t, shadowPlan, text("abc"), text("abc"))
	h := dialH2(t, r.address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 14},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	h.get(1, "/")
	for {
		f, err := h.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := f.(*http2.DataFrame); ok {
			if len(d.Data()) != 1 {
				t.Errorf("%d bytes, want what the last value of the window allows", len(d.Data()))
			}
			return
		}
	}
}

func TestFieldsOfAConnectionInHTTP2(t *testing.T) {
	var old, fresh atomic.Int64
	r := start(t, shadowPlan, counted(&old), counted(&fresh))
	for _, c := range []struct{ name, value string }{
		{"connection", "keep-alive"},
		{"connection", "close"},
		{"keep-alive", "timeout=5"},
		{"proxy-connection", "keep-alive"},
		{"transfer-encoding", "chunked"},
		{"upgrade", "websocket"},
		{"te", "gzip"},
		{"te", "trailers, chunked"},
	} {
		for name, write := range map[string]func(h *h2conn, block []byte) error{
			"one frame": func(h *h2conn, block []byte) error {
				return h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndStream: true, EndHeaders: true})
			},
			"padded, with a priority": func(h *h2conn, block []byte) error {
				return h.WriteHeaders(http2.HeadersFrameParam{
					StreamID: 1, BlockFragment: block, EndStream: true, EndHeaders: true, PadLength: 77, Priority: http2.PriorityParam{Weight: 3},
				})
			},
			"in pieces": func(h *h2conn, block []byte) error {
				err := h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:7], EndStream: true})
				return errors.Join(err, h.WriteContinuation(1, false, block[7:9]), h.WriteContinuation(1, true, block[9:]))
			},
		} {
			t.Run(c.name+" "+c.value+" "+name, func(t *testing.T) {
				h := dialH2(t, r.address)
				if err := write(h, h.fields("GET", "/bad", c.name, c.value, "x-kept", "in the table")); err != nil {
					t.Fatal(err)
				}
				if status, _, reset := h.answer(1); reset != http2.ErrCodeProtocol {
					t.Errorf("status %s, reset with %s, want PROTOCOL_ERROR", status, reset)
				}
				before := old.Load()
				h.get(3, "/good", "x-kept", "in the table", "te", "trailers")
				if status, body, reset := h.answer(3); status != "200" || body != "/good" || reset != 0 {
					t.Errorf("the next request on the connection: %s %q, reset with %s", status, body, reset)
				}
				if n := old.Load() - before; n != 1 {
					t.Errorf("old was asked %d times", n)
				}
			})
		}
	}
	r.stop()
	if old.Load() < fresh.Load() {
		t.Errorf("new was asked %d times, old %d times", fresh.Load(), old.Load())
	}
}

// TestGuardOverTLS has a server with TLS guard its frames as well, and still see that there is TLS.
func TestGuardOverTLS(t *testing.T) {
	seen := make(chan string, 2)
	r := start(t, shadowPlan, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("X-Forwarded-Proto") }), text(""))
	pair := httptest.NewUnstartedServer(nil)
	pair.StartTLS()
	defer pair.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(ServerOptions{}, r.proxy)
	served := make(chan struct{})
	go func() {
		_ = server.Serve(tls.NewListener(l, &tls.Config{Certificates: pair.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}))
		close(served)
	}()
	defer func() { _ = server.Close(); <-served }()
	roots := x509.NewCertPool()
	roots.AddCert(pair.Certificate())
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "example.com", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	h := beginH2(t, c)
	h.get(1, "/", "connection", "close")
	if status, _, reset := h.answer(1); reset != http2.ErrCodeProtocol {
		t.Errorf("status %s, reset with %s, want PROTOCOL_ERROR", status, reset)
	}
	h.get(3, "/")
	if status, _, reset := h.answer(3); status != "200" || reset != 0 {
		t.Errorf("status %s, reset with %s", status, reset)
	}
	if proto := <-seen; proto != "https" {
		t.Errorf("old was told that the client came by %q", proto)
	}
}

// guarded is what a server behind a frameGuard reads of the bytes.
func guarded(t *testing.T, in io.Reader, pieces bool) string {
	t.Helper()
	var from io.Reader = newFrameGuard(readConn{Reader: in}, 0)
	if pieces {
		from = iotest.OneByteReader(from)
	}
	out, _ := io.ReadAll(from)
	return string(out)
}

// readConn is a connection that is only read from.
type readConn struct {
	net.Conn
	io.Reader
}

func (c readConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

// FuzzFrameGuard: whatever comes, the guard does not depend on how it is cut into reads, and where there is no frame that it
// looks into, nothing changes.
func FuzzFrameGuard(f *testing.F) {
	var wire bytes.Buffer
	framer := http2.NewFramer(&wire, nil)
	_ = framer.WriteSettings(http2.Setting{ID: 4, Val: 1}, http2.Setting{ID: 4, Val: 2})
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("\x82\x87\x84\x00\x02te\x04gzip"), EndHeaders: true})
	_ = framer.WriteData(1, true, []byte("abc"))
	f.Add(wire.Bytes())
	f.Add([]byte("\x00\x00\x04\x01\x08\x00\x00\x00\x01\x09abc"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole := guarded(t, bytes.NewReader(in), false)
		if pieces := guarded(t, iotest.OneByteReader(bytes.NewReader(in)), true); pieces != whole {
			t.Errorf("%q in pieces, %q at once", pieces, whole)
		}
		if len(in) > 3 && in[3] == byte(http2.FrameData) {
			size := min(len(in), frameHeader+int(in[0])<<16+int(in[1])<<8+int(in[2]))
			if len(in) >= frameHeader && !strings.HasPrefix(whole, string(in[:size])) {
				t.Errorf("a DATA frame changed: %q to %q", in[:size], whole)
			}
		}
	})
}

// BenchmarkFrameGuard is the guard's cost for a request of a browser's size.
func BenchmarkFrameGuard(b *testing.B) {
	var block, wire bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "GET"},
		{":scheme", "https"},
		{":path", "/api/products/17?full=1"},
		{":authority", "example.com"},
		{"accept", "*/*"},
		{"accept-encoding", "gzip, br"},
		{"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"},
		{"cookie", "sid=0123456789abcdef0123456789abcdef"},
	} {
		_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	first := bytes.Clone(block.Bytes())
	block.Reset()
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", "/api/products/18?full=1"}, {":authority", "example.com"}, {"accept", "*/*"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	framer := http2.NewFramer(&wire, nil)
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	next := wire.Bytes()
	g := newFrameGuard(readConn{Reader: repeated(next)}, 0)
	if _, err := g.decoder.Write(first); err != nil {
		b.Fatal(err)
	}
	p := make([]byte, len(next))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.ReadFull(g, p); err != nil {
			b.Fatal(err)
		}
	}
}

// repeated reads the same bytes for ever.
type repeated []byte

func (r repeated) Read(p []byte) (int, error) { return copy(p, r), nil }
