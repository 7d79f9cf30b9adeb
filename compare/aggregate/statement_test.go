package aggregate

import (
	"strings"
	"testing"
)

func TestStatement(t *testing.T) {
	long := strings.Repeat("x", 64)
	tests := []struct {
		name string
		t    Type
		side Side
		want string // the statement, or
		err  string
	}{
		{"table", Count, Side{Table: "sales"}, `SELECT count(*) FROM "sales"`, ""},
		{"schema", Count, Side{Table: "public.Sales"}, `SELECT count(*) FROM "public"."Sales"`, ""},
		{"quoted", Count, Side{Table: `"a.b"."c""d"`}, `SELECT count(*) FROM "a.b"."c""d"`, ""},
		{"an injection is a name", Count, Side{Table: `x"; DROP TABLE y; --`}, `SELECT count(*) FROM "x""; DROP TABLE y; --"`, ""},
		{"three parts", Count, Side{Table: "a.b.c"}, "", "want table or schema.table"},
		{"empty part", Count, Side{Table: "a."}, `SELECT count(*) FROM "a"`, "a part of the name is empty"},
		{"only a dot", Count, Side{Table: "."}, "", "a part of the name is empty"},
		{"empty quotes", Count, Side{Table: `""`}, "", "a part of the name is empty"},
		{"open quote", Count, Side{Table: `"a`}, "", "not closed"},
		{"after the quote", Count, Side{Table: `"a"b`}, "", "a dot must follow"},
		{"too long", Count, Side{Table: long}, "", "63 bytes"},
		{"NUL", Count, Side{Table: "a\x00b"}, "", "not valid text"},
		{"both", Count, Side{Table: "a", SQL: "SELECT 1"}, "", "not both"},
		{"neither", Count, Side{}, "", "give a table or sql"},
		{"scalar of a table", Scalar, Side{Table: "a"}, "", "needs sql"},
		{"scalar of nothing", Scalar, Side{}, "", "give sql"},
		{"sql", Count, Side{SQL: " (select 1)"}, " (select 1)", ""},
		{"comments", Scalar, Side{SQL: "-- why\n/* a /* nested */ one */ WITH x AS (SELECT 1) TABLE x"}, "-- why\n/* a /* nested */ one */ WITH x AS (SELECT 1) TABLE x", ""},
		{"a comment within parentheses", Scalar, Side{SQL: "(/* a */ (SELECT 1))"}, "(/* a */ (SELECT 1))", ""},
		{"a write", Scalar, Side{SQL: "DELETE FROM a"}, "", "SELECT, WITH, VALUES or TABLE"},
		{"a write behind a comment", Scalar, Side{SQL: "/* SELECT */ DELETE FROM a"}, "", "SELECT, WITH, VALUES or TABLE"},
		{"an end of the transaction", Scalar, Side{SQL: "COMMIT"}, "", "SELECT, WITH, VALUES or TABLE"},
		{"a word that begins so", Scalar, Side{SQL: "SELECTED"}, "", "SELECT, WITH, VALUES or TABLE"},
		{"only a comment", Scalar, Side{SQL: "/* SELECT"}, "", "SELECT, WITH, VALUES or TABLE"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.side.statement(test.t)
			switch {
			case test.err == "" && (err != nil || got != test.want):
				t.Errorf("%q, %v, want %q", got, err, test.want)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

func FuzzParseTable(f *testing.F) {
	for _, seed := range []string{"a", "a.b", `"a.b"."c""d"`, `"`, `""""`, ".", "a.b.c", `"a"."`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		parts, err := parseTable(name)
		if err != nil {
			return
		}
		// What was read, written in full, must be read as the same.
		again, err := parseTable(parts.Sanitize())
		if err != nil || again.Sanitize() != parts.Sanitize() {
			t.Errorf("%q is %q, which is %q, %v", name, parts, again, err)
		}
	})
}

func FuzzReadsOnly(f *testing.F) {
	for _, seed := range []string{"SELECT 1", "/*", "/* /* */ */ select", "--", "((with", "/*/", "\vVALUES (1)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if readsOnly(sql) == nil && readsOnly("DELETE "+sql) == nil {
			t.Errorf("%q", sql)
		}
	})
}
