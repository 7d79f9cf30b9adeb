package aggregate_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paritygate/compare/aggregate"
	"paritygate/compare/aggregate/catalog"
)

const everyKind = `
	CREATE EXTENSION citext SCHEMA public;
	CREATE TYPE mood AS ENUM ('glad', 'so-so');
	CREATE DOMAIN price AS numeric(12,2) NOT NULL CHECK (VALUE >= 0);
	CREATE TABLE customers (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(50) NOT NULL, feels mood[] DEFAULT '{glad}', gone text,
		shout text GENERATED ALWAYS AS (upper(email)) STORED, nick citext);
	ALTER TABLE customers DROP COLUMN gone;
	CREATE UNIQUE INDEX customers_email ON customers (lower(email) text_pattern_ops DESC) INCLUDE (nick) WHERE email <> '';
	CREATE TABLE orders (
		id serial, customer bigint NOT NULL REFERENCES customers ON DELETE CASCADE, total price, at timestamptz(3) DEFAULT now(),
		PRIMARY KEY (id, at), CHECK (customer > 0)) PARTITION BY RANGE (at);
	CREATE TABLE orders_2026 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
	CREATE TABLE returns (order_id int, at timestamptz, FOREIGN KEY (order_id, at) REFERENCES orders ON UPDATE SET NULL);
	INSERT INTO customers (email) SELECT 'c' || i FROM generate_series(1, 100) i;
	INSERT INTO orders (customer, total, at) SELECT i, i, '2026-02-02' FROM generate_series(1, 100) i;
	ANALYZE;
	CREATE VIEW big AS SELECT id FROM orders WHERE total > 50;
	CREATE MATERIALIZED VIEW sums AS SELECT customer, sum(total) AS total FROM orders GROUP BY 1;
	CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER touched BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
	ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON customers FOR SELECT USING (email = current_user);
	CREATE SEQUENCE countdown INCREMENT -5 CYCLE MINVALUE -100 MAXVALUE 10 START 10;
	CREATE SCHEMA "odd 'n' \ends";
	CREATE TABLE "odd 'n' \ends"."we""ird" (id int);
	CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY);`

func readCatalog(t *testing.T, dsn string, schemas ...string) *catalog.Catalog {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := aggregate.ReadCatalog(ctx, "new", aggregate.Database{DSN: dsn}, schemas)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lines writes a catalog as one line for each thing, without what depends on the server.
func lines(c *catalog.Catalog) string {
	var b strings.Builder
	for _, r := range c.Relations {
		fmt.Fprintf(&b, "%s %s", r.Kind, r.Name)
		if r.Rows != nil {
			fmt.Fprintf(&b, " %d", *r.Rows)
		}
		if r.Bytes != nil && *r.Bytes >= 8192 {
			b.WriteString(" sized")
		}
		if r.Parent != nil {
			fmt.Fprintf(&b, " of %s", r.Parent)
		}
		if r.RowSecurity {
			b.WriteString(" secured")
		}
		b.WriteString(strings.TrimRight(" "+strings.Join(strings.Fields(r.Definition), " "), " ") + "\n")
	}
	for _, k := range c.Columns {
		if k.Relation.Name == "customers" || k.Relation.Name == "orders" {
			fmt.Fprintf(&b, "column %s.%s %d %s %v %v d=%s i=%s g=%s\n", k.Relation, k.Name, k.Position, k.Type, k.Of, k.NotNull, k.Default, k.Identity, k.Generated)
		}
	}
	for _, k := range c.Constraints {
		fmt.Fprintf(&b, "%s %s %v", k.Kind, k.Relation, k.Columns)
		if k.Target != nil {
			fmt.Fprintf(&b, " %s %v %s %s", k.Target, k.Targets, k.OnDelete, k.OnUpdate)
		}
		b.WriteString("\n")
	}
	for _, x := range c.Indexes {
		fmt.Fprintf(&b, "index %s %v %v+%v unique=%v valid=%v where=%s\n", x.Relation, x.Method, x.Keys, x.Include, x.Unique, x.Valid, x.Predicate)
	}
	for _, s := range c.Sequences {
		fmt.Fprintf(&b, "sequence %s %s %d %d..%d %v", s.Name, s.Type, s.Increment, s.Min, s.Max, s.Cycle)
		if s.Owner != nil {
			fmt.Fprintf(&b, " of %s.%s", s.Owner.Relation, s.Owner.Column)
		}
		if s.Last != nil {
			fmt.Fprintf(&b, " at %d %v", *s.Last, s.Called)
		}
		fmt.Fprintf(&b, " for %v\n", s.Users)
	}
	for _, t := range c.Types {
		fmt.Fprintf(&b, "%s %s %v %v %v %v\n", t.Kind, t.Name, t.Labels, t.Base, t.NotNull, t.Checks)
	}
	for _, f := range c.Functions {
		fmt.Fprintf(&b, "%s %s(%s) %s %s %s\n", f.Kind, f.Name, f.Arguments, f.Returns, f.Language, f.Volatility)
	}
	for _, t := range c.Triggers {
		fmt.Fprintf(&b, "trigger %s %s %s %v\n", t.Name, t.Relation, t.Function, t.Enabled)
	}
	for _, e := range c.Extensions {
		fmt.Fprintf(&b, "extension %s\n", e.Name)
	}
	for _, p := range c.Policies {
		fmt.Fprintf(&b, "policy %s %s %s %v %v %s\n", p.Name, p.Relation, p.Command, p.Permissive, p.Roles, p.Using)
	}
	return b.String()
}

const everyLine = `view big SELECT orders.id FROM public.orders WHERE ((orders.total)::numeric > (50)::numeric);
table customers 100 sized secured
partitioned table orders 100 sized
table orders_2026 100 sized of orders
table returns
materialized view sums sized SELECT orders.customer, sum((orders.total)::numeric) AS total FROM public.orders GROUP BY orders.customer;
column customers.id 1 bigint pg_catalog.int8 true d= i=always g=
column customers.email 2 character varying(50) pg_catalog.varchar true d= i= g=
column customers.feels 3 public.mood[] mood false d='{glad}'::public.mood[] i= g=
column customers.shout 4 text pg_catalog.text false d= i= g=upper((email)::text)
column customers.nick 5 public.citext citext false d= i= g=
column orders.id 1 integer pg_catalog.int4 true d=nextval('public.orders_id_seq'::regclass) i= g=
column orders.customer 2 bigint pg_catalog.int8 true d= i= g=
column orders.total 3 public.price price false d= i= g=
column orders.at 4 timestamp(3) with time zone pg_catalog.timestamptz true d=now() i= g=
primary key customers [id]
check orders [customer]
foreign key orders [customer] customers [id] cascade no action
primary key orders [id at]
primary key orders_2026 [id at]
check orders_2026 [customer]
foreign key orders_2026 [customer] customers [id] cascade no action
foreign key returns [order_id at] orders [id at] no action set null
index customers btree [{ lower((email)::text) true true text_pattern_ops }]+[nick] unique=true valid=true where=((email)::text <> ''::text)
index customers btree [{id  false false  }]+[] unique=true valid=true where=
index orders btree [{id  false false  } {at  false false  }]+[] unique=true valid=true where=
index orders_2026 btree [{id  false false  } {at  false false  }]+[] unique=true valid=true where=
sequence countdown bigint -5 -100..10 true at 10 false for []
sequence customers_id_seq bigint 1 1..9223372036854775807 false of customers.id at 100 true for []
sequence orders_id_seq integer 1 1..2147483647 false of orders.id at 100 true for [{orders id} {orders_2026 id}]
enum mood [glad so-so] <nil> false []
domain price [] pg_catalog.numeric true [CHECK ((VALUE >= (0)::numeric))]
function touch() trigger plpgsql volatile
trigger touched orders touch true
extension citext
extension pg_catalog.plpgsql
policy own customers select true [public] ((email)::text = CURRENT_USER)
`

func TestReadCatalog(t *testing.T) {
	dsn := server.Database(t, "catalog", everyKind)
	c := readCatalog(t, dsn, "public", "missing")
	if d := cmp.Diff(everyLine, lines(c)); d != "" {
		t.Errorf("the catalog (-want +got):\n%s", d)
	}
	if c.Server.Database != "catalog" || c.Server.Version == "" || c.Server.Bytes == nil || !slices.Equal(c.Schemas, []string{"public"}) {
		t.Errorf("the server is %+v, the schemas %v", c.Server, c.Schemas)
	}
	odd := readCatalog(t, dsn, `odd 'n' \ends`)
	if len(odd.Relations) != 1 || odd.Relations[0].Sanitize() != `"odd 'n' \ends"."we""ird"` {
		t.Errorf("an odd schema has %v", odd.Relations)
	}
	if all := readCatalog(t, dsn); !slices.Equal(all.Schemas, []string{"auth", `odd 'n' \ends`, "public"}) {
		t.Errorf("all schemas are %v", all.Schemas)
	}
}

// A role without rights sees what there is, but not where sequences stand; on Supabase the platform's schemas are left out.
func TestReadCatalogAsAnybody(t *testing.T) {
	dsn := server.Database(t, "catalog_anybody", everyKind, "CREATE ROLE supabase_admin; CREATE ROLE anybody LOGIN PASSWORD 'any body'")
	t.Cleanup(func() {
		if err := server.Exec(context.Background(), "postgres", "DROP ROLE supabase_admin; DROP ROLE anybody"); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("anybody", "any body")
	c := readCatalog(t, u.String())
	if !slices.Equal(c.Schemas, []string{`odd 'n' \ends`, "public"}) {
		t.Errorf("the schemas are %v", c.Schemas)
	}
	whole := readCatalog(t, dsn, "public")
	if len(whole.Sequences) != 3 || len(c.Sequences) != 3 {
		t.Errorf("%d and %d sequences", len(whole.Sequences), len(c.Sequences))
	}
	for _, s := range c.Sequences {
		if s.Readable || s.Last != nil {
			t.Errorf("anybody reads %+v", s)
		}
	}
}
