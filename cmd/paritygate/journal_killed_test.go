package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/journal"
)

// journalKills is how often the program is killed; `make load` has the large number.
const journalKills = "PARITYGATE_JOURNAL_KILLS"

// kill -9 in live at random moments under sixteen writers, while segments are closed and compressed and bodies are spooled: what a client
// was told is in the journal with its outcome, what new took is there as an intent, nothing else is guessed, and the next start counts
// exactly what the files say.
func TestJournalKilledUnderLoad(t *testing.T) {
	t.Parallel()
	b := newBank(t, "")
	b.start()
	if _, err := b.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	stop := b.writers(16, "live", 0)
	defer func() { stop() }()
	var a account
	kills := numberOf(t, journalKills, 5)
	for range kills {
		told, more := b.told(), 20+rand.IntN(500)
		b.eventually("clients are told of their writes", func() bool { return b.told() >= told+more })
		b.signal(syscall.SIGKILL)
		stop()
		a = b.settled("killed")
		b.start()
		if s := b.status(); s.Phase != cutover.Live {
			t.Fatalf("after the kill: %+v", s)
		}
		b.known("killed", a)
		if t.Failed() {
			return
		}
		stop = b.writers(16, "live", 0)
	}
	told := b.told()
	b.eventually("clients are told of their writes", func() bool { return b.told() >= told+50 })
	if code := b.signal(syscall.SIGTERM); code != exitDone {
		t.Errorf("the program ends in %d", code)
	}
	stop()
	if after := b.settled("stopped"); after.unknown != a.unknown+failing(after)-failing(a) {
		t.Errorf("a stop left writes unknown: %d before, %d after", a.unknown, after.unknown)
	}
	t.Logf("%d kills: %d writes were acknowledged, the journal has %d as such and %d as unknown, new took %d", kills, b.told(), a.acknowledged, a.unknown, len(b.new.ids()))
}

// failing counts the writes that new took and then failed: they are unknown whatever happens to the program.
func failing(a account) (n int64) {
	for id, o := range a.outcomes {
		if strings.HasSuffix(id, "99") && o == journal.Unknown {
			n++
		}
	}
	return n
}

// kill -9 in the middle of a rollback, and again and again in the middle of a replay: in the end old has each write that new took exactly
// once, with the key and in the order of its resource, whatever was under way when the program died.
func TestJournalKilledOnTheWayBack(t *testing.T) {
	t.Parallel()
	b := newBank(t, "")
	b.start()
	if _, err := b.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	stop := b.writers(12, "live", 0)
	kills := numberOf(t, journalKills, 5)
	b.eventually("clients are told of their writes", func() bool { return b.told() >= 120*kills })
	answered := make(chan error, 1)
	go func() {
		_, err := b.client.Rollback(t.Context(), admin.Change{Reason: "test"})
		answered <- err
	}()
	_ = pause(t.Context(), time.Duration(rand.IntN(int(20*time.Millisecond))))
	b.signal(syscall.SIGKILL)
	stop()
	a := b.settled("killed in the rollback")
	b.start()
	if s := b.status(); <-answered == nil && s.Phase != cutover.RolledBack {
		t.Errorf("a rollback was answered, and undone by a kill: %+v", s)
	}
	b.known("killed in the rollback", a)
	if _, err := b.client.Rollback(t.Context(), admin.Change{Reason: "test"}); err != nil && b.status().Phase != cutover.RolledBack {
		t.Fatal(err)
	}
	stop = b.writers(2, "back", 20*time.Millisecond)
	defer func() { stop() }()
	for range kills {
		b.resolve()
		sent := len(b.old.ids())
		if _, err := b.client.StartReplay(t.Context(), admin.Change{}, admin.ReplayRequest{To: "old", Concurrency: 8, Rate: 2000}); err != nil {
			t.Fatal(err)
		}
		b.eventually("writes are replayed", func() bool { return len(b.old.ids()) > sent+rand.IntN(60) })
		b.signal(syscall.SIGKILL)
		b.settled("killed in the replay")
		b.start()
	}
	b.resolve()
	code, out := b.command("journal", "replay", "--to", "old", "--yes")
	if code != exitDone {
		t.Fatalf("the last replay exits %d: %s", code, out)
	}
	stop()
	if s := b.status(); s.Rollback.UnreplayedWrites != 0 {
		t.Errorf("after the last replay: %+v", s.Rollback)
	}
	a = b.settled("replayed")
	b.carried(a)
	if _, err := b.client.Resume(t.Context(), admin.Change{Reason: "test"}, false); err != nil {
		t.Error(err)
	}
	t.Logf("killed in a rollback and in %d replays: old got %d writes that new took", kills, len(b.new.ids()))
}

// resolve says what is true of every write of which nobody knows: old must have it if new has.
func (b *bank) resolve() {
	b.t.Helper()
	unknown, err := b.client.Records(b.t.Context(), admin.RecordQuery{Unknown: true, Limit: admin.MaxLimit})
	if err != nil {
		b.t.Fatal(err)
	}
	atNew, atOld := b.new.ids(), b.old.ids()
	for _, r := range unknown.Records {
		if r.At != "new" {
			continue
		}
		_, id, _ := strings.Cut(r.Path, "id=")
		if _, err := b.client.Resolve(b.t.Context(), admin.Change{Reason: "looked"}, r.ID, atOld[id] > 0 || atNew[id] == 0); err != nil {
			b.t.Fatalf("resolve %+v: %v", r, err)
		}
	}
}

// carried holds what old has against what new took.
func (b *bank) carried(a account) {
	b.t.Helper()
	atNew, atOld := b.new.ids(), b.old.ids()
	for id := range atNew {
		if atOld[id] != 1 {
			b.t.Errorf("%s is %d times at old; the journal says %q", id, atOld[id], a.outcomes[id])
		}
		if key := b.old.keys[id]; key != a.numbers[id] {
			b.t.Errorf("%s has the key %q, want %q", id, key, a.numbers[id])
		}
	}
	for id := range atOld {
		if atNew[id] == 0 && a.at[id] == journal.New {
			b.t.Errorf("old has %s, and new never took it", id)
		}
	}
	for path, order := range b.new.order {
		there := slices.DeleteFunc(slices.Clone(b.old.order[path]), func(id string) bool { return atNew[id] == 0 })
		if !slices.Equal(there, order) {
			b.t.Errorf("%s: old has another order than new:\n%q\n%q", path, there, order)
		}
	}
	for _, v := range []*vault{b.old, b.new} {
		for _, wrong := range v.wrong {
			b.t.Errorf("%s got another body: %s", v.name, wrong)
		}
	}
	if len(atNew) == 0 {
		b.t.Error("new took nothing: the test says little")
	}
}
