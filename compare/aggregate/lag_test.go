package aggregate_test

import (
	"strings"
	"testing"
	"time"

	"paritygate/compare/aggregate"
)

func TestLag(t *testing.T) {
	tests := []struct {
		name, sql string
		most      time.Duration
		reason    string // empty: a pass
	}{
		{"none is asked", "", 0, ""},
		{"seconds", "SELECT 4.9", 5 * time.Second, ""},
		{"at the limit", "SELECT 5", 5 * time.Second, ""},
		{"seconds above", "SELECT 12.54", 5 * time.Second, "new is 12.5 s behind, more than the 5 s allowed (databases.new.lag.max)."},
		{"a float", "SELECT 0.25::float8", 250 * time.Millisecond, ""},
		{"an interval", "SELECT interval '4 seconds 900 milliseconds'", 5 * time.Second, ""},
		{"an interval above", "SELECT interval '1 hour 0.5 seconds'", time.Hour, "new is 3,600.5 s behind, more than the 3,600 s allowed"},
		{"days and months", "SELECT interval '1 year 2 months 3 days 4 hours 5 minutes 6.7 seconds'", time.Hour, "new is 37,015,506.7 s behind"},
		{"a clock that is ahead", "SELECT interval '-3 seconds'", time.Second, ""},
		{"mixed signs", "SELECT interval '1 minute -30 seconds'", 30 * time.Second, ""},
		{"of a primary", "SELECT now() - pg_last_xact_replay_timestamp()", time.Second, "the lag of new is not known: its query gave NULL."},
		{"no row", "SELECT 1 WHERE false", time.Second, "its query gave NULL"},
		{"a text", "SELECT '3'", time.Second, `its query gave "3", which is neither seconds nor an interval`},
		{"NaN", "SELECT 'NaN'::numeric", time.Second, "its query gave NaN, which is neither"},
		{"two columns", "SELECT 1, 2", time.Second, "one row with one column"},
		{"an error", "SELECT 1/0", time.Second, "the lag of new is not known: ask new: division by zero"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, aggregate.Options{
				New:    aggregate.Database{Lag: aggregate.Lag{SQL: test.sql, Max: test.most}},
				Checks: []aggregate.Check{scalar("a", "SELECT 1", "SELECT 1")},
			})
			got := runNow(t, r, "a", aggregate.Mode{})
			if test.reason == "" {
				verify(t, got, aggregate.Pass, 0, "")
				return
			}
			verify(t, got, aggregate.Inconclusive, -1, test.reason)
		})
	}
}

func TestLagIsAskedInTheTransactionOfTheCheck(t *testing.T) {
	r := start(t, aggregate.Options{
		Old: aggregate.Database{Lag: aggregate.Lag{
			SQL: "SELECT CASE current_setting('transaction_isolation') WHEN 'repeatable read' THEN 0 ELSE 1000 END", Max: time.Second,
		}},
		Checks: []aggregate.Check{scalar("a", "SELECT 1", "SELECT 1")},
	})
	verify(t, runNow(t, r, "a", aggregate.Mode{}), aggregate.Pass, 0, "")
}

func TestLagIsRefusedAtLoad(t *testing.T) {
	for sql, most := range map[string]time.Duration{"SELECT 1": 0, "DELETE FROM a": time.Second} {
		o := aggregate.Options{Old: aggregate.Database{DSN: oldDSN, Lag: aggregate.Lag{SQL: sql, Max: most}}}
		if _, err := aggregate.New(o); err == nil || !strings.Contains(err.Error(), "old database: lag.") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestMaxCost(t *testing.T) {
	rows := aggregate.Check{
		Name: "a", Type: aggregate.Count, Old: aggregate.Side{Table: "mart_performance_metrics"}, New: aggregate.Side{SQL: "SELECT 25000"},
	}
	tests := []struct {
		name   string
		most   float64
		reason string
	}{
		{"no limit", 0, ""},
		{"enough", 1e6, ""},
		{"more than that", 10.5, "more than the 10.5 allowed (max_cost)."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows.MaxCost = test.most
			r := start(t, aggregate.Options{Checks: []aggregate.Check{rows}})
			got := runNow(t, r, "a", aggregate.Mode{})
			if test.reason == "" {
				verify(t, got, aggregate.Pass, 0, "")
				return
			}
			verify(t, got, aggregate.Inconclusive, -1, test.reason)
			if !strings.Contains(got.Reason, "ask old: the statement costs ") {
				t.Error(got.Reason)
			}
		})
	}
}
