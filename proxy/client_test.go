package proxy

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// tells answers the protocol that it was asked by.
var tells = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = io.WriteString(w, r.Proto+" "+string(body))
})

func TestTheClientOfABackend(t *testing.T) {
	overTLS := func(http1, http2 bool) func(*testing.T) *httptest.Server {
		return func(t *testing.T) *httptest.Server {
			s := httptest.NewUnstartedServer(tells)
			s.EnableHTTP2 = http2
			s.Config.Protocols = new(http.Protocols)
			s.Config.Protocols.SetHTTP1(http1)
			s.Config.Protocols.SetHTTP2(http2)
			s.StartTLS()
			t.Cleanup(s.Close)
			return s
		}
	}
	plainly := func(t *testing.T) *httptest.Server { return serve(t, tells) }
	for name, test := range map[string]struct {
		backend  func(*testing.T) *httptest.Server
		standard bool
		read     string
		write    string // it has a body
	}{
		"pooled, plain":              {plainly, false, "HTTP/1.1 ", "HTTP/1.1 "},
		"standard, plain":            {plainly, true, "HTTP/1.1 ", "HTTP/1.1 "},
		"pooled, TLS":                {overTLS(true, true), false, "HTTP/1.1 ", "HTTP/2.0 "},
		"standard, TLS":              {overTLS(true, true), true, "HTTP/2.0 ", "HTTP/2.0 "},
		"standard, only HTTP/2":      {overTLS(false, true), true, "HTTP/2.0 ", "HTTP/2.0 "},
		"pooled, TLS without HTTP/2": {overTLS(true, false), false, "HTTP/1.1 ", "HTTP/1.1 "},
	} {
		t.Run(name, func(t *testing.T) {
			old, fresh := test.backend(t), test.backend(t)
			r := startAt(t, shadowPlan, old, fresh, func(o *Options) {
				for _, b := range []*BackendOptions{&o.Old, &o.New} {
					b.Standard = test.standard
					if old.TLS != nil {
						b.TLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
					}
				}
			})
			if _, body, err := r.try(http.MethodGet, "/x", nil); err != nil || body != test.read {
				t.Errorf("a read by %q, %v", body, err)
			}
			x := r.account.only(t)
			if x.New.Err != nil || string(r.account.newBodies[0]) != test.read {
				t.Errorf("its shadow by %q, %v", r.account.newBodies[0], x.New.Err)
			}
			if _, body, err := r.try(http.MethodPost, "/x", strings.NewReader("body")); err != nil || body != test.write+"body" {
				t.Errorf("a write by %q, %v", body, err)
			}
		})
	}
}
