package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

const siteConfig = `
run: {name: site, window: 2s}
backends:
  old: {url: "URL_OLD", timeout: 10s}
  new: {url: "URL_NEW", timeout: 10s}
databases:
  old: {dsn: "DSN_OLD"}
  new: {dsn: "DSN_NEW"}
checks:
  - {name: same, type: scalar, old: {http: {path: /same}, value: $.n}, new: {sql: SELECT 1}, every: 1h, max_age: 2h, strict_at_cutover: true}
cutover:
  hold: {max: 4s, requests: 10000}
  prepare:
    - on: new
      sql: ["INSERT INTO prepared VALUES (1) ON CONFLICT DO NOTHING", "SELECT 1 / yes FROM willing"]
      undo: ["DELETE FROM prepared"]
  fence:
    dsn: "DSN_OLD"
    sql:
      - ALTER ROLE APPLICATION IN DATABASE DATABASE_OLD SET default_transaction_read_only = on
      - SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'APPLICATION' AND datname = 'DATABASE_OLD'
      - SELECT 1 / yes FROM willing
    verify: {dsn: "APP_OLD", sql: "INSERT INTO entries (attempt, id) VALUES ('probe', 'probe')"}
    unfence:
      - ALTER ROLE APPLICATION IN DATABASE DATABASE_OLD RESET default_transaction_read_only
      - SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'APPLICATION' AND datname = 'DATABASE_OLD'
`

// site is a program between two applications, each of which keeps its writes in a PostgreSQL database of its own.
type site struct {
	*process
	ledger   *testkit.Ledger
	old, new *testkit.Table
	server   *testkit.PostgresServer
	name     string
	// instead, if not nil, may answer a request in the place of an application, and then returns true. It is set before the start.
	instead func(side string, w http.ResponseWriter, r *http.Request) bool
	// slow, if it holds a channel, makes writes to /slow wait for its end; slowly says that one does.
	slow         atomic.Pointer[chan struct{}]
	slowly       atomic.Bool
	written      atomic.Int64 // by write
	fate, points string       // files of a mortal program
	// during, if it holds a function, is called whenever the check asks old: while writes are held, in a flip.
	during atomic.Pointer[func()]
}

// sites have one PostgreSQL server, which tidy stops.
var (
	sitesServer = sync.OnceValues(func() (*testkit.PostgresServer, error) {
		server, stop, err := testkit.StartPostgres()
		stopSites = stop
		return server, err
	})
	stopSites func()
	siteCount atomic.Int64
)

// newSite makes one with an application's role and databases of its own; more is added to the configuration. It is not started.
func newSite(t *testing.T, name, more string) *site {
	t.Helper()
	server, err := sitesServer()
	if err != nil {
		t.Fatal(err)
	}
	name = fmt.Sprintf("%s_%d", name, siteCount.Add(1)) // a test may run more than once
	s := &site{ledger: testkit.NewLedger(), server: server, name: name}
	server.Run(t, "postgres", "CREATE ROLE "+name+" LOGIN PASSWORD 'app'")
	replace := []string{"APPLICATION", name}
	for _, side := range []string{"old", "new"} {
		database := name + "_" + side
		dsn := server.Database(t, database, testkit.CreateEntries,
			"CREATE TABLE prepared (n int PRIMARY KEY); CREATE TABLE willing (yes int NOT NULL); INSERT INTO willing VALUES (1)",
			"GRANT ALL ON entries TO "+name)
		app, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		app.User = url.UserPassword(name, "app")
		table := testkit.NewTable(app.String(), 4)
		backend := httptest.NewServer(s.application(side, table))
		t.Cleanup(func() { backend.Close(); table.Close() })
		upper := strings.ToUpper(side)
		replace = append(replace, "URL_"+upper, backend.URL, "DSN_"+upper, dsn, "APP_"+upper, app.String(), "DATABASE_"+upper, database)
		if side == "old" {
			s.old = table
		} else {
			s.new = table
		}
	}
	s.process = newProcess(t, siteConfig+more, replace...)
	return s
}

func (s *site) application(side string, table *testkit.Table) http.Handler {
	writes := s.ledger.Side(side, table.Keep)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.instead != nil && s.instead(side, w, r):
		case r.URL.Path == "/slow":
			s.slowly.Store(true)
			<-*s.slow.Swap(nil)
			s.slowly.Store(false)
		case r.Method == http.MethodPost:
			writes.ServeHTTP(w, r)
		case r.URL.Path == "/same":
			if f := s.during.Load(); f != nil {
				(*f)()
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"n": 1}`)
		default:
			fmt.Fprint(w, r.URL.Path)
		}
	})
}

// write sends one write through the proxy, and returns where it was taken.
func (s *site) write() string {
	s.t.Helper()
	id := fmt.Sprintf("one-%d", s.written.Add(1))
	sample := testkit.Load{Requests: 1, Concurrency: 1, KeepBody: true, Request: func(context.Context, int) (*http.Request, error) {
		return s.writing(id)
	}}.Run(s.t.Context())[0]
	s.ledger.Told(id, sample.Status, string(sample.Body), sample.Err)
	if sample.Status != http.StatusCreated {
		return fmt.Sprintf("nowhere: %d %s %v", sample.Status, sample.Body, sample.Err)
	}
	return string(sample.Body)
}

// writers send so many writes a second until they are stopped, and tell the ledger.
func (s *site) writers(rate float64) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	id := func(i int) string { return fmt.Sprintf("%s-%d", s.name, i) }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		testkit.Load{Rate: rate, Requests: 1 << 30, KeepBody: true, Request: func(_ context.Context, i int) (*http.Request, error) {
			return s.writing(id(i))
		}, Observe: func(sample testkit.Sample) {
			s.ledger.Told(id(sample.Index), sample.Status, string(sample.Body), sample.Err)
		}}.Run(ctx)
	}()
	return func() { cancel(); <-ended }
}

// writing is a request that writes. It outlives whoever sends it, so that none is cut off at the end.
func (s *site) writing(id string) (*http.Request, error) {
	return http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.process.proxy+"/entries", strings.NewReader(id))
}

// flip asks for a cutover past the gate.
func (s *site) flip() error {
	_, err := s.client.Cutover(s.t.Context(), admin.Change{Reason: "test"}, false, true)
	return err
}

func (s *site) back() error {
	_, err := s.client.Rollback(s.t.Context(), admin.Change{Reason: "test"})
	return err
}

// home brings the run back to shadow, from wherever it is.
func (s *site) home() {
	s.t.Helper()
	if s.status().Phase == cutover.Live {
		if err := s.back(); err != nil {
			s.t.Fatal(err)
		}
		s.server.Run(s.t, s.name+"_new", "DELETE FROM prepared") // a flip that was committed keeps it
	}
	if s.status().Phase == cutover.RolledBack {
		if _, err := s.client.Resume(s.t.Context(), admin.Change{Reason: "test"}, true); err != nil {
			s.t.Fatal(err)
		}
	}
}

// storedPhase is what the store's file says, read while no program has it.
func (s *site) storedPhase() cutover.Phase {
	s.t.Helper()
	db, err := sql.Open("sqlite", "file:"+s.store())
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	var phase cutover.Phase
	if err := db.QueryRowContext(s.t.Context(), "SELECT phase FROM state").Scan(&phase); err != nil {
		s.t.Fatal(err)
	}
	return phase
}

// readOnly is the SQLSTATE with which a fenced old refuses its application.
const readOnly = "25006"

// authority checks that clients and databases agree on where writes go: a fresh one is taken there, and old refuses its
// application's if they go to new.
func (s *site) authority(when, want string) {
	s.t.Helper()
	if at := s.write(); at != want {
		s.t.Errorf("%s: a write is taken by %s, not by %s", when, at, want)
	}
	s.fenced(when, want == "new")
}

// fenced checks whether old refuses its application's writes.
func (s *site) fenced(when string, want bool) {
	s.t.Helper()
	refusal := ""
	if want {
		refusal = readOnly
	}
	if code, err := s.old.Try(s.t.Context()); err != nil || code != refusal {
		s.t.Errorf("%s: old's application is refused with %q (%v), want %q", when, code, err, refusal)
	}
}

// undone checks that what the flip had prepared was taken back.
func (s *site) undone(when string) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.server.DSN(s.name+"_new"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(s.t.Context())
	s.eventually(when+": what was prepared is undone", func() bool {
		var n int
		err := conn.QueryRow(s.t.Context(), "SELECT count(*) FROM prepared").Scan(&n)
		return err == nil && n == 0
	})
}

// settle holds, at the end and with the program stopped, what the clients were told against what the databases hold.
func (s *site) settle() {
	s.t.Helper()
	for _, problem := range s.ledger.Problems() {
		s.t.Error(problem)
	}
	for side, table := range map[string]*testkit.Table{"old": s.old, "new": s.new} {
		ids, err := table.IDs(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if took := s.ledger.IDs(side); !slices.Equal(took, ids) {
			s.t.Errorf("the table of %s is not what its application took: %s", side, cmp.Diff(took, ids))
		}
	}
}

// straight reports whether the turns are some of `old new old`, in this order: each flip once, each way back once.
func straight(turns []string) bool {
	return slices.Contains([]string{"", "old", "new", "old new", "new old", "old new old"}, strings.Join(turns, " "))
}

// dieAt has the program, which becomes a mortal one with the next start, die at a point, or nowhere if it is empty.
func (s *site) dieAt(point string) {
	s.t.Helper()
	dir := filepath.Dir(s.config)
	s.fate, s.points = filepath.Join(dir, "fate"), filepath.Join(dir, "points")
	s.mortal = []string{fateVariable + "=" + s.fate, pointsVariable + "=" + s.points}
	if err := os.WriteFile(s.fate, []byte(point), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// lastPoint ends every way through the machine: held writes have been let go.
const lastPoint = "after the release"

// passed returns the points that were passed since it was last asked, once the last one was.
func (s *site) passed() (points []string) {
	s.t.Helper()
	s.eventually("held writes were let go", func() bool {
		points = passed(s.t, s.points)
		return slices.Contains(points, lastPoint)
	})
	if err := os.Remove(s.points); err != nil {
		s.t.Fatal(err)
	}
	return points
}
