package aggregate_test

import (
	"fmt"
	"strings"
	"testing"

	"paritygate/compare/aggregate"
)

// rowsOf is a rows check of two statements.
func rowsOf(name, old, new string) aggregate.Check {
	return aggregate.Check{Name: name, Type: aggregate.Rows, Old: aggregate.Side{SQL: old}, New: aggregate.Side{SQL: new}}
}

// told writes what a result found, one difference a line.
func told(r aggregate.Result) string {
	lines := []string{string(r.Verdict)}
	for _, d := range r.Differences {
		lines = append(lines, fmt.Sprintf("%s %s: %s / %s", d.Kind, d.Key, show(d.Old), show(d.New)))
	}
	if r.Dropped > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", r.Dropped))
	}
	return strings.Join(lines, "\n")
}

func TestRows(t *testing.T) {
	own := func(absolute string) *aggregate.Tolerance { return &aggregate.Tolerance{Absolute: absolute} }
	tests := []struct {
		name     string
		old, new string
		with     aggregate.Check // Key, Columns, Tolerance
		strict   bool
		want     string // the verdict, and the differences
		reason   string
	}{
		{
			name: "the same in another order, of columns too",
			old:  "VALUES (1, 'a'), (2, 'b')", new: "SELECT 'b' AS column2, 2 AS column1 UNION ALL SELECT 'a', 1",
			want: "pass", reason: "All 2 rows agree.",
		},
		{
			name: "lost and added",
			old:  "VALUES (1, 'a', 1.50), (2, 'b', 2)", new: "VALUES (2, 'b', 2), (3, 'c d', NULL)",
			want:   "fail\nmissing column1=1: column2=a column3=1.50 / <nil>\nextra column1=3: <nil> / column2=\"c d\" column3=NULL",
			reason: "Old gave 2 rows and new gave 2 rows: 1 missing in new and 1 in new alone; the worst is column1=1, which new lacks.",
		},
		{
			name:   "a cell, worst first",
			old:    "SELECT * FROM (VALUES (1, 10.00, 5), (2, 10.00, 5)) t (id, price, n)",
			new:    "SELECT * FROM (VALUES (1, 10.01, 5), (2, 12.00, 6)) t (id, price, n)",
			want:   "fail\nvalue id=2 price: 10.00 / 12.00\nvalue id=2 n: 5 / 6\nvalue id=1 price: 10.00 / 10.01",
			reason: "Old gave 2 rows and new gave 2 rows: 2 with other values; the worst is id=2 price, 10.00 in old and 12.00 in new (16.7 %).",
		},
		{
			name: "within the check's tolerance",
			old:  "SELECT 1 AS id, 10.00 AS price", new: "SELECT 1 AS id, 10.01 AS price",
			with: aggregate.Check{Tolerance: aggregate.Tolerance{Relative: "0.01"}},
			want: "pass", reason: "The only row agrees, within what is allowed: the furthest apart is id=1 price, 10.00 in old and 10.01 in new (0.0999 %).",
		},
		{
			name: "a column's own tolerance stands in its place",
			old:  "SELECT 1 AS id, 10.00 AS price, 7 AS n", new: "SELECT 1 AS id, 10.04 AS price, 8 AS n",
			with: aggregate.Check{Columns: []aggregate.Column{{Old: "price", Tolerance: own("0.03")}}, Tolerance: aggregate.Tolerance{Absolute: "1"}},
			want: "fail\nvalue id=1 price: 10.00 / 10.04",
		},
		{
			name: "strict allows nothing",
			old:  "SELECT 1 AS id, 10.00 AS price, 7 AS n", new: "SELECT 1 AS id, 10.04 AS price, 8 AS n",
			with:   aggregate.Check{Columns: []aggregate.Column{{Old: "price", Tolerance: own("1")}}, Tolerance: aggregate.Tolerance{Absolute: "1"}},
			strict: true,
			want:   "fail\nvalue id=1 n: 7 / 8\nvalue id=1 price: 10.00 / 10.04",
		},
		{
			name: "renamed, ignored, of several keys",
			old:  "SELECT 7 AS shop, 'de' AS lang, 'Hut' AS title, now() AS at", new: "SELECT 'Hat' AS label, 7 AS shop_id, 'de' AS lang",
			with: aggregate.Check{
				Key:     []string{"shop", "lang"},
				Columns: []aggregate.Column{{Old: "shop", New: "shop_id"}, {Old: "title", New: "label"}, {Old: "at", Ignore: true}},
			},
			want: "fail\nvalue shop=7 lang=de title: Hut / Hat",
		},
		{
			name: "renamed without a word: by place, and said",
			old:  "SELECT 7 AS product_id, 5.0 AS price", new: "SELECT 7 AS artifact_id, 5 AS price",
			want: "pass", reason: "The only row agrees. product_id was compared with artifact_id, which stands at its place.",
		},
		{
			name: "names that cross over are not guessed at",
			old:  "SELECT 1 AS id, 2 AS price, 3 AS n", new: "SELECT 1 AS id, 3 AS m, 2 AS price",
			want:   "inconclusive",
			reason: "old gives id, price, n, and new gives id, m, price; n of old and m of new have no counterpart: give the columns that belong together one name (AS), or name them under columns",
		},
		{
			name: "a column of one side",
			old:  "SELECT 1 AS id, 2 AS price", new: "SELECT 1 AS id",
			want: "inconclusive", reason: "price of old have no counterpart",
		},
		{
			name: "a column that is not there",
			old:  "SELECT 1 AS id", new: "SELECT 1 AS id",
			with: aggregate.Check{Columns: []aggregate.Column{{Old: "prize"}}},
			want: "inconclusive", reason: "columns has prize, which old does not give once; old gives id, and new gives id",
		},
		{
			name: "a key that is not there",
			old:  "SELECT 1 AS id", new: "SELECT 1 AS id",
			with: aggregate.Check{Key: []string{"number"}},
			want: "inconclusive", reason: "key: old's statement gives no column number",
		},
		{
			name: "NULL, empty and 0 are three things",
			old:  "VALUES (1, NULL, 0), (2, '', NULL), (3, NULL, NULL)", new: "VALUES (1, '', NULL), (2, '', 0), (3, NULL, NULL)",
			want:   "fail\nextra column1=1 column2: <nil> / \nmissing column1=1 column3: 0 / <nil>\nextra column1=2 column3: <nil> / 0",
			reason: `the worst is column1=1 column2, NULL in old and "" in new.`,
		},
		{
			name: "a key that is NULL",
			old:  "VALUES (NULL, 1), ('NULL', 2)", new: "VALUES ('NULL', 2), (NULL, 3)",
			want: "fail\nvalue column1=NULL column2: 1 / 3",
		},
		{
			name: "a key that is NULL, and one that only looks so",
			old:  "VALUES (NULL, 1)", new: "VALUES ('NULL', 1)",
			want: "fail\nmissing column1=NULL: column2=1 / <nil>\nextra column1=\"NULL\": <nil> / column2=1",
		},
		{
			name: "where long texts begin to differ",
			old:  "SELECT 1 AS id, repeat('ä', 1000) || 'old' AS t", new: "SELECT 1 AS id, repeat('ä', 1000) || 'new' AS t",
			want: "fail\nvalue id=1 t: …" + strings.Repeat("ä", 32) + "old / …" + strings.Repeat("ä", 32) + "new",
		},
		{
			name: "both empty",
			old:  "SELECT 1 AS id WHERE false", new: "SELECT 1 AS id WHERE false",
			want: "inconclusive", reason: "Both sides gave no rows",
		},
		{
			name: "one empty",
			old:  "SELECT 1 AS id", new: "SELECT 1 AS id WHERE false",
			want: "fail\nmissing id=1: id=1 / <nil>",
		},
		{
			name: "a doubled row",
			old:  "VALUES (1, 'a')", new: "VALUES (1, 'a'), (1, 'a')",
			want: "fail\nextra column1=1: <nil> / column2=a",
		},
		{
			name: "a doubled row of old",
			old:  "VALUES (1, 'a'), (1, 'a')", new: "VALUES (1, 'a')",
			want: "fail\nmissing column1=1: column2=a / <nil>",
		},
		{
			name: "several rows of a key are a multiset",
			old:  "VALUES (1, 'a', 1), (1, 'b', 2), (1, 'b', 2), (1, 'c', 3)", new: "VALUES (1, 'b', 2), (1, 'c', 4), (1, 'a', 1), (1, 'b', 2)",
			want: "fail\nvalue column1=1 column3: 3 / 4",
		},
		{
			name: "rows of a key that differ are put beside those that they resemble",
			old:  "VALUES (1, 'a', 1), (1, 'b', 3)", new: "VALUES (1, 'b', 4), (1, 'a', 2)",
			want: "fail\nvalue column1=1 column3: 1 / 2\nvalue column1=1 column3: 3 / 4",
		},
		{
			name: "many rows of a key, each twice",
			old:  "SELECT 'k' AS k, i / 2 AS n FROM generate_series(0, 199) i", new: "SELECT 'k' AS k, i / 2 AS n FROM generate_series(199, 0, -1) i",
			want: "pass",
		},
		{
			name: "too many rows of a key to try which is meant",
			old:  "SELECT 'k' AS k, i::float8 AS n FROM generate_series(1, 600) i", new: "SELECT 'k' AS k, -i::float8 AS n FROM generate_series(1, 600) i",
			want: "inconclusive", reason: "old has 600 rows of k=k that differ, and new has 600: name key columns that tell them apart",
		},
		{
			name: "a multiset with tolerance: each has a partner, though not the nearest",
			old:  "VALUES ('k', 1.0), ('k', 1.5), ('k', 2.0)", new: "VALUES ('k', 1.4), ('k', 1.9), ('k', 0.6)",
			with: aggregate.Check{Tolerance: aggregate.Tolerance{Absolute: "0.5"}},
			want: "pass",
		},
		{
			name: "a multiset with tolerance, and one too far",
			old:  "VALUES ('k', 1.0), ('k', 1.5), ('k', 2.0)", new: "VALUES ('k', 1.4), ('k', 2.6), ('k', 0.6)",
			with: aggregate.Check{Tolerance: aggregate.Tolerance{Absolute: "0.5"}},
			want: "fail\nvalue column1=k column2: 2.0 / 2.6",
		},
		{
			name: "where in a document",
			old:  `SELECT 17 AS id, '{"a": {"b": 1, "c": 2}}'::jsonb AS payload`, new: `SELECT 17 AS id, '{"a": {"c": 3}, "d": null}'::json AS payload`,
			want:   "fail\nmissing id=17 payload $.a.b: 1 / <nil>\nvalue id=17 payload $.a.c: 2 / 3\nextra id=17 payload $.d: <nil> / null",
			reason: "the worst is id=17 payload $.a.b, 1 in old and nothing in new.",
		},
		{
			name: "a document is no key",
			old:  `SELECT '{}'::jsonb AS payload`, new: `SELECT '{}'::jsonb AS payload`,
			want: "inconclusive", reason: "rows cannot be joined by payload, which is a document",
		},
		{
			name: "keys of other types",
			old:  "SELECT 17::int AS id, 1 AS n", new: "SELECT '17'::text AS id, 1.0 AS n",
			want: "pass",
		},
		{
			name: "types that cannot be compared",
			old:  "SELECT 1 AS id, now() AS at", new: "SELECT 1 AS id, 5 AS at",
			want: "inconclusive", reason: "column at: timestamptz in old and int4 in new cannot be compared; cast one of them in the check's sql",
		},
		{
			name: "without a zone",
			old:  "SELECT 1 AS id, timestamp '2026-01-01 00:00' AS at", new: "SELECT 1 AS id, timestamptz '2026-01-01 01:00+01' AS at",
			want: "pass", reason: "at has no time zone in old and was taken as UTC.",
		},
		{
			name: "a large text and a large document",
			old:  "SELECT 1 AS id, repeat('x', 1500000) AS t, to_json(repeat('y', 1500000)) AS j",
			new:  "SELECT 1 AS id, repeat('x', 1499999) || 'z' AS t, to_jsonb(repeat('y', 1500000)) AS j",
			want: "fail\nvalue id=1 t: …" + strings.Repeat("x", 65) + " / …" + strings.Repeat("x", 64) + "z",
		},
		{
			name: "too many rows",
			old:  "SELECT generate_series(1, 10001) AS id", new: "SELECT 1 AS id",
			want: "inconclusive", reason: "old: the statement gives more rows than such a check may have, 10,000: narrow both",
		},
		{
			name: "as many as there may be, and more differences than are named",
			old:  "SELECT i AS id, i * 2 AS n FROM generate_series(1, 10000) i", new: "SELECT i AS id, i * 3 AS n FROM generate_series(1, 10000) i",
			want: "fail", reason: "10,000 with other values",
		},
	}
	var checks []aggregate.Check
	for _, test := range tests {
		check := rowsOf(test.name, test.old, test.new)
		check.Key, check.Columns, check.Tolerance = test.with.Key, test.with.Columns, test.with.Tolerance
		checks = append(checks, check)
	}
	r := start(t, aggregate.Options{Checks: checks})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := runNow(t, r, test.name, aggregate.Mode{Strict: test.strict})
			text := told(got)
			if got.Dropped > 0 {
				if got.Dropped != 9900 || len(got.Differences) != aggregate.MaxDifferences {
					t.Errorf("%d differences and %d more", len(got.Differences), got.Dropped)
				}
				text = string(got.Verdict)
			}
			if text != test.want || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("%s\n%s\nwant %s\n%s", text, got.Reason, test.want, test.reason)
			}
			if (got.Verdict == aggregate.Inconclusive) != (got.Variance == nil) {
				t.Errorf("%s with the variance %v", got.Verdict, got.Variance)
			}
		})
	}
}

func TestRowsAreRefused(t *testing.T) {
	tests := []struct {
		name string
		with aggregate.Check
		want string
	}{
		{"a table", aggregate.Check{Old: aggregate.Side{Table: "t"}}, "old: a check of type rows needs sql"},
		{"a column twice", aggregate.Check{Columns: []aggregate.Column{{Old: "a"}, {Old: "a", New: "b"}}}, "columns[1]: another one has a in old"},
		{"a column of new twice", aggregate.Check{Columns: []aggregate.Column{{Old: "a", New: "b"}, {Old: "b"}}}, "columns[1]: another one has b in new"},
		{"an ignored key", aggregate.Check{Key: []string{"a"}, Columns: []aggregate.Column{{Old: "a", Ignore: true}}}, "columns[0]: a is part of the key"},
		{"a key twice", aggregate.Check{Key: []string{"a", "a"}}, "key: a is in it twice"},
		{"a tolerance above 100 %", aggregate.Check{Columns: []aggregate.Column{{Old: "a", Tolerance: &aggregate.Tolerance{Relative: "1.5"}}}}, "columns[0].tolerance.relative: must be at most 1"},
		{"a tolerance that is no number", aggregate.Check{Columns: []aggregate.Column{{Old: "a", Tolerance: &aggregate.Tolerance{Absolute: "NaN"}}}}, "columns[0].tolerance.absolute: must be a decimal"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check := rowsOf("rows", "SELECT 1", "SELECT 1")
			check.Key, check.Columns = test.with.Key, test.with.Columns
			if test.with.Old.Table != "" {
				check.Old = test.with.Old
			}
			if err := check.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// TestRowsRoundTimesAsTheServerDoes compares moments with what the server made of them in columns that keep fewer digits.
func TestRowsRoundTimesAsTheServerDoes(t *testing.T) {
	var checks []aggregate.Check
	for _, digits := range []int{0, 1, 3, 5} {
		const moments = "SELECT i AS id, timestamptz '%s' + i * interval '0.0005 second' + (i %% 7) * interval '1 microsecond' AS at FROM generate_series(0, 1500) i"
		for _, from := range []string{"1999-12-31 23:59:59Z", "1969-07-20 20:17:39Z", "2026-02-28 23:59:58.5Z"} {
			exact := fmt.Sprintf(moments, from)
			rounded := fmt.Sprintf("SELECT id, at::timestamptz(%d) AS at FROM (%s) exact", digits, exact)
			checks = append(checks, rowsOf(fmt.Sprintf("%s %d", from, digits), exact, rounded))
		}
		const hours = "SELECT i AS id, time '23:59:58' + i * interval '0.0005 second' AS at FROM generate_series(0, 3999) i"
		checks = append(checks, rowsOf(fmt.Sprintf("time %d", digits), hours, fmt.Sprintf("SELECT id, at::time(%d) AS at FROM (%s) exact", digits, hours)))
	}
	r := start(t, aggregate.Options{Checks: checks})
	for _, check := range checks {
		if got := runNow(t, r, check.Name, aggregate.Mode{}); got.Verdict != aggregate.Pass {
			t.Errorf("%s: %s", check.Name, got.Reason)
		}
	}
}
