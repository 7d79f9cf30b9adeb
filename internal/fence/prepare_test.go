package fence_test

import (
	"strings"
	"testing"
	"time"

	"paritygate/internal/fence"
)

func TestPrepareAndUndo(t *testing.T) {
	t.Parallel()
	s, other := newShop(t, "prepare_new"), newShop(t, "prepare_old")
	s.run("CREATE TABLE did (n serial, what text); INSERT INTO orders (note) SELECT 'x' FROM generate_series(1, 41)")
	other.run("CREATE TABLE did (n serial, what text)")
	entries := []fence.Entry{
		{On: "old", DSN: other.dsn, SQL: []string{"INSERT INTO did (what) VALUES ('stopped')"}, Undo: []string{"INSERT INTO did (what) VALUES ('started')"}},
		{On: "new", DSN: s.dsn, SQL: []string{
			"SELECT setval('orders_id_seq', (SELECT max(id) FROM orders) + 1000)", "VACUUM orders", "INSERT INTO did (what) VALUES ('prepared')", "SELECT 1 / no FROM (VALUES (0)) AS t (no)",
		}, Undo: []string{"INSERT INTO did (what) VALUES ('undone')", "INSERT INTO did (what) VALUES ('undone too')"}},
		{On: "new", DSN: s.dsn, SQL: []string{"INSERT INTO did (what) VALUES ('never')"}, Undo: []string{"INSERT INTO did (what) VALUES ('never undone')"}},
	}
	d := s.databases(nil, entries...)
	err := d.Prepare(soon(t))
	if want := "cutover.prepare[1].sql[3] on new: division by zero (SQLSTATE 22012)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	other.run("ALTER TABLE did RENAME TO away")
	if err := d.Undo(soon(t)); err == nil || !strings.Contains(err.Error(), "cutover.prepare[0].undo[0] on old: ") {
		t.Errorf("an undo that fails says %v", err)
	}
	other.run("ALTER TABLE away RENAME TO did")
	for range 2 { // what failed is undone now, and what was undone is not undone again is not undone again
		if err := d.Undo(soon(t)); err != nil {
			t.Error(err)
		}
	}
	did := "SELECT string_agg(what, ', ' ORDER BY n) FROM did"
	if got, want := s.ask(did), "prepared, undone, undone too"; got != want {
		t.Errorf("new: %s, want %s", got, want)
	}
	if got, want := other.ask(did), "stopped, started"; got != want {
		t.Errorf("old: %s, want %s", got, want)
	}
	if got := s.ask("SELECT last_value::text FROM orders_id_seq"); got != "1041" {
		t.Errorf("the sequence is at %s", got)
	}
	// After a crash nobody knows what ran: everything is undone, the last first.
	if err := s.databases(nil, entries...).Undo(soon(t)); err != nil {
		t.Error(err)
	}
	if got, want := s.ask(did), "prepared, undone, undone too, never undone, undone, undone too"; got != want {
		t.Errorf("after a crash: %s, want %s", got, want)
	}
}

func TestPrepareIsBounded(t *testing.T) {
	t.Parallel()
	s := newShop(t, "bounded")
	d := s.databases(nil, fence.Entry{On: "new", DSN: s.dsn, SQL: []string{"SELECT pg_sleep(30)"}, Timeout: 300 * time.Millisecond})
	began := time.Now()
	if err := d.Prepare(soon(t)); err == nil || !strings.Contains(err.Error(), "cutover.prepare[0].sql[0] on new: ") || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	if err := d.Undo(soon(t)); err != nil {
		t.Error("there is nothing to undo:", err)
	}
}
