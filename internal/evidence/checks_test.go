package evidence

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestChecks(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	variance, value := 0.25, "12345678901234567890.5"
	at := c.Now().Add(1500 * time.Microsecond)
	full := CheckResult{
		Name: "tags", Type: "scalar", Verdict: "fail", Variance: &variance, Old: &value, New: nil,
		Tolerance: json.RawMessage(`{"relative":0.01}`), Differences: json.RawMessage(`[]`), At: &at, DurationSeconds: 1.5, Reason: "too far",
	}
	for range checkHistory + 20 {
		if err := s.SaveCheck(t.Context(), CheckResult{Name: "datasets", Verdict: "pass"}); err != nil {
			t.Fatal(err)
		}
	}
	early := full
	early.Verdict = "pass"
	for _, r := range []CheckResult{early, full} {
		if err := s.SaveCheck(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s)
	latest, err := s.Checks(t.Context())
	if err != nil || len(latest) != 2 || latest[0].Name != "datasets" {
		t.Fatalf("%+v, %v", latest, err)
	}
	if diff := cmp.Diff(full, latest[1], cmp.Transformer("raw", func(r json.RawMessage) string {
		if r == nil {
			return "null"
		}
		return string(r)
	})); diff != "" {
		t.Error(diff)
	}
	if latest[0].At == nil || !latest[0].At.Equal(c.Now()) {
		t.Errorf("a result without a time is of %v", latest[0].At)
	}
	history, err := s.CheckHistory(t.Context(), "tags", 10)
	if err != nil || len(history) != 2 || history[0].Verdict != "fail" || history[1].Verdict != "pass" {
		t.Errorf("%+v, %v", history, err)
	}
	if history, err = s.CheckHistory(t.Context(), "datasets", 10_000); err != nil || len(history) != checkHistory {
		t.Errorf("%d results are kept (%v), want %d", len(history), err, checkHistory)
	}
	if none, err := s.CheckHistory(t.Context(), "none", 10); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

func TestAttestations(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	for _, a := range []Attestation{
		{Name: "backup-2", Actor: "bob", Evidence: "s3://b"},
		{Name: "backup-1", Actor: "alice", Evidence: "first"},
		{Name: "backup-1", Actor: "alice", Evidence: "again", Time: c.Now().Add(time.Hour)},
	} {
		if err := s.Attest(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s)
	got, err := s.Attestations(t.Context())
	want := []Attestation{
		{Name: "backup-1", Actor: "alice", Evidence: "again", Time: c.Now().Add(time.Hour)},
		{Name: "backup-2", Actor: "bob", Evidence: "s3://b", Time: c.Now()},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
