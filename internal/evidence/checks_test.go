package evidence

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
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
		Tolerance: json.RawMessage(`{"relative":0.01}`), Differences: []CheckDifference{{Key: "EUR", Kind: "value", Old: &value}}, Dropped: 7, At: &at, DurationSeconds: 1.5, Reason: "too far",
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
	number := 12345678901234567890.5
	want := []CheckRun{{At: at, Verdict: "pass", Variance: &variance, Old: &number}, {At: at, Verdict: "fail", Variance: &variance, Old: &number}}
	if diff := cmp.Diff(want, history); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if history, err = s.CheckHistory(t.Context(), "tags", 1); err != nil || len(history) != 1 || history[0].Verdict != "fail" {
		t.Errorf("the latest run: %+v, %v", history, err)
	}
	if history, err = s.CheckHistory(t.Context(), "datasets", 10_000); err != nil || len(history) != checkHistory {
		t.Errorf("%d results are kept (%v), want %d", len(history), err, checkHistory)
	}
	if none, err := s.CheckHistory(t.Context(), "none", 10); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

// A store of an earlier version kept a check's runs as whole results alone.
func TestEarlierRunsAreInTheHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const first = 4 // the version that did not know verdict and variance apart
	for v := range len(migrations) {
		if v == first {
			if _, err := db.ExecContext(t.Context(), `INSERT INTO checks (name, at, body) VALUES
				('tags', 1000, '{"name":"tags","verdict":"fail","variance":0.25,"differences":[]}'), ('tags', 2000, '{"name":"tags","verdict":"inconclusive","variance":null}')`); err != nil {
				t.Fatal(err)
			}
		}
		if err := migrateStep(t.Context(), db, v); err != nil {
			t.Fatal(err)
		}
	}
	history, err := (&Store{path: path, read: db}).CheckHistory(t.Context(), "tags", 20)
	variance := 0.25
	want := []CheckRun{{At: time.Unix(0, 1000).UTC(), Verdict: "fail", Variance: &variance}, {At: time.Unix(0, 2000).UTC(), Verdict: "inconclusive"}}
	if diff := cmp.Diff(want, history); diff != "" || err != nil {
		t.Error(diff, err)
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
