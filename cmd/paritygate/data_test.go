package main

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

// The fence and what is prepared are the example of docs/reference.md, to the letter.
const fencedConfig = `
run: {name: fenced, window: 2s}
backends: {old: {url: "OLD_URL"}, new: {url: "NEW_URL"}}
databases: {old: {dsn: "OLD_ADMIN"}, new: {dsn: "NEW_ADMIN"}}
checks:
  - {name: ids, type: sequences, old: {schema: public}, new: {schema: public}, every: 1h, max_age: 2h, strict_at_cutover: true}
cutover:
  hold: {max: 10s}
  prepare:
    - on: old
      sql: ["SELECT setval('orders_id_seq', (SELECT max(id) FROM orders) + 1000000)"]
      undo: []
    - on: new
      sql: ["INSERT INTO stopped VALUES ('sync')", "SELECT 1 / willing FROM mood", "SELECT setval('orders_id_seq', (SELECT max(id) FROM orders) + 1000)"]
      undo: ["DELETE FROM stopped"]
  fence:
    dsn: "OLD_ADMIN"
    sql:
      - ALTER ROLE app SET default_transaction_read_only = on
      - SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'
    verify: {dsn: "OLD_APP", sql: "INSERT INTO fence_probe VALUES (1)"}
    unfence:
      - ALTER ROLE app RESET default_transaction_read_only
      - SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'
`

// databasesOf makes old's and new's databases, with the application's role, and returns what to replace in the configuration.
func databasesOf(t *testing.T, server *testkit.PostgresServer) []string {
	t.Helper()
	server.Run(t, "postgres", "CREATE ROLE app LOGIN PASSWORD 's3cret-app'")
	var replace []string
	for _, side := range []string{"old", "new"} {
		dsn := server.Database(t, "fenced_"+side, `CREATE TABLE orders (id bigserial PRIMARY KEY, note text); INSERT INTO orders (note) SELECT 'x' FROM generate_series(1, 41);
			CREATE TABLE fence_probe (id int); GRANT INSERT ON orders, fence_probe TO app; GRANT USAGE ON SEQUENCE orders_id_seq TO app;
			CREATE TABLE stopped (what text); CREATE TABLE mood (willing int); INSERT INTO mood VALUES (1)`)
		app, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		app.User = url.UserPassword("app", "s3cret-app")
		upper := strings.ToUpper(side)
		replace = append(replace, upper+"_ADMIN", dsn, upper+"_APP", app.String())
	}
	return replace
}

// writesOrder reports whether the application could write an order on a connection of its own.
func writesOrder(t *testing.T, dsn string) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), "INSERT INTO orders (note) VALUES ('beside')")
	_ = conn.Close(t.Context()) // the fence may have ended it
	return err == nil
}

func valueOf(t *testing.T, dsn, sql string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }() // it only read
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestTheDatabasesOfAFlip(t *testing.T) {
	t.Parallel()
	server := testkit.Postgres(t)
	databases := databasesOf(t, server)
	t.Run("rehearsal refuses", func(t *testing.T) { rehearsalRefuses(t, server, databases) })
	t.Run("flip prepares and fences", func(t *testing.T) { flipPreparesAndFences(t, server, databases) })
}

// A flip prepares both databases and fences old, a rollback takes the fence down; a preparation that fails is undone, and the writes
// that were held go to old. The rehearsal finds what would fail beforehand, and changes nothing.
func flipPreparesAndFences(t *testing.T, server *testkit.PostgresServer, databases []string) {
	older, newer := newShop(t), newShop(t)
	replace := append(slices.Clone(databases), "OLD_URL", older.URL, "NEW_URL", newer.URL)
	oldAdmin, oldApp, newAdmin := replace[1], replace[3], replace[5]
	r := boot(t, fencedConfig, replace...)
	const stopped, at = "SELECT count(*)::text FROM stopped", "SELECT last_value::text FROM orders_id_seq"

	rehearsed := func(name string) cutover.Criterion {
		t.Helper()
		result, err := r.client.Cutover(t.Context(), admin.Change{Reason: "rehearsal"}, true, true)
		report := result.Report
		if refused, ok := errors.AsType[*admin.Error](err); ok && refused.Report != nil {
			report = *refused.Report
		} else if err != nil {
			t.Fatal(err)
		}
		for _, c := range report.Criteria {
			if c.Name == name {
				return c
			}
		}
		t.Fatalf("the rehearsal says nothing of %s: %v, %v", name, report.Criteria, err)
		return cutover.Criterion{}
	}
	for _, name := range []string{"store", "fence", "prepare", "sequences", "strict_checks", "hold"} {
		if c := rehearsed(name); c.Verdict != cutover.Pass {
			t.Errorf("the rehearsal says %+v", c)
		}
	}
	if n, last := valueOf(t, newAdmin, stopped), valueOf(t, newAdmin, at); n != "0" || last != "41" || !writesOrder(t, oldApp) {
		t.Errorf("the rehearsal changed something: %s, %s", n, last)
	}

	server.Run(t, "fenced_new", "UPDATE mood SET willing = 0")
	_, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true)
	if err == nil || !strings.Contains(err.Error(), "cutover.prepare[1].sql[1] on new: division by zero (SQLSTATE 22012)") {
		t.Errorf("a preparation that fails: %v", err)
	}
	if n := valueOf(t, newAdmin, stopped); n != "0" || !writesOrder(t, oldApp) {
		t.Errorf("not undone: %s", n)
	}
	if status, _, _ := r.ask(http.MethodPost, "/orders", "one"); status != http.StatusCreated || len(older.written()) != 1 {
		t.Errorf("after it: %d, old has %v", status, older.written())
	}

	server.Run(t, "fenced_new", "UPDATE mood SET willing = 1; INSERT INTO orders VALUES ("+valueOf(t, oldAdmin, "SELECT max(id)::text FROM orders")+", 'synced')")
	if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	if writesOrder(t, oldApp) {
		t.Error("live: the application writes to old")
	}
	if ahead := valueOf(t, newAdmin, "SELECT (last_value - max(id))::text FROM orders_id_seq, orders GROUP BY last_value"); ahead != "1000" {
		t.Errorf("live: new's sequence is %s ahead", ahead)
	}
	if status, _, _ := r.ask(http.MethodPost, "/orders", "two"); status != http.StatusCreated || len(newer.written()) != 1 {
		t.Errorf("live: %d, new has %v", status, newer.written())
	}
	if _, err := r.client.Rollback(t.Context(), admin.Change{Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	if !writesOrder(t, oldApp) {
		t.Error("rolled back: the application does not write to old")
	}
	if id := valueOf(t, oldAdmin, "SELECT (max(id) > 2000000)::text FROM orders"); id != "true" { // the second flip's gap, behind the first's
		t.Error("old hands out ids that new may have given")
	}
	if status, _, _ := r.ask(http.MethodPost, "/orders", "three"); status != http.StatusCreated || len(older.written()) != 2 {
		t.Errorf("rolled back: %d, old has %v", status, older.written())
	}
}

// What the rehearsal and `validate --probe` find wrong is a refusal that says what, and no secret.
func rehearsalRefuses(t *testing.T, server *testkit.PostgresServer, databases []string) {
	older, newer := newShop(t), newShop(t)
	replace := append(slices.Clone(databases), "OLD_URL", older.URL, "NEW_URL", newer.URL)
	text := strings.ReplaceAll(fencedConfig, "INSERT INTO fence_probe VALUES (1)", "INSERT INTO fence_prob VALUES (1)")
	text = strings.NewReplacer("'orders_id_seq', (SELECT max(id) FROM orders) + 1000)", "'order_id_seq', 7)", "max: 10s", "max: 1ms", "strict_at_cutover: true", "strict_at_cutover: false").Replace(text)
	r := boot(t, text, replace...)
	code, out, errs := r.cli("cutover", "--dry-run") // also while the gate has too little to go by
	if code != exitFailed || !strings.Contains(errs, "the cutover would fail") {
		t.Errorf("%d: %s", code, errs)
	}
	for _, want := range []string{
		`(?m)^fence +fail +the write of app does not work`, `(?m)^fence: .*relation "fence_prob" does not exist`, `(?m)^prepare +fail`, `relation "order_id_seq" does not exist`,
		`(?m)^sequences +inconclusive +check ids`, `(?m)^hold +fail`, `(?m)^store +pass`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	before := r.status()
	if code, _, refused := r.cli("cutover", "--force", "--reason", "test", "--yes"); code == exitDone || !strings.Contains(refused, `relation "fence_prob" does not exist`) {
		t.Errorf("the flip itself: %d: %s", code, refused)
	}
	if s := r.status(); s.Epoch != before.Epoch {
		t.Errorf("a flip that must fail was begun: epoch %d became %d", before.Epoch, s.Epoch)
	}
	file := filepath.Join(t.TempDir(), "paritygate.yaml")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(replace...).Replace(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, probed := command(t, "validate", "--probe", "--config", file)
	if code != exitFailed || !strings.Contains(probed, "cutover.fence.dsn: reachable") || !strings.Contains(probed, `cutover.fence.verify: relation "fence_prob" does not exist`) {
		t.Errorf("%d: %s", code, probed)
	}
	if all := out + errs + probed; strings.Contains(all, "s3cret") || strings.Contains(all, server.Password()) {
		t.Errorf("a secret is shown:\n%s", all)
	}
}
