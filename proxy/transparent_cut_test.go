package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// cuttable are answers that a backend breaks off at every byte.
var cuttable = []struct{ name, head, rest, body string }{
	{"length", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX-A: 1\r\n\r\n", "hello world", "hello world"},
	{
		"chunked", "HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
		"hello world",
	},
	{"to the end", "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n", "hello world", "hello world"},
	{"after hints", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok", "ok"},
}

// breaksAt is a backend that sends as many bytes of the answer as the path says, and then ends as it is told.
func breaksAt(t *testing.T, answer string, then func(w *wire)) *httptest.Server {
	return connections(t, func(w *wire) {
		for {
			m, err := readHead(w.in)
			if err != nil || readBody(w.in, &m, false) != nil {
				return
			}
			var at int
			if _, err := fmt.Sscanf(m.target()[strings.LastIndexByte(m.target(), '/'):], "/%d", &at); err != nil {
				return
			}
			w.say("%s", answer[:at])
			if at < len(answer) {
				then(w)
			}
			if at < len(answer) || !strings.Contains(answer, "chunked") && !strings.Contains(answer, "Length") {
				return
			}
		}
	})
}

func reset(w *wire) { _ = w.Conn.(*net.TCPConn).SetLinger(0) }

// atEveryByte asks for the answer once for each place to break it, of both kinds of request, and in both versions of HTTP/1.
func atEveryByte(t *testing.T, r *rig, length int, judge func(what string, at int, f *caller, m message, err error)) {
	t.Helper()
	requests := []string{"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", "GET /%d HTTP/1.0\r\n\r\n", "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", "POST /read/%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"}
	clients(16, (length+1)*len(requests)/16+1, func(client, round int) {
		n := round*16 + client
		at, request := n/len(requests), requests[n%len(requests)]
		if at > length {
			return
		}
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Error(err)
			return
		}
		f := newCaller(t, conn)
		defer func() { _ = conn.Close() }()
		f.send(request, at)
		m, err := f.tryAnswer("GET")
		for err == nil && m.status() < 200 {
			m, err = f.tryAnswer("GET")
		}
		judge(fmt.Sprintf(request[:strings.IndexByte(request, '\r')], at), at, f, m, err)
	})
	settled(t, r)
}

// A backend that closes or resets its connection at any byte of its answer: the client gets 502, or an answer that shows that it is
// cut, and never a cut answer that looks like a whole one.
func TestTransparentBackendClosesOrResetsAtEveryByte(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(*wire){"closes": func(*wire) {}, "resets": reset} {
		for _, c := range cuttable {
			t.Run(name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				whole := c.head + c.rest
				r := mirrored(t, breaksAt(t, whole, then), breaksAt(t, whole, then))
				atEveryByte(t, r, len(whole), func(what string, at int, _ *caller, m message, err error) {
					looksWhole := err == nil && m.status() == 200
					switch {
					case at == len(whole) && c.name != "to the end":
						if !looksWhole || m.body != c.body {
							t.Errorf("%s: the whole answer became %+v, %v", what, m, err)
						}
					case at < len(c.head):
						if err != nil || m.status() != 502 {
							t.Errorf("%s: %+v, %v, want 502", what, m, err)
						}
					case c.name == "to the end" && (name == "closes" || at == len(whole)): // nobody could tell
					case looksWhole:
						t.Errorf("%s: cut, but looks whole: %+v", what, m)
					case err == nil && m.status() != 502:
						t.Errorf("%s: %+v", what, m)
					}
				})
			})
		}
	}
}

// A backend that stalls at any byte: 504 within the timeout as long as its headers are not complete. Then what has come is passed
// on at once, the client is free to wait or to leave, and when it leaves the backend's connection is given up.
func TestTransparentBackendStallsAtEveryByte(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	for _, c := range cuttable[:3] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			whole := c.head + c.rest
			stall := func(w *wire) { _, _ = io.Copy(io.Discard, w.in) }
			backend := breaksAt(t, whole, stall)
			r := mirrored(t, backend, breaksAt(t, whole, stall), func(o *Options) {
				o.Old.Timeout, o.Table.ShadowTimeout = timeout, 50*time.Millisecond
			})
			clients(64, (len(whole)+64)/64, func(client, round int) {
				at := round*64 + client
				if at >= len(whole) {
					return
				}
				conn, err := net.Dial("tcp", r.address)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = conn.Close() }()
				f := newCaller(t, conn)
				began := time.Now()
				f.send("GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", at)
				m, err := readHead(f.in)
				if at < len(c.head) {
					if took := time.Since(began); err != nil || m.status() != 504 || took < timeout {
						t.Errorf("at %d: %+v, %v after %s, want 504 after %s", at, m, err, took, timeout)
					}
					return
				}
				if err != nil || m.status() != 200 {
					t.Errorf("at %d: %+v, %v", at, m, err)
					return
				}
				if c.name == "length" {
					got := make([]byte, at-len(c.head))
					if _, err := io.ReadFull(f.in, got); err != nil || string(got) != c.rest[:len(got)] {
						t.Errorf("at %d: %q, %v", at, got, err)
					}
				}
				_ = f.SetReadDeadline(time.Now().Add(timeout / 10))
				if rest, err := io.ReadAll(f.in); err == nil || strings.Contains(string(rest), "0\r\n\r\n") {
					t.Errorf("at %d: it looks whole: %q", at, rest)
				}
			})
			settled(t, r)
			await(t, "no stream left", func() bool { return r.proxy.Writes(Old).Streams == 0 })
		})
	}
}

// countsCloses is a backend that ends each connection after one answer, without a word, and counts those.
func countsCloses(t *testing.T, closed *atomic.Int64) *player {
	return play(t, func(w *wire, _ message) bool {
		w.say("%s", sized)
		_ = w.Close()
		closed.Add(1)
		return false
	})
}

// A connection that the backend has closed meanwhile is not used again: neither a read nor a write fails.
func TestTransparentBackendHasClosedItsIdleConnection(t *testing.T) {
	t.Parallel()
	var closed atomic.Int64
	authority := countsCloses(t, &closed)
	r := mirrored(t, authority.Server, always(t, sized).Server)
	f := r.dial(t)
	for i := range 40 {
		method := []string{"GET", "POST"}[i%2]
		f.send("%s /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", method, i)
		if m := f.answer(method); m.body != "hello" {
			t.Errorf("%s %d: %+v", method, i, m)
		}
		rested := time.Now().Add(5 * time.Millisecond)
		await(t, "the end of the connection", func() bool { return closed.Load() == int64(i+1) && time.Now().After(rested) })
	}
	settled(t, r)
	if n := len(authority.requests()); n != 40 {
		t.Errorf("40 requests arrived as %d", n)
	}
}

// One that it closes at the same moment fails no read, and doubles no write: of a write that met the close nobody knows, so it is
// answered 502 and not sent again.
func TestTransparentBackendClosesConnectionsUnderLoad(t *testing.T) {
	var closed atomic.Int64
	authority := countsCloses(t, &closed)
	r := mirrored(t, authority.Server, always(t, sized).Server)
	const n, rounds = 8, 40
	var lost atomic.Int64
	clients(n, rounds, func(client, round int) {
		method := []string{"GET", "POST"}[round%2]
		resp, body, err := r.try(method, fmt.Sprintf("/%d-%d", client, round), strings.NewReader(""))
		switch {
		case err != nil:
			t.Error(err)
		case method == "POST" && resp.StatusCode == 502:
			lost.Add(1)
		case resp.StatusCode != 200 || body != "hello":
			t.Errorf("%s: %d %s", method, resp.StatusCode, body)
		}
	})
	settled(t, r)
	seen := map[string]bool{}
	for _, m := range authority.requests() {
		if seen[m.line] && m.method() == "POST" {
			t.Errorf("%s came twice", m.line)
		}
		seen[m.line] = true
	}
	if len(seen)+int(lost.Load()) < n*rounds {
		t.Errorf("%d of %d requests arrived, %d were answered 502", len(seen), n*rounds, lost.Load())
	}
}
