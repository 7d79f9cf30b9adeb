package catalog

import "testing"

// The pairs are as PostgreSQL writes one expression over a varchar, numeric or smallint and over a text or integer column.
func TestLikeness(t *testing.T) {
	rename := func(s string) string {
		if s == "email" {
			return "mail"
		}
		return s
	}
	schema := func(s string) string {
		if s == "shop" {
			return "store"
		}
		return s
	}
	tests := []struct {
		old, new string
		alike    bool
	}{
		{"lower((email)::text)", "lower(mail)", true},
		{"((email)::text <> ''::text)", "(mail <> ''::text)", true},
		{"((email)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))", "(mail = ANY (ARRAY['a'::text, 'b'::text]))", true},
		{"((email)::text = ANY ((ARRAY['a'::character varying(20), 'b'::bpchar])::text[]))", "(mail = ANY (ARRAY['a'::text, 'b'::text]))", true},
		{"((state = 'open'::shop.status) AND (paid > (0)::numeric))", "((state = 'open'::store.order_status) AND (paid > 0))", true},
		{"(n > '-1'::integer)", "(n > '-1'::bigint)", true},
		{"(n > (-1)::smallint)", "(n > (-1))", true},
		{"(at > '2026-01-01 00:00:00'::timestamp without time zone)", "(at > '2026-01-01 00:00:00'::timestamp(3) with time zone)", true},
		{"shop.area(email)", "store.area(mail)", true},
		{"(email || ' email'::text)", "(mail || ' email'::text)", true},
		{"email(email)", "email(mail)", true},
		{`("email" IS NULL)`, "(mail IS NULL)", true},
		{`E'\\'::text`, `E'\\'::text`, true},
		{"((n)::date)", "(n)", false},
		{"((total)::integer > 5)", "(total > 5)", false},
		{"(((a = 1) OR (b = 2)) AND (c = 3))", "((a = 1) OR ((b = 2) AND (c = 3)))", false},
		{"((a + b) * c)", "(a + (b * c))", false},
		{"lower(email)", "upper(mail)", false},
		{"(mail = 'a'::text)", "(mail = 'A'::text)", false},
		{"(mail = 'it''s'::text)", "(mail = 'its'::text)", false},
		{"(NOT (a AND b))", "((NOT a) AND b)", false},
		{"('a'::text || b)", "('a b'::text)", false},
	}
	for _, test := range tests {
		old, new := likeness(test.old, rename, schema), likeness(test.new, keep, keep)
		if (old == new) != test.alike {
			t.Errorf("%s is read as %s\n%s is read as %s", test.old, old, test.new, new)
		}
	}
}

func FuzzLikeness(f *testing.F) {
	f.Add("((email)::text = ANY ((ARRAY['a'::character varying])::text[]))")
	f.Add("(((((a)))::timestamp(3)")
	f.Add(`E'"''`)
	f.Fuzz(func(t *testing.T, s string) {
		once := likeness(s, keep, keep)
		if again := likeness(s, keep, keep); once != again {
			t.Errorf("%q is read as %q and as %q", s, once, again)
		}
	})
}
