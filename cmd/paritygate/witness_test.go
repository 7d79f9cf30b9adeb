package main

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/journal"
)

// unwellAbout reports whether a part is unwell, and says so with a text.
func (r *running) unwellAbout(part, text string) bool {
	return slices.ContainsFunc(r.status().Unwell, func(u admin.Unwell) bool { return u.Part == part && strings.Contains(u.Message, text) })
}

// A run that is live goes through the loss of its journal, of its store, and through an older copy of the store: no write goes anywhere while
// nobody knows where it belongs, reads are served, and what is put right goes on by itself.
func TestAStoreAndAJournalThatDisagree(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	store := filepath.Join(t.TempDir(), "paritygate.db")
	directory := store + ".journal"
	text := plainConfig + "store: {path: " + store + "}\n"
	start := func() *running { return boot(t, text, "OLD", older.URL, "NEW", newer.URL) }
	copied := store + ".copy"
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	r := start()
	if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.ask(http.MethodPost, "/items", "x")
	}
	if s := r.status(); s.Rollback.UnreplayedWrites != 3 || s.Rollback.Safe || s.Journal.ToOld.Acknowledged != 3 || s.Journal.Bypassed != 0 {
		t.Errorf("after three writes: %+v, %+v", s.Rollback, s.Journal)
	}
	r.end()

	move(directory, directory+".away")
	r = start()
	if status, _, _ := r.ask(http.MethodPost, "/items", "x"); status != http.StatusServiceUnavailable || !r.unwellAbout("journal", "put the directory back") || !r.unwellAbout("cutover", "--recover-phase") {
		t.Errorf("without its journal: %d, %+v", status, r.status().Unwell)
	}
	if status, _, _ := r.ask(http.MethodGet, "/items/1", ""); status != http.StatusOK {
		t.Errorf("a read is answered %d", status)
	}
	if s := r.status(); s.Rollback.Safe || s.Rollback.UnreplayedWrites != 3 {
		t.Errorf("without its journal: %+v", s.Rollback)
	}
	move(directory+".away", directory)
	r.eventually("writes go on once the journal is back", func() bool {
		status, _, _ := r.ask(http.MethodPost, "/items", "x")
		return status == http.StatusCreated
	})
	if s := r.status(); s.Phase != cutover.Live || s.Rollback.UnreplayedWrites != 4 || len(s.Unwell) != 0 {
		t.Errorf("with its journal again: %+v", s)
	}
	r.end()

	move(store, copied)
	r = start()
	if status, _, _ := r.ask(http.MethodPost, "/items", "x"); status != http.StatusServiceUnavailable || !r.unwellAbout("cutover", "the store is empty, but the journal has writes") {
		t.Errorf("with an empty store: %d, %+v", status, r.status().Unwell)
	}
	r.end()
	before := len(older.written())
	move(copied, store)
	r = start()
	r.ask(http.MethodPost, "/items", "x")
	if s := r.status(); s.Phase != cutover.Live || s.Rollback.UnreplayedWrites != 5 || len(older.written()) != before {
		t.Errorf("with its store again: %+v", s)
	}
	if _, err := os.Stat(filepath.Join(directory, "rollback.spare")); err != nil {
		t.Errorf("room for the marker of a rollback: %v", err)
	}
	if _, err := r.client.Rollback(t.Context(), admin.Change{Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.client.Resume(t.Context(), admin.Change{}, false); err == nil || !strings.Contains(err.Error(), "5 writes that new accepted") {
		t.Errorf("a resume says %v", err)
	}
	if _, err := r.client.Resume(t.Context(), admin.Change{Reason: "given up"}, true); err != nil {
		t.Fatal(err)
	}
	if e := r.eventsOf("discard"); len(e) != 1 || !strings.Contains(string(e[0].Evidence), `"acknowledged":5`) {
		t.Errorf("the audit log has %+v", e)
	}
	r.end()
	r = start()
	if s := r.status(); s.Phase != cutover.Shadow || s.Rollback.UnreplayedWrites != 0 || s.Journal.ToOld.Acknowledged != 0 {
		t.Errorf("after the discard: %+v", s)
	}
}

// Live is not entered without a journal: the dry run says so, and so does the cutover, before a write is held.
func TestNoCutoverWithoutAJournal(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := boot(t, plainConfig+"journal: {directory: "+file+"}\n", "OLD", older.URL, "NEW", newer.URL)
	for _, dry := range []bool{true, false} {
		_, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, dry, true)
		e, ok := errors.AsType[*admin.Error](err)
		if !ok || e.Code != admin.CodeConflict || !strings.Contains(e.Message, "journal: ") {
			t.Errorf("dry run %v: %v", dry, err)
		}
	}
	if s := r.status(); s.Phase != cutover.Shadow || s.Epoch != 1 || !r.unwellAbout("journal", "not a directory") {
		t.Errorf("%+v", s)
	}
	if status, _, _ := r.ask(http.MethodPost, "/items", "x"); status != http.StatusCreated {
		t.Errorf("a write to old is answered %d", status)
	}
}

// A journal that is sealed with another key, or is of another run, is a mistake in the configuration, and ends the start.
func TestAJournalThatIsNotThisRuns(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "journal")
	written(t, directory, 1)
	if _, err := tryBoot(t, plainConfig+"journal: {directory: "+directory+"}\n", "OLD", "http://127.0.0.1:1", "NEW", "http://127.0.0.1:2"); !errors.Is(err, journal.ErrOtherRun) {
		t.Errorf("of another run: %v", err)
	}
	sealed := filepath.Join(t.TempDir(), "journal")
	j, err := journal.Open(t.Context(), journal.Options{Directory: sealed, Run: "bad", Key: []byte("one key of many letters")})
	if err == nil {
		_, err = j.Begin(t.Context(), &journal.Write{At: journal.New, Epoch: 1, Method: "POST", Target: "/"})
		err = errors.Join(err, j.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryBoot(t, plainConfig+"journal: {directory: "+sealed+", key: another-key-of-many-letters}\n", "OLD", "http://127.0.0.1:1", "NEW", "http://127.0.0.1:2"); !errors.Is(err, journal.ErrKey) {
		t.Errorf("another key: %v", err)
	}
}

// A run that is complete keeps its journal, closed, until somebody has it removed.
func TestCompleteKeepsTheJournal(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	r := boot(t, strings.Replace(windowConfig, "window: 1s", "window: 1s, soak: 100ms", 1), "OLD", older.URL, "NEW", newer.URL)
	if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	r.ask(http.MethodPost, "/items", "x")
	r.eventually("the soak is green", func() bool { return r.status().Soak.Verdict == cutover.Pass })
	if code, _, errs := r.cli("complete", "--yes"); code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	segments := func() []string {
		found, err := filepath.Glob(filepath.Join(r.keeper.options.Directory, "*.jsonl*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := segments(); len(found) != 1 || !strings.HasSuffix(found[0], ".jsonl.zst") {
		t.Errorf("after complete there are %v", found)
	}
	if code, _, errs := r.cli("complete", "--yes"); code != exitRefused {
		t.Errorf("a second complete exits %d: %s", code, errs)
	}
	if code, _, errs := r.cli("complete", "--purge-journal", "--yes"); code != exitDone || len(segments()) != 0 {
		t.Errorf("exit %d, %v left: %s", code, segments(), errs)
	}
	if e := r.eventsOf("purge"); len(e) != 1 || !strings.Contains(e[0].Reason, "2 records in 1 segments") {
		t.Errorf("the audit log has %+v", e)
	}
}

func TestNothingIsCalledSafeWhileNobodyKnowsWhoHasTheWrites(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "journal")
	written(t, directory, 3)
	name := filepath.Join(directory, "00000001.jsonl")
	segment, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	segment[bytes.Index(segment, []byte("/orders"))] = '-'
	if err := os.WriteFile(name, segment, 0o600); err != nil {
		t.Fatal(err)
	}
	older, newer := newShop(t), newShop(t)
	r := boot(t, strings.Replace(plainConfig, "name: bad", "name: run", 1)+"journal: {directory: "+directory+"}\n", "OLD", older.URL, "NEW", newer.URL)
	if s := r.status(); s.Phase != cutover.Shadow || s.Rollback.Safe || !strings.Contains(s.Rollback.Reason, "--recover-phase") {
		t.Errorf("an empty store beside a damaged journal: %+v", s.Rollback)
	}
}
