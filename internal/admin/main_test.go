package admin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"paritygate/internal/admin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var people = []admin.User{
	{Name: "alice", Role: admin.Operator, Token: "alice-secret"},
	{Name: "grafana", Role: admin.Viewer, Token: "grafana-secret"},
}

// serve starts the whole admin port on a real socket.
func serve(t *testing.T, r *run, users ...admin.User) *httptest.Server {
	t.Helper()
	registry := prometheus.NewRegistry()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "paritygate_epoch", Help: "The run's epoch."})
	registry.MustRegister(gauge)
	return serveOptions(t, admin.Options{Service: r, Users: users, Gatherer: registry, Listen: "admin.internal:9090"})
}

func serveOptions(t *testing.T, o admin.Options) *httptest.Server {
	t.Helper()
	handler, err := admin.Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// answer is what came back.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// call sends one request; headers are "Name: value", and Host is one of them.
func call(t *testing.T, server *httptest.Server, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(got)}
}

// wantError checks the status, the code and a part of the message.
func (a answer) wantError(t *testing.T, status int, code admin.Code, part string) {
	t.Helper()
	if a.Status != status || !strings.Contains(a.Body, `"code":"`+string(code)+`"`) || !strings.Contains(a.Body, part) {
		t.Errorf("got %d %s\nwant %d %s with %q", a.Status, a.Body, status, code, part)
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
}
