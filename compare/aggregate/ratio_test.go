package aggregate_test

import (
	"strings"
	"testing"

	"paritygate/compare/aggregate"
)

func TestRatio(t *testing.T) {
	onePercent := aggregate.Tolerance{Relative: "0.01"}
	tests := []struct {
		name      string
		old, new  string // what is selected
		tolerance aggregate.Tolerance
		strict    bool
		verdict   aggregate.Verdict
		variance  float64 // -1: none
		differing string  // keys of the differences
		reason    string
	}{
		{"the same", "980, 1000", "980.0, 1000::numeric(9,2)", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "Both sides have 980/1000 = 0.98: no difference."},
		{"thirds", "1, 3", "1, 3", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "1/3 = 0.3333333333"},
		{
			"both halves off alike", "980, 1000", "490, 500", onePercent, false, aggregate.Fail, 0.5, "denominator numerator",
			"Differing by more than is allowed: the denominator, where old has 1,000 and new has 500 (500 apart, 50 %), and the numerator, where old has 980 and new has 490 (490 apart, 50 %).",
		},
		{"at the border", "990, 1000", "1000, 1000", onePercent, false, aggregate.Pass, 0.01, "", "what differs most is the numerator (10 apart, 1 %), within the 10 allowed."},
		{
			"each half within, the ratio not", "1000, 991", "991, 1000", onePercent, false, aggregate.Fail,
			1 - 0.991*0.991, "ratio", "the ratio, where old has 1.009081736 and new has 0.991",
		},
		{"strict", "990, 1000", "1000, 1000", onePercent, true, aggregate.Fail, 0.01, "numerator ratio", "the numerator"},
		{"0 below on both", "5, 0", "5, 0", onePercent, false, aggregate.Inconclusive, -1, "", "The denominator is 0 on both sides, so there is no ratio to compare."},
		{"0 below on both, the halves above differ", "5, 0", "9, 0", onePercent, false, aggregate.Fail, 4.0 / 9, "numerator", "the numerator, where old has 5 and new has 9"},
		{"0 below in new", "5, 10", "5, 0", aggregate.Tolerance{Relative: "1", Absolute: "100"}, false, aggregate.Fail, 1, "denominator", "old has 10 and new has 0"},
		{"0 below in old", "5, 0.0", "5, 10", aggregate.Tolerance{Relative: "1", Absolute: "100"}, false, aggregate.Fail, 1, "denominator", "old has 0.0 and new has 10"},
		{"nothing is covered", "0, 10", "0, 10", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "0/10 = 0"},
		{"covered in one", "0, 10", "1, 10", onePercent, false, aggregate.Fail, 1, "numerator ratio", "old has 0 and new has 1"},
		{"NULL in one", "5, 10", "NULL::int, 10", aggregate.Tolerance{Absolute: "100"}, false, aggregate.Fail, 1, "numerator", "new has NULL"},
		{"NULL in both", "NULL::int, 10", "NULL::int, 10", onePercent, false, aggregate.Inconclusive, -1, "", "The numerator is NULL on both sides."},
		{"no row", "1, 1 WHERE false", "1, 1 WHERE false", onePercent, false, aggregate.Inconclusive, -1, "", "NULL on both sides"},
		{"no row in one", "1, 1 WHERE false", "1, 1", onePercent, false, aggregate.Fail, 1, "numerator denominator", "old has NULL and new has 1"},
		{"NaN", "'NaN'::float8, 1", "'NaN'::numeric, 1", onePercent, false, aggregate.Inconclusive, -1, "", "The numerator is NaN on both sides"},
		{"NaN in one", "'NaN'::float8, 1", "1, 1", aggregate.Tolerance{Relative: "1"}, false, aggregate.Fail, 1, "numerator", "old has NaN and new has 1"},
		{"texts", "'a', 1", "'a', 1", onePercent, false, aggregate.Inconclusive, -1, "", "The numerator is not a number."},
		{"a text in one", "'5', 1", "5, 1", onePercent, false, aggregate.Inconclusive, -1, "", "is a number on one side alone"},
		{"doubles, added in another order", "0.1::float8 + 0.2::float8, 1", "0.3, 1", aggregate.Tolerance{}, true, aggregate.Pass, 4e-17 / 0.3, "", "within"},
		{"counts beside doubles are exact", "0.3::float8, 5000000000", "0.3, 5000000001", aggregate.Tolerance{}, true, aggregate.Fail, 1 / 5000000001.0, "denominator ratio", ""},
		{"money", "'4.90'::money, 10", "4.9, '10.00'::money", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "= 0.49: no difference."},
		{"one column", "1", "1, 1", onePercent, false, aggregate.Inconclusive, -1, "", "old: the statement must give one row with two columns, the numerator and the denominator: it gives 1 column"},
		{"two rows", "1, 1", "1, 1 FROM generate_series(1, 2)", onePercent, false, aggregate.Inconclusive, -1, "", "there is more than one row"},
	}
	var checks []aggregate.Check
	for _, test := range tests {
		checks = append(checks, aggregate.Check{
			Name: test.name, Type: aggregate.Ratio, Tolerance: test.tolerance,
			Old: aggregate.Side{SQL: "SELECT " + test.old}, New: aggregate.Side{SQL: "SELECT " + test.new},
		})
	}
	r := start(t, aggregate.Options{Checks: checks})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := runNow(t, r, test.name, aggregate.Mode{Strict: test.strict})
			verifySeveral(t, got, test.verdict, test.variance, test.differing, test.reason)
		})
	}
}

// verifySeveral compares the result of a check of several values; differing are the keys of its differences.
func verifySeveral(t *testing.T, got aggregate.Result, verdict aggregate.Verdict, variance float64, differing, reason string) {
	t.Helper()
	if got.Verdict != verdict || !strings.Contains(got.Reason, reason) {
		t.Errorf("%s: %s\nwant %s: %s", got.Verdict, got.Reason, verdict, reason)
	}
	switch {
	case got.Variance == nil && variance >= 0:
		t.Errorf("no variance, want %v", variance)
	case got.Variance != nil && (*got.Variance < variance-1e-12 || *got.Variance > variance+1e-12):
		t.Errorf("variance %v, want %v", *got.Variance, variance)
	}
	var keys []string
	for _, d := range got.Differences {
		keys = append(keys, d.Key)
	}
	if strings.Join(keys, " ") != differing {
		t.Errorf("differing: %q, want %q", keys, differing)
	}
	if (got.Verdict == aggregate.Fail) != (len(keys) > 0) {
		t.Errorf("%s with differences %v", got.Verdict, got.Differences)
	}
}

func TestRatioOfTables(t *testing.T) {
	// The coverage of the mission: what part of one table has a row in another.
	check := aggregate.Check{
		Name: "coverage", Type: aggregate.Ratio, Tolerance: aggregate.Tolerance{Relative: "0.01"},
		Old: aggregate.Side{SQL: "SELECT count(*) FILTER (WHERE amount > 5), count(*) FROM mart_performance_metrics"},
		New: aggregate.Side{SQL: `SELECT count(*) FILTER (WHERE value > 5), count(*) FROM "Perf"."Data.Set"`},
	}
	got := runNow(t, start(t, aggregate.Options{Checks: []aggregate.Check{check}}), "coverage", aggregate.Mode{})
	verifySeveral(t, got, aggregate.Pass, 0.004, "", "Old has 12400/25000 = 0.496 and new has")
	if show(got.Old) != "12400/25000 = 0.496" {
		t.Error(show(got.Old))
	}
}
