package main

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

// lockStore keeps every writer out of the program's store, as a disk that hangs does, until unlock is called.
func lockStore(t *testing.T, p *process) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(filepath.Dir(p.config), "paritygate.db")+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = tx.Rollback() // nothing was written
		_ = db.Close()
	}
}

// The store takes nothing: a rollback is in force all the same, and a kill does not undo it.
func TestARollbackThatTheStoreDoesNotTake(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	p := startProcess(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	if _, err := p.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	post := func(id string) {
		t.Helper()
		resp, err := http.Post(p.proxy+"/orders", "text/plain", strings.NewReader(id))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			t.Errorf("write %s ends in %d", id, resp.StatusCode)
		}
	}
	post("first")
	unlock := lockStore(t, p)
	began := time.Now()
	s, err := p.client.Rollback(t.Context(), admin.Change{Reason: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("rolled back in %s without the store", time.Since(began).Round(time.Millisecond))
	post("second")
	if s.Phase != cutover.RolledBack || len(older.written()) != 1 || len(newer.written()) != 1 {
		t.Errorf("%+v, %q at old, %q at new", s, older.written(), newer.written())
	}
	p.eventually("it says that the store does not have it", func() bool {
		for _, u := range p.status().Unwell {
			if u.Part == "cutover" {
				return true
			}
		}
		return false
	})
	if _, err := p.client.Resume(t.Context(), admin.Change{Reason: "test"}, true); err == nil {
		t.Error("resumed from a rollback that is not stored")
	}
	p.signal(syscall.SIGKILL)
	unlock()
	p.start()
	if s := p.status(); s.Phase != cutover.RolledBack || s.Rollback.UnreplayedWrites != 1 || s.Rollback.Safe {
		t.Errorf("after the kill: %+v", s)
	}
	if _, err := p.client.Resume(t.Context(), admin.Change{Reason: "test"}, false); err == nil {
		t.Error("resumed although a write is on new alone")
	}
	post("third")
	if len(older.written()) != 2 {
		t.Errorf("%q at old", older.written())
	}
}

// The store takes nothing while a flip begins and ends: nobody's write goes astray, and afterwards all works again.
func TestAFlipThatTheStoreDoesNotTake(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	p := startProcess(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	unlock := lockStore(t, p)
	if _, err := p.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err == nil {
		t.Fatal("flipped without an intent")
	}
	if s := p.status(); s.Phase != cutover.Shadow || s.Epoch != 1 {
		t.Errorf("%+v", s)
	}
	unlock()
	p.eventually("the store is well again", func() bool { return len(p.status().Unwell) == 0 })
	if r, err := p.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil || r.Phase != cutover.Live {
		t.Errorf("%+v %v", r, err)
	}
	if code := p.signal(syscall.SIGTERM); code != exitDone {
		t.Errorf("the program ends in %d", code)
	}
}
