package aggregate_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"paritygate/compare/aggregate"
)

// scalar is a check of two statements.
func scalar(name, old, new string) aggregate.Check {
	return aggregate.Check{Name: name, Type: aggregate.Scalar, Old: aggregate.Side{SQL: old}, New: aggregate.Side{SQL: new}}
}

// start makes a runner on the shared databases.
func start(t *testing.T, o aggregate.Options) *aggregate.Runner {
	t.Helper()
	if o.Old.DSN == "" {
		o.Old.DSN = oldDSN
	}
	if o.New.DSN == "" {
		o.New.DSN = newDSN
	}
	r, err := aggregate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// runNow runs a check that must exist.
func runNow(t *testing.T, r *aggregate.Runner, name string, mode aggregate.Mode) aggregate.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	result, err := r.RunNow(ctx, name, mode)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// show is a value of a result, <nil> for none.
func show(s *string) string {
	if s == nil {
		return "<nil>"
	}
	return *s
}

func TestCount(t *testing.T) {
	table := func(old, new string) aggregate.Check {
		return aggregate.Check{Name: "rows", Type: aggregate.Count, Old: aggregate.Side{Table: old}, New: aggregate.Side{Table: new}}
	}
	renamed := table("mart_performance_metrics", `Perf."Data.Set"`)
	tests := []struct {
		name      string
		check     aggregate.Check
		tolerance aggregate.Tolerance
		strict    bool
		verdict   aggregate.Verdict
		variance  float64 // -1: none
		reason    string
	}{
		{
			"renamed, within 1 %", renamed,
			aggregate.Tolerance{Relative: "0.01"},
			false, aggregate.Pass, 0.004,
			"Old has 25,000 rows and new has 24,900: they differ by 100 (0.4 %), within the 250 allowed.",
		},
		{"just at the border", renamed, aggregate.Tolerance{Relative: "0.004"}, false, aggregate.Pass, 0.004, "within the 100 allowed"},
		{
			"just over it", renamed,
			aggregate.Tolerance{Relative: "0.00399999"},
			false, aggregate.Fail, 0.004,
			"they differ by 100 (0.4 %), more than the 99.99975 allowed.",
		},
		{"absolute, at the border", renamed, aggregate.Tolerance{Absolute: "100"}, false, aggregate.Pass, 0.004, "within"},
		{"absolute, just over it", renamed, aggregate.Tolerance{Absolute: "99.9"}, false, aggregate.Fail, 0.004, "more than the 99.9 allowed"},
		{"the larger of the two", renamed, aggregate.Tolerance{Relative: "0.001", Absolute: "100"}, false, aggregate.Pass, 0.004, "within"},
		{"the larger is the relative one", renamed, aggregate.Tolerance{Relative: "0.01", Absolute: "1"}, false, aggregate.Pass, 0.004, "within the 250 allowed"},
		{"strict", renamed, aggregate.Tolerance{Relative: "1"}, true, aggregate.Fail, 0.004, "no difference is allowed"},
		{"no tolerance", renamed, aggregate.Tolerance{}, false, aggregate.Fail, 0.004, "no difference is allowed"},
		{"both empty", table("nothing", `"we""ird"`), aggregate.Tolerance{}, false, aggregate.Inconclusive, -1, "Both sides are empty"},
		{
			"one empty", table("mart_performance_metrics", `"we""ird"`),
			aggregate.Tolerance{Relative: "0.5"},
			false, aggregate.Fail, 1,
			"Old has 25,000 rows and new has 0",
		},
		{"the same", table("mart_performance_metrics", ""), aggregate.Tolerance{}, false, aggregate.Pass, 0, "no difference."},
		{
			"no such table", table("missing", `Perf."Data.Set"`),
			aggregate.Tolerance{},
			false, aggregate.Inconclusive, -1,
			`ask old: relation "missing" does not exist (SQLSTATE 42P01)`,
		},
		{
			"case counts", table("mart_performance_metrics", `perf."Data.Set"`),
			aggregate.Tolerance{},
			false, aggregate.Inconclusive, -1,
			`ask new: relation "perf.Data.Set" does not exist`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.check.Tolerance = test.tolerance
			if test.check.New.Table == "" {
				test.check.New.SQL = "SELECT 25000"
			}
			r := start(t, aggregate.Options{Checks: []aggregate.Check{test.check}})
			got := runNow(t, r, "rows", aggregate.Mode{Strict: test.strict})
			verify(t, got, test.verdict, test.variance, test.reason)
		})
	}
}

func verify(t *testing.T, got aggregate.Result, verdict aggregate.Verdict, variance float64, reason string) {
	t.Helper()
	if got.Verdict != verdict || !strings.Contains(got.Reason, reason) {
		t.Errorf("%s: %s\nwant %s: %s", got.Verdict, got.Reason, verdict, reason)
	}
	switch {
	case got.Variance == nil && variance >= 0:
		t.Errorf("no variance, want %v", variance)
	case got.Variance != nil && *got.Variance != variance:
		t.Errorf("variance %v, want %v", *got.Variance, variance)
	}
	if (got.Verdict == aggregate.Fail) != (len(got.Differences) == 1) {
		t.Errorf("%s with differences %v", got.Verdict, got.Differences)
	}
	if got.At.IsZero() || got.Duration <= 0 {
		t.Errorf("at %v, for %v", got.At, got.Duration)
	}
}

func TestScalar(t *testing.T) {
	tests := []struct {
		name      string
		old, new  string
		tolerance aggregate.Tolerance
		verdict   aggregate.Verdict
		variance  float64
		reason    string
	}{
		{
			"a sum over other scales", "SELECT sum(amount) FROM mart_performance_metrics WHERE id <= 24900", `SELECT sum(value) FROM "Perf"."Data.Set"`,
			aggregate.Tolerance{},
			aggregate.Pass, 0, "no difference",
		},
		{"a cent", "SELECT 100000.00", "SELECT 100000.01", aggregate.Tolerance{}, aggregate.Fail, 0.01 / 100000.01, "differ by 0.01 (less than 0.001 %)"},
		{"decimals are exact", "SELECT 0.1 + 0.2", "SELECT 0.3", aggregate.Tolerance{}, aggregate.Pass, 0, ""},
		{
			"a double is not", "SELECT 0.1::float8 + 0.2::float8", "SELECT 0.3",
			aggregate.Tolerance{},
			aggregate.Fail, 4e-17 / 0.30000000000000004,
			"Old gave 0.30000000000000004",
		},
		{
			"unless allowed", "SELECT 0.1::float8 + 0.2::float8", "SELECT 0.3::float8",
			aggregate.Tolerance{Relative: "0.000000001"},
			aggregate.Pass,
			4e-17 / 0.30000000000000004, "within",
		},
		{
			"2^53+1", "SELECT 9007199254740993::bigint", "SELECT 9007199254740992::numeric",
			aggregate.Tolerance{},
			aggregate.Fail,
			1.0 / 9007199254740993, "9,007,199,254,740,993",
		},
		{"40 digits", "SELECT 1e40::numeric", "SELECT 1e40::numeric + 1e-20", aggregate.Tolerance{}, aggregate.Fail, 1e-60, "differ by 0.00000000000000000001"},
		{"a double with an exponent", "SELECT 1e300::float8", "SELECT 1e300::numeric", aggregate.Tolerance{}, aggregate.Pass, 0, ""},
		{"other signs", "SELECT -5", "SELECT 5", aggregate.Tolerance{Relative: "1"}, aggregate.Fail, 2, "they differ by 10"},
		{"zero and zero", "SELECT 0", "SELECT 0.00", aggregate.Tolerance{}, aggregate.Pass, 0, ""},
		{"zero and one", "SELECT 0", "SELECT 1", aggregate.Tolerance{Relative: "0.99"}, aggregate.Fail, 1, ""},
		{"NULL and NULL", "SELECT NULL::int", "SELECT NULL::int", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "no value (NULL)"},
		{
			"NULL and 0", "SELECT NULL::int", "SELECT 0",
			aggregate.Tolerance{Relative: "1", Absolute: "10"},
			aggregate.Fail, 1,
			"Old gave no value (NULL) and new gave 0.",
		},
		{"empty text and NULL", "SELECT ''", "SELECT NULL::text", aggregate.Tolerance{}, aggregate.Fail, 1, "Old gave an empty text and new gave no value"},
		{"no row is NULL", "SELECT 1 WHERE false", "SELECT 1", aggregate.Tolerance{}, aggregate.Fail, 1, "no value (NULL)"},
		{"NaN and NaN", "SELECT 'NaN'::numeric", "SELECT 'NaN'::float8", aggregate.Tolerance{Relative: "1"}, aggregate.Inconclusive, -1, "Both databases gave NaN"},
		{"NaN and 1", "SELECT 'NaN'::numeric", "SELECT 1", aggregate.Tolerance{Relative: "1", Absolute: "9"}, aggregate.Fail, 1, "Old gave NaN and new gave 1."},
		{"infinite and infinite", "SELECT 'Infinity'::float8", "SELECT 'Infinity'::numeric", aggregate.Tolerance{Relative: "1"}, aggregate.Inconclusive, -1, "Infinity"},
		{"infinite and not", "SELECT 5", "SELECT '-Infinity'::numeric", aggregate.Tolerance{Relative: "1"}, aggregate.Fail, 1, "-Infinity"},
		{"texts", "SELECT 'Größe'", "SELECT 'Größe'::varchar(10)", aggregate.Tolerance{}, aggregate.Pass, 0, `"Größe"`},
		{"other texts", "SELECT 'a'", "SELECT 'a '", aggregate.Tolerance{Relative: "1", Absolute: "5"}, aggregate.Fail, 1, `Old gave "a" and new gave "a ".`},
		{
			"timestamps in UTC", "SELECT max(seen) FROM mart_performance_metrics WHERE id <= 24900", `SELECT max(at) FROM "Perf"."Data.Set"`,
			aggregate.Tolerance{},
			aggregate.Pass, 0, "2026-01-01 06:55:00+00",
		},
		{"a date", "SELECT date '2026-02-01'", "SELECT date '2026-02-01'", aggregate.Tolerance{}, aggregate.Pass, 0, "2026-02-01"},
		{"an interval", "SELECT interval '1 day 2 hours'", "SELECT interval '1 day 2 hours'", aggregate.Tolerance{}, aggregate.Pass, 0, "P1DT2H"},
		{"a double with all its digits", "SELECT 0.1234567890123456::float8", "SELECT 0.1234567890123456::float8", aggregate.Tolerance{}, aggregate.Pass, 0, ""},
		{"bytes", `SELECT '\x00ff'::bytea`, `SELECT '\x00ff'::bytea`, aggregate.Tolerance{}, aggregate.Pass, 0, `\x00ff`},
		{
			"a microsecond", "SELECT timestamptz '2026-01-01 00:00:00.000001Z'", "SELECT timestamptz '2026-01-01 00:00:00Z'",
			aggregate.Tolerance{},
			aggregate.Fail, 1, "00:00:00.000001+00",
		},
		{"a timestamp without a zone", "SELECT timestamp '2026-01-01 10:00'", "SELECT timestamptz '2026-01-01 12:00+02'", aggregate.Tolerance{}, aggregate.Pass, 0, "which are the same."},
		{"a date and its midnight", "SELECT date '2026-01-01'", "SELECT timestamptz '2026-01-01 00:00:01Z'", aggregate.Tolerance{}, aggregate.Fail, 1, `new gave "2026-01-01 00:00:01+00".`},
		{"a boolean and a text", "SELECT true", "SELECT 'TRUE'", aggregate.Tolerance{}, aggregate.Pass, 0, "which are the same."},
		{"a boolean and a number", "SELECT 1", "SELECT bool_and(true)", aggregate.Tolerance{}, aggregate.Pass, 0, "which are the same."},
		{"a uuid and a text", "SELECT 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", aggregate.Tolerance{}, aggregate.Pass, 0, "which are the same."},
		{"padding", "SELECT 'a'::char(9)", "SELECT 'a'::text", aggregate.Tolerance{}, aggregate.Pass, 0, "which are the same."},
		{"documents", `SELECT '{"a": 1, "b": 2}'::json`, `SELECT '{"b": 2.0, "a": 1}'::jsonb`, aggregate.Tolerance{}, aggregate.Pass, 0, "which are the same."},
		{"other documents", `SELECT '{"a": {"b": 2}}'::json`, `SELECT '{"a": {"b": 3}}'::jsonb`, aggregate.Tolerance{Relative: "1"}, aggregate.Fail, 1, "they differ at $.a.b, 2 in old and 3 in new."},
		{"money", "SELECT '1,000.50'::money", "SELECT 1000.51", aggregate.Tolerance{Absolute: "0.01"}, aggregate.Pass, 0.01 / 1000.51, "within what is allowed"},
		{"arrays", "SELECT ARRAY[1.0, 2]", "SELECT ARRAY[1, 2]", aggregate.Tolerance{}, aggregate.Pass, 0, "which are the same."},
		{"types that nobody can compare", "SELECT now()", "SELECT true", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "timestamptz in old and bool in new cannot be compared; cast one"},
		{"a number and a text", "SELECT 5", "SELECT '5'::text", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "cast one of them"},
		{"two rows", "SELECT 1 UNION ALL SELECT 1", "SELECT 1", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "old: the statement must give one row with one column: there is more than one row"},
		{"a million rows", "SELECT 1", "SELECT generate_series(1, 1000000)", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "new: the statement must give one row"},
		{"two columns", "SELECT 1, 2", "SELECT 1", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "it gives 2 columns"},
		{"a division by zero", "SELECT 1", "SELECT 1/0", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "ask new: division by zero (SQLSTATE 22012)"},
		{"both wrong", "SELECT 1/0", "SELECT oops", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "could not be measured"},
		{"a huge value", "SELECT repeat('x', 17000000)", "SELECT 'x'", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "ask old: it gives a row of more than 16 MiB"},
		{"two statements", "SELECT 1; DROP TABLE nothing", "SELECT 1", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "(SQLSTATE 42601)"},
		{"a write", "SELECT 1", "SELECT nextval('counter')", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "checks are read-only"},
		{"a write in a WITH", "WITH x AS (DELETE FROM nothing RETURNING 1) SELECT count(*) FROM x", "SELECT 0", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "(SQLSTATE 25006)"},
		{"a way out of read-only", "SELECT set_config('transaction_read_only', 'off', false)", "SELECT 'off'", aggregate.Tolerance{}, aggregate.Inconclusive, -1, "ask old"},
	}
	checks := make([]aggregate.Check, len(tests))
	for i, test := range tests {
		checks[i] = scalar(test.name, test.old, test.new)
		checks[i].Tolerance = test.tolerance
	}
	r := start(t, aggregate.Options{Checks: checks})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := runNow(t, r, test.name, aggregate.Mode{})
			want := test.variance
			if got.Variance != nil && math.Abs(*got.Variance-want) <= want*1e-9 {
				want = *got.Variance // written with fewer digits above
			}
			verify(t, got, test.verdict, want, test.reason)
		})
	}
}

func TestResultHoldsBothValues(t *testing.T) {
	r := start(t, aggregate.Options{Checks: []aggregate.Check{
		scalar("numbers", "SELECT 1.50", "SELECT NULL::int"),
		scalar("long", "SELECT repeat('ä', 500)", "SELECT repeat('ä', 500) || 'b'"),
	}})
	got := runNow(t, r, "numbers", aggregate.Mode{})
	if show(got.Old) != "1.50" || got.New != nil || got.Name != "numbers" || got.Type != aggregate.Scalar {
		t.Errorf("%+v", got)
	}
	if d := got.Differences[0]; show(d.Old) != "1.50" || d.New != nil || d.Kind != "missing" || *d.Variance != 1 {
		t.Errorf("%+v", d)
	}
	got = runNow(t, r, "long", aggregate.Mode{})
	if old := show(got.Old); got.Verdict != aggregate.Fail || len(old) > 256 || !strings.HasSuffix(old, "ä…") {
		t.Errorf("%s, %d bytes: %s", got.Verdict, len(old), old)
	}
}

func TestRunAll(t *testing.T) {
	a, b, c := scalar("a", "SELECT 1", "SELECT 1"), scalar("b", "SELECT 1", "SELECT 2"), scalar("c", "SELECT 1", "SELECT NULL::int WHERE false")
	a.Strict, b.Strict, b.Tolerance = true, true, aggregate.Tolerance{Relative: "0.5"}
	r := start(t, aggregate.Options{Checks: []aggregate.Check{a, b, c}})
	tests := []struct {
		name  string
		names []string
		mode  aggregate.Mode
		want  string
		worst aggregate.Verdict
	}{
		{"all", nil, aggregate.Mode{}, "a pass, b pass, c fail", aggregate.Fail},
		{"strict ones", nil, aggregate.Mode{Strict: true}, "a pass, b fail", aggregate.Fail},
		{"named", []string{"b", "a"}, aggregate.Mode{}, "b pass, a pass", aggregate.Pass},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			results, err := r.RunAll(t.Context(), test.names, test.mode)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, result := range results {
				got = append(got, result.Name+" "+string(result.Verdict))
			}
			if strings.Join(got, ", ") != test.want || aggregate.Worst(results) != test.worst {
				t.Errorf("%v, worst %s", got, aggregate.Worst(results))
			}
		})
	}
	_, err := r.RunAll(t.Context(), []string{"a", "x"}, aggregate.Mode{})
	var unknown *aggregate.UnknownCheckError
	if !errors.As(err, &unknown) || unknown.Name != "x" {
		t.Errorf("error %v", err)
	}
	if _, err := r.RunNow(t.Context(), "y", aggregate.Mode{}); !errors.As(err, &unknown) || unknown.Name != "y" {
		t.Errorf("error %v", err)
	}
}

func TestWorst(t *testing.T) {
	result := func(v aggregate.Verdict) aggregate.Result { return aggregate.Result{Verdict: v} }
	if got := aggregate.Worst([]aggregate.Result{result("pass"), result("inconclusive")}); got != aggregate.Inconclusive {
		t.Error(got)
	}
	if got := aggregate.Worst([]aggregate.Result{result("inconclusive"), result("fail"), result("pass")}); got != aggregate.Fail {
		t.Error(got)
	}
	if got := aggregate.Worst(nil); got != aggregate.Inconclusive {
		t.Error("nothing measured is", got)
	}
}
