package admin_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

func TestReads(t *testing.T) {
	r := shop()
	cet := time.FixedZone("CET", 3600)
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, cet)
	r.status.Since, r.gate.At, r.checks[0].At = at, at, &at
	r.checks[1].History[0].At = at
	r.events[0].Time, r.groups[0].First, r.samples[0].Time = at, at, at
	server := serve(t, r)
	tests := []struct{ path, want string }{
		{"/v1/status", `"run":"supabase-to-planetscale","phase":"shadow","epoch":3,"since":"2026-11-21T08:00:00Z"`},
		{"/v1/status", `"mirror":{"fraction":0.25},"canary":{"fraction":0},"config":{"checksum":"9f2c41d07be8aa5310c77f","drift":false},"rollback":{"safe":true,"unreplayed_writes":0,"armed":false`},
		{"/v1/status", `"unwell":[],"warnings":[]`},
		{"/v1/status", `"uptime_seconds":190000`},
		{"/v1/gate", `{"verdict":"fail","criteria":[{"name":"window","verdict":"inconclusive","observed":"31 h 12 min","required":"48 h","reason":"`},
		{"/v1/gate", `"at":"2026-11-21T08:00:00Z"`},
		{"/v1/routes", `{"routes":[{"route":"product","kind":"read","eligible":383040,"verdicts":{"failed":190,"lagged":402,"match":281204,"mismatch":8011,"skipped":3120,"tolerated":90113},"skipped":{"client_gone":216,"queue_full":2904},"mismatch_rate":0.0216,"upper_bound":0.0241,"latency":{"old":{"p50":0.018,"p99":0.142},"new":{"p50":0.015,"p99":0.131}}`},
		{"/v1/routes", `"rules":[{"rule":"{path: \"$..requestId\", ignore: true}","place":"compare.rules[0]","exchanges":251002,"differences":251002,"share":0.6606},`},
		{"/v1/routes", `{"route":"orders","kind":"write","eligible":0,"verdicts":{"failed":0,"lagged":0,"match":0,"mismatch":0,"skipped":0,"tolerated":0},"skipped":{}`},
		{"/v1/mismatches", `{"groups":[{"signature":"5e1c0a97","route":"product","count":7902,"first":"2026-11-21T08:00:00Z"`},
		{"/v1/mismatches", `"example_id":"m-1041","verdict":"mismatch","differences":[{"location":"body","path":"$.variants[0].price","kind":"value"}],"real":0.9734,"second_reads":4120,"noise":false,"proposals":[{"places":[{"location":"body","path":"$.variants[*].price","kind":"value"}],"rule":"{path: \"$.variants[*].price\", number: {absolute: 0.01}}","where":"routes[0].compare.rules","reason":"`},
		{"/v1/mismatches", `"verdict":"failed","differences":[],"real":null,"second_reads":0,"noise":false,"proposals":[]}`},
		{"/v1/mismatches", `"request":{"method":"GET","path":"/api/products/4711?expand=variants"},"old":{"status":200},"new":{"status":200},"differences":[{"location":"body","path":"$.variants[0].price","kind":"value","old":"49.90","new":"49.89"}`},
		{"/v1/mismatches", `"new":{"status":0,"error":"no answer within 10s"},"differences":[]`},
		{"/v1/mismatches/m-1041", `"headers":{"Accept":["application/json"],"Authorization":["[redacted]"]}`},
		{"/v1/mismatches/m-1041", `"old":{"status":200,"duration_seconds":0.018,"headers":{"Cache-Control":["max-age=60"]`},
		{"/v1/mismatches/m-1041", `"body":"{\"id\":4711,`},
		{"/v1/mismatches/m-1022", `"body":"/9j/4A==","encoding":"base64"`},
		{"/v1/checks", `{"checks":[{"name":"datasets","type":"count","verdict":"pass","variance":0.0004,"old":"1204511","new":"1204029","tolerance":{},"differences":[],"dropped":0,"at":"2026-11-21T08:00:00Z","duration_seconds":0.412,"attempts":0,"lagged":false,"reason":"within 1 %","history":[]}`},
		{"/v1/checks", `"differences":[{"key":"EUR","kind":"value","old":"88120.40","new":"86269.87","variance":0.021}],"dropped":3,`},
		{"/v1/checks", `{"at":"2026-11-21T08:00:00Z","verdict":"pass","variance":0},`},
		{"/v1/checks", `{"name":"tags","type":"count","verdict":"inconclusive","variance":null,"old":null,"new":null,"tolerance":{},"differences":[],"dropped":0,"at":null`},
		{"/v1/routes", `"noise":[{"location":"body","path":"$.variants[*].price","kind":"value","asked":4120,"only_new":91,"only_old":61,"both":3,"real":0.9923,"finding":"open","masked":false,"hidden":0},`},
		{"/v1/attestations", `{"attestations":[{"name":"backup-1","required":true,"valid":true,"actor":"alice","time":"`},
		{"/v1/attestations", `"evidence":"s3://backups/2026-11-19, 41 tables restored and counted"},{"name":"backup-2","required":true,"valid":false,"actor":"","time":null,"evidence":""}]}`},
		{"/v1/events", `{"events":[{"seq":1,"time":"2026-11-21T08:00:00Z","actor":"local","kind":"start","from":"","to":"shadow","epoch":1,"reason":"first start","evidence":{},"hash":"`},
		{"/metrics", "\nparitygate_epoch 0\n"},
		{"/healthz", `{"status":"ok"}`},
		{"/readyz", `{"state":"ready","unwell":[]}`},
	}
	for _, tt := range tests {
		got := call(t, server, "GET", tt.path, "")
		if got.Status != http.StatusOK || !strings.Contains(got.Body, tt.want) {
			t.Errorf("%s: %d\n%s\nwant in it\n%s", tt.path, got.Status, got.Body, tt.want)
		}
	}
}

func TestArraysAreNeverNull(t *testing.T) {
	server := serve(t, &run{readiness: admin.Readiness{State: admin.Ready}, samples: []evidence.Sample{{ID: "a"}}, groups: []evidence.Group{{}}})
	for _, path := range []string{
		"/v1/status", "/v1/gate", "/v1/routes", "/v1/mismatches", "/v1/mismatches/a",
		"/v1/checks", "/v1/events", "/v1/attestations", "/readyz", "/console/history",
	} {
		if got := call(t, server, "GET", path, ""); got.Status != 200 || strings.Contains(strings.ReplaceAll(got.Body, `"real":null`, ""), "null") {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
}

func TestQueries(t *testing.T) {
	r := shop()
	server := serve(t, r)
	call(t, server, "GET", "/v1/mismatches?route=a%20b&signature=s&verdict=failed&limit=7", "")
	if diff := cmp.Diff(admin.MismatchQuery{Route: "a b", Signature: "s", Verdict: compare.Failed, Limit: 7}, r.query); diff != "" {
		t.Error(diff)
	}
	call(t, server, "GET", "/v1/mismatches", "")
	if diff := cmp.Diff(admin.MismatchQuery{Limit: admin.DefaultLimit}, r.query); diff != "" {
		t.Error(diff)
	}
	call(t, server, "GET", "/v1/events?after=5&limit=2", "")
	if r.after != 5 || r.limit != 2 {
		t.Errorf("after %d, limit %d", r.after, r.limit)
	}
	call(t, server, "GET", "/v1/events", "")
	if r.after != -1 || r.limit != admin.DefaultLimit {
		t.Errorf("after %d, limit %d", r.after, r.limit)
	}
	call(t, server, "GET", "/v1/routes?all=true", "")
	if !r.all {
		t.Error("all was not passed on")
	}
	for path, part := range map[string]string{
		"/v1/mismatches?limit=0":             "limit: must be a whole number from 1 to 1000",
		"/v1/mismatches?limit=1001":          "limit: must be",
		"/v1/mismatches?limit=ten":           "limit: must be",
		"/v1/mismatches?limit=":              "limit: must be",
		"/v1/mismatches?limit=5&limit=6":     "the parameter limit is there twice",
		"/v1/mismatches?verdict=bad":         "is none of mismatch",
		"/v1/mismatches?rout=x":              `unknown parameter \"rout\"; this call takes route, signature, verdict, limit`,
		"/v1/events?after=-1":                "after: must be",
		"/v1/events?after=1.5":               "after: must be",
		"/v1/events?limit=99999999999999999": "limit: must be",
		"/v1/routes?all=1":                   "all: must be true or false",
		"/v1/status?watch=true":              "takes no parameters",
		"/v1/gate?x=%zz":                     "the query cannot be read",
		"/v1/checks?a=b":                     "takes no parameters",
	} {
		call(t, server, "GET", path, "").wantError(t, 400, admin.CodeBadRequest, part)
	}
}

func TestChanges(t *testing.T) {
	tests := []struct {
		name, path, body string
		want             made
	}{
		{"mirror by number", "/v1/mirror", `{"fraction":0.25,"epoch":3}`, made{Call: "mirror", Fraction: .25, Epoch: 3}},
		{"mirror by percent", "/v1/mirror", `{"fraction":"25%"}`, made{Call: "mirror", Fraction: .25}},
		{"mirror off", "/v1/mirror", `{"fraction":0}`, made{Call: "mirror"}},
		{"attest", "/v1/attestations", `{"name":"backup-1","evidence":"s3://x"}`, made{Call: "attest", Name: "backup-1", Evidence: "s3://x"}},
		{"cutover", "/v1/cutover", `{"reason":"go","epoch":3}`, made{Call: "cutover", Reason: "go", Epoch: 3}},
		{"cutover of nothing named", "/v1/cutover", `{}`, made{Call: "cutover"}},
		{"dry run", "/v1/cutover", `{"dry_run":true}`, made{Call: "cutover", DryRun: true}},
		{"force", "/v1/cutover", `{"force":true,"reason":"the board decided"}`, made{Call: "cutover", Force: true, Reason: "the board decided"}},
		{"rollback", "/v1/rollback", `{"reason":"checkout fails"}`, made{Call: "rollback", Reason: "checkout fails"}},
		{"restart", "/v1/restart", `{"reason":"fixed","epoch":3}`, made{Call: "restart", Reason: "fixed", Epoch: 3}},
		{"resume", "/v1/resume", `{"epoch":3}`, made{Call: "resume", Epoch: 3}},
		{"resume and discard", "/v1/resume", `{"discard":true,"reason":"test data"}`, made{Call: "resume", Reason: "test data", Discard: true}},
		{"resume without a body", "/v1/resume", ``, made{Call: "resume"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := shop()
			r.gate.Verdict = cutover.Pass
			for actor, header := range map[string]string{"alice": "Authorization: Bearer alice-secret", admin.LocalActor: "X-None: 1"} {
				users := people
				if actor == admin.LocalActor {
					users = nil
				}
				got := call(t, serve(t, r, users...), "POST", tt.path, tt.body, header)
				if got.Status != 200 || !strings.Contains(got.Body, `"run":"supabase-to-planetscale"`) {
					t.Errorf("%d %s", got.Status, got.Body)
				}
				tt.want.Actor = actor
				all := r.made()
				if diff := cmp.Diff(tt.want, all[len(all)-1]); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestRunCheck(t *testing.T) {
	server := serve(t, shop())
	if got := call(t, server, "POST", "/v1/checks/revenue/run", ""); got.Status != 200 || !strings.Contains(got.Body, `{"checks":[{"name":"revenue"`) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	call(t, server, "POST", "/v1/checks/nope/run", `{}`).wantError(t, 404, admin.CodeNotFound, "no check is called")
	call(t, server, "POST", "/v1/checks/revenue/run", `{"x":1}`).wantError(t, 400, admin.CodeBadRequest, "this call takes no fields")
}

func TestCutoverRefusedCarriesTheReport(t *testing.T) {
	for verdict, code := range map[cutover.Verdict]admin.Code{cutover.Fail: admin.CodeGateFailed, cutover.Inconclusive: admin.CodeGateInconclusive} {
		r := shop()
		r.gate.Verdict = verdict
		got := call(t, serve(t, r), "POST", "/v1/cutover", `{"dry_run":true}`)
		got.wantError(t, 409, code, `"report":{"verdict":"`+string(verdict)+`","criteria":[{"name":"window"`)
	}
	r := shop()
	r.gate.Verdict = cutover.Pass
	got := call(t, serve(t, r), "POST", "/v1/cutover", `{"dry_run":true}`)
	if got.Status != 200 || !strings.Contains(got.Body, `"dry_run":true,"report":{"verdict":"pass"`) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

func TestEachCodeHasItsStatus(t *testing.T) {
	for code, status := range map[admin.Code]int{
		admin.CodeBadRequest: 400, admin.CodeUnauthorized: 401, admin.CodeForbidden: 403, admin.CodeNotFound: 404,
		admin.CodeMethodNotAllowed: 405, admin.CodeWrongPhase: 409, admin.CodeWrongEpoch: 409, admin.CodeGateFailed: 409,
		admin.CodeGateInconclusive: 409, admin.CodeConflict: 409, admin.CodeTooLarge: 413, admin.CodeUnsupportedMedia: 415,
		admin.CodeUnavailable: 503, admin.CodeInternal: 500,
	} {
		r := shop()
		r.err = admin.Errorf(code, "because")
		server := serve(t, r)
		call(t, server, "GET", "/v1/gate", "").wantError(t, status, code, "because")
		call(t, server, "POST", "/v1/rollback", `{"reason":"x"}`).wantError(t, status, code, "because")
	}
}

func TestUnknownErrorsSayNothing(t *testing.T) {
	r := shop()
	r.err = errors.New("dial postgres://user:hunter2@db")
	got := call(t, serve(t, r), "GET", "/v1/routes", "")
	got.wantError(t, 500, admin.CodeInternal, "its log says why")
	if strings.Contains(got.Body, "hunter2") {
		t.Error("a cause reached the client")
	}
	r = shop()
	r.panics = "boom"
	call(t, serve(t, r), "GET", "/v1/status", "").wantError(t, 500, admin.CodeInternal, "its log says why")
}

func TestWrongEpoch(t *testing.T) {
	for path, body := range map[string]string{
		"/v1/mirror": `{"fraction":1,"epoch":2}`, "/v1/attestations": `{"name":"a","evidence":"b","epoch":2}`, "/v1/cutover": `{"epoch":2}`,
		"/v1/restart": `{"reason":"x","epoch":2}`, "/v1/resume": `{"epoch":2}`,
	} {
		call(t, serve(t, shop()), "POST", path, body).wantError(t, 409, admin.CodeWrongEpoch, "the run is at epoch 3, not 2")
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	server := serve(t, shop())
	for _, path := range []string{"/v1", "/v1/", "/v1/nope", "/v2/status", "/nope", "/v1/mismatches/none", "/console/assets/none.js"} {
		call(t, server, "GET", path, "").wantError(t, 404, admin.CodeNotFound, "")
	}
	for _, tt := range []struct{ method, path, allow string }{
		{"DELETE", "/v1/status", "GET, HEAD"},
		{"POST", "/v1/gate", "GET, HEAD"},
		{"GET", "/v1/cutover", "POST"},
		{"PUT", "/v1/checks/a/run", "POST"},
		{"POST", "/metrics", "GET, HEAD"},
	} {
		got := call(t, server, tt.method, tt.path, "{}")
		got.wantError(t, 405, admin.CodeMethodNotAllowed, tt.allow)
		if got.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: Allow %q", tt.method, tt.path, got.Header.Get("Allow"))
		}
	}
	if got := call(t, server, "HEAD", "/v1/status", ""); got.Status != 200 || got.Body != "" {
		t.Errorf("HEAD: %d %q", got.Status, got.Body)
	}
}

func TestReadiness(t *testing.T) {
	for state, status := range map[admin.State]int{admin.Starting: 503, admin.Ready: 200, admin.Draining: 503} {
		r := shop()
		r.readiness = admin.Readiness{State: state, Unwell: []admin.Unwell{{Part: "backends.new", Message: "connection refused"}}}
		got := call(t, serve(t, r, people...), "GET", "/readyz", "")
		var body admin.Readiness
		if err := json.Unmarshal([]byte(got.Body), &body); err != nil || got.Status != status || body.State != state || len(body.Unwell) != 1 {
			t.Errorf("%s: %d %s", state, got.Status, got.Body)
		}
	}
}
