package main

import (
	"math/rand/v2"
	"syscall"
	"testing"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
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
	stop := b.writers(16, "live")
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
		stop = b.writers(16, "live")
	}
	t.Logf("%d kills: %d writes were acknowledged, the journal has %d as such and %d as unknown, new took %d", kills, b.told(), a.acknowledged, a.unknown, len(b.new.ids()))
}
