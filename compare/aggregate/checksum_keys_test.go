package aggregate_test

import (
	"fmt"
	"strings"
	"testing"

	"paritygate/compare/aggregate"
)

// pairOf makes a schema in both databases from the statements, and a runner of one check on its tables.
func pairOf(t *testing.T, schema, old, new string, check aggregate.Check) *aggregate.Runner {
	t.Helper()
	runIn(t, "shop_old", schema, "CREATE SCHEMA "+schema+"; "+pathOf(schema)+old)
	runIn(t, "shop_new", schema, "CREATE SCHEMA "+schema+"; "+pathOf(schema)+new)
	check.Old.Table, check.New.Table = schema+"."+check.Old.Table, schema+"."+check.New.Table
	return start(t, aggregate.Options{Checks: []aggregate.Check{check}})
}

func pathOf(schema string) string { return "SET search_path = " + schema + ", public; " }

// runIn runs statements on the tables of a schema.
func runIn(t *testing.T, database, schema, sql string) {
	t.Helper()
	server.Run(t, database, pathOf(schema)+sql)
}

func TestChecksumKeys(t *testing.T) {
	keyed := func(key ...string) aggregate.Check {
		c := checksumOf("t")
		c.Key = key
		return c
	}
	tests := []struct {
		name     string
		check    aggregate.Check
		old, new string // rows are inserted into both: 7,000 and more
		rows     string
		fault    string // in new
		want     string
	}{
		{
			"two columns", checksumOf("t"), "CREATE TABLE t (v text, b int, a bigint, PRIMARY KEY (a, b))", "CREATE TABLE t (a int, b bigint, v text, PRIMARY KEY (a, b))",
			"INSERT INTO t (a, b, v) SELECT i / 100, i % 100, 'x' || i FROM generate_series(0, 6999) i",
			"UPDATE t SET v = 'y' WHERE a = 42 AND b = 7; DELETE FROM t WHERE a = 69 AND b = 99",
			"value a=42, b=7: v=x4207 | v=y\nmissing a=69, b=99: v=x6999 | <nil>\n",
		},
		{
			"texts in two orders", checksumOf("t"), `CREATE TABLE t (k text COLLATE "C" PRIMARY KEY, v int)`, `CREATE TABLE t (k varchar(30) COLLATE "en-x-icu" PRIMARY KEY, v int)`,
			`INSERT INTO t SELECT CASE i % 5 WHEN 0 THEN 'a' WHEN 1 THEN 'B' WHEN 2 THEN 'Ä' WHEN 3 THEN '-' ELSE E'\\''' END || i, i FROM generate_series(1, 7000) i`,
			`UPDATE t SET v = 0 WHERE k = 'Ä6002'; DELETE FROM t WHERE k = E'\\''4'`,
			"missing k=\\'4: v=4 | <nil>\nvalue k=Ä6002: v=6002 | v=0\n",
		},
		{
			"texts in one order that is no order of bytes", checksumOf("t"), `CREATE TABLE t (k text COLLATE "en-x-icu" PRIMARY KEY, v int)`,
			`CREATE TABLE t (k text COLLATE "en-x-icu" PRIMARY KEY, v int)`,
			"INSERT INTO t SELECT CASE i % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'B' ELSE 'Ä' END || i, i FROM generate_series(1, 7000) i",
			"UPDATE t SET v = 0 WHERE k = 'Ä5'", "value k=Ä5: v=5 | v=0\n",
		},
		{
			"texts in which case does not count", checksumOf("t"), `CREATE TABLE t (k text PRIMARY KEY, v int)`,
			`CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE TABLE t (k text COLLATE nocase PRIMARY KEY, v int)`,
			"INSERT INTO t SELECT 'K' || i, i FROM generate_series(1, 5000) i", "UPDATE t SET k = 'k5' WHERE k = 'K5'",
			"missing k=K5: v=5 | <nil>\nextra k=k5: <nil> | v=5\n",
		},
		{
			"uuids as text", checksumOf("t"), "CREATE TABLE t (k uuid PRIMARY KEY, v int)", "CREATE TABLE t (k text PRIMARY KEY, v int)",
			"INSERT INTO t SELECT md5(i::text)::uuid, i FROM generate_series(1, 5000) i", "DELETE FROM t WHERE v = 9",
			"missing k=45c48cce-2e2d-7fbd-ea1a-fc51c7c6ad26: v=9 | <nil>\n",
		},
		{
			"enums of another order", checksumOf("t"), "CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE t (k e, i int, PRIMARY KEY (k, i))",
			"CREATE TYPE e AS ENUM ('b', 'x', 'a'); CREATE TABLE t (k e, i int, PRIMARY KEY (k, i))",
			"INSERT INTO t SELECT (ARRAY['a', 'b'])[1 + i % 2]::e, i FROM generate_series(1, 5000) i", "UPDATE t SET k = 'x' WHERE i = 10",
			"missing k=a, i=10: 1 row | <nil>\nextra k=x, i=10: <nil> | 1 row\n",
		},
		{
			"moments", checksumOf("t"), "CREATE TABLE t (k timestamptz PRIMARY KEY, v int)", "CREATE TABLE t (k timestamptz PRIMARY KEY, v int)",
			"INSERT INTO t SELECT timestamptz '2026-01-01Z' + i * interval '1 us', i FROM generate_series(1, 5000) i", "DELETE FROM t WHERE v = 9",
			"missing k=2026-01-01 00:00:00.000009+00: v=9 | <nil>\n",
		},
		{
			"numbers of another scale", checksumOf("t"), "CREATE TABLE t (k numeric(9,1) PRIMARY KEY, v int)", "CREATE TABLE t (k numeric PRIMARY KEY, v int)",
			"INSERT INTO t SELECT i / 2.0, i FROM generate_series(1, 5000) i", "DELETE FROM t WHERE v IN (9, 4000)",
			"missing k=4.5: v=9 | <nil>\nmissing k=2000: v=4000 | <nil>\n",
		},
		{
			"NULL in the key", keyed("a", "b"), "CREATE TABLE t (a int, b int, v int)", "CREATE TABLE t (a int, b int, v int); CREATE INDEX ON t (a, b)",
			"INSERT INTO t SELECT nullif(i % 70, 7), nullif(i / 70, 9), i FROM generate_series(0, 6999) i",
			"UPDATE t SET v = -1 WHERE v IN (7, 637, 639, 700)",
			"value a=NULL, b=0: v=7 | v=-1\nvalue a=NULL, b=NULL: v=637 | v=-1\nvalue a=9, b=NULL: v=639 | v=-1\nvalue a=0, b=10: v=700 | v=-1\n",
		},
		{
			"a key that several rows share", keyed("a"), "CREATE TABLE t (a int, v int); CREATE INDEX ON t (a)", "CREATE TABLE t (a int, v int); CREATE INDEX ON t (a)",
			"INSERT INTO t SELECT i % 3, i FROM generate_series(1, 15000) i",
			"UPDATE t SET v = -1 WHERE v IN (300, 600); INSERT INTO t SELECT a, v FROM t WHERE v = 301", "value a=0: v=300; v=600 | v=-1; v=-1\nextra a=1: 5,000 rows | 5,001 rows\n",
		},
		{
			"rows far beyond old's", checksumOf("t"), "CREATE TABLE t (k int PRIMARY KEY)", "CREATE TABLE t (k int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 3000)",
			"INSERT INTO t SELECT 100000 + 50 * generate_series(1, 9000)", "extra k=100050: <nil> | 1 row\nextra k=100100: <nil> | 1 row\n",
		},
		{
			"values that moved to their neighbours", checksumOf("t"), "CREATE TABLE t (k int PRIMARY KEY, a int, b int, c text, d text)", "CREATE TABLE t (k int PRIMARY KEY, a int, b int, c text, d text)",
			"INSERT INTO t SELECT i, 5, NULL, 'x|1|y', NULL FROM generate_series(1, 3000) i",
			"UPDATE t SET a = NULL, b = 5 WHERE k = 7; UPDATE t SET c = NULL, d = 'x|1|y' WHERE k = 8; UPDATE t SET c = 'x', d = 'y' WHERE k = 9",
			"value k=7: a=5, b=NULL | a=NULL, b=5\nvalue k=8: c=x|1|y, d=NULL | c=NULL, d=x|1|y\nvalue k=9: c=x|1|y, d=NULL | c=x, d=y\n",
		},
		{
			"odd names", checksumOf(`"o.dd""t"`), `CREATE TABLE "o.dd""t" ("k ""%s" int PRIMARY KEY, "t" text)`, `CREATE TABLE "o.dd""t" ("k ""%s" int PRIMARY KEY, "t" text)`,
			`INSERT INTO "o.dd""t" SELECT i, 'v' FROM generate_series(1, 3000) i`, `DELETE FROM "o.dd""t" WHERE "k ""%s" = 5`, "missing k \"%s=5: t=v | <nil>\n",
		},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			db := fmt.Sprintf("keys%d", i)
			r := pairOf(t, db, test.old+";"+test.rows+"; ANALYZE", test.new+";"+test.rows+"; ANALYZE", test.check)
			got := runNow(t, r, test.check.Name, aggregate.Mode{})
			if got.Verdict != aggregate.Pass {
				t.Fatalf("%s: %s", got.Verdict, got.Reason)
			}
			runIn(t, "shop_new", db, test.fault)
			got = runNow(t, r, test.check.Name, aggregate.Mode{})
			if found := named(got); got.Verdict != aggregate.Fail || !sameLines(found, test.want) {
				t.Errorf("%s: %s\n%s\nwant\n%s", got.Verdict, got.Reason, found, test.want)
			}
		})
	}
}

// sameLines compares sets of lines; of more than 10 found it wants those that are wanted, and others.
func sameLines(found, want string) bool {
	have := strings.Split(found, "\n")
	for _, line := range strings.Split(want, "\n") {
		if !strings.Contains("\n"+found, "\n"+line+"\n") && line != "" {
			return false
		}
	}
	return len(have) > 10 || len(have) == len(strings.Split(want, "\n"))
}

func TestChecksumThatCannotBeMade(t *testing.T) {
	column := func(c aggregate.Check, columns ...aggregate.Column) aggregate.Check {
		c.Columns = columns
		return c
	}
	keyed := func(key ...string) aggregate.Check {
		c := checksumOf("t")
		c.Key = key
		return c
	}
	tests := []struct {
		name     string
		check    aggregate.Check
		old, new string
		want     []string
	}{
		{"no primary key", checksumOf("t"), "CREATE TABLE t (a int)", "CREATE TABLE t (a int PRIMARY KEY)", []string{`old: table "cannot0"."t" has no primary key: name the columns that tell one row from another under key`}},
		{
			"columns on one side", checksumOf("t"), "CREATE TABLE t (a int PRIMARY KEY, b int, c int)", "CREATE TABLE t (a int PRIMARY KEY, d int)",
			[]string{"old alone has columns b, c: map or ignore them under columns", "new alone has column d: map or ignore them under columns"},
		},
		{
			"types that do not fit", column(checksumOf("t"), aggregate.Column{Old: "b", New: "x"}), "CREATE TABLE t (a int PRIMARY KEY, b bytea, c time)",
			"CREATE TABLE t (a int PRIMARY KEY, x varchar(9), c timetz)",
			[]string{"column b is bytea in old, and x character varying(9) in new, which cannot be compared: ignore it", "column c is time without time zone in old, and c time with time zone in new"},
		},
		{"a map of nothing", column(checksumOf("t"), aggregate.Column{Old: "z", New: "a"}), "CREATE TABLE t (a int PRIMARY KEY)", "CREATE TABLE t (a int PRIMARY KEY)", []string{`old: table "cannot3"."t" has no column z`}},
		{
			"a map to nothing", column(checksumOf("t"), aggregate.Column{Old: "b", New: "z"}), "CREATE TABLE t (a int PRIMARY KEY, b int)", "CREATE TABLE t (a int PRIMARY KEY, c int)",
			[]string{`columns: new: table "cannot4"."t" has no column z, which is to be old's b`, "new alone has column c"},
		},
		{"a key of nothing", keyed("z"), "CREATE TABLE t (a int PRIMARY KEY)", "CREATE TABLE t (a int PRIMARY KEY)", []string{"key: column z is not among those that are compared"}},
		{"a key of JSON", keyed("a"), "CREATE TABLE t (a jsonb)", "CREATE TABLE t (a jsonb)", []string{"key: column a is jsonb in old and jsonb in new, by which rows cannot be told apart"}},
		{"no table", checksumOf("t"), "CREATE TABLE t (a int PRIMARY KEY)", "", []string{`relation "cannot7.t" does not exist`}},
		{"both empty", checksumOf("t"), "CREATE TABLE t (a int PRIMARY KEY)", "CREATE TABLE t (a int PRIMARY KEY)", []string{"Both sides are empty"}},
		{"text that is no JSON", checksumOf("t"), "CREATE TABLE t (a int PRIMARY KEY, j text); INSERT INTO t VALUES (1, 'x')", "CREATE TABLE t (a int PRIMARY KEY, j json)", []string{"ask old: invalid input syntax for type json"}},
		{
			"a key without an index, and more rows of one key than can be told apart", keyed("a"), "CREATE TABLE t (a int, b int); INSERT INTO t SELECT 1, i FROM generate_series(1, 100001) i",
			"CREATE TABLE t (a int, b int); INSERT INTO t SELECT 1, i + 1 FROM generate_series(1, 100001) i",
			[]string{"100,001 rows share the key a=1: give the check a key that tells rows apart"},
		},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := pairOf(t, fmt.Sprintf("cannot%d", i), test.old, test.new, test.check)
			got := runNow(t, r, "t", aggregate.Mode{})
			for _, want := range test.want {
				if got.Verdict != aggregate.Inconclusive || !strings.Contains(got.Reason, want) {
					t.Errorf("%s: %s\nwant %s", got.Verdict, got.Reason, want)
				}
			}
		})
	}
}

func TestChecksumThatIsNone(t *testing.T) {
	tests := []struct {
		name  string
		check aggregate.Check
		want  string
	}{
		{"no table", aggregate.Check{Old: aggregate.Side{Table: "t"}}, "new: give a table"},
		{"sql", aggregate.Check{Old: aggregate.Side{Table: "t", SQL: "SELECT 1"}, New: aggregate.Side{Table: "t"}}, "old: give a table"},
		{"a bad name", aggregate.Check{Old: aggregate.Side{Table: "a.b.c"}, New: aggregate.Side{Table: "t"}}, "want table or schema.table"},
		{"a column twice", aggregate.Check{Columns: []aggregate.Column{{Old: "a"}, {Old: "a", New: "b"}}}, "columns: another one is a in old or b in new too"},
		{"a target twice", aggregate.Check{Columns: []aggregate.Column{{Old: "a", New: "c"}, {Old: "b", New: "c"}}}, "columns: another one is b in old or c in new too"},
		{"a tolerance of a column", aggregate.Check{Columns: []aggregate.Column{{Old: "a", Tolerance: &aggregate.Tolerance{}}}}, "a tolerance is not for a checksum"},
		{"an ignored key", aggregate.Check{Key: []string{"a"}, Columns: []aggregate.Column{{Old: "a", Ignore: true}}}, "a is part of the key"},
		{"a key twice", aggregate.Check{Key: []string{"a", "a"}}, "key: a is there twice"},
		{"pace", aggregate.Check{Pace: 1.5}, "pace: must be above 0 and at most 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.check.Name, test.check.Type = "t", aggregate.Checksum
			if test.check.Old.Table == "" {
				test.check.Old.Table, test.check.New.Table = "t", "t"
			}
			if err := test.check.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestChecksumOfOtherEncodings(t *testing.T) {
	for _, sql := range []string{
		"CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'", "CREATE DATABASE utf TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
	} {
		server.Run(t, "postgres", sql)
	}
	for _, db := range []string{"latin", "utf"} {
		server.Run(t, db, "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'Gr' || chr(246) || chr(223) || 'e ' || i FROM generate_series(1, 5000) i")
	}
	dsn := func(db string) aggregate.Database {
		return aggregate.Database{DSN: strings.Replace(oldDSN, "shop_old", db, 1)}
	}
	r := start(t, aggregate.Options{Old: dsn("latin"), New: dsn("utf"), Checks: []aggregate.Check{checksumOf("t")}})
	verify(t, runNow(t, r, "t", aggregate.Mode{}), aggregate.Pass, 0, "all of them are equal")
	server.Run(t, "utf", "UPDATE t SET v = 'Grosse' WHERE id = 5")
	if got := runNow(t, r, "t", aggregate.Mode{}); named(got) != "value id=5: v=Größe 5 | v=Grosse\n" {
		t.Errorf("%s\n%s", got.Reason, named(got))
	}
}

func TestChecksumOfManyDifferences(t *testing.T) {
	table := "CREATE TABLE t (id int PRIMARY KEY, v int, j jsonb);"
	rows := "INSERT INTO t SELECT i, i, '{\"a\": 1.0}' FROM generate_series(1, 6000) i;"
	r := pairOf(t, "many", table+rows, table+rows+"UPDATE t SET v = -v; DELETE FROM t WHERE id > 5000;", func() aggregate.Check {
		c := checksumOf("t")
		c.Columns = []aggregate.Column{{Old: "j", Ignore: true}}
		return c
	}())
	got := runNow(t, r, "t", aggregate.Mode{})
	verifyMany(t, got, 6000, "Old has 6,000 rows and new has 5,000 rows: 6,000 rows differ (100 %) (1,000 missing in new, 5,000 with other values), and none may; the first is id=1: v=1 in old, v=-1 in new.")
	runIn(t, "shop_new", "many", "UPDATE t SET v = -v WHERE id > 2000")
	got = runNow(t, r, "t", aggregate.Mode{})
	verifyMany(t, got, 3000, "3,000 rows differ (50 %) (1,000 missing in new, 2,000 with other values)")
	runIn(t, "shop_new", "many", "TRUNCATE t")
	got = runNow(t, r, "t", aggregate.Mode{})
	verifyMany(t, got, 6000, "Old has 6,000 rows and new has 0 rows: 6,000 rows differ (100 %) (6,000 missing in new)")
}

func verifyMany(t *testing.T, got aggregate.Result, differing int, reason string) {
	t.Helper()
	if got.Verdict != aggregate.Fail || !strings.Contains(got.Reason, reason) {
		t.Errorf("%s: %s\nwant %s", got.Verdict, got.Reason, reason)
	}
	if len(got.Differences) != aggregate.MaxDifferences || got.Dropped != differing-aggregate.MaxDifferences {
		t.Errorf("%d named, %d dropped, of %d", len(got.Differences), got.Dropped, differing)
	}
}

func TestChecksumTolerance(t *testing.T) {
	table := "CREATE TABLE t (id int PRIMARY KEY, v int, j jsonb); INSERT INTO t SELECT i, i, '{\"a\": 1.0, \"b\": 2}' FROM generate_series(1, 3000) i;"
	check := checksumOf("t")
	check.Tolerance = aggregate.Tolerance{Relative: "0.001"}
	// A thousand documents that differ in how they are written, and three rows in what they are.
	r := pairOf(t, "tolerance", table, table+`UPDATE t SET j = '{"b": 2, "a": 1}'; UPDATE t SET j = '{"a": 1, "b": 3}' WHERE id IN (10, 20, 30)`, check)
	verify(t, runNow(t, r, "t", aggregate.Mode{}), aggregate.Pass, 0.001, "3 rows differ (0.1 %) (3 with other values), within the 3 allowed.")
	got := runNow(t, r, "t", aggregate.Mode{Strict: true})
	if got.Verdict != aggregate.Fail || len(got.Differences) != 3 || !strings.HasPrefix(named(got), `value id=10: j="{"a": 1.0, "b": 2}" | j="{"a": 1, "b": 3}"`) {
		t.Errorf("%s\n%s", got.Reason, named(got))
	}
}

func TestChecksumOfLargeDocuments(t *testing.T) {
	table := "CREATE TABLE t (id int PRIMARY KEY, j json); INSERT INTO t SELECT 1, ('[\"' || repeat('x', 70000) || '\", 1]')::json;"
	r := pairOf(t, "large", table, table, checksumOf("t"))
	verify(t, runNow(t, r, "t", aggregate.Mode{}), aggregate.Pass, 0, "all of them are equal")
	runIn(t, "shop_new", "large", "UPDATE t SET j = replace(j::text, '1]', '2]')::json") // behind what is fetched
	verify(t, runNow(t, r, "t", aggregate.Mode{}), aggregate.Fail, 1, "1 row differs")
}
