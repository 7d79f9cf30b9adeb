package proxy

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	sized   = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello"
	chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\n\r\n"
	toEnd   = "HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nhello"
)

// framings are the ways in which a backend ends an answer of five bytes.
var framings = []struct {
	name, answer string
	closes       bool
}{
	{"length", sized, false},
	{"chunked", chunked, false},
	{"to the end, HTTP/1.0", toEnd, true},
	{"to the end, HTTP/1.1", strings.Replace(toEnd, "1.0", "1.1", 1), true},
	{"Connection: close", strings.Replace(sized, "X-A: 1", "Connection: close", 1), true},
	{"HTTP/1.0 keep-alive", strings.Replace(strings.Replace(sized, "1.1", "1.0", 1), "X-A: 1", "Connection: keep-alive", 1), false},
}

func framed(answer string, closes bool) func(*testing.T) *httptest.Server {
	return func(t *testing.T) *httptest.Server {
		return play(t, func(w *wire, _ message) bool { w.say("%s", answer); return !closes }).Server
	}
}

func TestTransparentHTTP10(t *testing.T) {
	t.Parallel()
	for _, c := range framings {
		t.Run(c.name, func(t *testing.T) {
			besideEveryShadow(t, framed(c.answer, c.closes), func(t *testing.T, r *rig) {
				f := r.dial(t)
				f.send("GET /a HTTP/1.0\r\n\r\n")
				m := f.answer("GET")
				if m.line != "HTTP/1.0 200 OK" || m.body != "hello" || m.values("Transfer-Encoding") != nil {
					t.Errorf("%+v", m)
				}
				f.ends()
			})
		})
	}
}

func TestTransparentHTTP10KeepAlive(t *testing.T) {
	t.Parallel()
	besideEveryShadow(t, framed(sized, false), func(t *testing.T, r *rig) {
		f := r.dial(t)
		for range 3 {
			f.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
			if m := f.answer("GET"); m.body != "hello" || !strings.EqualFold(m.value("Connection"), "keep-alive") {
				t.Fatalf("%+v", m)
			}
		}
	})
}

func TestTransparentHTTP11KeepAlive(t *testing.T) {
	t.Parallel()
	for _, c := range framings {
		t.Run(c.name, func(t *testing.T) {
			besideEveryShadow(t, framed(c.answer, c.closes), func(t *testing.T, r *rig) {
				f := r.dial(t)
				for range 3 {
					f.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
					if m := f.answer("GET"); m.line != "HTTP/1.1 200 OK" || m.body != "hello" || m.values("Connection") != nil {
						t.Fatalf("%+v", m)
					}
				}
				f.send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				if m := f.answer("GET"); m.body != "hello" || m.value("Connection") != "close" {
					t.Errorf("%+v", m)
				}
				f.ends()
			})
		})
	}
}

// echoes answers every request with its number, its request line and its body.
func echoes(t *testing.T) *player {
	return play(t, func(w *wire, m message) bool {
		text := m.line + "|" + m.body
		if m.method() == "HEAD" {
			text = ""
		}
		w.say("HTTP/1.1 200 OK\r\nX-Id: %s\r\nContent-Length: %d\r\n\r\n%s", m.value("X-Id"), len(text), text)
		return true
	})
}

func TestTransparentPipelinedRequests(t *testing.T) {
	t.Parallel()
	methods := []string{"GET", "POST", "HEAD", "PUT", "GET", "OPTIONS"}
	const n = 60
	var all strings.Builder
	for i := range n {
		body := strings.Repeat("b", i)
		path, framing := fmt.Sprintf("/%d", i), fmt.Sprintf("Content-Length: %d\r\n\r\n%s", i, body)
		if i%4 == 1 {
			path = "/read" + path
		}
		if i%5 == 1 {
			framing = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", i, body)
		}
		fmt.Fprintf(&all, "%s %s HTTP/1.1\r\nHost: x\r\nX-Id: %d\r\n%s", methods[i%len(methods)], path, i, framing)
	}
	besideEveryShadow(t, func(t *testing.T) *httptest.Server { return echoes(t).Server }, func(t *testing.T, r *rig) {
		f := r.dial(t)
		f.send("%s", all.String())
		for i := range n {
			method := methods[i%len(methods)]
			m := f.answer(method)
			if m.value("X-Id") != fmt.Sprint(i) {
				t.Fatalf("answer %d is of request %s", i, m.value("X-Id"))
			}
			if want := "|" + strings.Repeat("b", i); method != "HEAD" && !strings.HasSuffix(m.body, want) {
				t.Fatalf("request %d arrived as %q", i, m.body)
			}
		}
		f.silent(0)
	})
}

func TestTransparentChunkedBothWays(t *testing.T) {
	for _, path := range []string{"/write", "/read/x"} {
		t.Run(path, func(t *testing.T) {
			authority, shadow := always(t, chunked), always(t, chunked)
			r := mirrored(t, authority.Server, shadow.Server)
			f := r.dial(t)
			f.send("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n00B;x=y\r\nbcdefghijkl\r\n0\r\n\r\n", path)
			if m := f.answer("POST"); m.body != "hello" || m.value("Transfer-Encoding") != "chunked" {
				t.Errorf("%+v", m)
			}
			if m := authority.only(t); m.body != "abcdefghijkl" {
				t.Errorf("the authority got %+v", m)
			}
			settled(t, r)
			if path == "/read/x" && shadow.only(t).body != "abcdefghijkl" {
				t.Errorf("the shadow got %+v", shadow.only(t))
			}
		})
	}
}

// A backend that streams gets each piece of a request as it comes, and its pieces reach the client as they come.
func TestTransparentChunksPassAtOnce(t *testing.T) {
	for _, path := range []string{"/write", "/read/x"} {
		t.Run(path, func(t *testing.T) {
			echo := func(w *wire) {
				head, err := readHead(w.in)
				if err != nil || head.value("Transfer-Encoding") != "chunked" {
					return
				}
				w.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
				for {
					size, err := w.in.ReadString('\n')
					if err != nil {
						return
					}
					data, err := w.in.ReadString('\n')
					if err != nil {
						return
					}
					w.say("%s%s", size, data)
					if size == "0\r\n" {
						return
					}
				}
			}
			r := mirrored(t, connections(t, echo), connections(t, echo))
			f := r.dial(t)
			f.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n0\r\n", path)
			f.head()
			for i := range 9 {
				want := fmt.Sprintf("1\r\n%d\r\n", i)
				got := make([]byte, len(want))
				if _, err := f.in.Read(got); err != nil || string(got) != want {
					t.Fatalf("%q, %v, want %q", got, err, want)
				}
				f.send("1\r\n%d\r\n", i+1)
			}
			f.send("0\r\n\r\n")
			rest := make([]byte, len("1\r\n9\r\n0\r\n\r\n"))
			if _, err := io.ReadFull(f.in, rest); err != nil || string(rest) != "1\r\n9\r\n0\r\n\r\n" {
				t.Errorf("%q, %v", rest, err)
			}
			settled(t, r)
		})
	}
}
