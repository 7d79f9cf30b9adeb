package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// deadServer is an address at which nobody listens.
func deadServer(t *testing.T) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return &httptest.Server{URL: "http://" + l.Addr().String(), Listener: l, Config: &http.Server{}}
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
