package upstream

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// poison is an answer to nothing.
const poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

// TestUnaskedAnswers: what a backend sends besides the answers it was asked for is nobody's answer.
func TestUnaskedAnswers(t *testing.T) {
	for _, c := range []struct {
		name, method, answer string
		late                 bool // it comes after the answer has been read
	}{
		{"behind the body", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false},
		{"behind a large body", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 20002\r\n\r\n" + strings.Repeat(" ", 20000) + "hi", false},
		{"behind a buffer full to its end", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 4054\r\n\r\n" + strings.Repeat(" ", 4054), false},
		{"behind an empty body", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false},
		{"behind the last chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", false},
		{"behind a 204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", false},
		{"behind a 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", false},
		{"for a HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n", false},
		{"late", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true},
		{"late, for a HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, sent := make(chan struct{}), make(chan struct{})
			b := serve(t, func(p *peer) {
				for n := 0; p.request() != nil; n++ {
					switch {
					case p.n > 1 || n > 0:
						p.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
					case c.late:
						p.say(c.answer)
						<-next
						p.say(poison)
						close(sent)
					default:
						p.say(c.answer + poison)
					}
				}
			})
			client := b.client(t)
			fetch(t, client, with(c.method, "", nil)())
			if c.late {
				close(next)
				<-sent
				if aged(client); c.method == http.MethodHead {
					unrested(client) // after a HEAD it is looked at all the same
				}
			}
			if _, body := fetch(t, client, b.get("/")); body != "good" {
				t.Errorf("the second request got %q", body)
			}
			if n := b.accepted(); n != 2 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestUnaskedBehindABodyThatFillsItsReader: the reader has no room for a byte that nobody asked for, which is looked for before the
// connection is used again.
func TestUnaskedBehindABodyThatFillsItsReader(t *testing.T) {
	b := serve(t, func(p *peer) {
		for n := 0; p.request() != nil; n++ {
			if p.n == 1 && n == 0 {
				p.say("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat(" ", 20000) + poison)
				continue
			}
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
		}
	})
	client := b.client(t)
	resp, err := client.RoundTrip(b.get("/"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 20000)); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if client.Conns() == 1 {
		unrested(client)
	}
	if _, body := fetch(t, client, b.get("/")); body != "good" {
		t.Errorf("the second request got %q", body)
	}
}
