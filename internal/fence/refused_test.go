package fence_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"paritygate/internal/fence"
	"paritygate/internal/testkit"
)

// What is no fence is not taken for one, and the error says why, without a secret.
func TestNoFence(t *testing.T) {
	t.Parallel()
	s := newShop(t, "unfenced")
	s.run("CREATE ROLE unfenced_helper LOGIN PASSWORD 's3cret-helper'; CREATE TABLE taken (id int PRIMARY KEY); INSERT INTO taken VALUES (1); GRANT INSERT ON taken TO unfenced")
	down := testkit.FreePort(t)
	early := []string{"misspelled table", "a row in the way", "wrong password", "nobody there", "it ends its own try"}
	tests := map[string]struct {
		edit func(*fence.Fence)
		want string
	}{
		"misspelled table": {func(f *fence.Fence) { f.Verify.SQL = "INSERT INTO fence_prob VALUES (1)" }, `before the fence is up`},
		"a row in the way": {func(f *fence.Fence) { f.Verify.SQL = "INSERT INTO taken VALUES (1)" }, `duplicate key`},
		"wrong password":   {func(f *fence.Fence) { f.Verify.DSN = s.as("unfenced", "s3cret-wrong") }, `before the fence is up`},
		"nobody there": {func(f *fence.Fence) {
			f.Verify.DSN = fmt.Sprintf("postgres://unfenced:s3cret-unfenced@127.0.0.1:%d/unfenced", down)
		}, `connection refused`},
		"it ends its own try": {func(f *fence.Fence) { f.Verify.SQL = "INSERT INTO fence_probe VALUES (1); ROLLBACK" }, `ends its transaction`},
		"fences nobody":       {func(f *fence.Fence) { f.SQL = []string{"SELECT 1"} }, `still works after cutover.fence.sql`},
		"fences another": {func(f *fence.Fence) {
			f.SQL = []string{"ALTER ROLE unfenced_helper SET default_transaction_read_only = on"}
		}, `still works`},
		"leaves old sessions":   {func(f *fence.Fence) { f.SQL = f.SQL[:1] }, `1 session of the role unfenced that began before the fence are still there`},
		"the server is full":    {func(f *fence.Fence) { f.SQL = []string{"ALTER ROLE unfenced CONNECTION LIMIT 0"} }, `too many connections`},
		"no right":              {func(f *fence.Fence) { f.DSN = s.as("unfenced_helper", "s3cret-helper") }, `cutover.fence.sql[0] on old: permission denied`},
		"its own session":       {func(f *fence.Fence) { f.DSN = s.app }, `if it ended its own session`},
		"a statement that errs": {func(f *fence.Fence) { f.SQL = append(f.SQL, "ALTER ROLE nobody NOLOGIN") }, `cutover.fence.sql[2] on old: role "nobody" does not exist (SQLSTATE 42704)`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			keeping := s.connect(s.app) // an application's connection that its pool keeps
			f := s.readOnly()
			test.edit(f)
			d := s.databases(f)
			if got := refused(t, name, d.Fence, test.want); got != slices.Contains(early, name) {
				t.Errorf("that old was left untouched is %v", got)
			}
			s.run("ALTER ROLE unfenced CONNECTION LIMIT -1")
			if err := s.databases(s.readOnly()).Unfence(soon(t)); err != nil {
				t.Fatal(err)
			}
			_ = keeping.Close(t.Context()) // it may have been ended
		})
	}
	unfencing := s.readOnly()
	unfencing.Unfence = []string{"SELECT 1"}
	d := s.databases(unfencing)
	if err := d.Fence(soon(t)); err != nil {
		t.Fatal(err)
	}
	refused(t, "unfences nobody", d.Unfence, "cannot execute INSERT in a read-only transaction")
}

// A transaction that was under way when the right was taken away may still commit, whoever began it: the fence waits for it. The write
// may say first that it is one, as some applications do, whose sessions a default does not fence.
func TestFenceWaitsForTransactions(t *testing.T) {
	t.Parallel()
	s := newShop(t, "under_way")
	f := s.readOnly()
	f.SQL, f.Unfence = []string{"REVOKE INSERT ON orders, fence_probe FROM under_way"}, []string{"GRANT INSERT ON orders, fence_probe TO under_way"}
	f.Verify.SQL = "SET TRANSACTION READ WRITE; " + verify
	d := s.databases(f)
	idle := s.connect(s.app)
	for who, dsn := range map[string]string{"the application": s.app, "another role": s.dsn} {
		tx, err := s.connect(dsn).Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "INSERT INTO orders (note) VALUES ('late')"); err != nil {
			t.Fatal(err)
		}
		refused(t, "with a write of "+who+" under way", d.Fence, "1 transaction that began before the fence")
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := d.Fence(soon(t)); err != nil {
			t.Error(err)
		}
		if _, err := idle.Exec(t.Context(), "INSERT INTO orders (note) VALUES ('later')"); err == nil {
			t.Error("a connection from before writes")
		}
		if err := d.Unfence(soon(t)); err != nil {
			t.Error(err)
		}
	}
	override := s.readOnly()
	override.Verify.SQL = f.Verify.SQL
	refused(t, "a default that the application overrides", s.databases(override).Fence, "still works")
	if err := s.databases(override).Unfence(soon(t)); err != nil {
		t.Error(err)
	}
}

// A statement that hangs on a lock is ended on the server in time, by the server itself if need be; and one that a process left
// behind when it was killed does not come to pass after the fence was taken down.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	s := newShop(t, "hanging")
	f := s.readOnly()
	f.SQL = append([]string{"LOCK TABLE orders"}, f.SQL...)
	d := s.databases(f)
	holder := s.connect(s.dsn)
	tx, err := holder.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE orders"); err != nil {
		t.Fatal(err)
	}
	refused(t, "behind a lock", d.Fence, "cutover.fence.sql[0] on old: ")
	waiting := "SELECT count(*)::text FROM pg_stat_activity WHERE datname = 'hanging' AND wait_event_type = 'Lock'"
	testkit.Eventually(t, 5*time.Second, func() bool { return s.ask(waiting) == "0" }, "the statement still waits on the server")

	// What a killed process leaves: its statement, on a connection that nobody reads.
	ctx, kill := context.WithCancel(t.Context())
	left := make(chan error, 1)
	orphan := s.connect(s.dsn)
	go func() {
		_, err := orphan.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d); LOCK TABLE orders; ALTER ROLE hanging SET default_transaction_read_only = on", int64(0x7061726974796761)),
			pgx.QueryExecModeSimpleProtocol)
		left <- err
	}()
	defer kill()
	testkit.Eventually(t, 5*time.Second, func() bool { return s.ask(waiting) == "1" }, "the statement does not wait")
	if err := d.Unfence(soon(t)); err != nil {
		t.Error(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-left; err == nil {
		t.Error("what was left behind ran after the fence was taken down")
	}
	if standing, err := d.Standing(soon(t)); err != nil || standing {
		t.Errorf("standing %v, %v", standing, err)
	}
}

// Sessions that began under the fence can not write after it: they are warned of where unfence leaves them.
func TestUnfenceWarnsOfSessionsThatStay(t *testing.T) {
	t.Parallel()
	s := newShop(t, "stay")
	f := s.readOnly()
	f.Unfence = f.Unfence[:1]
	d := s.databases(f)
	if err := d.Fence(soon(t)); err != nil {
		t.Fatal(err)
	}
	s.connect(s.app)
	if err := d.Unfence(soon(t)); err != nil {
		t.Error(err)
	}
	if len(s.warnings) != 1 || !strings.HasPrefix(s.warnings[0], "1 session of the role stay that began under the fence") {
		t.Errorf("warnings %q", s.warnings)
	}
}

// A fence that stands from before a crash is found by another process, which goes on with it.
func TestAnotherProcessFindsTheFence(t *testing.T) {
	t.Parallel()
	s := newShop(t, "found")
	for name, sql := range map[string][2]string{
		"read only": {"ALTER ROLE found SET default_transaction_read_only = on", "ALTER ROLE found RESET default_transaction_read_only"},
		"revoked":   {"REVOKE INSERT ON orders, fence_probe FROM found", "GRANT INSERT ON orders, fence_probe TO found"},
		"no login":  {"ALTER ROLE found NOLOGIN", "ALTER ROLE found LOGIN"},
	} {
		t.Run(name, func(t *testing.T) {
			f := s.readOnly()
			f.SQL[0], f.Unfence[0] = sql[0], sql[1]
			if err := s.databases(f).Fence(soon(t)); err != nil {
				t.Fatal(err)
			}
			after := s.databases(f)
			s.warnings = nil
			if standing, err := after.Standing(soon(t)); err != nil || !standing || len(s.warnings) != 1 || !strings.Contains(s.warnings[0], "that write is wrong") {
				t.Errorf("standing %v, %v; warned %q", standing, err, s.warnings)
			}
			if err := after.Fence(soon(t)); err != nil {
				t.Error(err)
			}
			if err := s.databases(f).Unfence(soon(t)); err != nil {
				t.Error(err)
			}
			if standing, err := after.Standing(soon(t)); err != nil || standing {
				t.Errorf("unfenced: standing %v, %v", standing, err)
			}
		})
	}
}

// Behind a pooler the application's sessions are the pooler's: it goes on giving out those from before until they end.
func TestFenceBehindAPooler(t *testing.T) {
	t.Parallel()
	s := newShop(t, "pooled")
	direct := s.app
	s.app, _ = testkit.Pooler(t, server, "pooled", "pooled", "s3cret-pooled", 3)
	f := s.readOnly()
	d := s.databases(f)
	d.NeverRepeat() // once is enough where the pooler connects again before the application's write is seen to be refused
	app := s.write(4)
	tries(t, &app.acknowledged, 10)

	f = s.readOnly()
	f.SQL = f.SQL[:1]
	refused(t, "the pooler's sessions are left", s.databases(f).Fence, "still works")
	f.Verify.DSN = direct
	refused(t, "proved beside the pooler", s.databases(f).Fence, "began before the fence are still there")
	if err := d.Unfence(soon(t)); err != nil {
		t.Fatal(err)
	}

	tries(t, &app.acknowledged, 10)
	if err := d.Fence(soon(t)); err != nil {
		t.Fatal(err)
	}
	taken := s.ask("SELECT count(*)::text FROM orders")
	tries(t, &app.refused, 20)
	if after := s.ask("SELECT count(*)::text FROM orders"); after != taken {
		t.Errorf("%s rows when the fence was up, %s later", taken, after)
	}
	if err := d.Unfence(soon(t)); err != nil {
		t.Fatal(err)
	}
	tries(t, &app.acknowledged, 10)
	if len(s.warnings) > 0 {
		t.Error(s.warnings)
	}
}
