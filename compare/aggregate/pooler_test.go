package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"paritygate/compare/aggregate"
	"paritygate/internal/testkit"
)

// pooler starts PgBouncer in transaction mode, with one server connection, in front of the shared server, and returns the
// DSN of a database through it and a function that says whether it runs.
func pooler(t *testing.T, database string) (dsn string, runs func() bool) {
	t.Helper()
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Fatal("PgBouncer is not installed; on Debian: apt-get install pgbouncer")
		}
	}
	direct, err := url.Parse(newDSN)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "paritygate-pooler-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	port := testkit.FreePort(t)
	ini := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%s user=postgres password=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"+
		"unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 1\n", direct.Port(), server.Password(), port)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := errors.Join(os.WriteFile(file, []byte(ini), 0o644), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "-q", file)
	if os.Geteuid() == 0 { // PgBouncer refuses to run as root
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, err := strconv.Atoi(nobody.Uid)
		if err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed below
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended, which the test looks at
		<-ended
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	testkit.Eventually(t, 10*time.Second, func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		return err == nil && conn.Close() == nil
	}, "PgBouncer takes no connection")
	runs = func() bool {
		select {
		case <-ended:
			return false
		default:
			return true
		}
	}
	return "postgres://app:x@" + address + "/" + database + "?sslmode=disable", runs
}

func TestPoolerInTransactionMode(t *testing.T) {
	dsn, runs := pooler(t, "shop_new")
	var checks []aggregate.Check
	for i := range 4 {
		c := scalar(fmt.Sprint("count ", i), "SELECT 24900", `SELECT count(*) FROM "Perf"."Data.Set"`)
		c.Strict = true
		checks = append(checks, c)
	}
	checks = append(checks, scalar("many rows", "SELECT 1", "SELECT generate_series(1, 1000000)"),
		scalar("too slow", "SELECT 1", "SELECT pg_sleep(20)"), scalar("other fails", "SELECT 1/0", "SELECT 1 FROM pg_sleep(20)"),
		scalar("cancelled", "SELECT 1", "SELECT 1 FROM pg_sleep(20) /* pooled */"))
	r := start(t, aggregate.Options{New: aggregate.Database{DSN: dsn, StatementTimeout: 500 * time.Millisecond}, Checks: checks})
	watch := connect(t, newDSN)
	for range 10 {
		results, err := r.RunAll(t.Context(), nil, aggregate.Mode{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range results {
			verify(t, got, aggregate.Pass, 0, "")
		}
		verify(t, runNow(t, r, "many rows", aggregate.Mode{}), aggregate.Inconclusive, -1, "more than one row")
		verify(t, runNow(t, r, "other fails", aggregate.Mode{}), aggregate.Inconclusive, -1, "ask old: division by zero")
	}
	verify(t, runNow(t, r, "too slow", aggregate.Mode{}), aggregate.Inconclusive, -1, "statement_timeout")

	// What was set for a check must not stay with the pooler's connection.
	var timeout, readOnly string
	pooled := connect(t, dsn+"&default_query_exec_mode=exec")
	err := pooled.QueryRow(t.Context(), "SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')").Scan(&timeout, &readOnly)
	if err != nil || timeout != "0" || readOnly != "off" {
		t.Errorf("%s, %s, %v", timeout, readOnly, err)
	}

	patient := start(t, aggregate.Options{New: aggregate.Database{DSN: dsn}, Checks: checks})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := patient.RunNow(ctx, "cancelled", aggregate.Mode{})
		ended <- err
	}()
	testkit.Eventually(t, 10*time.Second, func() bool { return sessions(t, watch, "pooled */") > 0 }, "the statement does not run")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	testkit.Eventually(t, 5*time.Second, func() bool { return sessions(t, watch, "pooled */") == 0 }, "the statement still runs")
	if !runs() {
		t.Error("PgBouncer has exited")
	}
}
