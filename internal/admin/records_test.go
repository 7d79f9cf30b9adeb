package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paritygate/internal/admin"
)

// TestRecords reads the journal through the API and its client.
func TestRecords(t *testing.T) {
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	r := shop()
	r.page = admin.Records{Records: []admin.Record{
		{
			ID: "0a1b2c3d-7", Seq: 7, Time: at, Epoch: 4, At: "new", Route: "orders", Method: "POST", Path: "/orders?x=1",
			Outcome: "acknowledged", Status: 201, Carried: "unsent",
		},
		{ID: "0a1b2c3d-9", Seq: 9, Time: at, At: "old", Outcome: "unknown", Carried: "unknown", Missing: 3},
	}}
	server := serve(t, r, people...)
	got := call(t, server, "GET", "/v1/journal?unsent=true&path=/orders&since=2026-11-21T09:00:00Z&after=6&limit=2", "", "Authorization: Bearer grafana-secret")
	want := `{"records":[{"id":"0a1b2c3d-7","seq":7,"time":"2026-11-21T09:00:00Z","epoch":4,"at":"new","route":"orders","method":"POST",` +
		`"path":"/orders?x=1","outcome":"acknowledged","status":201,"carried":"unsent"},`
	if got.Status != 200 || !strings.HasPrefix(got.Body, want) || !strings.Contains(got.Body, `"missing":3}]}`) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	asked := admin.RecordQuery{Unsent: true, Path: "/orders", Since: at, After: 6, Limit: 2}
	if diff := cmp.Diff(asked, r.asked); diff != "" {
		t.Errorf("what the call asks for (-want +got):\n%s", diff)
	}
	client, err := admin.NewClient(server.URL, "grafana-secret", server.Client())
	if err != nil {
		t.Fatal(err)
	}
	asked.Unknown = true
	page, err := client.Records(t.Context(), asked)
	if err != nil || cmp.Diff(r.page, page) != "" || cmp.Diff(asked, r.asked) != "" {
		t.Errorf("%v, %s %s", err, cmp.Diff(r.page, page), cmp.Diff(asked, r.asked))
	}
	for query, part := range map[string]string{
		"since=yesterday": "since: must be a time such as", "unknown=1": "unknown: must be true or false", "after=-1": "after: must be",
		"bodies=true": "unknown parameter",
	} {
		call(t, server, "GET", "/v1/journal?"+query, "", "Authorization: Bearer alice-secret").wantError(t, 400, admin.CodeBadRequest, part)
	}
	r.page = admin.Records{}
	if got := call(t, server, "GET", "/v1/journal", "", "Authorization: Bearer alice-secret"); got.Body != "{\"records\":[]}\n" {
		t.Errorf("nothing: %s", got.Body)
	}
}

func TestResolve(t *testing.T) {
	r := shop()
	server := serve(t, r, people...)
	alice := "Authorization: Bearer alice-secret"
	got := call(t, server, "POST", "/v1/journal/resolve", `{"id":"0a1b2c3d-7","sent":false,"reason":"looked it up","epoch":3}`, alice)
	if got.Status != 200 || !strings.Contains(got.Body, `"id":"0a1b2c3d-7"`) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	want := made{Call: "resolve", Actor: "alice", Name: "0a1b2c3d-7", Evidence: "false", Reason: "looked it up", Epoch: 3}
	if all := r.made(); len(all) != 1 || cmp.Diff(want, all[0]) != "" {
		t.Errorf("%+v", all)
	}
	call(t, server, "POST", "/v1/journal/resolve", `{"id":"0a1b2c3d-7","sent":true,"epoch":2}`, alice).wantError(t, 409, admin.CodeWrongEpoch, "")
	call(t, server, "POST", "/v1/journal/resolve", `{"id":"0a1b2c3d-7"}`, alice).wantError(t, 400, admin.CodeBadRequest, "sent: is needed")
	call(t, server, "POST", "/v1/journal/resolve", `{"sent":true}`, alice).wantError(t, 400, admin.CodeBadRequest, "id: is needed")
	call(t, server, "POST", "/v1/journal/resolve", `{"id":"a","sent":"yes"}`, alice).wantError(t, 400, admin.CodeBadRequest, "sent: must be true or false")
	call(t, server, "POST", "/v1/journal/resolve", `{"id":"a","sent":true}`, "Authorization: Bearer grafana-secret").wantError(t, 403, admin.CodeForbidden, "")
}
