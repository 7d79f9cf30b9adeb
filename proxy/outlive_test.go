package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// A write whose client has left does not wait for ever for a backend that stalls in the body of its answer.
func TestDetachedWriteEndsWhenTheBackendStalls(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"reset", "fin"} {
		for _, when := range []string{"before the head", "after the head"} {
			t.Run(how+" "+when, func(t *testing.T) {
				t.Parallel()
				got, goOn := make(chan bool, 1), make(chan bool)
				ended := make(chan bool)
				old := rawBackend(t, func(_ int, c net.Conn) {
					req, err := http.ReadRequest(bufio.NewReader(c))
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					got <- true
					<-goOn
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
					<-ended
				})
				defer close(ended)
				r := startAt(t, shadowPlan, old, serve(t, text("x")), func(o *Options) { o.Old.Timeout = time.Second })
				c, err := net.Dial("tcp", r.address)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
				<-got
				if when == "after the head" {
					close(goOn)
					_, _ = bufio.NewReader(c).ReadString('\n')
				}
				if how == "reset" {
					_ = c.(*net.TCPConn).SetLinger(0)
				}
				_ = c.Close()
				if when != "after the head" {
					close(goOn)
				}
				await(t, "the write's end, the backend's timeout after its client left", func() bool { return r.proxy.Writes(Old).InFlight == 0 })
			})
		}
	}
}
