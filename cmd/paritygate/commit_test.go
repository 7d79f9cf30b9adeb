package main

import (
	"database/sql"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"paritygate/internal/cutover"
)

// alter changes the store's database from outside, while the program runs.
func (p *process) alter(statement string) {
	p.t.Helper()
	db, err := sql.Open("sqlite", "file:"+p.store()+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(p.t.Context(), statement); err != nil {
		p.t.Fatal(err)
	}
}

// atTheChecks calls a function once, in the next flip, when writes are held and the commit is near.
func (s *site) atTheChecks(f func()) {
	var once sync.Once
	do := func() { once.Do(f) }
	s.during.Store(&do)
}

// The store fails exactly at the commit: it refuses it, it cannot be read back either, it comes back by itself or after an
// operator has given up. No write is taken by a side that may not have the authority.
func TestAStoreThatFailsAtTheCommit(t *testing.T) {
	t.Parallel()
	s := newSite(t, "uncommitted", "")
	s.start()
	stop := s.writers(50)
	refuse := func() { s.alter("ALTER TABLE state RENAME TO hidden") }
	allow := func() { s.alter("ALTER TABLE hidden RENAME TO state") }
	// inDoubt flips, and returns when whether it is live is unknown and writes are refused.
	inDoubt := func() (flipped chan error) {
		t.Helper()
		flipped = make(chan error, 1)
		s.atTheChecks(refuse)
		go func() { flipped <- s.flip() }()
		s.eventually("nobody knows", func() bool { return s.unwell("whether the cutover was committed is unknown") })
		if at := s.write(); !strings.HasPrefix(at, "nowhere: 503") {
			t.Errorf("while nobody knows, a write is taken by %s", at)
		}
		return flipped
	}

	t.Log("the commit alone is refused: read back, it was not stored")
	s.alter("CREATE TRIGGER refuses BEFORE UPDATE ON state WHEN NEW.phase = 'live' BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
	if err := s.flip(); err == nil || !strings.Contains(err.Error(), "the flip was abandoned") {
		t.Errorf("flipped: %v", err)
	}
	if p := s.status().Phase; p != cutover.Shadow {
		t.Errorf("after a commit that was refused: %s", p)
	}
	s.authority("after a commit that was refused", "old")
	s.alter("DROP TRIGGER refuses")

	t.Log("neither stored nor read: writes get 503 until it can be read")
	flipped := inDoubt()
	allow()
	s.eventually("writes are at old", func() bool { return s.write() == "old" })
	if err := <-flipped; err == nil {
		t.Error("flipped")
	}
	s.fenced("read back", false)

	t.Log("killed while nobody knows")
	inDoubt()
	s.signal(syscall.SIGKILL)
	allow()
	s.start()
	s.eventually("writes are at old", func() bool { return s.write() == "old" })
	s.fenced("after the kill", false)

	t.Log("an operator rolls back while nobody knows")
	inDoubt()
	if code, out := s.command("rollback", "--reason", "enough", "--yes"); code != exitDone {
		t.Errorf("rollback exits %d: %s", code, out)
	}
	s.authority("rolled back without a store", "old")
	allow()
	s.eventually("the store takes it", func() bool { return len(s.status().Unwell) == 0 })
	if p := s.status().Phase; p != cutover.RolledBack {
		t.Errorf("rolled back: %s", p)
	}
	s.home()

	t.Log("a disk that hangs at the commit, for longer than SQLite waits")
	unlock := make(chan func(), 1)
	s.atTheChecks(func() { unlock <- lockStore(t, s.process) })
	began := time.Now()
	err := s.flip()
	(<-unlock)()
	t.Logf("the flip ends after %s: %v", time.Since(began).Round(time.Millisecond), err)
	side := map[cutover.Phase]string{cutover.Live: "new", cutover.Shadow: "old"}
	s.eventually("it is decided", func() bool { return side[s.status().Phase] != "" && len(s.status().Unwell) == 0 })
	s.authority("after a disk that hung", side[s.status().Phase])

	stop()
	if err := s.flip(); err != nil {
		t.Errorf("after all this: %v", err)
	}
	s.authority("after all this", "new")
	if code := s.signal(syscall.SIGTERM); code != exitDone {
		t.Errorf("the program ends in %d", code)
	}
	if turns := s.ledger.Turns(0); !straight(turns) {
		t.Errorf("writes went to %q", turns)
	}
	s.settle()
}
