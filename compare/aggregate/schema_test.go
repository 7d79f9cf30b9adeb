package aggregate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/compare/aggregate"
)

// oldShop is a schema as it grew; newShop is the same with renamed tables and columns and wider types.
const (
	oldShop = `
	CREATE TYPE status AS ENUM ('open', 'paid');
	CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0);
	CREATE TABLE customers (
		id serial PRIMARY KEY, email varchar(50) NOT NULL, name varchar(40), vat char(10), born date, flags smallint[], score real,
		"Zip.Code" varchar(5), about text);
	CREATE UNIQUE INDEX ON customers (lower(email));
	CREATE INDEX ON customers (vat bpchar_pattern_ops);
	CREATE INDEX ON customers (name varchar_pattern_ops) WHERE name IN ('a', 'b') AND vat <> '';
	CREATE TABLE orders (
		id serial PRIMARY KEY, customer_id int NOT NULL REFERENCES customers ON DELETE CASCADE, state status DEFAULT 'open', total price,
		paid numeric(8,2), at timestamptz NOT NULL DEFAULT now(), note varchar(100), number int, UNIQUE (customer_id, number));
	CREATE INDEX orders_at ON orders (at DESC, customer_id) INCLUDE (total);
	CREATE INDEX orders_open ON orders (customer_id) WHERE state = 'open' AND paid > 0;
	CREATE INDEX orders_at_again ON orders (at DESC, customer_id) INCLUDE (total);
	CREATE TABLE lines (order_id int, line int, product text, PRIMARY KEY (order_id, line), FOREIGN KEY (order_id) REFERENCES orders (id));
	CREATE VIEW big AS SELECT id, total FROM orders;`
	newShop = `
	CREATE TYPE order_status AS ENUM ('open', 'paid', 'gone');
	CREATE TABLE purchase (
		purchase_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state order_status, amount numeric(12,4), paid numeric, at timestamptz NOT NULL DEFAULT now(),
		note text, customer_id bigint NOT NULL, number bigint, extra jsonb DEFAULT '{}' NOT NULL);
	CREATE UNIQUE INDEX some_name ON purchase (customer_id, number);
	CREATE INDEX other_name ON purchase (at, customer_id DESC) INCLUDE (amount, note);
	CREATE INDEX ON purchase (customer_id) WHERE state = 'open' AND paid > 0;
	CREATE INDEX ON purchase (note);
	CREATE TABLE customers (
		id bigserial PRIMARY KEY, mail text NOT NULL, name text, vat varchar, born date, flags int[], score double precision, "zip, code" varchar(9), about text);
	CREATE UNIQUE INDEX ON customers (lower(mail));
	CREATE INDEX ON customers (vat text_pattern_ops);
	CREATE INDEX ON customers (name text_pattern_ops) WHERE name IN ('a', 'b') AND vat <> '';
	ALTER TABLE purchase ADD CONSTRAINT fk FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE;
	CREATE TABLE lines (product text, line int, order_id bigint REFERENCES purchase ON DELETE RESTRICT, PRIMARY KEY (order_id, line));
	CREATE TABLE audit (id int);
	CREATE VIEW big AS SELECT purchase_id AS id, amount FROM purchase;`
)

// inSchema makes the statements ones of a schema of their own.
func inSchema(name, sql string) string {
	return fmt.Sprintf("CREATE SCHEMA %s; SET search_path = %[1]s; %s; RESET search_path;", name, sql)
}

func shopCheck(schema string) aggregate.Check {
	return aggregate.Check{
		Name: "schema", Type: aggregate.Schema, Old: aggregate.Side{Schema: "shop"}, New: aggregate.Side{Schema: schema},
		Rename: map[string]string{
			"orders": "purchase", "orders.id": "purchase_id", "orders.total": "amount", "customers.email": "customers.mail",
			`customers."Zip.Code"`: `"zip, code"`,
		},
	}
}

// found writes the differences of a result as lines.
func differencesOf(r aggregate.Result) string {
	var b strings.Builder
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "%s: %s %s: %s / %s\n", d.Key, d.Class, d.Kind, show(d.Old), show(d.New))
	}
	return b.String()
}

func TestSchema(t *testing.T) {
	faults := []struct{ name, sql, want string }{
		{"clean", "", ""},
		{"table", "DROP TABLE lines", "lines: missing missing: table / <nil>\n"},
		{"column", "ALTER TABLE purchase DROP COLUMN paid", "orders.paid: missing missing: numeric(8,2) / <nil>\norders index (customer_id): missing missing: orders_open (customer_id) where ((state = 'open'::shop.status) AND (paid > (0)::numeric)) / <nil>\n"},
		{"numeric", "ALTER TABLE purchase ALTER paid TYPE numeric(9,1)", "orders.paid: narrower type: numeric(8,2) / numeric(9,1)\n"},
		{"precision", "ALTER TABLE purchase ALTER paid TYPE numeric(7,2)", "orders.paid: narrower type: numeric(8,2) / numeric(7,2)\n"},
		{"int", "ALTER TABLE customers ALTER flags TYPE smallint[]; ALTER TABLE purchase ALTER number TYPE smallint", "orders.number: narrower type: integer / smallint\n"},
		{"varchar", "ALTER TABLE purchase ALTER note TYPE varchar(99)", "orders.note: narrower type: character varying(100) / character varying(99)\n"},
		{"zone", "ALTER TABLE purchase ALTER at TYPE timestamp", "orders.at: narrower type: timestamp with time zone / timestamp without time zone\n"},
		{"fraction", "ALTER TABLE purchase ALTER at TYPE timestamptz(3)", "orders.at: narrower type: timestamp with time zone / timestamp(3) with time zone\n"},
		{"type", "ALTER TABLE customers ALTER born TYPE text", "customers.born: differs type: date / text\n"},
		{"label", "ALTER TYPE order_status RENAME VALUE 'paid' TO 'done'", "orders.state: narrower type: status (open, paid) / order_status (open, done, gone)\n"},
		{"notnull", "ALTER TABLE customers ALTER name SET NOT NULL", "customers.name: narrower value: character varying(40) NULL / text NOT NULL\n"},
		{"null", "ALTER TABLE customers ALTER mail DROP NOT NULL", "customers.email: differs value: character varying(50) NOT NULL / text NULL\n"},
		{"default", "ALTER TABLE purchase ALTER at DROP DEFAULT", "orders.at: narrower value: default now() / no default, and NOT NULL\n"},
		{"extra", "ALTER TABLE purchase ADD region text NOT NULL", "orders.region: narrower extra: <nil> / text NOT NULL without a default\n"},
		{"pkey", "ALTER TABLE lines DROP CONSTRAINT lines_pkey", "lines primary key: missing missing: lines_pkey (order_id, line) / <nil>\n"},
		{"pkeys", "ALTER TABLE lines DROP CONSTRAINT lines_pkey, ADD PRIMARY KEY (line, order_id, product)", "lines.product: narrower value: text NULL / text NOT NULL\nlines primary key: differs value: lines_pkey (order_id, line) / lines_pkey (line, order_id, product)\n"},
		{"fkey", "ALTER TABLE purchase DROP CONSTRAINT fk", "orders foreign key (customer_id): missing missing: orders_customer_id_fkey (customer_id) references customers (id) on delete cascade / <nil>\n"},
		{"action", "ALTER TABLE purchase DROP CONSTRAINT fk, ADD FOREIGN KEY (customer_id) REFERENCES customers", "orders foreign key (customer_id): differs value: orders_customer_id_fkey (customer_id) references customers (id) on delete cascade / purchase_customer_id_fkey (customer_id) references customers (id)\n"},
		{"target", "ALTER TABLE purchase DROP CONSTRAINT fk, ADD FOREIGN KEY (customer_id) REFERENCES purchase ON DELETE CASCADE", "orders foreign key (customer_id): differs value: orders_customer_id_fkey (customer_id) references customers (id) on delete cascade / purchase_customer_id_fkey (customer_id) references purchase (purchase_id) on delete cascade\n"},
		{"unvalidated", "ALTER TABLE purchase DROP CONSTRAINT fk, ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE NOT VALID", "orders foreign key (customer_id): differs value: orders_customer_id_fkey (customer_id) references customers (id) on delete cascade / purchase_customer_id_fkey (customer_id) references customers (id) on delete cascade, not validated\n"},
		{"index", "DROP INDEX other_name", "orders index (at desc, customer_id): missing missing: orders_at (at desc, customer_id) include (total) / <nil>\n"},
		{"predicate", "DROP INDEX purchase_customer_id_idx; CREATE INDEX ON purchase (customer_id) WHERE state = 'paid'", "orders index (customer_id): differs value: orders_open (customer_id) where ((state = 'open'::shop.status) AND (paid > (0)::numeric)) / purchase_customer_id_idx (customer_id) where (state = 'paid'::predicate_fault.order_status)\n"},
		{"method", "DROP INDEX purchase_customer_id_idx; CREATE INDEX ON purchase USING hash (customer_id) WHERE state = 'open' AND paid > 0", "orders index (customer_id): differs value: orders_open (customer_id) where ((state = 'open'::shop.status) AND (paid > (0)::numeric)) / purchase_customer_id_idx (customer_id) using hash where ((state = 'open'::method_fault.order_status) AND (paid > (0)::numeric))\n"},
		{"order", "DROP INDEX other_name; CREATE INDEX ON purchase (at, customer_id) INCLUDE (amount)", "orders index (at desc, customer_id): differs value: orders_at (at desc, customer_id) include (total) / purchase_at_customer_id_amount_idx (at, customer_id) include (amount)\n"},
		{"include", "DROP INDEX other_name; CREATE INDEX ON purchase (at, customer_id DESC)", "orders index (at desc, customer_id): differs value: orders_at (at desc, customer_id) include (total) / purchase_at_customer_id_idx (at, customer_id desc)\n"},
		{"expression", "DROP INDEX customers_lower_idx; CREATE UNIQUE INDEX ON customers (upper(mail))", "customers unique (upper(mail)): narrower value: not unique / unique customers_upper_idx (upper(mail))\ncustomers unique (lower((email)::text)): missing missing: unique customers_lower_idx (lower((email)::text)) / <nil>\n"},
		{"unique", "DROP INDEX some_name; CREATE INDEX ON purchase (customer_id, number)", "orders unique (customer_id, number): differs value: unique orders_customer_id_number_key (customer_id, number) / purchase_customer_id_number_idx (customer_id, number)\n"},
		{"lost", "DROP INDEX some_name", "orders unique (customer_id, number): missing missing: unique orders_customer_id_number_key (customer_id, number) / <nil>\n"},
		{"tightened", "DROP INDEX other_name; CREATE UNIQUE INDEX ON purchase (at DESC, customer_id) INCLUDE (amount)", "orders unique (at desc, customer_id): narrower value: not unique / unique purchase_at_customer_id_amount_idx (at desc, customer_id) include (amount)\n"},
		{"once", "CREATE UNIQUE INDEX ON customers (name)", "customers unique (name): narrower value: not unique / unique customers_name_idx1 (name)\n"},
		{"invalid", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'other_name'::regclass", "orders index (at desc, customer_id): missing missing: orders_at (at desc, customer_id) include (total) / other_name (at, customer_id desc) include (amount, note), invalid: it is being built, or that failed\n"},
		{"view", "DROP TABLE lines; CREATE VIEW lines AS SELECT 1::bigint AS order_id, 1 AS line, ''::text AS product", "lines: differs value: table / view\n"},
		{"generated", "ALTER TABLE purchase DROP note; ALTER TABLE purchase ADD note text GENERATED ALWAYS AS (number::text) STORED", "orders.note: differs value: not generated / generated as (number)::text\norders index (at desc, customer_id): missing missing: orders_at (at desc, customer_id) include (total) / <nil>\n"},
	}
	old := server.Database(t, "schema_old", inSchema("shop", oldShop))
	var script strings.Builder
	for _, f := range faults {
		script.WriteString(inSchema(f.name+"_fault", newShop+";"+f.sql))
	}
	new := server.Database(t, "schema_new", script.String())
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			r := start(t, aggregate.Options{
				Old: aggregate.Database{DSN: old}, New: aggregate.Database{DSN: new}, Checks: []aggregate.Check{shopCheck(f.name + "_fault")},
			})
			got := runNow(t, r, "schema", aggregate.Mode{})
			if d := cmp.Diff(f.want, differencesOf(got)); d != "" {
				t.Errorf("%s %s\n%s (-want +got):\n%s", got.Verdict, got.Reason, differencesOf(got), d)
			}
			if f.want == "" && got.Verdict != aggregate.Pass || f.want != "" && got.Verdict != aggregate.Fail {
				t.Errorf("%s: %s", got.Verdict, got.Reason)
			}
		})
	}
}

// Where nothing can be compared, the check says which name of the configuration, or what on which side, is in the way.
func TestSchemaInconclusive(t *testing.T) {
	dsn := server.Database(t, "schema_names", inSchema("shop", oldShop)+"CREATE SCHEMA empty;")
	tests := []struct {
		name     string
		old, new string
		tables   []string
		rename   map[string]string
		reason   string
	}{
		{"no schema", "shops", "shop", nil, nil, "The check could not be measured: old has no schema shops."},
		{"no schema on either side", "a", "b", nil, nil, "The check could not be measured: old has no schema a; new has no schema b."},
		{"empty", "empty", "shop", nil, nil, "Old has no tables in schema empty, so there is nothing to compare."},
		{"both empty", "empty", "empty", nil, nil, "Old has no tables in schema empty, so there is nothing to compare."},
		{
			"unknown names", "shop", "shop",
			[]string{"order", "other.orders"},
			map[string]string{"orders.idd": "x", "liness": "lines", "ordres.id": "x"},
			"The check could not be measured: rename liness: old has no table liness in schema shop; " +
				"rename ordres.id: old has no table ordres in schema shop; rename orders.idd: old's table orders has no column idd; " +
				"tables: old has no table order in schema shop; tables: other.orders is not in schema shop, at which the check looks.",
		},
		{
			"elsewhere", "shop", "shop", nil,
			map[string]string{"orders": "store.purchase", "lines": "rows", "lines.line": "lines.number"},
			"The check could not be measured: rename orders: leads to schema store, and the check looks at schema shop of new; " +
				"rename lines.line: leads to a column of lines, and lines is rows on new.",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check := aggregate.Check{
				Name: "schema", Type: aggregate.Schema, Old: aggregate.Side{Schema: test.old}, New: aggregate.Side{Schema: test.new},
				Tables: test.tables, Rename: test.rename,
			}
			db := aggregate.Database{DSN: dsn}
			r := start(t, aggregate.Options{Old: db, New: db, Checks: []aggregate.Check{check}})
			verify(t, runNow(t, r, "schema", aggregate.Mode{}), aggregate.Inconclusive, -1, test.reason)
		})
	}
}

// Findings are allowed as differences of other checks are, by their number or their part of what was compared, but never at
// the cutover. What is named is compared even if it is a view, and what is not named is left out.
func TestSchemaTolerance(t *testing.T) {
	old := server.Database(t, "schema_less_old", `
		CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY);
		CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES auth.users ON UPDATE CASCADE, nick text, age int);
		CREATE TABLE other (id int);
		CREATE VIEW young AS SELECT id, age FROM profiles;`)
	new := server.Database(t, "schema_less_new", `
		CREATE TABLE people (id uuid PRIMARY KEY);
		CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES people ON UPDATE CASCADE, nick varchar(9));
		CREATE VIEW young AS SELECT id, 1::smallint AS age FROM profiles;`)
	check := aggregate.Check{
		Name: "schema", Type: aggregate.Schema, Tables: []string{"public.profiles", "young"}, Rename: map[string]string{"auth.users": "people"},
	}
	tests := []struct {
		tolerance aggregate.Tolerance
		strict    bool
		verdict   aggregate.Verdict
		reason    string
	}{
		{
			aggregate.Tolerance{},
			false, aggregate.Fail,
			"New differs from old in 3 of 9 things compared (1 missing, 2 narrower); the worst is profiles.age, which new does not have: integer on old.",
		},
		{aggregate.Tolerance{Absolute: "2.9"}, false, aggregate.Fail, "integer on old."},
		{aggregate.Tolerance{Absolute: "3"}, false, aggregate.Pass, "integer on old; that is within the 3 allowed."},
		{aggregate.Tolerance{Relative: "0.34"}, false, aggregate.Pass, "within the 3.06 allowed."},
		{aggregate.Tolerance{Absolute: "3"}, true, aggregate.Fail, "integer on old."},
	}
	for _, test := range tests {
		check.Tolerance = test.tolerance
		r := start(t, aggregate.Options{Old: aggregate.Database{DSN: old}, New: aggregate.Database{DSN: new}, Checks: []aggregate.Check{check}})
		got := runNow(t, r, "schema", aggregate.Mode{Strict: test.strict})
		if got.Verdict != test.verdict || !strings.HasSuffix(got.Reason, test.reason) || got.Variance == nil || *got.Variance != 3.0/9 {
			t.Errorf("%v: %s %v %s\n%s", test, got.Verdict, show(got.Old), got.Reason, differencesOf(got))
		}
		if test.verdict == aggregate.Pass != (len(got.Differences) == 0) || show(got.Old) != "2 tables, 5 columns, 2 keys, 0 other indexes" {
			t.Errorf("%v: %s %s", test, show(got.Old), differencesOf(got))
		}
	}
}
