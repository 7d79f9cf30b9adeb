package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"paritygate/internal/admin"
)

func TestWhoMayDoWhat(t *testing.T) {
	server := serve(t, shop(), people...)
	const viewer, operator = "Authorization: Bearer grafana-secret", "Authorization: bearer alice-secret"
	tests := []struct {
		name, method, path, body, header string
		status                           int
	}{
		{"nobody reads", "GET", "/v1/status", "", "X: y", 401},
		{"nobody changes", "POST", "/v1/rollback", `{"reason":"x"}`, "X: y", 401},
		{"nobody sees metrics", "GET", "/metrics", "", "X: y", 401},
		{"nobody sees the history", "GET", "/console/history", "", "X: y", 401},
		{"nobody learns of paths", "GET", "/v1/nope", "", "X: y", 401},
		{"a wrong token", "GET", "/v1/status", "", "Authorization: Bearer alice-secre", 401},
		{"an empty token", "GET", "/v1/status", "", "Authorization: Bearer ", 401},
		{"another scheme", "GET", "/v1/status", "", "Authorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0", 401},
		{"a made up session", "GET", "/v1/status", "", "Cookie: paritygate_session=x", 401},
		{"viewer reads", "GET", "/v1/status", "", viewer, 200},
		{"viewer sees metrics", "GET", "/metrics", "", viewer, 200},
		{"viewer must not change", "POST", "/v1/rollback", `{"reason":"x"}`, viewer, 403},
		{"viewer must not run checks", "POST", "/v1/checks/revenue/run", ``, viewer, 403},
		{"operator reads", "GET", "/v1/status", "", operator, 200},
		{"operator changes", "POST", "/v1/rollback", `{"reason":"x"}`, operator, 200},
		{"health needs no token", "GET", "/healthz", "", "X: y", 200},
		{"readiness needs no token", "GET", "/readyz", "", "X: y", 200},
		{"any host, with a token", "GET", "/v1/status", "", operator, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := call(t, server, tt.method, tt.path, tt.body, tt.header, "Host: ops.example.com")
			if got.Status != tt.status {
				t.Errorf("%d %s, want %d", got.Status, got.Body, tt.status)
			}
			if (got.Header.Get("WWW-Authenticate") != "") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate %q", got.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestWithoutUsersOnlyThisMachine(t *testing.T) {
	handler, err := admin.Handler(admin.Options{Service: shop(), Gatherer: prometheus.NewRegistry(), Listen: "admin.internal:9090"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, remote, host, header string
		status                     int
	}{
		{"loopback", "127.0.0.1:5000", "127.0.0.1:9090", "", 200},
		{"another loopback address", "127.8.8.8:5000", "localhost:9090", "", 200},
		{"loopback v6", "[::1]:5000", "[::1]:9090", "", 200},
		{"mapped loopback", "[::ffff:127.0.0.1]:5000", "localhost", "", 200},
		{"final dot, capitals", "127.0.0.1:5000", "LocalHost.:9090", "", 200},
		{"through a tunnel with another port", "127.0.0.1:5000", "localhost:19090", "", 200},
		{"the listen address", "127.0.0.1:5000", "admin.internal:9090", "", 200},
		{"another machine", "10.0.0.7:5000", "127.0.0.1:9090", "", 403},
		{"another machine v6", "[2001:db8::1]:5000", "localhost", "", 403},
		{"no address", "@", "localhost", "", 403},
		{"rebound name", "127.0.0.1:5000", "evil.example:9090", "", 403},
		{"name that begins as loopback", "127.0.0.1:5000", "localhost.evil.example", "", 403},
		{"name that looks like an address", "127.0.0.1:5000", "127.0.0.1.evil.example", "", 403},
		{"public address as host", "127.0.0.1:5000", "192.0.2.1:9090", "", 403},
		{"no host", "127.0.0.1:5000", "", "", 403},
		{"through a proxy", "127.0.0.1:5000", "localhost", "X-Forwarded-For", 403},
		{"through a proxy that says so", "127.0.0.1:5000", "localhost", "Forwarded", 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for path, status := range map[string]int{"/v1/status": tt.status, "/": tt.status, "/metrics": tt.status, "/healthz": 200, "/readyz": 200} {
				req := httptest.NewRequest("GET", path, nil)
				req.RemoteAddr, req.Host = tt.remote, tt.host
				if tt.header != "" {
					req.Header.Set(tt.header, "203.0.113.9")
				}
				rec := httptest.NewRecorder()
				handler.ServeHTTP(rec, req)
				if rec.Code != status {
					t.Errorf("%s: %d %s, want %d", path, rec.Code, rec.Body, status)
				}
			}
		})
	}
}

func TestUnspecifiedListenAddressIsNoHost(t *testing.T) {
	for _, listen := range []string{"", ":9090", "0.0.0.0:9090", "[::]:9090"} {
		handler, err := admin.Handler(admin.Options{Service: shop(), Gatherer: prometheus.NewRegistry(), Listen: listen})
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"", "0.0.0.0", "[::]"} {
			req := httptest.NewRequest("GET", "/v1/status", nil)
			req.RemoteAddr, req.Host = "127.0.0.1:5000", host
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, req)
			if rec.Code != http.StatusForbidden {
				t.Errorf("listen %q, host %q: %d", listen, host, rec.Code)
			}
		}
	}
}

func TestOtherOriginsChangeNothing(t *testing.T) {
	for name, users := range map[string][]admin.User{"without users": nil, "with users": people} {
		t.Run(name, func(t *testing.T) {
			r := shop()
			server := serve(t, r, users...)
			const token, body = "Authorization: Bearer alice-secret", `{"reason":"x"}`
			for _, header := range []string{
				"Origin: https://evil.example", "Origin: null", "Origin: http://127.0.0.1:1",
				"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site",
			} {
				call(t, server, "POST", "/v1/rollback", body, token, header).wantError(t, 403, admin.CodeForbidden, "another origin")
			}
			call(t, server, "POST", "/v1/rollback", body, token, "Content-Type: text/plain").
				wantError(t, 415, admin.CodeUnsupportedMedia, "application/json")
			call(t, server, "POST", "/v1/resume", "", token, "Origin: https://evil.example").
				wantError(t, 403, admin.CodeForbidden, "another origin")
			if n := len(r.made()); n != 0 {
				t.Fatalf("%d changes were made", n)
			}
			for _, header := range []string{"Origin: " + server.URL, "Sec-Fetch-Site: same-origin", "X: y"} {
				if got := call(t, server, "POST", "/v1/rollback", body, token, header); got.Status != 200 {
					t.Errorf("%s: %d %s", header, got.Status, got.Body)
				}
			}
		})
	}
}

func TestConsoleSession(t *testing.T) {
	r := shop()
	server := serve(t, r, people...)
	const html = "Accept: text/html"
	got := call(t, server, "GET", "/mismatches?route=product", "", html)
	if got.Status != 303 || got.Header.Get("Location") != "/login?next=%2Fmismatches%3Froute%3Dproduct" {
		t.Fatalf("%d %s", got.Status, got.Header.Get("Location"))
	}
	if got := call(t, server, "GET", "/login?next=/checks", "", html); !strings.Contains(got.Body, `name="next" value="/checks"`) {
		t.Error("the form forgets where to go")
	}
	got = call(t, server, "GET", "/", "", html, "HX-Request: true")
	if got.Status != 401 || got.Header.Get("HX-Redirect") != "/login" {
		t.Errorf("fragment: %d %v", got.Status, got.Header)
	}

	form := func(token, next string) string { return url.Values{"token": {token}, "next": {next}}.Encode() }
	login := func(token, next string, headers ...string) answer {
		headers = append(headers, "Content-Type: application/x-www-form-urlencoded", html)
		return call(t, server, "POST", "/login", form(token, next), headers...)
	}
	if got := login("wrong", "/"); got.Status != 401 || got.Header.Get("Set-Cookie") != "" || !strings.Contains(got.Body, "Nobody has this token") {
		t.Errorf("wrong token: %d %s", got.Status, got.Header.Get("Set-Cookie"))
	}
	if got := login("alice-secret", "/", "Origin: https://evil.example"); got.Status != 403 || got.Header.Get("Set-Cookie") != "" {
		t.Errorf("login from elsewhere: %d", got.Status)
	}
	for _, next := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "/\t/evil.example", ""} {
		if got := login("alice-secret", next); got.Header.Get("Location") != "/" {
			t.Errorf("next %q leads to %q", next, got.Header.Get("Location"))
		}
	}
	got = login("grafana-secret", "/checks")
	set := got.Header.Get("Set-Cookie")
	if got.Status != 303 || got.Header.Get("Location") != "/checks" || !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Strict") {
		t.Fatalf("%d %q", got.Status, set)
	}
	if strings.Contains(set, "grafana-secret") {
		t.Error("the cookie holds the token")
	}
	cookie := "Cookie: " + strings.Split(set, ";")[0]
	page := call(t, server, "GET", "/", "", cookie, html)
	if page.Status != 200 || !strings.Contains(page.Body, "grafana, viewer") || strings.Contains(page.Body, "Restart the window") {
		t.Errorf("a viewer's page: %d", page.Status)
	}
	call(t, server, "POST", "/v1/rollback", `{"reason":"x"}`, cookie).wantError(t, 403, admin.CodeForbidden, "viewer")

	operator := "Cookie: " + strings.Split(login("alice-secret", "/").Header.Get("Set-Cookie"), ";")[0]
	if page := call(t, server, "GET", "/", "", operator, html); !strings.Contains(page.Body, "Restart the window") {
		t.Error("an operator has no buttons")
	}
	if got := call(t, server, "POST", "/v1/restart", `{"reason":"x","epoch":3}`, operator); got.Status != 200 || r.made()[0].Actor != "alice" {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	call(t, server, "POST", "/logout", "", operator)
	if got := call(t, server, "GET", "/v1/status", "", operator); got.Status != 401 {
		t.Errorf("after signing out: %d", got.Status)
	}
}

func TestUsersThatCannotBe(t *testing.T) {
	for name, users := range map[string][]admin.User{
		"no name":     {{Role: admin.Viewer, Token: "a"}},
		"no token":    {{Name: "a", Role: admin.Viewer}},
		"no role":     {{Name: "a", Token: "a"}},
		"other role":  {{Name: "a", Role: "root", Token: "a"}},
		"same names":  {{Name: "a", Role: admin.Viewer, Token: "a"}, {Name: "a", Role: admin.Viewer, Token: "b"}},
		"same tokens": {{Name: "a", Role: admin.Viewer, Token: "sesame"}, {Name: "b", Role: admin.Operator, Token: "sesame"}},
	} {
		_, err := admin.Handler(admin.Options{Service: shop(), Gatherer: prometheus.NewRegistry(), Users: users})
		if err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
