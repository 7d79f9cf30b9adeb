package aggregate_test

import (
	"strings"
	"testing"
	"time"

	"paritygate/compare/aggregate"
)

func TestSettled(t *testing.T) {
	// New is a copy that is a few seconds behind: two rows of old's last minute are not there yet. Seconds without zone are
	// meant in UTC, whatever the database's own zone, and a row without a time is as old as can be.
	server.Run(t, "shop_old", `CREATE TABLE settling (id int, updated_at timestamptz);
		INSERT INTO settling SELECT i, now() - i * interval '1 hour' FROM generate_series(1, 98) i;
		INSERT INTO settling VALUES (101, NULL), (102, now()), (103, now() - interval '5 seconds')`)
	server.Run(t, "shop_new", `CREATE TABLE settling (id int, "Changed At" timestamp);
		INSERT INTO settling SELECT i, (now() AT TIME ZONE 'UTC') - i * interval '1 hour' FROM generate_series(1, 98) i;
		INSERT INTO settling VALUES (101, NULL)`)
	tables := aggregate.Check{
		Name: "a", Type: aggregate.Count, Old: aggregate.Side{Table: "settling"}, New: aggregate.Side{Table: "settling"},
		Columns: []aggregate.Column{{Old: "updated_at", New: "Changed At"}},
	}
	statements := scalar("a", "SELECT count(*) FROM settling WHERE updated_at <= {settled}",
		`SELECT count(*) FROM settling WHERE "Changed At" <= {settled} AND {settled} < now()`)
	mixed := tables
	mixed.New = aggregate.Side{SQL: `SELECT count(*) + 1 FROM settling WHERE "Changed At" <= {settled}`}
	buckets := tables
	buckets.Type, buckets.Old.Column, buckets.New.Column = aggregate.Distribution, "id", "id"
	window := &aggregate.Settled{Column: "updated_at", Lag: time.Minute}
	tests := []struct {
		name    string
		check   aggregate.Check
		settled *aggregate.Settled
		strict  bool
		verdict aggregate.Verdict
		reason  string
	}{
		{"tables", tables, window, false, aggregate.Pass, "Old has 99 rows and new has 99: no difference."},
		{"without it", tables, nil, false, aggregate.Fail, "Old has 101 rows and new has 99"},
		{"strict sees all", tables, window, true, aggregate.Fail, "Old has 101 rows and new has 99"},
		{"a longer lag", tables, &aggregate.Settled{Column: "updated_at", Lag: 90 * time.Minute}, false, aggregate.Pass, "Old has 98 rows and new has 98"},
		{"statements", statements, window, false, aggregate.Pass, "Old gave 98 and new gave 98"},
		{"a table and a statement", mixed, window, false, aggregate.Pass, "Old has 99 rows and new has 99"},
		{"a distribution", buckets, window, false, aggregate.Pass, ""},
		{"a distribution without it", buckets, nil, false, aggregate.Fail, ""},
		{"no such column", tables, &aggregate.Settled{Column: "seen", Lag: time.Minute}, false, aggregate.Inconclusive, `column "seen" does not exist`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.check.Settled = test.settled
			r := start(t, aggregate.Options{Checks: []aggregate.Check{test.check}})
			got := runNow(t, r, "a", aggregate.Mode{Strict: test.strict})
			if got.Verdict != test.verdict || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("%s: %s", got.Verdict, got.Reason)
			}
		})
	}
}

func TestSettledIsRefusedAtLoad(t *testing.T) {
	tests := []struct {
		name    string
		check   aggregate.Check
		settled aggregate.Settled
		want    string
	}{
		{
			"no placeholder", scalar("a", "SELECT 1 WHERE {settled} > now()", "SELECT 1"),
			aggregate.Settled{Lag: time.Minute},
			"new: sql: must have {settled}",
		},
		{
			"no lag", scalar("a", "SELECT {settled}", "SELECT {settled}"),
			aggregate.Settled{Column: "a"},
			"settled.lag: must be above 0",
		},
		{
			"no column",
			aggregate.Check{Name: "a", Type: aggregate.Count, Old: aggregate.Side{Table: "a"}, New: aggregate.Side{Table: "b"}},
			aggregate.Settled{Lag: time.Minute},
			"settled.column: is needed",
		},
		{
			"a name that is cut", scalar("a", "SELECT {settled}", "SELECT {settled}"),
			aggregate.Settled{Lag: time.Minute, Column: strings.Repeat("x", 64)},
			"longer than PostgreSQL's 63 bytes",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.check.Settled = &test.settled
			if err := test.check.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
