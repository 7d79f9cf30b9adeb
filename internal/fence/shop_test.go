package fence_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"paritygate/internal/fence"
	"paritygate/internal/testkit"
)

// shop is a database of its own with an application's role, which has the shop's name and writes orders.
type shop struct {
	t        *testing.T
	name     string
	dsn      string // of the superuser
	app      string // of the application
	asking   *pgx.Conn
	warnings []string
}

func newShop(t *testing.T, name string) *shop {
	t.Helper()
	s := &shop{t: t, name: name, dsn: server.Database(t, name, `CREATE TABLE orders (id bigserial PRIMARY KEY, note text); CREATE TABLE fence_probe (id int)`)}
	server.Run(t, name, fmt.Sprintf(`CREATE ROLE %[1]s LOGIN PASSWORD 's3cret-%[1]s';
		GRANT INSERT, SELECT ON orders, fence_probe TO %[1]s; GRANT USAGE ON SEQUENCE orders_id_seq TO %[1]s`, name))
	s.app = s.as(name, "s3cret-"+name)
	return s
}

// as is the shop's DSN for another role.
func (s *shop) as(role, password string) string {
	s.t.Helper()
	u, err := url.Parse(s.dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	u.User = url.UserPassword(role, password)
	return u.String()
}

func (s *shop) run(sql string) { s.t.Helper(); server.Run(s.t, s.name, sql) }

func (s *shop) ask(sql string) (answer string) {
	s.t.Helper()
	if s.asking != nil && s.asking.QueryRow(s.t.Context(), sql).Scan(&answer) == nil {
		return answer
	}
	s.asking = s.connect(s.dsn) // for the first time, or because the server went away
	if err := s.asking.QueryRow(s.t.Context(), sql).Scan(&answer); err != nil {
		s.t.Fatal(err)
	}
	return answer
}

func (s *shop) connect(dsn string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close(context.Background()) }) // a fence may have ended it
	return conn
}

const verify = "INSERT INTO fence_probe VALUES (1)"

// The statements of docs/reference.md, for a role.
func end(role string) string {
	return "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '" + role + "'"
}

func (s *shop) readOnly() *fence.Fence {
	return &fence.Fence{
		DSN: s.dsn, Verify: fence.Verify{DSN: s.app, SQL: verify},
		SQL:     []string{"ALTER ROLE " + s.name + " SET default_transaction_read_only = on", end(s.name)},
		Unfence: []string{"ALTER ROLE " + s.name + " RESET default_transaction_read_only", end(s.name)},
	}
}

func (s *shop) databases(f *fence.Fence, prepare ...fence.Entry) *fence.Databases {
	s.t.Helper()
	d, err := fence.New(fence.Options{Fence: f, Prepare: prepare, Warn: func(text string) { s.warnings = append(s.warnings, text) }})
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// soon is the context of a call that is to succeed.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// refused wants a call to fail with a text, as soon as it has had the time to come so far, and reports whether the
// error says that old was left untouched.
func refused(t *testing.T, what string, call func(context.Context) error, want string) bool {
	t.Helper()
	for d := 300 * time.Millisecond; ; d *= 3 {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		err := call(ctx)
		cancel()
		switch {
		case err == nil:
			t.Errorf("%s: no error, want %s", what, want)
		case strings.Contains(err.Error(), "s3cret"):
			t.Errorf("%s: a secret is shown: %v", what, err)
		case strings.Contains(err.Error(), want):
		case d > 10*time.Second:
			t.Errorf("%s: got %v, want %s", what, err, want)
		default:
			continue
		}
		var touched interface{ Untouched() bool }
		return errors.As(err, &touched) && touched.Untouched()
	}
}

// writers are an application that writes on connections that it keeps, and connects again whenever one ends.
type writers struct {
	acknowledged, refused atomic.Int64
	stop                  context.CancelFunc
	group                 sync.WaitGroup
}

func (s *shop) write(n int) *writers {
	ctx, cancel := context.WithCancel(s.t.Context())
	w := &writers{stop: cancel}
	for range n {
		w.group.Go(func() {
			var conn *pgx.Conn
			for ctx.Err() == nil {
				var err error
				if conn == nil || conn.IsClosed() {
					conn, err = pgx.Connect(ctx, s.app)
				}
				if err == nil {
					_, err = conn.Exec(ctx, "INSERT INTO orders (note) VALUES ('x')")
				}
				if err != nil {
					w.refused.Add(1)
					<-time.After(5 * time.Millisecond) // as a client that was told no
				} else {
					w.acknowledged.Add(1)
					<-time.After(time.Millisecond)
				}
			}
			if conn != nil {
				_ = conn.Close(context.Background()) // it may be cut off
			}
		})
	}
	s.t.Cleanup(w.end)
	return w
}

func (w *writers) end() { w.stop(); w.group.Wait() }

// tries waits until the application was told so many times more that its write works, or does not.
func tries(t *testing.T, n *atomic.Int64, more int64) {
	t.Helper()
	from := n.Load()
	testkit.Eventually(t, 20*time.Second, func() bool { return n.Load() >= from+more }, "the application does not try %d times", more)
}
