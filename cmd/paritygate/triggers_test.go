package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare/aggregate"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// triggersConfig has windows of a second, and a check that says nothing by itself.
const triggersConfig = `
run: {name: triggers, window: 2s}
backends:
  old: {url: "OLD"}
  new: {url: "NEW", timeout: 5s}
mirror: {fraction: 100%, recheck: {attempts: 0}}
canary: {key: "header:X-User-Id", after_write: 0s}
checks:
  - {name: items, type: scalar, every: 1h, max_age: 2h, strict_at_cutover: false, old: {http: {path: "/items/1"}, value: "$.none"}, new: {http: {path: "/items/1"}, value: "$.none"}}
rollback:
  error_rate: {window: 1s, min_requests: 10, min_failures: 5}
  client_errors: {window: 1s}
  latency: {window: 1s, floor: FLOOR}
  parity: {window: 1s, min_requests: 30}
  fallback: off
  writes: WRITES
`

// traffic reads and writes as many users until it is stopped, 100 requests a second.
func (r *running) traffic() (stop func()) {
	end := make(chan struct{})
	var group sync.WaitGroup
	var n atomic.Int64
	for range 24 {
		group.Go(func() {
			tick := time.NewTicker(240 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-end:
					return
				case <-tick.C:
				}
				i := n.Add(1)
				method := http.MethodGet
				if i%5 == 0 {
					method = http.MethodPost
				}
				req, _ := http.NewRequestWithContext(r.t.Context(), method, fmt.Sprintf("%s/items/%d", r.proxyURL(), i%400), http.NoBody)
				req.Header.Set("X-User-Id", fmt.Sprint(i%97))
				if resp, err := httpClient.Do(req); err == nil {
					_ = resp.Body.Close()
				}
			}
		})
	}
	return func() { close(end); group.Wait() }
}

// events lists those of one kind, the oldest first.
func (r *running) eventsOf(kind string) []evidence.Event {
	r.t.Helper()
	all, err := r.client.Events(r.t.Context(), 0, 500)
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e evidence.Event) bool { return e.Kind != kind })
}

// resume goes on to shadow, once the rollback has come to its end.
func (r *running) resume() {
	r.t.Helper()
	r.eventually("resumed", func() bool {
		_, err := r.client.Resume(r.t.Context(), admin.Change{Reason: "test"}, true)
		return err == nil
	})
}

func (r *running) trigger(name string) admin.Trigger {
	for _, t := range r.status().Rollback.Triggers {
		if t.Name == name {
			return t
		}
	}
	return admin.Trigger{}
}

// The faults by which each trigger is to be set off, as new shows them.
var faults = map[cutover.TriggerName]func(w http.ResponseWriter, req *http.Request) bool{
	cutover.ErrorRate: func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return true
	},
	cutover.ClientErrors: func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true },
	cutover.Latency: func(_ http.ResponseWriter, req *http.Request) bool {
		select {
		case <-time.After(time.Second):
		case <-req.Context().Done():
		}
		return false
	},
	cutover.Parity: func(w http.ResponseWriter, req *http.Request) bool {
		if strings.HasSuffix(req.URL.Path, "7") {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"path": %q, "price": 12.51}`, req.URL.Path)
			return true
		}
		return false
	},
}

// Each of the five sends the canary back, and those that judge new alone send live back.
func TestEachTriggerRollsBack(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	r := boot(t, triggersConfig, "OLD", older.URL, "NEW", newer.URL, "WRITES", "auto", "FLOOR", "400ms")
	defer r.traffic()()
	r.eventually("old is known", func() bool { return older.Count() > 60 })
	rolledBack := func(phase cutover.Phase, name cutover.TriggerName, words string) {
		t.Helper()
		r.eventually(fmt.Sprintf("%s rolls back from %s", name, phase), func() bool { return r.machine.State().Phase == cutover.RolledBack })
		newer.misbehave(nil)
		s := r.machine.State()
		if s.Actor != "trigger:"+string(name) || !strings.Contains(s.Reason, words) {
			t.Errorf("from %s: %s: %s", phase, s.Actor, s.Reason)
		}
		r.resume()
	}
	words := map[cutover.TriggerName]string{
		cutover.ErrorRate: "new failed", cutover.ClientErrors: "of new's answers to", cutover.Latency: "99% of new's", cutover.Parity: "old contradicts",
	}
	for _, name := range []cutover.TriggerName{cutover.ErrorRate, cutover.ClientErrors, cutover.Latency, cutover.Parity} {
		mirrored := 0. // so that parity finds nothing in what the others are to find
		if name == cutover.Parity {
			mirrored = 1
		}
		if _, err := r.client.SetMirror(t.Context(), admin.Change{}, mirrored); err != nil {
			t.Fatal(err)
		}
		if _, err := r.client.SetCanary(t.Context(), admin.Change{}, .5); err != nil {
			t.Fatal(err)
		}
		newer.misbehave(faults[name])
		rolledBack(cutover.Canary, name, words[name])
	}
	if _, err := r.client.SetCanary(t.Context(), admin.Change{}, .5); err != nil {
		t.Fatal(err)
	}
	r.eventually("the canary is watched", func() bool { return r.trigger("checks").State == cutover.Armed })
	r.eventually("the check's failures roll back", func() bool { // again and again: its own run, which passes, may come between
		r.checked(aggregate.Result{Name: "items", Verdict: aggregate.Fail, At: time.Now(), Reason: "1 is not 2"})
		r.checked(aggregate.Result{Name: "items", Verdict: aggregate.Inconclusive, At: time.Now()})
		return r.machine.State().Phase == cutover.RolledBack
	})
	rolledBack(cutover.Canary, cutover.Checks, "times in a row, at last: 1 is not 2")
	for _, name := range []cutover.TriggerName{cutover.ErrorRate, cutover.ClientErrors, cutover.Latency} {
		if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
			t.Fatal(err)
		}
		newer.misbehave(faults[name])
		rolledBack(cutover.Live, name, words[name])
	}
	for name, want := range map[string]float64{"error_rate": 2, "client_errors": 2, "latency": 2, "parity": 1, "checks": 1, "operator": 0} {
		if got := r.gauge("paritygate_rollbacks_total", "trigger", name); got != want {
			t.Errorf("%s: %g rollbacks", name, got)
		}
	}
}

// gauge returns the value of a metric with one label.
func (r *running) gauge(name, label, value string) float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label && l.GetValue() == value {
					return m.GetGauge().GetValue() + m.GetCounter().GetValue()
				}
			}
		}
	}
	r.t.Fatalf("no %s{%s=%q}", name, label, value)
	return 0
}

// Where both backends fail alike nothing is rolled back, though no read is mirrored; as soon as old is well again, it is.
func TestNothingIsRolledBackToAnOldThatFailsAlike(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	r := boot(t, triggersConfig, "OLD", older.URL, "NEW", newer.URL, "WRITES", "auto", "FLOOR", "1m", "fraction: 100%", "fraction: 0%")
	if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	older.misbehave(faults[cutover.ErrorRate])
	newer.misbehave(faults[cutover.ErrorRate])
	defer r.traffic()()
	r.eventually("an alert", func() bool {
		if s := r.machine.State(); s.Phase != cutover.Live {
			t.Fatalf("rolled back to an old that fails alike, by %s: %s", s.Actor, s.Reason)
		}
		return r.trigger("error_rate").State == cutover.Firing
	})
	began := time.Now()
	r.eventually("it goes on", func() bool { return time.Since(began) > 500*time.Millisecond })
	s := r.status()
	if s.Phase != cutover.Live || !s.Rollback.Armed || !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "Both backends fail alike") }) {
		t.Errorf("%+v", s)
	}
	r.eventually("one line in the audit log", func() bool { return len(r.eventsOf("alert")) > 0 })
	if alerts := r.eventsOf("alert"); len(alerts) != 1 || alerts[0].Actor != "trigger:error_rate" || !strings.Contains(string(alerts[0].Evidence), `"state":"alike"`) {
		t.Errorf("%+v", alerts)
	}
	if g := r.gauge("paritygate_trigger_firing", "trigger", "error_rate"); g != 1 {
		t.Errorf("firing is %g", g)
	}
	older.misbehave(nil)
	r.eventually("rolled back", func() bool { return r.machine.State().Phase == cutover.RolledBack })
}

// An operator decides in live: triggers tell, when it begins and when it has ended; so do they when there is nothing to judge by. In
// the canary they act all the same.
func TestTriggersThatOnlyTell(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	r := boot(t, triggersConfig, "OLD", older.URL, "NEW", newer.URL, "WRITES", "manual", "FLOOR", "1m")
	stop := r.traffic()
	r.eventually("old is known, its writes too", func() bool { return len(older.written()) > 10 })
	if _, err := r.client.SetCanary(t.Context(), admin.Change{}, .5); err != nil {
		t.Fatal(err)
	}
	newer.misbehave(faults[cutover.ClientErrors])
	r.eventually("rolled back from the canary", func() bool { return r.machine.State().Phase == cutover.RolledBack })
	newer.misbehave(nil)
	r.resume()
	if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	r.eventually("watched", func() bool { return r.trigger("client_errors").State == cutover.Manual })
	if s := r.status(); s.Rollback.Armed || r.trigger("parity").State != cutover.Rests || r.trigger("checks").State != cutover.Rests {
		t.Errorf("%+v", s.Rollback)
	}
	newer.misbehave(faults[cutover.ClientErrors])
	r.eventually("it fires", func() bool {
		return r.trigger("client_errors").State == cutover.Firing && strings.Contains(r.trigger("client_errors").Reason, "An operator decides")
	})
	newer.misbehave(nil)
	r.eventually("it has ended", func() bool { return len(r.eventsOf("alert_ended")) == 1 })
	if alerts := r.eventsOf("alert"); len(alerts) != 1 || r.machine.State().Phase != cutover.Live {
		t.Errorf("%+v", alerts)
	}
	stop()
	r.eventually("nothing to judge by", func() bool { return len(r.eventsOf("alert")) == 4 }) // of error_rate, client_errors and latency
	last := r.eventsOf("alert")[3]
	if r.machine.State().Phase != cutover.Live || !strings.Contains(last.Reason, "cannot judge new: new has answered nobody within 1s") {
		t.Errorf("%+v", last)
	}
	if held := r.triggers.held(); len(held) != 0 {
		t.Errorf("no data is no reason to go back: %q", held)
	}
}

func TestAWindowForgets(t *testing.T) {
	r := rolling[paritySeen]{length: time.Second}
	at, total := time.Unix(0, 0), paritySeen{}
	for i := range 100 {
		total.compared++ // ten a second
		now := at.Add(time.Duration(i) * 100 * time.Millisecond)
		if got, want := r.within(now, total).compared, int64(min(i, 10)); got != want {
			t.Fatalf("after %d: %d within a second, want %d", i, got, want)
		}
	}
	if n := len(r.marks); n > rollingSteps+2 {
		t.Errorf("%d marks", n)
	}
	r.begin(at.Add(time.Minute), total)
	if got := r.within(at.Add(time.Minute), total); got.compared != 0 {
		t.Errorf("%+v after it was begun", got)
	}
}

// What tells a crawler from a fault is old's status for the same requests, which a surge waits for, though not for ever.
func TestASurgeWaitsForPairs(t *testing.T) {
	tr, at := &triggers{holds: map[cutover.TriggerName]time.Time{}}, time.Unix(0, 0)
	waits := func(after time.Duration) bool {
		return tr.awaits(cutover.ClientErrors, cutover.TriggerFinding{}, at.Add(after))
	}
	if !waits(0) || !waits(pairPatience-1) || waits(pairPatience) {
		t.Error("it does not wait as long as it should")
	}
	tr.figures.seen[oldShadows].clients.Paired = probesWanted
	if waits(0) {
		t.Error("it waits for what is there")
	}
}

// A pause of new shows in the window long after it: only what goes on is gone back from.
func TestAPauseIsNoReasonToGoBack(t *testing.T) {
	tr, at := &triggers{holds: map[cutover.TriggerName]time.Time{}}, time.Unix(0, 0)
	tr.limits.latency.Window = 10 * time.Second
	for _, c := range []struct {
		after time.Duration
		past  bool
		waits bool
	}{{0, false, true}, {time.Second - 1, false, true}, {time.Second, true, true}, {9 * time.Second, true, true}, {9 * time.Second, false, false}} {
		if got := tr.awaits(cutover.Latency, cutover.TriggerFinding{State: cutover.Firing, Past: c.past}, at.Add(c.after)); got != c.waits {
			t.Errorf("%+v: waits %t", c, got)
		}
	}
}

func TestABaselineIsKept(t *testing.T) {
	s := seenAnswers{answers: proxy.Answers{Answered: 7, ClientErrors: 2}}
	s.took.Add([]proxy.LatencyCount{{From: 95 * time.Millisecond, Count: 7}})
	back := s.keep().recall()
	if back.answers != s.answers || back.took != s.took {
		t.Errorf("%+v", back)
	}
	if got, err := recall(nil); err != nil || got[0] != nil {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := recall([]byte(`{"reads": 7}`)); err == nil {
		t.Error("a damaged one is taken")
	}
}
