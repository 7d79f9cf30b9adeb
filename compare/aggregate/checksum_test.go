package aggregate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"paritygate/compare/aggregate"
)

// checksumOf is a check of two tables of one name.
func checksumOf(name string) aggregate.Check {
	return aggregate.Check{
		Name: name, Type: aggregate.Checksum, Old: aggregate.Side{Table: name}, New: aggregate.Side{Table: name},
	}
}

// named writes the differences of a result, one a line.
func named(r aggregate.Result) string {
	var b strings.Builder
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "%s %s: %s | %s\n", d.Kind, d.Key, show(d.Old), show(d.New))
	}
	return b.String()
}

// sales makes the two tables of the faults, with other names and types for the same values.
func sales(t *testing.T, n int) (old, new string) {
	t.Helper()
	source := fmt.Sprintf(`SELECT i::bigint AS i, (i %% 9973) * 0.01::numeric AS amount, 'row ' || i AS note,
		timestamptz '2026-03-01 00:00:00.123456Z' + i * interval '1 s' AS at, md5(i::text)::uuid AS ref FROM generate_series(1, %d) i`, n)
	old = server.Database(t, "sales_old", `
		CREATE TABLE sales (id int PRIMARY KEY, amount numeric(10,2), note varchar(40), at timestamptz(3), paid boolean, ref uuid);
		INSERT INTO sales SELECT i, amount, CASE i % 100 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE note END, at, i % 2 = 0, ref FROM (`+source+`) s;`)
	new = server.Database(t, "sales_new", `
		CREATE SCHEMA shop;
		CREATE TABLE shop."Sale" (ref text, sale_id bigint PRIMARY KEY, total numeric, note text, sold timestamptz, paid smallint, extra int);
		INSERT INTO shop."Sale" SELECT upper(ref::text), i, amount * 1.0000, CASE i % 100 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE note END, at, ((i + 1) % 2), 5
			FROM (`+source+`) s ORDER BY md5(i::text);`)
	return old, new
}

// salesCheck is the check of what sales makes.
func salesCheck() aggregate.Check {
	return aggregate.Check{
		Name: "sales", Type: aggregate.Checksum, Old: aggregate.Side{Table: "sales"}, New: aggregate.Side{Table: `shop.Sale`},
		Columns: []aggregate.Column{
			{Old: "id", New: "sale_id"}, {Old: "amount", New: "total"}, {Old: "at", New: "sold"}, {Old: "extra", Ignore: true},
		},
	}
}

func TestChecksumFindsEveryFault(t *testing.T) {
	const n = 60_000 // many chunks
	oldDB, newDB := sales(t, n)
	r := start(t, aggregate.Options{Old: aggregate.Database{DSN: oldDB}, New: aggregate.Database{DSN: newDB}, Checks: []aggregate.Check{salesCheck()}})
	verify(t, runNow(t, r, "sales", aggregate.Mode{}), aggregate.Pass, 0, "Old has 60,000 rows and new has 60,000 rows: all of them are equal.")
	verify(t, runNow(t, r, "sales", aggregate.Mode{Strict: true}), aggregate.Pass, 0, "all of them are equal")
	faults := []struct{ name, sql, want string }{
		{
			"a row before the first", `INSERT INTO shop."Sale" SELECT ref, -5, total, note, sold, paid, 5 FROM shop."Sale" WHERE sale_id = 1`,
			`extra id=-5: <nil> | total=0.01, note="", sold=2026-03-01 00:00:01.123+00, paid=0, ref=c4ca4238-a0b9-2382-0dcc-509a6f75849b`,
		},
		{"a text for NULL", `UPDATE shop."Sale" SET note = '' WHERE sale_id = 100`, `value id=100: note=NULL | note=""`},
		{"NULL for a text", `UPDATE shop."Sale" SET note = NULL WHERE sale_id = 101`, `value id=101: note="" | note=NULL`},
		{
			"a doubled row", `ALTER TABLE shop."Sale" DROP CONSTRAINT "Sale_pkey";
				CREATE INDEX ON shop."Sale" (sale_id);
				INSERT INTO shop."Sale" SELECT * FROM shop."Sale" WHERE sale_id = 4711`,
			"extra id=4711: 1 row | 2 rows",
		},
		{
			"a swapped pair", `UPDATE shop."Sale" SET note = 'row ' || (20005 - sale_id) WHERE sale_id IN (10002, 10003)`,
			"value id=10002: note=row 10002 | note=row 10003\nvalue id=10003: note=row 10003 | note=row 10002",
		},
		{"a cent", `UPDATE shop."Sale" SET total = total + 0.01 WHERE sale_id = 20000`, "value id=20000: amount=0.54 | total=0.55"},
		{
			"a lost row", `DELETE FROM shop."Sale" WHERE sale_id = 31415`,
			"missing id=31415: amount=14.96, note=row 31415, at=2026-03-01 08:43:35.123+00, paid=0, ref=fd80c4b0-6025-c38f-9d69-58ebe4f14532 | <nil>",
		},
		{"a truncated text", `UPDATE shop."Sale" SET note = left(note, 5) WHERE sale_id = 59999`, "value id=59999: note=row 59999 | note=row 5"},
		{
			"another time zone", `UPDATE shop."Sale" SET sold = sold + interval '1 h' WHERE sale_id = 59998`,
			"value id=59998: at=2026-03-01 16:39:58.123+00 | sold=2026-03-01 17:39:58.123+00",
		},
		{
			"several columns", `UPDATE shop."Sale" SET paid = 0, note = 'a, b' WHERE sale_id = 59996`,
			`value id=59996: note=row 59996, paid=1 | note="a, b", paid=0`,
		},
		{
			"a row after the last", `INSERT INTO shop."Sale" SELECT ref, 70000, total, note, sold, paid, 5 FROM shop."Sale" WHERE sale_id = 2`,
			"extra id=70000: <nil> | total=0.02, note=row 2, sold=2026-03-01 00:00:02.123+00, paid=1, ref=c81e728d-9d4c-2f63-6f06-7f89cc14862c",
		},
	}
	var want []string
	for _, fault := range faults {
		server.Run(t, "sales_new", fault.sql)
		want = append(want, strings.Split(fault.want, "\n")...)
	}
	got := runNow(t, r, "sales", aggregate.Mode{})
	found := strings.Split(strings.TrimSuffix(named(got), "\n"), "\n")
	if diff := cmp.Diff(want, found, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Error(diff)
	}
	if reason := "Old has 60,000 rows and new has 60,002 rows: 12 rows differ (0.02 %) (1 missing in new, 3 only in new, 8 with other values), " +
		"and none may; the first is id=-5, which old does not have."; got.Reason != reason {
		t.Errorf("%s\nwant %s", got.Reason, reason)
	}
	if show(got.Old) != "60000" || show(got.New) != "60002" || *got.Variance != 12.0/60002 || got.Dropped != 0 {
		t.Errorf("%+v", got)
	}
}
