package main

import (
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

// `rollback` on the command line, wherever the run is: it is never too early and never too late, and afterwards all is at old.
func TestARollbackFromAnywhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, "anywhere", "rollback: {fallback: always}\n")
	s.start()
	stop := s.writers(50)
	for _, from := range []struct {
		name string
		in   cutover.Phase // in which it is asked for
		to   func() (back func())
		code int
	}{
		{"shadow", cutover.Shadow, func() func() { return nil }, exitRefused},
		{"canary", cutover.Canary, func() func() {
			if _, err := s.client.SetCanary(t.Context(), admin.Change{}, 0.5); err != nil {
				t.Fatal(err)
			}
			return nil
		}, exitDone},
		{"while it prepares", cutover.Cutover, func() func() { return s.flipStuckAt("new") }, exitDone},
		{"while it checks", cutover.Cutover, s.flipStuckAtTheChecks, exitDone},
		{"while it fences", cutover.Cutover, func() func() { return s.flipStuckAt("old") }, exitDone},
		{"live", cutover.Live, func() func() {
			if err := s.flip(); err != nil {
				t.Fatal(err)
			}
			s.authority("flipped", "new")
			return nil
		}, exitDone},
	} {
		back := from.to()
		if p := s.status().Phase; p != from.in {
			t.Errorf("%s: in phase %s, want %s", from.name, p, from.in)
		}
		began := time.Now()
		code, out := s.command("rollback", "--reason", from.name, "--yes")
		took := time.Since(began)
		if code != from.code {
			t.Errorf("%s: rollback exits %d: %s", from.name, code, out)
		}
		t.Logf("%s: exit %d after %s", from.name, code, took.Round(time.Millisecond))
		if back != nil {
			back()
		}
		s.authority(from.name, "old")
		if p := s.status().Phase; code == exitDone && p != cutover.RolledBack {
			t.Errorf("%s: it ends in %s", from.name, p)
		}
		if from.in == cutover.Cutover {
			s.undone(from.name)
		}
		if code, out := s.command("rollback", "--reason", "once more", "--yes"); code != from.code {
			t.Errorf("%s, once more: rollback exits %d: %s", from.name, code, out)
		}
		s.home()
	}
	s.backWithoutADatabase()
	stop()
	if code := s.signal(syscall.SIGTERM); code != exitDone {
		t.Errorf("the program ends in %d", code)
	}
	s.settle()
	if turns := strings.Join(s.ledger.Turns(0), " "); turns != "old new old new old" {
		t.Errorf("writes went to %s", turns)
	}
}

// flipStuckAt begins a flip that waits for a lock in a side's database: prepare looks at the table in new's, the fence in old's. The
// lock is taken while the flip drains, since what comes before a flip looks at the tables as well.
func (s *site) flipStuckAt(side string) func() {
	s.t.Helper()
	slow := make(chan struct{})
	s.slow.Store(&slow)
	var conn *pgx.Conn
	ended := s.flipInHold(map[string]string{"new": "prepare", "old": "fence"}[side], func() {
		s.eventually("it drains", func() bool { return s.step() == "drain" })
		var err error
		if conn, err = pgx.Connect(s.t.Context(), s.server.DSN(s.name+"_"+side)); err == nil {
			_, err = conn.Exec(s.t.Context(), "BEGIN; LOCK TABLE willing")
		}
		if err != nil {
			s.t.Fatal(err)
		}
		close(slow)
	})
	return func() {
		_ = conn.Close(s.t.Context()) // which gives up the lock
		ended()
	}
}

// step is the one of a flip that began last.
func (s *site) step() string {
	steps := s.status().Cutover.Steps
	if len(steps) == 0 {
		return ""
	}
	return string(steps[len(steps)-1].Name)
}

// flipStuckAtTheChecks begins a flip whose strict check waits for its answer.
func (s *site) flipStuckAtTheChecks() func() {
	s.t.Helper()
	gate := make(chan struct{})
	s.atTheChecks(func() { <-gate })
	ended := s.flipInHold("checks", func() {})
	return func() { close(gate); ended() }
}

// flipInHold begins a flip, does something meanwhile, and returns when it is at a step and a write is held; ended waits for the end
// of both.
func (s *site) flipInHold(step string, meanwhile func()) (ended func()) {
	s.t.Helper()
	var both sync.WaitGroup
	if s.slow.Load() != nil {
		both.Go(func() {
			if response, err := http.Post(s.process.proxy+"/slow", "text/plain", nil); err != nil || response.StatusCode != http.StatusOK {
				s.t.Errorf("the slow write ends in %+v %v", response, err)
			}
		})
		s.eventually("a slow write is under way", s.slowly.Load)
	}
	both.Go(func() {
		if s.flip() == nil {
			s.t.Errorf("the flip that was stuck at %s was committed", step)
		}
	})
	meanwhile()
	s.eventually("the flip is at "+step+" and writes are held", func() bool { return s.step() == step && s.status().HeldWrites > 0 })
	both.Go(func() {
		if at := s.write(); at != "old" {
			s.t.Errorf("a write held at %s is taken by %s", step, at)
		}
	})
	return both.Wait
}

// backWithoutADatabase rolls back from live while old's database takes no connection: reads are at old at once, writes are refused
// until the fence can be taken down, and never go to new.
func (s *site) backWithoutADatabase() {
	t := s.t
	t.Helper()
	if err := s.flip(); err != nil {
		t.Fatal(err)
	}
	s.authority("flipped", "new")
	s.server.Run(t, "postgres", "ALTER DATABASE "+s.name+"_old ALLOW_CONNECTIONS false; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+s.name+"_old'")
	if code, out := s.command("rollback", "--reason", "its database is gone", "--yes"); code == exitDone || !strings.Contains(out, "fence") {
		t.Errorf("rollback without old's database exits %d: %s", code, out)
	}
	before := s.ledger.Count("new")
	if p := s.status(); p.Phase != cutover.RolledBack || !s.unwell("still fenced") {
		t.Errorf("without old's database: %s, %+v", p.Phase, p.Unwell)
	}
	s.eventually("writes are refused at the end of the hold", func() bool { return strings.HasPrefix(s.write(), "nowhere: 503") })
	if response, err := httpClient.Get(s.process.proxy + "/items/1"); err != nil || response.StatusCode != 200 {
		t.Errorf("without old's database a read ends in %+v %v", response, err)
	} else {
		_ = response.Body.Close()
	}
	s.server.Run(t, "postgres", "ALTER DATABASE "+s.name+"_old ALLOW_CONNECTIONS true")
	s.eventually("writes are at old", func() bool { return s.write() == "old" })
	s.fenced("old's database is back", false)
	if n := s.ledger.Count("new") - before; n != 0 {
		t.Errorf("%d writes went to new after the rollback", n)
	}
}
