package proxy

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paritygate/compare"
)

var _ Comparer = (*compare.Comparer)(nil)

// certificate writes the test server's key pair to files.
func certificate(t *testing.T) (pair ServerOptions, roots *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	roots = x509.NewCertPool()
	roots.AddCert(s.Certificate())
	loaded, err := LoadCertificate(write("crt", "CERTIFICATE", s.TLS.Certificates[0].Certificate[0]), write("key", "PRIVATE KEY", key))
	if err != nil {
		t.Fatal(err)
	}
	return ServerOptions{Address: "127.0.0.1:0", Certificate: loaded}, roots
}

func TestListenerSpeaksBothVersionsWithAndWithoutTLS(t *testing.T) {
	r := start(t, shadowPlan, text("fine"), text("fine"))
	secure, roots := certificate(t)
	for _, c := range []struct {
		name, scheme     string
		options          ServerOptions
		http1, http2, up bool
		want             int
	}{
		{"HTTP/1.1", "http", ServerOptions{Address: "127.0.0.1:0"}, true, false, false, 1},
		{"h2c", "http", ServerOptions{Address: "127.0.0.1:0"}, false, false, true, 2},
		{"TLS HTTP/1.1", "https", secure, true, false, false, 1},
		{"TLS HTTP/2", "https", secure, false, true, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := Listen(t.Context(), c.options)
			if err != nil {
				t.Fatal(err)
			}
			server := NewServer(c.options, r.proxy)
			served := make(chan struct{})
			go func() { _ = server.Serve(l); close(served) }()
			defer func() { _ = server.Close(); <-served }()
			protocols := new(http.Protocols)
			protocols.SetHTTP1(c.http1)
			protocols.SetHTTP2(c.http2)
			protocols.SetUnencryptedHTTP2(c.up)
			transport := &http.Transport{Protocols: protocols}
			transport.TLSClientConfig = clientTLS(roots)
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport}).Get(c.scheme + "://" + l.Addr().String() + "/")
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.ProtoMajor != c.want || string(body) != "fine" {
				t.Errorf("HTTP/%d %q", resp.ProtoMajor, body)
			}
		})
	}
}

func TestListenErrorsAtOnce(t *testing.T) {
	l, err := Listen(t.Context(), ServerOptions{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := Listen(t.Context(), ServerOptions{Address: l.Addr().String()}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a port in use: %v", err)
	}
	if _, err := LoadCertificate("missing", "missing"); err == nil {
		t.Error("a missing certificate is accepted")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := func() Options {
		return Options{
			Run: "r", Router: &plans{}, Observer: nobody{}, Table: Table{Comparer: plain{}},
			Old: BackendOptions{URL: parseURL(t, "http://a")}, New: BackendOptions{URL: parseURL(t, "https://b/c")},
		}
	}
	if _, err := NewProxy(good()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Options){
		"run": func(o *Options) { o.Run = "a b" }, "router": func(o *Options) { o.Router = nil }, "comparer": func(o *Options) { o.Table.Comparer = nil },
		"scheme": func(o *Options) { o.New.URL = parseURL(t, "ftp://a") }, "query": func(o *Options) { o.Old.URL = parseURL(t, "http://a/?b") },
		"key":     func(o *Options) { o.Table.Key = "x" },
		"rewrite": func(o *Options) { o.Table.Routes = []Route{{Name: "r", Path: "/a/{id}", NewPath: "/{other}"}} },
		"name":    func(o *Options) { o.Table.Routes = []Route{{Path: "/a"}} },
	} {
		o := good()
		spoil(&o)
		if _, err := NewProxy(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
