package aggregate_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"paritygate/compare/aggregate"
)

// A copy that lags by less than the rechecks last agrees in the end, and one that lost a row does not.
func TestALaggingCopyIsAskedAgain(t *testing.T) {
	server.Run(t, "shop_new", "CREATE TABLE copied AS SELECT i AS id FROM generate_series(1, 9) i")
	asked := 0
	old := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 2 {
			server.Run(t, "shop_new", "INSERT INTO copied VALUES (10)") // the row arrives, perhaps too late for this asking
		}
		_, _ = io.WriteString(w, "10")
	}))
	var reported []aggregate.Result
	r := start(t, aggregate.Options{
		OldEndpoint: old,
		Checks: []aggregate.Check{{
			Name: "copied", Type: aggregate.Count, Old: aggregate.Side{HTTP: &aggregate.HTTP{Path: "/", Value: "$"}}, New: aggregate.Side{Table: "copied"},
		}},
		Recheck: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond},
		Report:  func(result aggregate.Result) { reported = append(reported, result) },
	})
	got := runNow(t, r, "copied", aggregate.Mode{})
	verify(t, got, aggregate.Pass, 0, "Old has 10 rows and new has 10: no difference; they agreed at the ")
	if !got.Lagged || got.Attempts < 2 || !strings.Contains(got.Reason, " asking, after 0.") || got.Duration < 10*time.Millisecond {
		t.Errorf("%+v", got)
	}
	server.Run(t, "shop_new", "DELETE FROM copied WHERE id = 5")
	got = runNow(t, r, "copied", aggregate.Mode{})
	verify(t, got, aggregate.Fail, 0.1, "no difference is allowed")
	if got.Lagged || got.Attempts != 4 || len(reported) != 2 || reported[1].Attempts != 4 {
		t.Errorf("%+v, %d reported", got, len(reported))
	}
	if got = runNow(t, r, "copied", aggregate.Mode{Strict: true}); got.Attempts != 1 || got.Verdict != aggregate.Fail {
		t.Errorf("a strict run: %+v", got)
	}
}
