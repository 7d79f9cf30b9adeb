package admin_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

func newClient(t *testing.T, address, token string) *admin.Client {
	t.Helper()
	client, err := admin.NewClient(address, token, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestClientReads(t *testing.T) {
	r := shop()
	c := newClient(t, serve(t, r, people...).URL, "grafana-secret")
	ctx := t.Context()
	status, err := c.Status(ctx)
	if err != nil || status.Run != r.status.Run || status.Epoch != 3 || !status.Since.Equal(r.status.Since) {
		t.Errorf("status: %+v, %v", status, err)
	}
	gate, err := c.Gate(ctx)
	if err != nil || cmp.Diff(r.gate.Criteria, gate.Criteria) != "" {
		t.Errorf("gate: %+v, %v", gate, err)
	}
	routes, err := c.Routes(ctx, true)
	if err != nil || len(routes) != len(r.routes) || routes[0].Latency != r.routes[0].Latency || !r.all {
		t.Errorf("routes: %+v, %v", routes, err)
	}
	query := admin.MismatchQuery{Route: "a&b", Signature: "s", Verdict: "failed", Limit: 3}
	mismatches, err := c.Mismatches(ctx, query)
	if err != nil || len(mismatches.Groups) != 3 || mismatches.Groups[0].Signature != "5e1c0a97" || cmp.Diff(query, r.query) != "" {
		t.Errorf("mismatches: %+v, %v", mismatches, err)
	}
	one, err := c.Mismatch(ctx, "m-1041")
	if err != nil || one.Old.Captured == nil || one.Old.Body != oldProduct || one.New.Headers["Server"][0] != "cloudflare" {
		t.Errorf("mismatch: %+v, %v", one, err)
	}
	checks, err := c.Checks(ctx)
	if err != nil || len(checks) != 3 || *checks[1].Variance != .021 {
		t.Errorf("checks: %+v, %v", checks, err)
	}
	events, err := c.Events(ctx, 2, 3)
	if err != nil || len(events) != 3 || events[0].Seq != 3 {
		t.Errorf("events: %+v, %v", events, err)
	}
	if events, err := c.Events(ctx, -1, 0); err != nil || len(events) != 7 {
		t.Errorf("events: %+v, %v", events, err)
	}
	if ready, err := c.Readiness(ctx); err != nil || ready.State != admin.Ready {
		t.Errorf("readiness: %+v, %v", ready, err)
	}
	r.locked(func() { r.readiness.State = admin.Draining })
	if ready, err := c.Readiness(ctx); err != nil || ready.State != admin.Draining {
		t.Errorf("readiness: %+v, %v", ready, err)
	}
}

func TestClientChanges(t *testing.T) {
	r := shop()
	r.gate.Verdict = cutover.Pass
	r.checks[0].Name = "a/b c"
	c := newClient(t, serve(t, r, people...).URL+"/", "alice-secret")
	ctx, epoch := t.Context(), uint64(3)
	change := admin.Change{Reason: "why", Epoch: &epoch}
	_, err := c.SetMirror(ctx, change, .125)
	_, err2 := c.Attest(ctx, change, "backup-1", "here")
	result, err3 := c.Cutover(ctx, change, true, true)
	_, err4 := c.Rollback(ctx, admin.Change{Reason: "why"})
	_, err5 := c.Restart(ctx, change)
	_, err6 := c.Resume(ctx, change, true)
	if err := errors.Join(err, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
	if !result.DryRun || result.Report.Verdict != cutover.Pass || result.Run != r.status.Run {
		t.Errorf("cutover: %+v", result)
	}
	want := []made{
		{Call: "mirror", Actor: "alice", Epoch: 3, Fraction: .125},
		{Call: "attest", Actor: "alice", Epoch: 3, Name: "backup-1", Evidence: "here"},
		{Call: "cutover", Actor: "alice", Epoch: 3, Reason: "why", DryRun: true, Force: true},
		{Call: "rollback", Actor: "alice", Reason: "why"},
		{Call: "restart", Actor: "alice", Epoch: 3, Reason: "why"},
		{Call: "resume", Actor: "alice", Epoch: 3, Reason: "why", Discard: true},
	}
	if diff := cmp.Diff(want, r.made()); diff != "" {
		t.Error(diff)
	}
	if check, err := c.RunCheck(ctx, "a/b c"); err != nil || check.Name != "a/b c" {
		t.Errorf("check: %+v, %v", check, err)
	}
}

func TestClientErrors(t *testing.T) {
	r := shop()
	server := serve(t, r, people...)
	want := func(err error, code admin.Code, status int, part string) {
		t.Helper()
		var e *admin.Error
		if !errors.As(err, &e) || e.Code != code || e.HTTPStatus != status || !strings.Contains(e.Error(), part) {
			t.Errorf("got %#v\nwant %s, %d, %q", err, code, status, part)
		}
	}
	ctx := t.Context()
	_, err := newClient(t, server.URL, "").Status(ctx)
	want(err, admin.CodeUnauthorized, 401, "a token is needed")
	_, err = newClient(t, server.URL, "grafana-secret").Rollback(ctx, admin.Change{Reason: "x"})
	want(err, admin.CodeForbidden, 403, "grafana is a viewer")
	c := newClient(t, server.URL, "alice-secret")
	_, err = c.Mismatch(ctx, "../status")
	want(err, admin.CodeNotFound, 404, "../status")
	_, err = c.Cutover(ctx, admin.Change{}, true, false)
	want(err, admin.CodeGateFailed, 409, "the gate does not pass")
	var e *admin.Error
	if errors.As(err, &e); e.Report == nil || len(e.Report.Criteria) != 7 {
		t.Errorf("report: %+v", e.Report)
	}

	closed := httptest.NewServer(nil)
	closed.Close()
	_, err = newClient(t, closed.URL, "").Status(ctx)
	want(err, admin.CodeUnavailable, 0, "cannot reach the admin API at "+closed.URL)
	want(err, admin.CodeUnavailable, 0, "is `paritygate serve` running? --admin URL names another address")

	ended, cancel := context.WithCancelCause(ctx)
	cancel(errors.New("the operator gave up"))
	_, err = c.Status(ended)
	want(err, admin.CodeUnavailable, 0, "the operator gave up")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
}

func TestClientMeetsAnotherServer(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"a page":          func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"another JSON":    jsonServer(404, `{"message":"no"}`),
		"broken JSON":     jsonServer(200, `{"run":`),
		"a JSON of words": jsonServer(500, `"no"`),
	} {
		server := httptest.NewServer(handler)
		_, err := newClient(t, server.URL, "").Status(t.Context())
		var e *admin.Error
		if !errors.As(err, &e) || e.Code != admin.CodeUnavailable || !strings.Contains(e.Message, "not as paritygate's admin API does") {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}

func jsonServer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

func TestClientAddresses(t *testing.T) {
	server := serve(t, shop())
	if _, err := newClient(t, strings.TrimPrefix(server.URL, "http://"), "").Status(t.Context()); err != nil {
		t.Errorf("host:port: %v", err)
	}
	for _, address := range []string{"", "ftp://x", "http://", "http://u:p@host", "http://host?x=1", "http://[::1"} {
		if _, err := admin.NewClient(address, "", nil); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// A change outlives the client that asked for it.
func TestChangesOutliveTheirClient(t *testing.T) {
	r := shop()
	handler := serve(t, r).Config.Handler
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequestWithContext(ctx, "POST", "/v1/rollback", strings.NewReader(`{"reason":"x"}`))
	req.RemoteAddr, req.Host = "127.0.0.1:5000", "localhost"
	req.Header.Set("Content-Type", "application/json")
	handler.ServeHTTP(httptest.NewRecorder(), req)
	if len(r.made()) != 1 || r.abandoned {
		t.Errorf("changes %v, abandoned %v", r.made(), r.abandoned)
	}
}
