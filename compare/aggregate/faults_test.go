package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"paritygate/compare/aggregate"
	"paritygate/internal/testkit"
)

// connect opens a connection of the test's own.
func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// sessions counts the server's sessions of paritygate that run a statement with this mark in it, idle ones too.
func sessions(t *testing.T, conn *pgx.Conn, mark string) (n int) {
	t.Helper()
	err := conn.QueryRow(t.Context(),
		"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'paritygate' AND query LIKE $1", "%"+mark+"%").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStatementTimeout(t *testing.T) {
	r := start(t, aggregate.Options{
		New:    aggregate.Database{StatementTimeout: 100 * time.Millisecond},
		Checks: []aggregate.Check{scalar("slow", "SELECT 1", "SELECT pg_sleep(20)")},
	})
	got := runNow(t, r, "slow", aggregate.Mode{})
	verify(t, got, aggregate.Inconclusive, -1, "ask new: the statement was cancelled; its limit (statement_timeout) is 100ms")
	if got.Duration > 5*time.Second {
		t.Errorf("took %s", got.Duration)
	}
}

func TestLockTimeout(t *testing.T) {
	conn := connect(t, newDSN)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `LOCK TABLE "we""ird" IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	r := start(t, aggregate.Options{
		// The lock's limit is never above the statement's; at the same length the lock's comes first or the statement's does.
		New:    aggregate.Database{StatementTimeout: 6 * time.Second},
		Checks: []aggregate.Check{scalar("locked", "SELECT 0", `SELECT count(*) FROM "we""ird"`)},
	})
	verify(t, runNow(t, r, "locked", aggregate.Mode{}), aggregate.Inconclusive, -1, "locked by another session for longer than 5s")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	verify(t, runNow(t, r, "locked", aggregate.Mode{}), aggregate.Pass, 0, "")
}

func TestTransactionSettings(t *testing.T) {
	tests := map[string]string{
		"transaction_isolation": "repeatable read", "transaction_read_only": "on", "statement_timeout": "30s", "lock_timeout": "5s",
		"idle_in_transaction_session_timeout": "35s", "timezone": "UTC", "application_name": "paritygate", "client_encoding": "UTF8",
	}
	var checks []aggregate.Check
	for name, want := range tests {
		checks = append(checks, scalar(name, "SELECT '"+want+"'", "SELECT current_setting('"+name+"')"))
	}
	r := start(t, aggregate.Options{Checks: checks})
	results, err := r.RunAll(t.Context(), nil, aggregate.Mode{})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range results {
		if got.Verdict != aggregate.Pass {
			t.Errorf("%s: %s", got.Name, got.Reason)
		}
	}
}

func TestCancelReachesTheServer(t *testing.T) {
	watch := connect(t, newDSN)
	tests := []struct {
		name string
		end  func(cancel context.CancelFunc, r *aggregate.Runner)
		want error
	}{
		{"context", func(cancel context.CancelFunc, _ *aggregate.Runner) { cancel() }, context.Canceled},
		{"close", func(_ context.CancelFunc, r *aggregate.Runner) { r.Close() }, aggregate.ErrClosed},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			mark := fmt.Sprintf("cancel-%d", i)
			r := start(t, aggregate.Options{Checks: []aggregate.Check{
				scalar("long", "SELECT 1", "SELECT 1 FROM pg_sleep(60) /* "+mark+" */"),
			}})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := r.RunNow(ctx, "long", aggregate.Mode{})
				ended <- err
			}()
			testkit.Eventually(t, 10*time.Second, func() bool { return sessions(t, watch, mark+" */") > 0 }, "the statement does not run")
			test.end(cancel, r)
			if err := <-ended; !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			testkit.Eventually(t, 5*time.Second, func() bool { return sessions(t, watch, mark+" */") == 0 }, "the statement still runs")
		})
	}
}

func TestOneSideFailingCancelsTheOther(t *testing.T) {
	watch := connect(t, oldDSN)
	r := start(t, aggregate.Options{Checks: []aggregate.Check{
		scalar("half", "SELECT 1 FROM pg_sleep(60) /* half */", "SELECT 1/0"),
	}})
	got := runNow(t, r, "half", aggregate.Mode{})
	verify(t, got, aggregate.Inconclusive, -1, "ask new: division by zero")
	if strings.Contains(got.Reason, "old") || got.Duration > 10*time.Second {
		t.Errorf("after %s: %s", got.Duration, got.Reason)
	}
	testkit.Eventually(t, 5*time.Second, func() bool { return sessions(t, watch, "half */") == 0 }, "the other side still runs")
}

func TestNoSessionStays(t *testing.T) {
	watch := connect(t, newDSN)
	r := start(t, aggregate.Options{Checks: []aggregate.Check{scalar("a", "SELECT 1", "SELECT 1")}})
	runNow(t, r, "a", aggregate.Mode{})
	testkit.Eventually(t, 5*time.Second, func() bool { return sessions(t, watch, "") == 0 }, "a session stays")
}

func TestMaxConnections(t *testing.T) {
	watch := connect(t, newDSN)
	var checks []aggregate.Check
	for i := range 6 {
		c := scalar(fmt.Sprint(i), "SELECT 1", "SELECT 1 FROM pg_sleep(0.2) /* bounded */")
		c.Strict = true
		checks = append(checks, c)
	}
	r := start(t, aggregate.Options{
		Old: aggregate.Database{MaxConnections: 3}, New: aggregate.Database{MaxConnections: 2}, Checks: checks,
	})
	ended := make(chan error, 1)
	go func() {
		_, err := r.RunAll(t.Context(), nil, aggregate.Mode{Strict: true})
		ended <- err
	}()
	most := 0
	testkit.Eventually(t, 20*time.Second, func() bool {
		most = max(most, sessions(t, watch, "bounded */"))
		return len(ended) > 0
	}, "the checks do not end")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if most != 2 {
		t.Errorf("up to %d connections, want 2", most)
	}
}

func TestBothSidesAreAskedAtOneMoment(t *testing.T) {
	// Old is slow to connect to. What is written on new meanwhile, its transaction open, must be seen: neither side is asked
	// before both are ready.
	server.Run(t, "shop_new", "DROP TABLE IF EXISTS moment; CREATE TABLE moment (id int)")
	u, err := url.Parse(oldDSN)
	if err != nil {
		t.Fatal(err)
	}
	release, target := make(chan struct{}), u.Host
	slow := testkit.Faulty(t, testkit.Fault{Name: "slow to connect to", Serve: func(ctx context.Context, client net.Conn) {
		<-release
		direct, err := new(net.Dialer).DialContext(ctx, "tcp", target)
		if err != nil {
			t.Error(err)
			return
		}
		defer direct.Close()
		defer context.AfterFunc(ctx, func() { _ = direct.Close() })()
		go func() {
			_, _ = io.Copy(direct, client)
			_ = direct.Close()
		}()
		_, _ = io.Copy(client, direct)
	}})
	u.Host = slow.Addr
	r := start(t, aggregate.Options{
		Old:    aggregate.Database{DSN: u.String()},
		Checks: []aggregate.Check{scalar("moment", "SELECT 1", "SELECT count(*) FROM moment")},
	})
	ended := make(chan aggregate.Result, 1)
	go func() {
		result, err := r.RunNow(t.Context(), "moment", aggregate.Mode{})
		if err != nil {
			t.Error(err)
		}
		ended <- result
	}()
	writer := connect(t, newDSN)
	testkit.Eventually(t, 10*time.Second, func() (open bool) {
		if err := writer.QueryRow(t.Context(), "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'paritygate' "+
			"AND state = 'idle in transaction'").Scan(&open); err != nil {
			t.Fatal(err)
		}
		return open
	}, "new's transaction is not open")
	if _, err := writer.Exec(t.Context(), "INSERT INTO moment VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	close(release)
	verify(t, <-ended, aggregate.Pass, 0, "")
}

func TestDeadDatabase(t *testing.T) {
	own := testkit.Postgres(t)
	dsn := own.Database(t, "mortal", "CREATE TABLE items AS SELECT generate_series(1, 20000) AS id")
	check := aggregate.Check{
		Name: "items", Type: aggregate.Count, Old: aggregate.Side{SQL: "SELECT 20000"}, New: aggregate.Side{Table: "items"},
	}
	r := start(t, aggregate.Options{
		New:    aggregate.Database{DSN: dsn},
		Checks: []aggregate.Check{check, scalar("slow", "SELECT 1", "SELECT 1 FROM pg_sleep(60) /* dies */")},
	})
	verify(t, runNow(t, r, "items", aggregate.Mode{}), aggregate.Pass, 0, "")

	watch := connect(t, dsn)
	ended := make(chan aggregate.Result, 1)
	go func() { ended <- runNow(t, r, "slow", aggregate.Mode{}) }()
	testkit.Eventually(t, 10*time.Second, func() bool { return sessions(t, watch, "dies */") > 0 }, "the statement does not run")
	own.Down(t)
	verify(t, <-ended, aggregate.Inconclusive, -1, "ask new: ")
	got := runNow(t, r, "items", aggregate.Mode{})
	verify(t, got, aggregate.Inconclusive, -1, "connect to new: ")
	if strings.Contains(got.Reason, own.Password()) {
		t.Errorf("the password is in %s", got.Reason)
	}
	if oldErr, newErr := r.Probe(t.Context()); oldErr != nil || newErr == nil || !strings.Contains(newErr.Error(), "connect to new") {
		t.Errorf("probe: old %v, new %v", oldErr, newErr)
	}
	own.Up(t)
	verify(t, runNow(t, r, "items", aggregate.Mode{}), aggregate.Pass, 0, "")
	if oldErr, newErr := r.Probe(t.Context()); oldErr != nil || newErr != nil {
		t.Errorf("probe: old %v, new %v", oldErr, newErr)
	}
}

func TestBrokenServers(t *testing.T) {
	faults := []testkit.Fault{testkit.BlackHole(), testkit.CloseAtOnce(), testkit.ResetAtOnce()}
	for _, fault := range faults {
		t.Run(fault.Name, func(t *testing.T) {
			s := testkit.Faulty(t, fault)
			r := start(t, aggregate.Options{
				New:    aggregate.Database{DSN: "postgres://app:s3cret-word@" + s.Addr + "/shop?sslmode=disable&connect_timeout=1"},
				Checks: []aggregate.Check{scalar("a", "SELECT 1", "SELECT 1")},
			})
			got := runNow(t, r, "a", aggregate.Mode{})
			verify(t, got, aggregate.Inconclusive, -1, "connect to new")
			if strings.Contains(got.Reason, "s3cret") || got.Duration > 10*time.Second {
				t.Errorf("after %s: %s", got.Duration, got.Reason)
			}
		})
	}
}

func TestWrongPasswordIsNotShown(t *testing.T) {
	passwords := []string{"hunter2hunter2", "p@ss:w/rd?#%", `quo'te\back slash`, "пароль-密码", "per%41cent"}
	u, err := url.Parse(newDSN)
	if err != nil {
		t.Fatal(err)
	}
	keyword := func(password string) string {
		escaped := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)
		return fmt.Sprintf("host=%s port=%s user=postgres dbname=shop_new sslmode=disable password='%s'", u.Hostname(), u.Port(), escaped)
	}
	for _, password := range passwords {
		wrong := *u
		wrong.User = url.UserPassword("postgres", password)
		for _, dsn := range []string{wrong.String(), keyword(password)} {
			t.Run(dsn, func(t *testing.T) {
				r := start(t, aggregate.Options{
					New: aggregate.Database{DSN: dsn}, Checks: []aggregate.Check{scalar("a", "SELECT 1", "SELECT 1")},
				})
				got := runNow(t, r, "a", aggregate.Mode{})
				verify(t, got, aggregate.Inconclusive, -1, "the login was refused")
				for _, secret := range []string{password, url.QueryEscape(password), url.PathEscape(password), dsn} {
					if strings.Contains(got.Reason, secret) {
						t.Errorf("%q is in %s", secret, got.Reason)
					}
				}
			})
		}
	}
}

func TestOddPasswordsWork(t *testing.T) {
	const password = `p@ss:w/rd?#% 'quote" \back`
	server.Run(t, "shop_new", `DROP ROLE IF EXISTS odd; CREATE ROLE odd LOGIN PASSWORD 'p@ss:w/rd?#% ''quote" \back'`)
	u, err := url.Parse(newDSN)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("odd", password)
	keyword := fmt.Sprintf(`host=%s port=%s user=odd dbname=shop_new sslmode=disable password='p@ss:w/rd?#%% \'quote" \\back'`, u.Hostname(), u.Port())
	for _, dsn := range []string{u.String(), keyword} {
		r := start(t, aggregate.Options{
			New: aggregate.Database{DSN: dsn}, Checks: []aggregate.Check{scalar("a", "SELECT 'odd'", "SELECT current_user::text")},
		})
		verify(t, runNow(t, r, "a", aggregate.Mode{}), aggregate.Pass, 0, "")
	}
}
