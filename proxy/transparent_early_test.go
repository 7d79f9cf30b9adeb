package proxy

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// earlyAnswer is a backend that answers as soon as it has the head, and then does as it is told with the body.
func earlyAnswer(answer string, then func(w *wire)) func(*testing.T) *httptest.Server {
	return func(t *testing.T) *httptest.Server {
		return connections(t, func(w *wire) {
			if _, err := readHead(w.in); err == nil {
				w.say("%s", answer)
				then(w)
			}
		})
	}
}

const (
	tooLargeSized   = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"
	tooLargeChunked = "HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbig\r\n0\r\n\r\n"
)

// The client gets an answer that comes before its body was read, although it sends no more before it has it.
func TestTransparentAnswerBeforeTheBodyWasRead(t *testing.T) {
	t.Parallel()
	thens := map[string]func(w *wire){
		"then reads on":  func(w *wire) { _, _ = io.Copy(io.Discard, w.in) },
		"then closes":    func(*wire) {},
		"then half-ends": func(w *wire) { _ = closeWrite(w.Conn); _, _ = io.Copy(io.Discard, w.in) },
	}
	for name, then := range thens {
		for _, answer := range []string{tooLargeSized, tooLargeChunked} {
			for _, path := range []string{"/write", "/read/x"} {
				for _, framing := range []string{"Content-Length: 300000\r\n\r\nabc", "Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"} {
					t.Run(fmt.Sprint(name, path, answer[34:50], framing[:20]), func(t *testing.T) {
						t.Parallel()
						short := strings.Contains(framing, ": 10\r\n")
						if short && path != "/write" {
							t.Skip("it takes a second: the server waits for the little that is missing")
						}
						backend := earlyAnswer(answer, then)
						r := mirrored(t, backend(t), backend(t))
						f := r.dial(t)
						f.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n%s", path, framing)
						if m := f.answer("POST"); m.status() != 413 || m.body != "big" {
							t.Errorf("%+v", m)
						}
						// What is left of the body must not be taken for a request. The backend may still get seven bytes, and then it is
						// one.
						if !short {
							_, _ = io.WriteString(f.Conn, "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
						}
						f.ends()
						settled(t, r)
					})
				}
			}
		}
	}
}

// A backend that answers early and takes the rest of the body nevertheless gets every byte of it.
func TestTransparentBackendAnswersEarlyAndKeepsReading(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	for _, path := range []string{"/write", "/read/x"} {
		t.Run(path, func(t *testing.T) {
			backend := func(t *testing.T) *httptest.Server {
				return connections(t, func(w *wire) {
					if m, err := readHead(w.in); err != nil || m.method() == "GET" {
						return // what comes on a connection of its own afterwards gets 502
					}
					w.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n")
					n, _ := io.Copy(io.Discard, io.LimitReader(w.in, size))
					w.say("8\r\n%08d\r\n0\r\n\r\n", n)
				})
			}
			besideEveryShadow(t, backend, func(t *testing.T, r *rig) {
				f := r.dial(t)
				f.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\nabc", path, size)
				f.head()
				piece := make([]byte, len("5\r\nearly\r\n"))
				if _, err := io.ReadFull(f.in, piece); err != nil || string(piece) != "5\r\nearly\r\n" {
					t.Fatalf("%q, %v", piece, err)
				}
				f.send("%s", strings.Repeat("x", size-3))
				rest := make([]byte, len("8\r\n00000000\r\n0\r\n\r\n"))
				if _, err := io.ReadFull(f.in, rest); err != nil || string(rest) != fmt.Sprintf("8\r\n%08d\r\n0\r\n\r\n", size) {
					t.Errorf("%q, %v", rest, err)
				}
				f.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n") // the connection is still good
				f.head()
			})
		})
	}
}

// A client that stalls in its body hears so within the backend's timeout, and its connection is closed.
func TestTransparentStalledUploadIsAnswered(t *testing.T) {
	for _, framing := range []string{"Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"} {
		for _, path := range []string{"/write", "/read/x"} {
			t.Run(path+framing[:9], func(t *testing.T) {
				t.Parallel()
				swallow := func(w *wire) { _, _ = io.Copy(io.Discard, w.in) }
				r := mirrored(t, connections(t, swallow), connections(t, swallow), func(o *Options) { o.Old.Timeout = 50 * time.Millisecond })
				f := r.dial(t)
				f.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n%s", path, framing)
				if m := f.answer("POST"); m.status() != 408 {
					t.Errorf("%+v", m)
				}
				f.ends()
				settled(t, r)
			})
		}
	}
}

// A request that failed after its body had been read costs the client no connection.
func TestTransparentConnectionOutlivesAFailure(t *testing.T) {
	for name, then := range map[string]func(w *wire){
		"502": func(*wire) {},
		"504": func(w *wire) { _, _ = io.Copy(io.Discard, w.in) },
	} {
		for _, path := range []string{"/write", "/read/x"} {
			t.Run(name+path, func(t *testing.T) {
				backend := connections(t, func(w *wire) {
					if m, err := readHead(w.in); err == nil && readBody(w.in, &m, false) == nil {
						then(w)
					}
				})
				r := mirrored(t, backend, serve(t, text("x")), func(o *Options) { o.Old.Timeout = 50 * time.Millisecond })
				f := r.dial(t)
				for range 3 {
					f.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\nabc", path)
					if m := f.answer("POST"); m.line[9:12] != name {
						t.Errorf("%+v", m)
					}
				}
				settled(t, r)
			})
		}
	}
}
