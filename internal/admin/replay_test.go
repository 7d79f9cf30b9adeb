package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/internal/admin"
)

func TestReplayIsAskedFor(t *testing.T) {
	r := shop()
	server := serve(t, r)
	got := call(t, server, "POST", "/v1/journal/replay", `{"to":"old","from":"0a1b2c3d-7","rate":2.5,"concurrency":4,"continue_on":[404,"conflict"],"dry_run":true,"epoch":7}`)
	want := admin.ReplayRequest{To: "old", From: "0a1b2c3d-7", DryRun: true, Rate: 2.5, Concurrency: 4, ContinueOn: []string{"404", "conflict"}}
	if diff := cmp.Diff(want, r.replay); got.Status != http.StatusOK || diff != "" {
		t.Errorf("%d %s: %s", got.Status, got.Body, diff)
	}
	if m := r.changes[0]; m.Call != "replay" || m.Epoch != 7 || m.Actor != admin.LocalActor {
		t.Errorf("%+v", m)
	}
	for body, reason := range map[string]string{
		`{}`: "to: must be old or new", `{"to":"both"}`: "to: must be old or new", `{"to":"old","rate":-1}`: "rate: must be 0 or more",
		`{"to":"old","rate":"fast"}`: "rate: must be a number", `{"to":"old","concurrency":1.5}`: "concurrency: must be a whole number",
		`{"to":"old","continue_on":"404"}`: "continue_on: must be an array", `{"to":"old","continue_on":[true]}`: "continue_on: [0] must be a string",
	} {
		if got := call(t, server, "POST", "/v1/journal/replay", body); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, reason) {
			t.Errorf("%s: %d %s, want %q", body, got.Status, got.Body, reason)
		}
	}
	if got := call(t, server, "DELETE", "/v1/journal/replay", ""); got.Status != http.StatusOK || !strings.Contains(got.Body, `"state":"stopping"`) {
		t.Errorf("DELETE: %d %s", got.Status, got.Body)
	}
	if got := call(t, server, "GET", "/v1/journal/replay", ""); got.Status != http.StatusOK || !strings.Contains(got.Body, `"state":"none"`) {
		t.Errorf("GET: %d %s", got.Status, got.Body)
	}
	viewed := serve(t, shop(), admin.User{Name: "grafana", Role: admin.Viewer, Token: "t"})
	for _, method := range []string{"POST", "DELETE"} {
		if got := call(t, viewed, method, "/v1/journal/replay", `{"to":"old"}`, "Authorization: Bearer t"); got.Status != http.StatusForbidden {
			t.Errorf("%s by a viewer: %d", method, got.Status)
		}
	}
}
