package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"paritygate/compare/aggregate"
	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

const windowConfig = `
run: {name: window, window: 1s}
backends:
  old: {url: "OLD"}
  new: {url: "NEW", timeout: 2s}
routes:
  - name: item
    match: {methods: [GET], path: "/items/{id}"}
    kind: read
mirror: {fraction: 100%, recheck: {attempts: 0}}
gate: {min_samples: 400, max_gap: 1s}
`

func (r *running) criterion(name string) cutover.Criterion {
	r.t.Helper()
	report, err := r.client.Gate(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range report.Criteria {
		if c.Name == name {
			return c
		}
	}
	r.t.Fatalf("there is no criterion %s in %+v", name, report)
	return cutover.Criterion{}
}

func (r *running) events(kind string) (n int) {
	r.t.Helper()
	events, err := r.client.Events(r.t.Context(), -1, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func (r *running) gatePasses() {
	r.t.Helper()
	for i := range 500 {
		r.ask(http.MethodGet, fmt.Sprintf("/items/%d", i), "")
	}
	r.eventually("the gate passes", func() bool {
		report, err := r.client.Gate(r.t.Context())
		return err == nil && report.Verdict == cutover.Pass
	})
}

// I7: while no evidence is gathered the window does not pass, and when it flows again the window begins anew.
func TestAGapInTheEvidence(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	r := boot(t, windowConfig, "OLD", older.URL, "NEW", newer.URL)
	r.gatePasses()
	mirror := func(fraction float64) {
		t.Helper()
		if _, err := r.client.SetMirror(t.Context(), admin.Change{}, fraction); err != nil {
			t.Fatal(err)
		}
	}
	mirror(0)
	r.eventually("the gate sees the gap", func() bool {
		c := r.criterion("window")
		return c.Verdict == cutover.Inconclusive && strings.Contains(c.Reason, "no evidence could be gathered")
	})
	if code, _, errs := r.cli("cutover", "--yes"); code != exitInconclusive {
		t.Errorf("a cutover in the gap exits %d: %s", code, errs)
	}
	if r.events("gap") != 0 {
		t.Error("the window was restarted before evidence flows again")
	}
	mirror(1)
	r.eventually("the window begins anew", func() bool { return r.events("gap") == 1 && r.status().Parity.Eligible == 0 })
	r.gatePasses()
}

// A run that gathered nothing for longer than the gap allows begins its window with the first evidence.
func TestAWindowThatBeganWithoutEvidence(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	r := boot(t, strings.Replace(windowConfig, "fraction: 100%", "fraction: 0%", 1), "OLD", older.URL, "NEW", newer.URL)
	began := r.status().Window.Start
	r.eventually("the gate sees that there is nothing", func() bool {
		return strings.Contains(r.criterion("window").Reason, "no evidence could be gathered")
	})
	if _, err := r.client.SetMirror(t.Context(), admin.Change{}, 1); err != nil {
		t.Fatal(err)
	}
	r.eventually("the window begins", func() bool { return r.events("gap") == 1 && r.status().Window.Start.After(began) })
}

// edited is the running configuration with something replaced, as a reload would read it.
func (r *running) edited(pairs ...string) {
	r.t.Helper()
	text := strings.NewReplacer(pairs...).Replace(r.text)
	c, err := config.Parse("paritygate.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		r.t.Fatal(err)
	}
	next, err := compile(c)
	if err != nil {
		r.t.Fatal(err)
	}
	r.options.reload = func() (*compiled, error) { return next, nil }
}

func TestAnEditOfTheRulesBeginsTheWindowAnew(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	r := boot(t, windowConfig, "OLD", older.URL, "NEW", newer.URL)
	r.gatePasses()
	before := r.status()
	r.edited("min_samples: 400", "min_samples: 10", "fraction: 100%", "fraction: 50%")
	if err := r.tryReload(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := r.status()
	if !after.Config.Drift || after.Config.Checksum == before.Config.Checksum || !after.Window.Start.After(before.Window.Start) || after.Parity.Eligible != 0 {
		t.Errorf("after the edit: %+v", after)
	}
	if after.Mirror.Fraction != 0.5 || r.events("drift") != 1 {
		t.Errorf("the fraction is %g, and the audit log has %d lines of drift", after.Mirror.Fraction, r.events("drift"))
	}
	if got := after.Window.Reason; got != "the configuration was edited: gate.min_samples" {
		t.Errorf("the window began because of %q", got)
	}
	events, err := r.client.Events(t.Context(), -1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := admin.DetailOf(events[0]); d.Gate == nil || d.Gate.Verdict != cutover.Pass || d.Diff == "" {
		t.Errorf("the event keeps neither what was edited nor the gate as it stood: %s", events[0].Evidence)
	}
	if _, out, _ := r.cli("events", "--seq", fmt.Sprint(events[0].Seq)); !strings.Contains(out, "-  min_samples: 400\n") || !strings.Contains(out, "+  min_samples: 10\n") {
		t.Errorf("`events` does not show what was edited:\n%s", out)
	}
	if c := r.criterion("coverage"); c.Verdict == cutover.Pass {
		t.Errorf("what was seen before the edit counts: %+v", c)
	}
}

// Rules that forgive another shape need the word of a person that the clients can read it, and again when they are edited.
func TestClientsReady(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	text := windowConfig + "compare: {rules: [{path: $..gone, absent_equals_null: true}]}\n"
	r := boot(t, text, "OLD", older.URL, "NEW", newer.URL)
	judged := func() cutover.Verdict { return r.criterion("attestations").Verdict }
	if c := r.criterion("attestations"); c.Verdict != cutover.Inconclusive || !strings.Contains(c.Reason, "$..gone") {
		t.Errorf("before anybody attested: %+v", c)
	}
	attest := func() {
		t.Helper()
		if code, _, errs := r.cli("attest", "clients-ready", "--evidence", "the app reads null and absent alike", "--yes"); code != exitDone {
			t.Fatalf("attest exits %d: %s", code, errs)
		}
	}
	if attest(); judged() != cutover.Pass {
		t.Errorf("after the attestation: %s", judged())
	}
	r.edited("$..gone", "$..left")
	if err := r.tryReload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if judged() != cutover.Inconclusive {
		t.Errorf("after an edit of the rules: %s", judged())
	}
	if attest(); judged() != cutover.Pass {
		t.Errorf("after the second attestation: %s", judged())
	}
}

// An edit that cannot be recorded, because a flip is under way, changes nothing.
func TestAnEditDuringAFlipIsRefused(t *testing.T) {
	older, newer := newShop(t), newShop(t)
	r := boot(t, windowConfig, "OLD", older.URL, "NEW", newer.URL)
	arrived, free := older.sticks(t, "/stuck")
	go func() { _, _, _, _ = r.tryAsk(http.MethodPost, "/stuck", "x") }()
	<-arrived
	flipped := make(chan error, 1)
	go func() {
		_, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true)
		flipped <- err
	}()
	r.eventually("writes are held", func() bool { return r.status().Phase == cutover.Cutover })
	before := r.status()
	r.edited("min_samples: 400", "min_samples: 10", "fraction: 100%", "fraction: 50%")
	if err := r.tryReload(t.Context()); !errors.Is(err, cutover.ErrBusy) {
		t.Errorf("the reload says %v", err)
	}
	if after := r.status(); after.Config != before.Config || after.Mirror != before.Mirror {
		t.Errorf("the reload that was refused changed %+v to %+v", before, after)
	}
	free()
	if err := <-flipped; err != nil {
		t.Fatal(err)
	}
	if err := r.tryReload(t.Context()); err == nil || !strings.Contains(err.Error(), "live; restart with --allow-drift if they must. Edited: gate.min_samples") {
		t.Errorf("an edit in live says %v", err)
	}
}

// A check that fails counts even if the store does not take its result, and what ran before an edit does not.
func TestResultsOfChecksThatTheStoreDoesNotHave(t *testing.T) {
	older, newer := newShop(t), newShop(t)
	r := boot(t, windowConfig+`
databases: {old: {dsn: "host=127.0.0.1 port=1"}, new: {dsn: "host=127.0.0.1 port=2"}}
checks: [{name: datasets, type: count, old: {table: a}, new: {table: b}, every: 1h, max_age: 2h}]
`, "OLD", older.URL, "NEW", newer.URL)
	r.eventually("the check has run", func() bool { return r.criterion("checks").Reason != "datasets has not run yet" })
	result := aggregate.Result{Name: "datasets", Type: aggregate.Count, Verdict: aggregate.Pass, At: time.Now()}
	r.checked(result)
	if c := r.criterion("checks"); c.Verdict != cutover.Pass {
		t.Fatalf("%+v", c)
	}
	result.Verdict, result.Reason = aggregate.Fail, "5 and 6"
	r.fresh.Store(result.Name, resultOf(result)) // as checked does before the store refuses it
	if c := r.criterion("checks"); c.Verdict != cutover.Fail {
		t.Errorf("a failure that was not stored is %+v", c)
	}
	if err := r.store.RestartWindow(context.Background(), time.Now().UTC()); err != nil {
		t.Fatal(err)
	}
	if c := r.criterion("checks"); c.Verdict != cutover.Inconclusive {
		t.Errorf("a result from before the window is %+v", c)
	}
}

// A check that passes with the same rows missing each time warns wherever it is shown, and fails nothing.
func TestAStructuralGapWarns(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	r := boot(t, windowConfig+`
databases: {old: {dsn: "host=127.0.0.1 port=1"}, new: {dsn: "host=127.0.0.1 port=2"}}
checks: [{name: datasets, type: count, old: {table: a}, new: {table: b}, every: 1h, max_age: 2h}]
`, "OLD", older.URL, "NEW", newer.URL)
	r.eventually("the check has run", func() bool { return r.criterion("checks").Reason != "datasets has not run yet" })
	measured, missing := "1000", "995"
	for n := range 5 {
		if c := r.criterion("checks"); strings.Contains(c.Reason, "never copied") {
			t.Errorf("after %d runs: %s", n, c.Reason)
		}
		r.checked(aggregate.Result{Name: "datasets", Type: aggregate.Count, Verdict: aggregate.Pass, Old: &measured, New: &missing, At: time.Now(), Reason: "Within 1 %."})
	}
	const told = "in each of the last 5 runs new had about as much less than old, at last 5 (0.5 %)"
	if c := r.criterion("checks"); c.Verdict != cutover.Pass || c.Observed != "1 of 1 pass, 1 with a structural gap" || !strings.Contains(c.Reason, told) {
		t.Errorf("the gate says %+v", c)
	}
	checks, err := r.client.Checks(t.Context())
	if err != nil || !strings.HasPrefix(checks[0].Structural, told) || !strings.HasPrefix(checks[0].Reason, "Within 1 %. Structural: "+told) {
		t.Errorf("the checks say %+v, %v", checks, err)
	}
	if w := r.status().Warnings; !slices.ContainsFunc(w, func(w string) bool { return strings.HasPrefix(w, "check datasets: "+told) }) {
		t.Errorf("the status warns of %q", w)
	}
}
