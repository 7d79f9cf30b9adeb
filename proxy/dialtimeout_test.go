package proxy

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// A write for which no connection came about in time has reached nobody.
func TestDialTimeoutIsNoUnansweredWrite(t *testing.T) {
	t.Parallel()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	_ = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	_ = syscall.Listen(fd, 0)
	sa, _ := syscall.Getsockname(fd)
	address := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: sa.(*syscall.SockaddrInet4).Port}).String()
	for range 4 {
		if c, err := net.DialTimeout("tcp", address, 200*time.Millisecond); err == nil {
			defer c.Close()
		}
	}
	r := start(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, text("x"), text("x"), func(o *Options) {
		o.Old.URL, o.Old.Timeout = parseURL(t, "http://"+address), time.Second
	})
	resp, _ := r.do("POST", "/", nil)
	if n := r.proxy.Writes(Old).Unanswered; n != 0 || resp.StatusCode != 504 {
		t.Errorf("%d unanswered writes (%s), but no connection came about", n, resp.Status)
	}
}
