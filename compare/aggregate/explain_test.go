package aggregate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"paritygate/compare/aggregate"
)

func TestExplain(t *testing.T) {
	server.Run(t, "shop_old", `CREATE TABLE explained AS SELECT i AS id, i % 7 AS kind, now() AS seen FROM generate_series(1, 500) i;
		ALTER TABLE explained ADD PRIMARY KEY (id)`)
	server.Run(t, "shop_new", `CREATE TABLE explained AS SELECT i AS id, i % 7 AS kind, now() AS seen FROM generate_series(1, 500) i;
		ALTER TABLE explained ADD PRIMARY KEY (id)`)
	for _, database := range []string{"shop_old", "shop_new"} {
		server.Run(t, database, "CREATE TABLE counted (id bigserial PRIMARY KEY)")
	}
	both := aggregate.Side{Table: "explained"}
	slow := func() aggregate.Side { return aggregate.Side{SQL: "SELECT id, kind FROM explained, pg_sleep(60)"} }
	counted := both
	counted.Column = "kind"
	tests := []struct {
		check      aggregate.Check
		statements []string // each has these words, old's and new's by turns
	}{
		{aggregate.Check{Type: aggregate.Count, Old: both, New: both}, []string{"SELECT count(*)", "SELECT count(*)"}},
		{scalar("", "SELECT 1 FROM pg_sleep(60)", "SELECT 2 FROM pg_sleep(60)"), []string{"SELECT 1", "SELECT 2"}},
		{scalar("", "SELECT count(*) FROM pg_class", "SELECT 2"), []string{"FROM pg_class", "SELECT 2"}},
		{aggregate.Check{Type: aggregate.Ratio, Old: slow(), New: slow()}, []string{"pg_sleep", "pg_sleep"}},
		{aggregate.Check{Type: aggregate.Top, Old: slow(), New: slow()}, []string{"pg_sleep", "pg_sleep"}},
		{aggregate.Check{Type: aggregate.Rows, Old: slow(), New: slow()}, []string{"pg_sleep", "pg_sleep"}},
		{aggregate.Check{Type: aggregate.Distribution, Old: counted, New: counted}, []string{"GROUP BY", "GROUP BY"}},
		{aggregate.Check{Type: aggregate.Checksum, Old: both, New: both}, []string{"ORDER BY", "sum(", "sum("}},
		{aggregate.Check{Type: aggregate.Schema}, nil},
		{
			aggregate.Check{Type: aggregate.Sequences, Tables: []string{"counted"}},
			[]string{"max(", "max(", "last_value"},
		},
		{
			aggregate.Check{Type: aggregate.Count, Old: both, New: both, Settled: &aggregate.Settled{Column: "seen", Lag: time.Minute}},
			[]string{"<= timestamptz '2", "<= timestamptz '2"},
		},
		{web(aggregate.Count, "$.n", "SELECT count(*) FROM explained"), []string{"FROM explained"}},
	}
	for _, test := range tests {
		t.Run(string(test.check.Type), func(t *testing.T) {
			test.check.Name = "a"
			r := start(t, aggregate.Options{OldEndpoint: serve(t, 500, ""), Checks: []aggregate.Check{test.check}})
			got, err := r.Explain(t.Context(), nil)
			if err != nil || len(got) != 1 || got[0].Problem != "" || len(got[0].Statements) != len(test.statements) {
				t.Fatalf("%+v, %v", got, err)
			}
			for i, s := range got[0].Statements {
				if !strings.Contains(s.SQL, test.statements[i]) || s.Cost <= 0 || len(s.Plan) == 0 || !strings.Contains(s.Plan[0], "cost=") {
					t.Errorf("%d: %+v", i, s)
				}
			}
		})
	}
}

func TestExplainSaysWhatCannotBePlanned(t *testing.T) {
	dear := scalar("dear", "SELECT count(*) FROM mart_performance_metrics", "SELECT 25000")
	dear.MaxCost = 10
	r := start(t, aggregate.Options{Checks: []aggregate.Check{scalar("bad", "SELECT count(*) FROM nowhere", "SELECT 1"), dear}})
	got, err := r.Explain(t.Context(), nil)
	if err != nil || len(got) != 2 || !strings.Contains(got[0].Problem, `relation "nowhere" does not exist`) {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, s := range got[1].Statements {
		if refused := s.Refused(got[1].Check); (s.Side == "old") != (refused == "more than the 10 allowed (max_cost)") {
			t.Errorf("%s: %q", s.Side, refused)
		}
	}
	var unknown *aggregate.UnknownCheckError
	if _, err := r.Explain(t.Context(), []string{"none"}); !errors.As(err, &unknown) {
		t.Error(err)
	}
	r.Close()
	if _, err := r.Explain(t.Context(), nil); !errors.Is(err, aggregate.ErrClosed) {
		t.Error(err)
	}
}

func TestMaxCostLetsACheckSeeWhatThereIs(t *testing.T) {
	for _, dsn := range []string{"shop_old", "shop_new"} {
		server.Run(t, dsn, `CREATE TABLE dear AS SELECT i AS id, repeat('x', 200) AS text FROM generate_series(1, 3000) i;
			ALTER TABLE dear ADD PRIMARY KEY (id); ANALYZE dear`)
	}
	check := aggregate.Check{Name: "a", Type: aggregate.Checksum, Old: aggregate.Side{Table: "dear"}, New: aggregate.Side{Table: "dear"}, MaxCost: 0.001}
	r := start(t, aggregate.Options{Checks: []aggregate.Check{check}})
	got := runNow(t, r, "a", aggregate.Mode{})
	verify(t, got, aggregate.Inconclusive, -1, "ask old: the statement costs ")
	// What is looked up in the catalogs costs more than that as well, and is not refused.
	schema := aggregate.Check{Name: "a", Type: aggregate.Schema, Tables: []string{"dear"}, MaxCost: 0.001}
	r = start(t, aggregate.Options{Checks: []aggregate.Check{schema}})
	verify(t, runNow(t, r, "a", aggregate.Mode{}), aggregate.Pass, 0, "")
	check.MaxCost = 1e6
	r = start(t, aggregate.Options{Checks: []aggregate.Check{check}})
	verify(t, runNow(t, r, "a", aggregate.Mode{}), aggregate.Pass, 0, "")
}
