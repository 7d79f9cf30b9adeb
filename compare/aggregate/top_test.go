package aggregate_test

import (
	"fmt"
	"strings"
	"testing"

	"paritygate/compare/aggregate"
)

func TestTop(t *testing.T) {
	onePercent := aggregate.Tolerance{Relative: "0.01"}
	ninety := aggregate.Tolerance{Relative: "0.01", Overlap: "0.9"}
	three := "('a', 30), ('b', 20), ('c', 10)"
	tests := []struct {
		name      string
		old, new  string // the rows, or a statement
		limit     int
		tolerance aggregate.Tolerance
		strict    bool
		verdict   aggregate.Verdict
		variance  float64 // -1: none
		differing string
		reason    string
	}{
		{"the same", three, "('a', 30.0), ('b', 20), ('c', 10)", 3, onePercent, false, aggregate.Pass, 0, "", "The leading 3 keys and their values are the same on both sides."},
		{"fewer than the limit", three, three, 0, onePercent, false, aggregate.Pass, 0, "", "All 3 keys and their values are the same on both sides."},
		{
			"a value within", three, "('a', 30.3), ('b', 20), ('c', 10)", 3, onePercent, false, aggregate.Pass, 0.3 / 30.3, "",
			`The leading 3 keys are the same on both sides; the worst value is within what is allowed, "a": old has 30 and new has 30.3 (0.3 apart, 0.99 %).`,
		},
		{"a value within, strict", three, "('a', 30.3), ('b', 20), ('c', 10)", 3, onePercent, true, aggregate.Fail, 0.3 / 30.3, "a", "1 of 3 values differs"},
		{
			"a swapped pair", three, "('b', 30), ('a', 20), ('c', 10)", 3, onePercent, false, aggregate.Fail, 1.0 / 3, "a b",
			`2 of 3 values differ by more than is allowed, the worst is that of "a": old has 30 and new has 20 (10 apart, 33.3 %); the largest shift of rank is 1, of "a".`,
		},
		{"a swap within", "('a', 100), ('b', 99.5), ('c', 10)", "('b', 100), ('a', 99.5), ('c', 10)", 3, onePercent, false, aggregate.Pass, 0.005, "", `the largest shift of rank is 1, of "a"`},
		{
			"missing in new", three, "('a', 30), ('b', 20)", 3, onePercent, false, aggregate.Fail, 1, "c",
			`2 of 3 keys lead on both sides (66.7 %, and at least 100 % must): "c": old has 10 and new has none (10 apart, 100 %).`,
		},
		{"missing in old", "('a', 30), ('b', 20)", three, 3, onePercent, false, aggregate.Fail, 1, "c", `"c": old has none and new has 10`},
		{"another key", three, "('a', 30), ('x', 20), ('c', 10)", 3, onePercent, false, aggregate.Fail, 1, "b x", `2 of 3 keys lead on both sides`},
		{"missing is 0", three, three + ", ('d', 0)", 9, aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "All 4 keys"},
		{"missing, within the absolute", three, three + ", ('d', 0.5)", 9, aggregate.Tolerance{Absolute: "0.5"}, false, aggregate.Pass, 1, "", "within what is allowed"},
		{"nothing lost but the rank", three, "('x', 90), ('a', 30), ('b', 20), ('c', 10)", 3, onePercent, false, aggregate.Fail, 1, "x", `2 of 3 keys lead`},
		{"ties in another order", "('a', 9), ('b', 9), ('c', 9)", "('c', 9), ('b', 9), ('a', 9)", 3, aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "The leading 3 keys and their values are the same on both sides."},
		{"a tie at the border", "('a', 9), ('b', 5), ('c', 5)", "('a', 9), ('c', 5), ('b', 5)", 2, aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "The leading 2 keys and their values are the same"},
		{"a tie at the border, one of it lost", "('a', 9), ('b', 5), ('c', 5)", "('a', 9), ('c', 5)", 2, onePercent, false, aggregate.Fail, 1, "b", `"b": old has 5 and new has none`},
		{"the other one lost", "('a', 9), ('b', 5), ('c', 5)", "('a', 9), ('b', 5)", 2, onePercent, false, aggregate.Fail, 1, "c", ""},
		{"beyond the border", three + ", ('d', 5)", three + ", ('d', 4)", 3, onePercent, false, aggregate.Pass, 0, "", "The leading 3 keys"},
		{
			"close at the border", "('a', 100), ('b', 50.1), ('c', 50)", "('a', 100), ('c', 50.2), ('b', 50)", 2, onePercent, false, aggregate.Pass, 0.2 / 50.2, "",
			`the worst value is within what is allowed, "c"`,
		},
		{"close at the border, strict", "('a', 100), ('b', 50.1), ('c', 50)", "('a', 100), ('c', 50.2), ('b', 50)", 2, onePercent, true, aggregate.Fail, 0.2 / 50.2, "c b", ""},
		{
			"cut at a tie", "SELECT * FROM (VALUES ('a', 9), ('b', 5)) v LIMIT 2 + 0", "SELECT * FROM (VALUES ('a', 9), ('c', 5)) v LIMIT 2 + 0", 2,
			aggregate.Tolerance{},
			false,
			aggregate.Pass, 0, "", "of these, 2 may stand at the border of one side behind the last row that was read",
		},
		{
			"a tie that its own LIMIT cuts", "SELECT * FROM (VALUES ('a', 9), ('b', 5), ('c', 5)) v LIMIT 2", "SELECT * FROM (VALUES ('a', 9), ('c', 5), ('b', 5)) v FETCH FIRST 2 ROWS ONLY;", 0,
			aggregate.Tolerance{},
			false,
			aggregate.Pass, 0, "", "The leading 2 keys and their values are the same on both sides.",
		},
		{
			"lost just before its own LIMIT", "SELECT i, 1000 - i FROM generate_series(1, 300) i ORDER BY 2 DESC LIMIT 100", "SELECT i, 1000 - i FROM generate_series(1, 300) i WHERE i <> 97 ORDER BY 2 DESC\n LIMIT  100 ;", 0, onePercent, false,
			aggregate.Fail, 1, "97", `99 of 100 keys lead on both sides`,
		},
		{
			"its own LIMIT is the limit", "SELECT i, 100 - i FROM generate_series(1, 9) i ORDER BY 2 DESC LIMIT 3", "SELECT i, 100 - i FROM generate_series(1, 9) i WHERE i <> 5 ORDER BY 2 DESC LIMIT 3", 9, onePercent, false,
			aggregate.Pass, 0, "", "The leading 3 keys",
		},
		{
			"a LIMIT in a comment is none", "SELECT * FROM (VALUES ('a', 9), ('b', 5)) v LIMIT 2 + 0 -- LIMIT 1", "SELECT * FROM (VALUES ('a', 9), ('c', 5)) v LIMIT 2 + 0 -- LIMIT 1", 0,
			aggregate.Tolerance{},
			false,
			aggregate.Pass, 0, "", "The leading 2 keys and their values are the same on both sides; of these, 2 may",
		},
		{
			"cut, no ranking beyond", "SELECT * FROM (VALUES ('a', 9), ('b', 5), ('a', 1)) v LIMIT 2", "SELECT * FROM (VALUES ('a', 9), ('c', 5), ('a', 1)) v LIMIT 2", 0,
			aggregate.Tolerance{},
			false,
			aggregate.Pass, 0, "", "of these, 2 may stand at the border",
		},
		{
			"cut, most of it in doubt", "SELECT i, 100 - i / 3 FROM generate_series(1, 9) i LIMIT 2 + 7", "SELECT i * i, 100 - i / 3 FROM generate_series(1, 9) i LIMIT 2 + 7", 0,
			aggregate.Tolerance{Relative: "0.05"},
			false,
			aggregate.Inconclusive, -1, "", "6 of 9 keys that lead on one side may stand on the other behind",
		},
		{
			"the other way round", "SELECT i, i FROM generate_series(1, 9) i ORDER BY 2", "SELECT i, i FROM generate_series(1, 9) i ORDER BY 2 DESC", 2, onePercent, false,
			aggregate.Pass, 0, "", "The leading 2 keys",
		},
		{
			"the other way round, cut", "SELECT i, i FROM generate_series(1, 9) i ORDER BY 2 LIMIT 7 + 0", "SELECT i, i FROM generate_series(1, 9) i ORDER BY 2 DESC LIMIT 7", 7, onePercent, false,
			aggregate.Inconclusive, -1, "", "one side has the largest value first and the other the smallest",
		},
		{
			"cut, with another value", "SELECT * FROM (VALUES ('a', 9), ('b', 6)) v LIMIT 2 + 0", "SELECT * FROM (VALUES ('a', 9), ('c', 5)) v LIMIT 3 - 1", 2, onePercent, false,
			aggregate.Fail, 1, "b", `"b": old has 6 and new has none`,
		},
		{
			"cut before the limit", "SELECT * FROM (VALUES ('a', 9), ('b', 5)) v LIMIT 1 + 1", "SELECT * FROM (VALUES ('a', 9), ('c', 5)) v LIMIT 1 + 1", 0,
			aggregate.Tolerance{},
			false,
			aggregate.Pass, 0, "", "The leading 2 keys",
		},
		{
			"not cut", "SELECT * FROM (VALUES ('a', 9), ('b', 5)) v LIMIT 3", "SELECT * FROM (VALUES ('a', 9), ('c', 5)) v LIMIT 3", 3,
			aggregate.Tolerance{},
			false,
			aggregate.Fail, 1, "b c", "",
		},
		{
			"cut, the smallest first", "SELECT * FROM (VALUES ('a', 1), ('b', 5)) v LIMIT 2 + 0", "SELECT * FROM (VALUES ('a', 1), ('c', 6)) v LIMIT 2 + 0", 2, onePercent, false,
			aggregate.Fail, 1, "b", "",
		},
		{"overlap, just enough", ten("a"), ten("x"), 10, ninety, false, aggregate.Pass, 1, "", `9 of 10 keys lead on both sides (90 %, and at least 90 % must): "a1": old has`},
		{"overlap, one less", ten("a"), strings.Replace(ten("x"), "'a2'", "'y'", 1), 10, ninety, false, aggregate.Fail, 1, "a1 x1 a2 y", "8 of 10 keys"},
		{"overlap, strict", ten("a"), ten("x"), 10, ninety, true, aggregate.Fail, 1, "a1 x1", "9 of 10 keys"},
		{"overlap, and a value", ten("a"), strings.Replace(ten("x"), "('a2', 8", "('a2', 7", 1), 10, ninety, false, aggregate.Fail, 1, "a2", `1 of 10 values differs by more than is allowed, the worst is that of "a2"`},
		{
			"overlap, beside keys that moved within", "('a', 50), ('b', 10.03), ('c', 10.02), ('d', 10.01), ('e', 10), ('f', 9.99)",
			"('x', 50), ('e', 10.06), ('f', 10.05), ('d', 10.04), ('b', 10.03), ('c', 10.02)", 4,
			aggregate.Tolerance{Relative: "0.01", Overlap: "0.75"},
			false,
			aggregate.Pass, 1, "", "3 of 4 keys lead on both sides (75 %, and at least 75 % must)",
		},
		{"unordered, all read", "('c', 10), ('a', 30), ('b', 20)", three, 2, onePercent, false, aggregate.Pass, 0, "", "The leading 2 keys"},
		{"unordered, beyond what is read", "SELECT i, i % 7 FROM generate_series(1, 20001) i", "SELECT i, i % 7 FROM generate_series(1, 20001) i", 2, onePercent, false, aggregate.Inconclusive, -1, "", "old: the rows are not in the order of their last column"},
		{"a LIMIT within", "SELECT i, 300 - i FROM (SELECT i FROM generate_series(1, 300) i LIMIT 300) x", "SELECT i, 300 - i FROM generate_series(1, 300) i", 7, onePercent, false, aggregate.Pass, 0, "", "The leading 7 keys"},
		{"a LIMIT within, and more than is read", "SELECT i, -i FROM (SELECT i FROM generate_series(1, 20001) i LIMIT 99999) x", "SELECT 1, 1", 7, onePercent, false, aggregate.Inconclusive, -1, "", "20,000: end it with LIMIT 20000."},
		{"both empty", "", "", 3, onePercent, false, aggregate.Inconclusive, -1, "", "Both sides are empty"},
		{"one empty", three, "", 3, onePercent, false, aggregate.Fail, 1, "a b c", "0 of 3 keys lead on both sides (0 %, and at least 100 % must)"},
		{"no LIMIT is reached", three, "SELECT 'a', 1 LIMIT 0", 3, onePercent, false, aggregate.Fail, 1, "a b c", ""},
		{"twice", "('a', 30), ('a', 20)", three, 3, onePercent, false, aggregate.Inconclusive, -1, "", `old gives the key "a" more than once`},
		{"keys by value", "(1, 30), (2, 20)", "(1.0, 30), (2.00, 20)", 3, aggregate.Tolerance{}, false, aggregate.Pass, 0, "", ""},
		{"NULL in one", "('a', 30), ('b', 20)", "('b', NULL), ('a', 30)", 3, onePercent, false, aggregate.Fail, 1, "b", "new has NULL"},
		{"NULL in both", "('b', NULL), ('a', 30)", "('b', NULL), ('a', 30)", 3, onePercent, false, aggregate.Pass, 0, "", "All 2 keys"},
		{"nothing but NULL", "('b', NULL::int)", "('b', NULL::int)", 3, onePercent, false, aggregate.Inconclusive, -1, "", "There is no value to compare"},
		{"NaN in both", "('b', 'NaN'::float8), ('a', 30)", "('b', 'NaN'::float8), ('a', 30)", 3, onePercent, false, aggregate.Inconclusive, -1, "", `The value of the key "b" is NaN on both sides`},
		{"texts", "('a', 'x'), ('b', 'w')", "('a', 'x'), ('b', 'v')", 3, onePercent, false, aggregate.Fail, 1, "b", `old has "w" and new has "v"`},
		{"times", "('a', '2026-01-02'::timestamptz), ('b', '2026-01-01')", "('a', '2026-01-02'::timestamp), ('b', '2026-01-01')", 3, onePercent, true, aggregate.Pass, 0, "", "All 2 keys"},
		{"doubles, added in another order", "('a', 0.1::float8 + 0.2::float8), ('b', 0.3)", "('a', 0.3), ('b', 0.3)", 1, onePercent, true, aggregate.Pass, 4e-17 / 0.3, "", ""},
		{"doubles, whole", "('a', 1767225600000::float8)", "('a', 1767225600001::float8)", 1, aggregate.Tolerance{}, false, aggregate.Fail, 1 / 1767225600001.0, "a", ""},
		{
			"cut among NULLs", "SELECT * FROM (VALUES ('a', 1), ('b', NULL)) v LIMIT 2 + 0", "SELECT * FROM (VALUES ('a', 1), ('c', NULL)) v LIMIT 2 + 0", 2, onePercent, false,
			aggregate.Pass, 0, "", "of these, 2 may stand",
		},
		{
			"cut behind the last value", "SELECT * FROM (VALUES ('a', 1), ('c', 5)) v LIMIT 2 + 0", "SELECT * FROM (VALUES ('a', 1), ('b', NULL)) v LIMIT 2 + 0", 2, onePercent, false,
			aggregate.Fail, 1, "c", `"c": old has 5 and new has none`,
		},
		{"a number and a text", "('a', 5)", "('a', '5')", 3, onePercent, false, aggregate.Inconclusive, -1, "", "is a number on one side alone"},
		{"with an end", "SELECT 'a', 1;", "SELECT 'a', 1 -- one", 3, onePercent, false, aggregate.Pass, 0, "", "All 1 key"},
		{"of a WITH", "WITH x AS (SELECT 'a', 1) TABLE x", "(SELECT 'a', 1)", 3, onePercent, false, aggregate.Pass, 0, "", "All 1 key"},
		{"an error", "SELECT 'a', 1 FROM missing", "SELECT 'a', 1", 3, onePercent, false, aggregate.Inconclusive, -1, "", `relation "missing" does not exist`},
		{"an error behind a LIMIT", "SELECT 'a', 1 / 0 LIMIT 3", "SELECT 'a', 1", 3, onePercent, false, aggregate.Inconclusive, -1, "", "division by zero"},
		{"a write", "SELECT 'a', 1", "SELECT 'a', nextval('counter') LIMIT 3", 3, onePercent, false, aggregate.Inconclusive, -1, "", "checks are read-only"},
	}
	var checks []aggregate.Check
	for _, test := range tests {
		checks = append(checks, aggregate.Check{
			Name: test.name, Type: aggregate.Top, Tolerance: test.tolerance, Limit: test.limit,
			Old: aggregate.Side{SQL: statement(test.old)}, New: aggregate.Side{SQL: statement(test.new)},
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

// statement is one that gives the rows, unless it is one already.
func statement(s string) string {
	if s == "" || s[0] == '(' && !strings.HasPrefix(s, "(SELECT") {
		return rows(s)
	}
	return s
}

// ten are ten rows of the values 90 to 81, of which the first has another name.
func ten(first string) string {
	values := []string{fmt.Sprintf("('%s1', 90)", first)}
	for i := 2; i <= 10; i++ {
		values = append(values, fmt.Sprintf("('a%d', %d)", i, 91-i))
	}
	return strings.Join(values, ", ")
}

func TestChecksOfSeveralValuesAreRefused(t *testing.T) {
	ask := aggregate.Side{SQL: "SELECT 1, 2"}
	tests := []struct {
		name  string
		check aggregate.Check
		want  string
	}{
		{"too many keys", aggregate.Check{Type: aggregate.Top, Old: ask, New: ask, Limit: 10_001}, "limit: must be 1 to 10,000"},
		{"fewer than none", aggregate.Check{Type: aggregate.Top, Old: ask, New: ask, Limit: -1}, "limit: must be 1 to 10,000"},
		{"an overlap above all", aggregate.Check{Type: aggregate.Top, Old: ask, New: ask, Tolerance: aggregate.Tolerance{Overlap: "1.01"}}, "tolerance.overlap: must be at most 1"},
		{"a negative overlap", aggregate.Check{Type: aggregate.Top, Old: ask, New: ask, Tolerance: aggregate.Tolerance{Overlap: "-1"}}, "tolerance.overlap: must be a decimal"},
		{"NaN", aggregate.Check{Type: aggregate.Ratio, Old: ask, New: ask, Tolerance: aggregate.Tolerance{Relative: "NaN"}}, "tolerance.relative: must be a decimal"},
		{"a write", aggregate.Check{Type: aggregate.Top, Old: ask, New: aggregate.Side{SQL: "DELETE FROM a"}}, "new: sql: want one query"},
		{"a ranking of a table", aggregate.Check{Type: aggregate.Top, Old: ask, New: aggregate.Side{Table: "a"}}, "new: a check of type top needs sql"},
		{"nothing", aggregate.Check{Type: aggregate.Ratio, Old: ask}, "new: give sql"},
		{"no buckets", aggregate.Check{Type: aggregate.Distribution, Old: ask}, "new: give a table and its column, or sql"},
		{"no column", aggregate.Check{Type: aggregate.Distribution, Old: ask, New: aggregate.Side{Table: "a"}}, "new: give the column of the table"},
		{"no name of a column", aggregate.Check{Type: aggregate.Distribution, Old: ask, New: aggregate.Side{Table: "a", Column: "a\x00"}}, `new: column "a\x00": not valid text`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.check.Name = "a"
			if err := test.check.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
