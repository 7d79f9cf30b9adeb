package aggregate_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/compare/aggregate"
)

const (
	oldNumbers = `
	CREATE TABLE orders (id serial PRIMARY KEY, number int);
	INSERT INTO orders (id) VALUES (7), (20451);
	CREATE TABLE lines (id bigserial PRIMARY KEY);
	CREATE TABLE users (id serial PRIMARY KEY);
	CREATE TABLE gone (id serial PRIMARY KEY);
	CREATE TABLE debts (id int PRIMARY KEY);
	INSERT INTO debts VALUES (-30);
	CREATE SEQUENCE invoices; SELECT setval('invoices', 500);`
	newNumbers = `
	CREATE TABLE purchase (purchase_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text);
	INSERT INTO purchase OVERRIDING SYSTEM VALUE VALUES (20400);
	ALTER TABLE purchase ALTER purchase_id RESTART WITH 20452;
	CREATE TABLE lines (id bigserial PRIMARY KEY) PARTITION BY RANGE (id);
	CREATE TABLE lines_1 PARTITION OF lines FOR VALUES FROM (0) TO (1000);
	CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), code text DEFAULT 'U' || nextval('invoices'::text));
	CREATE SEQUENCE down INCREMENT -10;
	CREATE TABLE debts (id int PRIMARY KEY DEFAULT nextval('down'));
	INSERT INTO debts VALUES (-50);
	SELECT setval('down', -50);
	CREATE SEQUENCE invoices START 501;`
)

// aside is what the reason of the pair without a fault says of what is not judged.
const aside = " New numbers 1 column without one. Not on new by that name, and so not judged: gone.id; name what they became in rename." +
	" Made of a sequence's values in some other way, and so not judged: users.code."

func TestSequences(t *testing.T) {
	tests := []struct{ name, sql, differences, reason string }{
		{"clean", "", "", "On new 4 sequences are beyond what is taken on either side." + aside},
		{"stale", "ALTER TABLE purchase ALTER purchase_id RESTART WITH 17", "orders.id: behind value: highest 20,451 / next 17 of purchase_purchase_id_seq, highest 20,400\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is orders.id: the next value 17 is not beyond the highest id 20,451 on old."},
		{"old", "ALTER TABLE purchase ALTER purchase_id RESTART WITH 20401", "orders.id: behind value: highest 20,451 / next 20,401 of purchase_purchase_id_seq, highest 20,400\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is orders.id: the next value 20,401 is not beyond the highest id 20,451 on old."},
		{"border", "ALTER TABLE purchase ALTER purchase_id RESTART WITH 20451", "orders.id: behind value: highest 20,451 / next 20,451 of purchase_purchase_id_seq, highest 20,400\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is orders.id: the next value 20,451 is not beyond the highest id 20,451 on old."},
		{"called", "SELECT setval('purchase_purchase_id_seq', 20451)", "", "On new 4 sequences are beyond what is taken on either side."},
		{"uncalled", "SELECT setval('purchase_purchase_id_seq', 20451, false)", "orders.id: behind value: highest 20,451 / next 20,451 of purchase_purchase_id_seq, highest 20,400\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is orders.id: the next value 20,451 is not beyond the highest id 20,451 on old."},
		{"missing", "ALTER TABLE lines ALTER id DROP DEFAULT; DROP SEQUENCE lines_id_seq", "lines.id: missing missing: sequence lines_id_seq / <nil>\n", "New differs from old in 1 of 5 things compared (1 missing); the worst is lines.id: old has the sequence lines_id_seq, and new has none."},
		{"down", "SELECT setval('down', -20)", "debts.id: behind value: lowest -30 / next -30 of down, lowest -50\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is debts.id: the next value -30 is not beyond the lowest id -50 on new."},
		{"end", "ALTER SEQUENCE down MINVALUE -55", "debts.id: behind value: <nil> / down at its end, -50\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is debts.id: the sequence is at its end, -50, and gives no next value."},
		{"cycle", "ALTER SEQUENCE down MINVALUE -55 CYCLE", "debts.id: behind value: lowest -30 / next -1 of down, lowest -50\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is debts.id: the next value -1 is not beyond the lowest id -50 on new."},
		{"fits", "ALTER SEQUENCE down INCREMENT 1 MAXVALUE 9223372036854775807; SELECT setval('down', 2147483647)", "debts.id: behind value: <nil> / next 2,147,483,648 of down\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is debts.id: the next value 2,147,483,648 does not fit into integer."},
		{"alone", "ALTER SEQUENCE invoices RESTART WITH 500", "invoices: behind value: gave out 500 / next 500 of invoices\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is invoices: the next value 500 is not beyond what old gave out, 500."},
		{"lost", "DROP SEQUENCE invoices CASCADE", "invoices: missing missing: sequence invoices / <nil>\n", "New differs from old in 1 of 5 things compared (1 missing); the worst is invoices: old has the sequence invoices, and new has none."},
		{"both", "ALTER TABLE purchase ALTER purchase_id RESTART WITH 17; ALTER SEQUENCE invoices RESTART WITH 499", "orders.id: behind value: highest 20,451 / next 17 of purchase_purchase_id_seq, highest 20,400\ninvoices: behind value: gave out 500 / next 499 of invoices\n", "New differs from old in 2 of 5 things compared (2 behind); the worst is orders.id: the next value 17 is not beyond the highest id 20,451 on old."},
		{"partition", "INSERT INTO lines VALUES (999)", "lines.id: behind value: <nil> / next 1 of lines_id_seq, highest 999\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is lines.id: the next value 1 is not beyond the highest id 999 on new."},
		{"late", "ALTER TABLE lines ALTER id SET DEFAULT nextval(('lines_id_seq'::text)::regclass); ALTER SEQUENCE lines_id_seq OWNED BY NONE; INSERT INTO lines VALUES (7)", "lines.id: behind value: <nil> / next 1 of lines_id_seq, highest 7\n", "New differs from old in 1 of 5 things compared (1 behind); the worst is lines.id: the next value 1 is not beyond the highest id 7 on new."},
	}
	old := server.Database(t, "sequences_old", inSchema("shop", oldNumbers))
	var script strings.Builder
	for _, test := range tests {
		script.WriteString(inSchema(test.name+"_fault", newNumbers+";"+test.sql))
	}
	new := server.Database(t, "sequences_new", script.String())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, aggregate.Options{
				Old: aggregate.Database{DSN: old}, New: aggregate.Database{DSN: new}, Checks: []aggregate.Check{sequencesCheck(test.name + "_fault")},
			})
			got := runNow(t, r, "sequences", aggregate.Mode{})
			if d := cmp.Diff(test.differences, differencesOf(got)); d != "" {
				t.Errorf("%s %s\n%s", got.Verdict, got.Reason, differencesOf(got))
			}
			if !strings.HasPrefix(got.Reason, test.reason) {
				t.Errorf("the reason is\n%s, want\n%s", got.Reason, test.reason)
			}
			if test.differences == "" && got.Verdict != aggregate.Pass || test.differences != "" && got.Verdict != aggregate.Fail {
				t.Errorf("%s: %s", got.Verdict, got.Reason)
			}
		})
	}
}

func sequencesCheck(schema string) aggregate.Check {
	return aggregate.Check{
		Name: "sequences", Type: aggregate.Sequences, Old: aggregate.Side{Schema: "shop"}, New: aggregate.Side{Schema: schema},
		Rename: map[string]string{"orders": "purchase", "orders.id": "purchase_id"},
	}
}

// A role that may read the tables but not the sequences proves nothing of them; and what it can read is judged.
func TestSequencesThatMayNotBeRead(t *testing.T) {
	dsn := server.Database(t, "sequences_reader", oldNumbers, "CREATE ROLE reader LOGIN PASSWORD 'read'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
	t.Cleanup(func() {
		if err := server.Exec(context.Background(), "sequences_reader", "DROP OWNED BY reader; DROP ROLE reader"); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("reader", "read")
	check := aggregate.Check{Name: "sequences", Type: aggregate.Sequences}
	r := start(t, aggregate.Options{Old: aggregate.Database{DSN: dsn}, New: aggregate.Database{DSN: u.String()}, Checks: []aggregate.Check{check}})
	verify(t, runNow(t, r, "sequences", aggregate.Mode{}), aggregate.Inconclusive, -1,
		"The role may not read the sequences of gone.id, lines.id, orders.id, users.id, invoices: grant it USAGE on their schema and SELECT on them.")
	server.Run(t, "sequences_reader", "GRANT SELECT ON SEQUENCE orders_id_seq TO reader")
	verify(t, runNow(t, r, "sequences", aggregate.Mode{}), aggregate.Fail, 0.2,
		"New differs from old in 1 of 5 things compared (1 behind); the worst is orders.id: the next value 1 is not beyond the highest id 20,451.")
}

// Without sequences there is nothing to compare, unless new does without those that old has.
func TestSequencesOfNone(t *testing.T) {
	dsn := server.Database(t, "sequences_none",
		inSchema("plain", "CREATE TABLE users (id int)"), inSchema("ids", "CREATE TABLE users (id serial); CREATE TABLE more (id serial)"),
		inSchema("uuids", "CREATE TABLE users (id uuid, number int)"),
		inSchema("shared", "CREATE TABLE users (id int DEFAULT nextval('ids.users_id_seq')); INSERT INTO users VALUES (9)"))
	db := aggregate.Database{DSN: dsn}
	tests := []struct {
		name, old, new string
		tables         []string
		verdict        aggregate.Verdict
		variance       float64
		reason         string
	}{
		{"neither", "plain", "plain", nil, aggregate.Inconclusive, -1, "Neither side has a sequence that numbers a column, so there is nothing to compare."},
		{"uuids", "ids", "uuids", []string{"users"}, aggregate.Pass, 0, "New numbers without sequences what old numbers by them."},
		{"left out", "plain", "ids", []string{"users"}, aggregate.Pass, 0, "On new 1 sequence is beyond what is taken on either side."},
		{"of another schema", "plain", "shared", nil, aggregate.Fail, 1, "users.id: the next value 1 is not beyond the highest id 9 on new."},
		{"missing", "ids", "plain", []string{"users"}, aggregate.Fail, 1, "users.id: old has the sequence users_id_seq, and new has none."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check := aggregate.Check{
				Name: "sequences", Type: aggregate.Sequences, Tables: test.tables,
				Old: aggregate.Side{Schema: test.old}, New: aggregate.Side{Schema: test.new},
			}
			r := start(t, aggregate.Options{Old: db, New: db, Checks: []aggregate.Check{check}})
			verify(t, runNow(t, r, "sequences", aggregate.Mode{}), test.verdict, test.variance, test.reason)
		})
	}
}

// What a check of sequences asks of the tables is planned, and refused where it costs too much; the catalogs are read.
func TestSequencesPlanned(t *testing.T) {
	dsn := server.Database(t, "sequences_planned", oldNumbers)
	db := aggregate.Database{DSN: dsn}
	check := aggregate.Check{Name: "sequences", Type: aggregate.Sequences, MaxCost: 0.001}
	r := start(t, aggregate.Options{Old: db, New: db, Checks: []aggregate.Check{check}})
	got, err := r.Explain(t.Context(), []string{"sequences"})
	if err != nil || len(got) != 1 || got[0].Problem != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	asked := 0
	for _, s := range got[0].Statements {
		if s.Side == "new" && strings.Contains(s.SQL, `max("id") FROM "public"."orders"`) {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("the highest order is asked for %d times in %+v", asked, got[0].Statements)
	}
	if got := runNow(t, r, "sequences", aggregate.Mode{}); got.Verdict != aggregate.Inconclusive || !strings.Contains(got.Reason, "max_cost") {
		t.Errorf("%s: %s", got.Verdict, got.Reason)
	}
}
