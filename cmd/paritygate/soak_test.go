package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// A run is completed once new was green for the whole soak, and a restart or an alert begins it anew; after that there is no way back.
func TestComplete(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	r := boot(t, strings.Replace(windowConfig, "window: 1s", "window: 1s, soak: 1500ms", 1), "OLD", older.URL, "NEW", newer.URL)
	if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	code, out, errs := r.cli("complete", "--yes")
	if code != exitInconclusive || !strings.Contains(out, "soak: new is green for 0s of 1.5s, since ") || !strings.Contains(out, "traffic: new has answered no client yet") ||
		!strings.Contains(out, "reverse_parity: not measured, old stands still") || !strings.Contains(errs, "run.soak (inconclusive)") {
		t.Fatalf("at once: exit %d\n%s%s", code, out, errs)
	}
	r.ask(http.MethodPost, "/items", "x")
	green := func() bool { return r.status().Soak.Verdict == cutover.Pass }
	r.eventually("the soak is green", green)
	r.audit(t.Context(), evidence.Event{Actor: "trigger:latency", Kind: "alert", Reason: "nothing to judge by", Evidence: json.RawMessage(`{"state":"no_data"}`)})
	if r.soak(t.Context()).Verdict != cutover.Pass {
		t.Error("a trigger that has nothing to judge by ends the soak")
	}
	if _, err := r.client.Restart(t.Context(), admin.Change{Reason: "new was mended"}); err != nil {
		t.Fatal(err)
	}
	if s := r.soak(t.Context()); s.Verdict != cutover.Inconclusive || !strings.Contains(s.Criteria[0].Reason, "new was mended") {
		t.Errorf("after a restart of the window: %+v", s)
	}
	r.audit(t.Context(), evidence.Event{Actor: "trigger:latency", Kind: "alert", Reason: "new is slow, and an operator is to decide", Evidence: json.RawMessage(`{"state":"manual"}`)})
	code, out, _ = r.cli("complete", "--yes")
	if code != exitInconclusive || !strings.Contains(out, "new is slow, and an operator is to decide") {
		t.Errorf("after an alert: exit %d\n%s", code, out)
	}
	if _, out, _ := r.cli("status"); !strings.Contains(out, "soak: inconclusive, ") || !strings.Contains(out, " of 1.5s green") {
		t.Errorf("the status does not say what is missing:\n%s", out)
	}
	r.eventually("the soak is green again", green)
	if code, _, errs := r.cli("complete", "--yes"); code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if s := r.status(); s.Phase != cutover.Complete || s.Soak != nil || s.Reason != "the soak is green" || s.Rollback.Armed {
		t.Errorf("%+v", s)
	}
	for _, args := range [][]string{{"mirror", "5%"}, {"canary", "5%"}, {"rollback", "--reason", "x"}, {"cutover"}, {"restart", "--reason", "x"}, {"complete"}} {
		if code, _, errs := r.cli(append(args, "--yes")...); code != exitRefused || !strings.Contains(errs, "complete") {
			t.Errorf("%s exits %d: %s", args[0], code, errs)
		}
	}
	r.end() // a restart changes nothing, nor does an edit
	text := strings.Replace(r.text, "min_samples: 400", "min_samples: 10", 1)
	again := boot(t, text)
	if s := again.status(); s.Phase != cutover.Complete || !s.Config.Drift {
		t.Errorf("after a restart: %+v", s)
	}
	before := older.Count()
	again.ask(http.MethodGet, "/items/1", "")
	again.ask(http.MethodPost, "/items", "y")
	if got := newer.written(); len(got) != 2 || older.Count() != before {
		t.Errorf("new has %q, and old was asked %d times", got, older.Count()-before)
	}
	again.end()
	text = strings.Replace(text, older.URL, "http://127.0.0.1:1", 1) // old is decommissioned
	again = boot(t, text)
	again.health.probe(t.Context())
	if s := again.status(); s.Phase != cutover.Complete || len(s.Unwell) > 0 {
		t.Errorf("without old: %+v", s)
	}
	again.end()
	// Its store may hold another run now, for which nothing of this one counts.
	next := boot(t, strings.Replace(text, "name: window", "name: next", 1))
	if s := next.status(); s.Run != "next" || s.Phase != cutover.Shadow || s.Epoch != 1 || s.Config.Drift || s.Parity.Eligible != 0 || s.Rollback.UnreplayedWrites != 0 {
		t.Errorf("the next run begins as %+v", s)
	}
	next.end()
	if _, err := tryBoot(t, text); !errors.Is(err, evidence.ErrOtherRun) {
		t.Errorf("the run before starts again: %v", err)
	}
}
