package aggregate_test

import (
	"strings"
	"testing"
	"time"

	"paritygate/compare/aggregate"
)

func TestDistribution(t *testing.T) {
	onePercent := aggregate.Tolerance{Relative: "0.01"}
	books := "('books', 400), ('music', 600)"
	tests := []struct {
		name      string
		old, new  string // the rows
		tolerance aggregate.Tolerance
		strict    bool
		verdict   aggregate.Verdict
		variance  float64 // -1: none
		differing string
		reason    string
	}{
		{
			"the same in another order", books, "('music', 600.0), ('books', 400)",
			aggregate.Tolerance{},
			false, aggregate.Pass, 0, "",
			"Both sides have 2 buckets, 1,000 in all, and the same in each: no difference.",
		},
		{
			"at the border", books, "('books', 396), ('music', 600)", onePercent, false, aggregate.Pass, 0.01, "",
			`All of 2 buckets are within what is allowed, the worst is bucket "books": old has 400 and new has 396 (4 apart, 1 %); the total variation distance is 0.241 %.`,
		},
		{"just over it", books, "('books', 395.9), ('music', 600)", onePercent, false, aggregate.Fail, 4.1 / 400, "books", `1 of 2 buckets differs`},
		{"strict", books, "('books', 396), ('music', 600)", onePercent, true, aggregate.Fail, 0.01, "books", ""},
		{
			"errors that offset", books, "('books', 500), ('music', 500)", onePercent, false, aggregate.Fail, 0.2, "books music",
			`2 of 2 buckets differ by more than is allowed, the worst is bucket "books": old has 400 and new has 500 (100 apart, 20 %); the total variation distance is 10 %.`,
		},
		{"missing in new", books + ", ('film', 7)", books, onePercent, false, aggregate.Fail, 1, "film", `bucket "film": old has 7 and new has none (7 apart, 100 %)`},
		{"missing in old", books, books + ", ('film', 7)", onePercent, false, aggregate.Fail, 1, "film", `bucket "film": old has none and new has 7`},
		{"missing is 0", books, books + ", ('film', 0)", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "no difference"},
		{"missing, allowed", books + ", ('film', 7)", books, aggregate.Tolerance{Absolute: "7"}, false, aggregate.Pass, 1, "", "within what is allowed"},
		{
			"the worst is allowed, another is not", "('a', 0), ('b', 100)", "('a', 3), ('b', 110)",
			aggregate.Tolerance{Absolute: "5"},
			false, aggregate.Fail, 1,
			"b", `1 of 2 buckets differs by more than is allowed, the worst is bucket "b"`,
		},
		{"renamed", books, "('books', 400), ('Music', 600)", onePercent, false, aggregate.Fail, 1, "Music music", `2 of 3 buckets`},
		{"the larger of two missing first", books + ", ('a', 1), ('b', 2)", books, onePercent, false, aggregate.Fail, 1, "b a", ""},
		{"numbers by value", "(1, 5), (20, 5)", "(1.0, 5), (2e1, 5)", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "no difference"},
		{"doubles by value", "(0.5, 5), (0, 5)", "(0.5::float8, 5), ('-0'::float8, 5)", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "no difference"},
		{"texts by bytes", "('1', 5)", "('1.0', 5)", aggregate.Tolerance{}, false, aggregate.Fail, 1, "1 1.0", ""},
		{"padding has no meaning", "('a'::char(9), 5)", "('a'::text, 5)", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", "no difference"},
		{"a blank has", "('a ', 5)", "('a', 5)", aggregate.Tolerance{}, false, aggregate.Fail, 1, `"a " a`, ""},
		{
			"NULL and empty and its name", "(NULL, 5), ('', 6), ('NULL', 7)", "('NULL', 7), (NULL, 5), ('', 8)",
			aggregate.Tolerance{},
			false, aggregate.Fail, 0.25,
			`""`, `bucket "": old has 6`,
		},
		{"booleans", "(true, 5), (false, 6)", "('f', 6), ('true', 5)", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", ""},
		{"numbers and texts", "(1, 5), (20, 6)", "('1', 5), ('2e1', 6)", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", ""},
		{"numbers and texts that are none", "(1, 5)", "('1', 5), ('01', 6)", aggregate.Tolerance{}, false, aggregate.Fail, 1, "01", ""},
		{"times", "('2026-01-01 02:00+02'::timestamptz, 5)", "('2026-01-01'::date, 5)", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", ""},
		{"what does not go together", "(1, 5)", "('2026-01-01'::date, 5)", aggregate.Tolerance{}, false, aggregate.Inconclusive, -1, "", "int4 in old and date in new cannot be compared"},
		{"doubles, added in another order", "('a', 0.1::float8 + 0.2::float8)", "('a', 0.3)", aggregate.Tolerance{}, true, aggregate.Pass, 4e-17 / 0.3, "", ""},
		{"money", "('a', 1234.5::money)", "('a', 1234.50)", aggregate.Tolerance{}, true, aggregate.Pass, 0, "", "1,234.5 in all"},
		{"NULL of another size", "(NULL, 5), ('', 6)", "(NULL, 6), ('', 5)", aggregate.Tolerance{}, false, aggregate.Fail, 1.0 / 6, `"" NULL`, ""},
		{"several columns", "('a', 1, 5), ('a', NULL, 5)", "('a', NULL, 5), ('a', 1, 6)", aggregate.Tolerance{}, false, aggregate.Fail, 1.0 / 6, "a, 1", ""},
		{"columns that read alike", "('ab', 'c', 5), ('a', 'bc', 6)", "('a', 'bc', 6), ('ab', 'c', 5)", aggregate.Tolerance{}, false, aggregate.Pass, 0, "", ""},
		{"both empty", "", "", onePercent, false, aggregate.Inconclusive, -1, "", "Both sides are empty"},
		{"both 0", "('a', 0)", "('b', 0)", onePercent, false, aggregate.Inconclusive, -1, "", "Both sides are empty"},
		{"one empty", "", books, onePercent, false, aggregate.Fail, 1, "music books", "no total variation distance"},
		{"NULL in one", books, "('books', NULL), ('music', 600)", onePercent, false, aggregate.Fail, 1, "books", "new has NULL"},
		{"NULL in both", "('a', NULL::int), ('b', 1)", "('a', NULL::int), ('b', 1)", onePercent, false, aggregate.Pass, 0, "", ""},
		{"nothing but NULL", "('a', NULL::int)", "('a', NULL::int)", onePercent, false, aggregate.Inconclusive, -1, "", "Every bucket is NULL"},
		{"NaN in both", "('a', 'NaN'::float8), ('b', 1)", "('a', 'NaN'::float8), ('b', 1)", onePercent, false, aggregate.Inconclusive, -1, "", `The value of the bucket "a" is NaN on both sides`},
		{"NaN in both, another differs", "('a', 'NaN'::float8), ('b', 1)", "('a', 'NaN'::float8), ('b', 2)", onePercent, false, aggregate.Fail, 0.5, "b", ""},
		{"texts for counts", "('a', 'x')", "('a', 'x')", onePercent, false, aggregate.Inconclusive, -1, "", `The value of the bucket "a" is not a number.`},
		{"negative", "('a', -5), ('b', 5)", "('a', -5), ('b', 5)", onePercent, false, aggregate.Pass, 0, "", ""},
		{"twice", "('a', 5), ('a', 6)", "('a', 11)", onePercent, false, aggregate.Inconclusive, -1, "", `old gives the bucket "a" more than once; group by it`},
		{"one column", "(5)", "(5)", onePercent, false, aggregate.Inconclusive, -1, "", "old: the statement must give the bucket and then its value, and gives 1 column"},
		{"other columns", "('a', 5)", "('a', 'b', 5)", onePercent, false, aggregate.Inconclusive, -1, "", "old gives 2 columns and new 3 columns"},
	}
	var checks []aggregate.Check
	for _, test := range tests {
		checks = append(checks, aggregate.Check{
			Name: test.name, Type: aggregate.Distribution, Tolerance: test.tolerance,
			Old: aggregate.Side{SQL: rows(test.old)}, New: aggregate.Side{SQL: rows(test.new)},
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

// rows is a statement that gives rows written as those of VALUES.
func rows(values string) string {
	if values == "" {
		return "SELECT 'a', 1 WHERE false"
	}
	return "VALUES " + values
}

func TestDistributionOfTable(t *testing.T) {
	change(t, "shop_old", `CREATE TABLE products (id int, kind text, "Shelf" numeric(6,1));
		INSERT INTO products SELECT i, (ARRAY['tool', 'toy', '', NULL])[1 + i % 4], i % 3 FROM generate_series(1, 1000) i`)
	change(t, "shop_new", `CREATE SCHEMA shop; CREATE TABLE shop.artifacts (id int, classification varchar(9), shelf bigint);
		INSERT INTO shop.artifacts SELECT i, (ARRAY['tool', 'toy', '', NULL])[1 + i % 4], i % 3 FROM generate_series(1, 1000) i`)
	kinds := aggregate.Check{
		Name: "kinds", Type: aggregate.Distribution,
		Old: aggregate.Side{Table: "products", Column: "kind"}, New: aggregate.Side{Table: "shop.artifacts", Column: "classification"},
	}
	shelves := kinds
	shelves.Name, shelves.Old.Column, shelves.New.Column = "shelves", "Shelf", "shelf"
	many := kinds
	many.Name, many.Old, many.New.Column = "many", aggregate.Side{SQL: "SELECT i, 1 FROM generate_series(1, 10001) i"}, "id"
	settled := kinds
	settled.Name, settled.Settled = "settled", &aggregate.Settled{Column: "at", Lag: time.Minute}
	gone := kinds
	gone.Name, gone.New.Column = "gone", "Classification"
	r := start(t, aggregate.Options{Checks: []aggregate.Check{kinds, shelves, many, settled, gone}})
	verifySeveral(t, runNow(t, r, "kinds", aggregate.Mode{}), aggregate.Pass, 0, "", "Both sides have 4 buckets, 1,000 in all")
	verifySeveral(t, runNow(t, r, "shelves", aggregate.Mode{}), aggregate.Pass, 0, "", "Both sides have 3 buckets")
	verifySeveral(t, runNow(t, r, "many", aggregate.Mode{}), aggregate.Inconclusive, -1, "",
		"old: the statement gives more rows than such a check may have, 10,000: group into fewer buckets")
	verifySeveral(t, runNow(t, r, "gone", aggregate.Mode{}), aggregate.Inconclusive, -1, "", `column "Classification" does not exist`)

	change(t, "shop_new", "ALTER TABLE shop.artifacts ADD at timestamptz; INSERT INTO shop.artifacts VALUES (1001, 'tool', 1, now())")
	change(t, "shop_old", "ALTER TABLE products ADD at timestamptz")
	verifySeveral(t, runNow(t, r, "kinds", aggregate.Mode{}), aggregate.Fail, 1.0/251, "tool", `the worst is bucket "tool": old has 250 and new has 251 (1 apart, 0.398 %)`)
	verifySeveral(t, runNow(t, r, "settled", aggregate.Mode{}), aggregate.Pass, 0, "", "no difference")
	change(t, "shop_new", "DELETE FROM shop.artifacts WHERE at IS NOT NULL; UPDATE shop.artifacts SET classification = '' WHERE id = 3") // NULL until then
	got := runNow(t, r, "kinds", aggregate.Mode{})
	verifySeveral(t, got, aggregate.Fail, 1.0/250, `NULL ""`, `the worst is bucket NULL: old has 250 and new has 249 (1 apart, 0.4 %)`)
}

func TestDistributionNamesTheWorst(t *testing.T) {
	check := aggregate.Check{
		Name: "many", Type: aggregate.Distribution,
		Old: aggregate.Side{SQL: "SELECT i, 1000 FROM generate_series(1, 500) i"}, New: aggregate.Side{SQL: "SELECT i, 1000 - i FROM generate_series(1, 500) i"},
	}
	got := runNow(t, start(t, aggregate.Options{Checks: []aggregate.Check{check}}), "many", aggregate.Mode{})
	if len(got.Differences) != aggregate.MaxDifferences || got.Dropped != 400 || got.Differences[0].Key != "500" || got.Differences[99].Key != "401" {
		t.Errorf("%d differences, %d dropped: %v", len(got.Differences), got.Dropped, got.Differences)
	}
	d := got.Differences[0]
	if show(d.Old) != "1000" || show(d.New) != "500" || *d.Variance != 0.5 || *got.Variance != 0.5 {
		t.Errorf("%s and %s, %v, %v", show(d.Old), show(d.New), *d.Variance, *got.Variance)
	}
	if show(got.Old) != "500 buckets, 500,000 in all" || !strings.Contains(got.Reason, "500 of 500 buckets differ") {
		t.Error(show(got.Old), got.Reason)
	}
}

// change alters one of the shared databases.
func change(t *testing.T, database, sql string) {
	t.Helper()
	if err := server.Exec(t.Context(), database, sql); err != nil {
		t.Fatal(err)
	}
}
