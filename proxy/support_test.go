package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
)

// deadServer is an address at which nobody listens, and that nobody else can take while the test lasts.
func deadServer(t *testing.T) *httptest.Server {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := name.(*syscall.SockaddrInet4) //nolint:forcetypeassert // it was bound to one
	return &httptest.Server{URL: fmt.Sprintf("http://127.0.0.1:%d", address.Port), Config: &http.Server{}}
}

func serveH2C(t *testing.T, s *http.Server) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = s.Serve(l); close(done) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return &httptest.Server{URL: "http://" + l.Addr().String(), Listener: l, Config: s}
}

// clients runs do for each client and round, the clients at once.
func clients(n, rounds int, do func(client, round int)) {
	var wg sync.WaitGroup
	for c := range n {
		wg.Go(func() {
			for round := range rounds {
				do(c, round)
			}
		})
	}
	wg.Wait()
}

func clientTLS(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12}
}
