package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/internal/journal"
)

// written leaves a journal with that many writes to new, all of them acknowledged, and returns what it was.
func written(t *testing.T, directory string, n int) journal.Status {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Options{Directory: directory, Run: "run", Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		e, err := j.Begin(t.Context(), &journal.Write{At: journal.New, Epoch: 5, Method: "POST", Target: "/orders"})
		if err == nil {
			err = e.Answered(&journal.Answer{Outcome: journal.Acknowledged, Status: 201, Whole: true})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := j.Status()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// What the journal tells at a start depends on what the store remembers of it, and on whether writes rest on that.
func TestWhatTheJournalTellsAtTheStart(t *testing.T) {
	for _, row := range []struct {
		name      string
		writes    int
		seen      func(journal.Status) evidence.JournalSeen
		break_    func(t *testing.T, directory string)
		remembers bool
		missing   string
		unread    string
		lost      int64
		epoch     uint64
	}{
		{name: "a new run"},
		{name: "a journal that the store knows less of", writes: 3, seen: func(s journal.Status) evidence.JournalSeen {
			return evidence.JournalSeen{Identity: s.Identity, Seq: s.Seq - 1, Unreplayed: 2}
		}, remembers: true, epoch: 5},
		{name: "a store that was emptied", writes: 3, epoch: 5},
		{name: "a journal that ends earlier", writes: 3, seen: func(s journal.Status) evidence.JournalSeen {
			return evidence.JournalSeen{Identity: s.Identity, Seq: s.Seq + 4, Unreplayed: 5}
		}, remembers: true, missing: "ends at record 6", lost: 2, epoch: 5},
		{name: "another journal", writes: 3, seen: func(s journal.Status) evidence.JournalSeen {
			return evidence.JournalSeen{Identity: "01234567", Seq: 2, Unreplayed: 5}
		}, remembers: true, missing: "another one", lost: 5, epoch: 5},
		{name: "a directory that is gone, where writes rest on it", seen: func(journal.Status) evidence.JournalSeen {
			return evidence.JournalSeen{Identity: "01234567", Seq: 2, Unreplayed: 5}
		}, remembers: true, unread: "put the directory back", lost: 5},
		{name: "a directory that is gone, where none do", seen: func(journal.Status) evidence.JournalSeen {
			return evidence.JournalSeen{Identity: "01234567", Seq: 2}
		}, missing: "is empty"},
		{name: "a file in its place, in a new run", break_: func(t *testing.T, directory string) {
			if err := os.WriteFile(directory, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "held by another process, without a record", break_: func(t *testing.T, directory string) {
			j, err := journal.Open(t.Context(), journal.Options{Directory: directory, Run: "other"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = j.Close() })
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			directory := filepath.Join(t.TempDir(), "journal")
			k := &keeper{options: journal.Options{Directory: directory, Run: "run", Logger: zap.NewNop()}, remembers: row.remembers}
			var was journal.Status
			if row.writes > 0 {
				was = written(t, directory, row.writes)
			}
			if row.seen != nil {
				k.seen = row.seen(was)
			}
			if row.break_ != nil {
				row.break_(t, directory)
			}
			j, err := k.open(context.Background())
			if err == nil {
				k.held.Store(j)
				defer j.Close()
			}
			w := k.witness()
			if w.Epoch != row.epoch || w.Lost != row.lost || !strings.Contains(w.Missing, row.missing) || (w.Missing == "") != (row.missing == "") ||
				!strings.Contains(w.Unread, row.unread) || (w.Unread == "") != (row.unread == "") {
				t.Errorf("it tells %+v (%v)", w, err)
			}
			if _, exists := os.Stat(directory); row.unread != "" && row.remembers && !errors.Is(exists, os.ErrNotExist) {
				t.Error("the directory was made anew, so that the true one cannot be moved there")
			}
		})
	}
}

// Nothing is called safe that would leave a write behind, or of which nobody knows.
func TestWhatIsCalledSafe(t *testing.T) {
	for _, row := range []struct {
		name  string
		phase cutover.Phase
		left  left
		safe  bool
		count int64
		says  string
	}{
		{"shadow", cutover.Shadow, left{}, true, 0, ""},
		{"shadow, with something left from before", cutover.Shadow, left{unknown: 1}, false, 1, "from before: 1 write of which nobody knows"},
		{"live, nothing written", cutover.Live, left{}, true, 0, ""},
		{"live, accepted", cutover.Live, left{acknowledged: 2}, false, 2, "2 writes that new accepted"},
		{"live, unknown", cutover.Live, left{unknown: 1}, false, 1, "nobody knows"},
		{"live, under other names at old", cutover.Live, left{renamed: 2}, false, 0, "under other names"},
		{"live, past the journal", cutover.Live, left{bypassed: 3}, false, 3, "3 writes that bypassed the journal"},
		{"live, in flight", cutover.Live, left{open: 1}, false, 0, "1 write in flight at new"},
		{"live, unreadable", cutover.Live, left{unread: "gone"}, false, 0, "cannot be read from the journal: gone"},
		{"rolled back, all carried", cutover.RolledBack, left{}, true, 0, ""},
		{"rolled back", cutover.RolledBack, left{acknowledged: 2, unknown: 1}, false, 3, "`paritygate journal replay --to old`"},
		{"rolled back, unreadable", cutover.RolledBack, left{unread: "gone", unknown: 4}, false, 4, "gone"},
		{"complete", cutover.Complete, left{}, false, 0, "no way back; on new alone: nothing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := rollbackSafety(cutover.State{Phase: row.phase}, row.left)
			if r.Safe != row.safe || r.UnreplayedWrites != row.count || !strings.Contains(r.Reason, row.says) || (r.Reason == "") != row.safe {
				t.Errorf("got %+v", r)
			}
			if d := doubted(r, true); d.Safe || d.Reason == "" || d.UnreplayedWrites != row.count {
				t.Errorf("while store and journal disagree: %+v", d)
			}
		})
	}
}

// A write counts as in flight from its admission until its outcome is recorded, also where it has left the proxy and the disk took none.
func TestWhatIsInFlightAtNew(t *testing.T) {
	for _, row := range []struct{ recorded, inFlight, open int }{{0, 0, 0}, {0, 2, 2}, {1, 0, 1}, {2, 3, 3}} {
		got := left{bypassed: 1}.with(journal.Backlog{Acknowledged: 4, Unknown: 3, Gaps: 2, Renamed: 6, Open: row.recorded}, row.inFlight)
		if want := (left{acknowledged: 4, unknown: 5, open: int64(row.open), bypassed: 1, renamed: 6}); got != want {
			t.Errorf("%d recorded, %d in flight: %+v, want %+v", row.recorded, row.inFlight, got, want)
		}
	}
}

// A refused resume says what can be done: another thing for each kind of write that old lacks.
func TestWhyAResumeIsRefused(t *testing.T) {
	for _, row := range []struct {
		left left
		says string
	}{
		{left{acknowledged: 1, unknown: 1, bypassed: 1}, "journal replay --to old"},
		{left{unknown: 1, bypassed: 1}, "journal resolve ID"},
		{left{bypassed: 1}, "by hand"},
		{left{unread: "permission denied"}, "permission denied"},
	} {
		if err := unreplayed(row.left); !strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), "--discard --reason") {
			t.Errorf("%+v: %v", row.left, err)
		}
	}
}

func TestAJournalThatCannotBeReadIsSaidToBe(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "journal")
	written(t, directory, 1)
	j, err := journal.Open(t.Context(), journal.Options{Directory: directory, Run: "run", Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	k := &keeper{}
	k.held.Store(j)
	if err := os.RemoveAll(directory); err != nil {
		t.Fatal(err)
	}
	_, err = (&service{Program: &Program{keeper: k}}).Records(t.Context(), admin.RecordQuery{Limit: 1})
	if e, ok := errors.AsType[*admin.Error](err); !ok || e.Code != admin.CodeUnavailable || !strings.Contains(e.Message, directory) {
		t.Errorf("got %v", err)
	}
}
