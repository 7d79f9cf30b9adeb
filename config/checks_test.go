package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestChecksumOfChecks edits each key of checks, and wants what is in effect to mean the same when it is read again.
func TestChecksumOfChecks(t *testing.T) {
	base := minimal + `
databases:
  old: {dsn: "host=old", lag: {sql: SELECT 1, max: 5s}}
  new: {dsn: "host=new"}
checks:
  - {name: a, type: top, limit: 20, tolerance: {relative: 2%, absolute: 0.5, overlap: 90%}, max_cost: 1000, every: 1m, max_age: 3m,
    old: {sql: SELECT 1}, new: {http: {path: /top, method: POST, headers: {Accept-Profile: shop, Authorization: sesame}, body: all}, value: $.top}}
  - {name: b, type: checksum, key: [id], pace: 50%, columns: [{old: id, new: nr}, {old: x, ignore: true}], strict_at_cutover: false,
    settled: {column: at, lag: 1m}, old: {table: t}, new: {table: shop.u}}
  - {name: c, type: schema, tables: [t], rename: {t: u}, old: {schema: one}, new: {schema: two}}
  - {name: d, type: rows, columns: [{old: p, tolerance: {relative: 3%, absolute: 4}}], old: {sql: TABLE a}, new: {sql: TABLE b}}
  - {name: e, type: distribution, old: {table: t, column: kind}, new: {table: t, column: class}}
`
	sum := parse(t, base).Checksum()
	for _, edit := range []struct {
		from, to string
		same     bool
	}{
		{"limit: 20", "limit: 21", false},
		{"relative: 2%", "relative: 3%", false},
		{"absolute: 0.5", "absolute: 0.6", false},
		{"overlap: 90%", "overlap: 80%", false},
		{"max_cost: 1000", "max_cost: 0", false},
		{"every: 1m", "every: 2m", false},
		{"max_age: 3m", "max_age: 4m", false},
		{"SELECT 1}", "SELECT 2}", false},
		{"/top", "/bottom", false},
		{"Accept-Profile: shop", "Accept-Profile: store", false},
		{"sesame", "poppy", true},
		{"body: all", "body: some", false},
		{"$.top", "$.bottom", false},
		{"key: [id]", "key: [id, x2]", false},
		{"pace: 50%", "pace: 60%", false},
		{"new: nr", "new: no", false},
		{"{old: x, ignore: true}", "{old: y, ignore: true}", false},
		{", ignore: true", "", false},
		{"strict_at_cutover: false", "strict_at_cutover: true", false},
		{"column: at", "column: on", false},
		{"lag: 1m", "lag: 2m", false},
		{"{table: t}", "{table: v}", false},
		{"shop.u", "shop.v", false},
		{"tables: [t]", "tables: [t, s]", false},
		{"tables: [t], ", "", false},
		{"{t: u}", "{t: v}", false},
		{"schema: one", "schema: three", false},
		{"relative: 3%, absolute: 4", "relative: 4%, absolute: 4", false},
		{"absolute: 4}", "absolute: 5}", false},
		{"column: class", "column: kind", false},
		{"type: rows", "type: scalar", false},
	} {
		t.Run(edit.from, func(t *testing.T) {
			edited := strings.Replace(base, edit.from, edit.to, 1)
			if edited == base {
				t.Fatal("it is not in the file")
			}
			if edit.to == "type: scalar" { // of which columns are not
				edited = strings.Replace(edited, "columns: [{old: p, tolerance: {relative: 3%, absolute: 4}}], ", "", 1)
			}
			c := parse(t, edited)
			if got := c.Checksum(); (got == sum) != edit.same {
				t.Errorf("the same checksum: %v, want %v", got == sum, edit.same)
			}
			shown := string(c.YAML())
			if strings.Contains(shown, "sesame") || strings.Contains(shown, "poppy") {
				t.Error("the secret is shown")
			}
			if again := string(parse(t, shown).YAML()); again != shown {
				t.Error(cmp.Diff(shown, again))
			}
		})
	}
}
