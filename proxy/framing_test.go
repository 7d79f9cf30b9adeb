package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFramingIsSeenHoweverItIsRead(t *testing.T) {
	const long = "X: 0123456789012345678901234567890\r\n"
	for _, c := range []struct {
		name, text    string
		both, codings int64
	}{
		{"neither", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, 0},
		{"length", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 0, 0},
		{"coding", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 1},
		{"both", "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 1, 1},
		{"both, apart", "POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\n" + long + long + "CONTENT-LENGTH:3\r\n\r\n", 1, 1},
		{"bare line feeds", "POST / HTTP/1.1\nContent-Length: 3\nTransfer-Encoding: chunked\n\n", 1, 1},
		{"one after the other", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 1},
		{"second of two", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 1, 1},
		{"other names", "POST / HTTP/1.1\r\nContent-Lengt: 3\r\nTransfer-Encodin: x\r\nT: x\r\nc\r\n\r\n", 0, 0},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", 0, 0},
		{"TLS", "\x16\x03\x01\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for size := 4; size <= len(c.text); size++ {
				f := &framing{}
				for p := []byte(c.text); len(p) > 0; p = p[min(size, len(p)):] {
					f.watch(p[:min(size, len(p))])
				}
				if f.both.Load() != c.both || f.codings.Load() != c.codings {
					t.Fatalf("read by %d bytes: both %d, codings %d", size, f.both.Load(), f.codings.Load())
				}
			}
		})
	}
}

// TestConnectionAfterAnAmbiguousEnd: what two may see the end of differently is the last request of its connection; all else
// leaves it open.
func TestConnectionAfterAnAmbiguousEnd(t *testing.T) {
	r := start(t, shadowPlan, text("a"), text("a"))
	const chunks = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	for _, c := range []struct {
		name, text string
		open       bool
	}{
		{"length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", true},
		{"chunks", "POST / HTTP/1.1\r\nHost: x\r\n" + chunks, true},
		{"both", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n" + chunks, false},
		{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 13\r\n" + chunks, false},
		{"length in HTTP/1.0", "POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			const next = "GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
			if got := len(converse(t, r.address, c.text+next, false)); got != map[bool]int{false: 1, true: 2}[c.open] {
				t.Errorf("%d answers", got)
			}
		})
	}
}

func TestChunksOverTLSEndTheConnection(t *testing.T) {
	t.Parallel()
	r := start(t, shadowPlan, text("a"), text("a"))
	s := httptest.NewUnstartedServer(nil)
	s.Config = NewServer(ServerOptions{}, r.proxy)
	s.StartTLS()
	defer s.Close()
	for _, chunked := range []bool{false, true} {
		c, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		req := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
		if chunked {
			req = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
		}
		_, _ = io.WriteString(c, req)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Close != chunked {
			t.Errorf("chunked %v: the connection is closed %v", chunked, resp.Close)
		}
		_ = resp.Body.Close()
		_ = c.Close()
	}
}

// BenchmarkFramingWatch is what every request of HTTP/1 pays.
func BenchmarkFramingWatch(b *testing.B) {
	for _, lines := range []int{3, 20} {
		p := []byte("GET /api/products/17?full=1 HTTP/1.1\r\nHost: example.com\r\n" + strings.Repeat("Cookie: 0123456789012345678901234567890\r\n", lines) + "\r\n")
		b.Run(fmt.Sprint(len(p), " bytes"), func(b *testing.B) {
			var f framing
			for b.Loop() {
				f.watch(p)
			}
		})
	}
}
