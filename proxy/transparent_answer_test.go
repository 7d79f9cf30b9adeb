package proxy

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestTransparentTrailersBothWays(t *testing.T) {
	const announced = "Trailer: X-Sum, X-Same\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: \xe9 7\r\nX-Same: 1\r\nx-same: 2\r\n\r\n"
	const unannounced = "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Late: 9\r\nX-Same: 1\r\nx-same: 2\r\n\r\n"
	const both = "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\nX-Late: 9\r\n\r\n"
	const noBody = "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Late: 9\r\n\r\n"
	for _, c := range []struct{ name, framing, sum, late, same, body string }{
		{"announced", announced, "\xe9 7", "", "1|2", "ab"},
		{"unannounced", unannounced, "", "9", "1|2", "ab"},
		{"both", both, "7", "9", "", "ab"},
		{"without a body", noBody, "", "9", "", ""},
	} {
		for _, path := range []string{"/write", "/read/x"} {
			t.Run(c.name+path, func(t *testing.T) {
				answer := "HTTP/1.1 200 OK\r\n" + c.framing
				authority, shadow := always(t, answer), always(t, answer)
				r := mirrored(t, authority.Server, shadow.Server)
				f := r.dial(t)
				for range 2 {
					f.send("POST %s HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n%s", path, c.framing)
					check := func(side string, m message) {
						if m.trailers("X-Sum") != c.sum || m.trailers("X-Late") != c.late || m.trailers("X-Same") != c.same || m.body != c.body {
							t.Errorf("%s: %+v", side, m)
						}
						if c.sum != "" && m.values("Trailer") == nil {
							t.Errorf("%s: announced as %q", side, m.values("Trailer"))
						}
					}
					check("client", f.answer("POST"))
					check("authority", authority.requests()[0])
					settled(t, r)
					if path == "/read/x" {
						check("shadow", shadow.requests()[0])
					}
				}
			})
		}
	}
}

// The client waits with its body until the backend, not the proxy, wants it.
func TestTransparent100Continue(t *testing.T) {
	for _, path := range []string{"/write", "/read/x"} {
		t.Run(path, func(t *testing.T) {
			asked, goOn := make(chan bool, 1), make(chan bool)
			backend := connections(t, func(w *wire) {
				m, err := readHead(w.in)
				if err != nil || m.value("Expect") != "100-continue" {
					return
				}
				asked <- true
				<-goOn
				if w.in.Buffered() > 0 {
					t.Error("the body came before it was asked for")
				}
				w.say("HTTP/1.1 100 Continue\r\n\r\n")
				if readBody(w.in, &m, false) == nil {
					w.say("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(m.body), m.body)
				}
			})
			shadow := echoes(t)
			r := mirrored(t, backend, shadow.Server)
			f := r.dial(t)
			f.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", path)
			<-asked
			f.silent(50 * time.Millisecond)
			goOn <- true
			if m := f.head(); m.status() != 100 {
				t.Fatalf("%+v", m)
			}
			f.send("hello")
			if m := f.answer("POST"); m.status() != 200 || m.body != "hello" {
				t.Errorf("%+v", m)
			}
			settled(t, r)
			if path == "/read/x" {
				if m := shadow.only(t); m.body != "hello" || m.values("Expect") != nil {
					t.Errorf("the shadow got %+v", m)
				}
			}
		})
	}
}

func TestTransparentFinalAnswerInsteadOf100Continue(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"417 Expectation Failed", "413 Content Too Large", "401 Unauthorized", "200 OK", "303 See Other"} {
		for _, path := range []string{"/write", "/read/x"} {
			t.Run(status+path, func(t *testing.T) {
				t.Parallel()
				backend := earlyAnswer("HTTP/1.1 "+status+"\r\nContent-Length: 2\r\n\r\nno", func(w *wire) {
					if b, err := w.in.ReadByte(); err == nil {
						t.Errorf("a body was sent: %q", b)
					}
				})
				r := mirrored(t, backend(t), backend(t))
				f := r.dial(t)
				f.send("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", path)
				if m := f.answer("POST"); m.line != "HTTP/1.1 "+strings.Replace(status, "Content Too Large", "Request Entity Too Large", 1) || m.body != "no" {
					t.Errorf("%+v", m)
				}
				f.ends() // what would come next may be a body or a request
				settled(t, r)
			})
		}
	}
}

// A backend that does not know Expect gets the body after a second.
func TestTransparent100ContinueOfABackendThatSaysNothing(t *testing.T) {
	t.Parallel()
	authority := echoes(t)
	r := mirrored(t, authority.Server, echoes(t).Server)
	f := r.dial(t)
	f.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if m := f.head(); m.status() != 100 {
		t.Fatalf("%+v", m)
	}
	f.send("hello")
	if m := f.answer("POST"); !strings.HasSuffix(m.body, "|hello") {
		t.Errorf("%+v", m)
	}
}

func TestTransparent103EarlyHints(t *testing.T) {
	t.Parallel()
	const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\nX-Latin: \xe9\r\n\r\n" +
		"HTTP/1.1 102 Processing\r\n\r\n" + "HTTP/1.1 103 Early Hints\r\nLink: </c.css>; rel=preload\r\n\r\n"
	besideEveryShadow(t, func(t *testing.T) *httptest.Server {
		return always(t, hints+"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello").Server
	}, func(t *testing.T, r *rig) {
		f := r.dial(t)
		for range 2 {
			f.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			first, second, third, final := f.head(), f.head(), f.head(), f.answer("GET")
			if first.line != "HTTP/1.1 103 Early Hints" || first.value("Link") != "</a.css>; rel=preload|</b.js>; rel=preload" || first.value("X-Latin") != "\xe9" {
				t.Errorf("%+v", first)
			}
			if second.status() != 102 || len(second.fields) > 0 || third.status() != 103 || third.value("Link") != "</c.css>; rel=preload" {
				t.Errorf("%+v, %+v", second, third)
			}
			if final.body != "hello" || final.value("X-A") != "1" || final.values("Link") != nil || final.values("X-Latin") != nil {
				t.Errorf("%+v", final)
			}
		}
		old := r.dial(t)
		old.send("GET / HTTP/1.0\r\n\r\n")
		if m := old.answer("GET"); m.status() != 200 || m.body != "hello" {
			t.Errorf("HTTP/1.0: %+v", m)
		}
	})
}

// What has no body keeps its headers, and the connection its place.
func TestTransparentAnswersWithoutABody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, method, head, kept, gone string }{
		{"HEAD with a length", "HEAD", "200 OK\r\nContent-Length: 12345\r\nContent-Type: a/b\r\n", "Content-Length: 12345|Content-Type: a/b", ""},
		{"HEAD without a length", "HEAD", "200 OK\r\nContent-Type: a/b\r\n", "Content-Type: a/b", "Content-Length"},
		{"HEAD of a chunked answer", "HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\n", "", "Content-Length"},
		{"HEAD of nothing", "HEAD", "200 OK\r\nContent-Length: 0\r\n", "Content-Length: 0", ""},
		{"HEAD 404", "HEAD", "404 Not Found\r\nContent-Length: 9\r\n", "Content-Length: 9", ""},
		// A 204 must not have a length (RFC 9110, 8.6).
		{"204", "GET", "204 No Content\r\nX-A: 1\r\nETag: \"1\"\r\nContent-Type: a/b\r\nAllow: GET\r\n", "X-A: 1|ETag: \"1\"|Content-Type: a/b|Allow: GET", "Content-Length"},
		{"204 with a length", "DELETE", "204 No Content\r\nContent-Length: 0\r\nX-A: 1\r\n", "X-A: 1", "Content-Length"},
		{"304", "GET", "304 Not Modified\r\nETag: \"1\"\r\nCache-Control: max-age=1\r\nVary: a\r\n", "ETag: \"1\"|Cache-Control: max-age=1|Vary: a", "Content-Length"},
		{"304 with what a 200 would say", "GET", "304 Not Modified\r\nETag: \"1\"\r\nContent-Type: a/b\r\nContent-Length: 321\r\n", "ETag: \"1\"|Content-Type: a/b|Content-Length: 321", ""},
		{"304 to HEAD", "HEAD", "304 Not Modified\r\nContent-Type: a/b\r\nContent-Length: 321\r\n", "Content-Type: a/b|Content-Length: 321", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			besideEveryShadow(t, func(t *testing.T) *httptest.Server { return always(t, "HTTP/1.1 "+c.head+"\r\n").Server }, func(t *testing.T, r *rig) {
				f := r.dial(t)
				for range 3 {
					f.send("%s / HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"1\"\r\n\r\n", c.method)
					m := f.answer(c.method)
					if want := "HTTP/1.1 " + c.head[:strings.Index(c.head, "\r")]; m.line != want {
						t.Errorf("%s, want %s", m.line, want)
					}
					for _, line := range strings.Split(c.kept, "|") {
						if name, value, ok := strings.Cut(line, ": "); ok && m.value(name) != value {
							t.Errorf("%s is %q, want %q", name, m.value(name), value)
						}
					}
					if m.values(c.gone) != nil || m.values("Transfer-Encoding") != nil {
						t.Errorf("%v", m.fields)
					}
				}
			})
		})
	}
}

func TestTransparentRange(t *testing.T) {
	const parts = "--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/5\r\n\r\nhe\r\n--b\r\nContent-Type: text/plain\r\nContent-Range: bytes 3-4/5\r\n\r\nlo\r\n--b--\r\n"
	for _, c := range []struct{ asked, answer, body, header, value string }{
		{"bytes=0-1", "206 Partial Content\r\nContent-Range: bytes 0-1/5\r\nContent-Length: 2\r\n\r\nhe", "he", "Content-Range", "bytes 0-1/5"},
		{"bytes=-2", "206 Partial Content\r\nContent-Range: bytes 3-4/5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nlo\r\n0\r\n\r\n", "lo", "Content-Range", "bytes 3-4/5"},
		{
			"bytes=0-1,3-4", fmt.Sprintf("206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=b\r\nContent-Length: %d\r\n\r\n%s", len(parts), parts),
			parts, "Content-Type", "multipart/byteranges; boundary=b",
		},
		{"bytes=9-", "416 Range Not Satisfiable\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n", "", "Content-Range", "bytes */5"},
	} {
		t.Run(c.asked, func(t *testing.T) {
			authority, shadow := always(t, "HTTP/1.1 "+c.answer), always(t, "HTTP/1.1 "+c.answer)
			r := mirrored(t, authority.Server, shadow.Server)
			f := r.dial(t)
			f.send("GET / HTTP/1.1\r\nHost: x\r\nRange: %s\r\nIf-Range: \"x\"\r\n\r\n", c.asked)
			m := f.answer("GET")
			if !strings.HasPrefix(c.answer, m.line[9:12]) || m.body != c.body || m.value(c.header) != c.value {
				t.Errorf("%+v", m)
			}
			if got := authority.only(t); got.value("Range") != c.asked || got.value("If-Range") != "\"x\"" {
				t.Errorf("%v", got.fields)
			}
			settled(t, r)
		})
	}
}

// A status passes whatever it is. Its reason phrase is the server's own: net/http leaves no say in it, HTTP/2 has none, and no
// client may heed it (RFC 9112, 4).
func TestTransparentUnusualStatuses(t *testing.T) {
	for status, reason := range map[string]string{
		"200 OK": "OK", "200 Very Well": "OK", "200 ": "OK", "200": "OK", "299 Odd": "status code 299", "402 Pay": "Payment Required", "418 I'm a teapot": "I'm a teapot",
		"499 Gone": "status code 499", "599 X": "status code 599", "600 X": "status code 600", "999 X": "status code 999", "300 \xe9": "Multiple Choices",
	} {
		t.Run(status, func(t *testing.T) {
			answer := "HTTP/1.1 " + status + "\r\nContent-Length: 2\r\n\r\nok"
			r := mirrored(t, always(t, answer).Server, always(t, answer).Server)
			f := r.dial(t)
			for _, path := range []string{"/", "/read/x"} {
				f.send("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
				if m := f.answer("GET"); m.line != "HTTP/1.1 "+status[:3]+" "+reason || m.body != "ok" {
					t.Errorf("%+v", m)
				}
			}
			settled(t, r)
		})
	}
}
