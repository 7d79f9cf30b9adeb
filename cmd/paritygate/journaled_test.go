package main

import (
	"errors"
	"testing"

	"go.uber.org/zap"

	"paritygate/internal/cutover"
	"paritygate/internal/journal"
	"paritygate/proxy"
)

// recording is a program with a journal that has nothing in it, and as much else as recording takes.
func recording(t *testing.T) (*Program, *journal.Journal) {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Options{Directory: t.TempDir(), Run: "run", Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &Program{log: zap.NewNop(), mirror: &mirroring{}}
	p.keeper = &keeper{program: p}
	p.keeper.held.Store(j)
	return p, j
}

// What new takes is recorded first; what old takes, where the mirror carries it or new has something that old lacks.
func TestWhichWritesAreRecorded(t *testing.T) {
	const none, possible, first = proxy.NotJournaled, proxy.JournalIfPossible, proxy.JournalFirst
	p, _ := recording(t)
	for _, row := range []struct {
		phase                  cutover.Phase
		off, follows, lacksOff proxy.JournalMode
	}{
		{cutover.Shadow, none, possible, none},
		{cutover.Canary, none, possible, none},
		{cutover.Cutover, none, possible, none},
		{cutover.Live, first, first, first},
		{cutover.RolledBack, none, possible, possible},
		{cutover.Complete, none, none, none},
	} {
		plan := &cutover.Plan{Phase: row.phase}
		p.mirror.on = false
		off := p.journalMode(plan)
		p.mirror.on = true
		follows := p.journalMode(plan)
		p.mirror.on = false
		lacking, _ := recording(t)
		if _, err := (recorder{lacking}).Begin(t.Context(), &proxy.JournalWrite{At: proxy.New, Method: "PUT", Target: "/"}); err != nil {
			t.Fatal(err) // in flight at new: nobody knows yet
		}
		if lacks := lacking.journalMode(plan); off != row.off || follows != row.follows || lacks != row.lacksOff {
			t.Errorf("%s: %d, following %d, with something that old lacks %d", row.phase, off, follows, lacks)
		}
	}
}

// That a write has no answer is durable at new before its client hears of it.
func TestAWriteWithoutAnAnswer(t *testing.T) {
	p, j := recording(t)
	for _, row := range []struct {
		notSent bool
		want    journal.Outcome
	}{{true, journal.NotSent}, {false, journal.Unknown}} {
		e, err := recorder{p}.Begin(t.Context(), &proxy.JournalWrite{At: proxy.New, Method: "PUT", Target: "/"})
		if err != nil {
			t.Fatal(err)
		}
		e.Lost(row.notSent, errors.New("why"))
		if s := j.Status(); s.Synced != s.Seq || s.Open != 0 {
			t.Errorf("%s: %+v", row.want, s)
		}
		var last journal.Item
		if _, err := j.List(t.Context(), journal.Query{}, func(i journal.Item) error { last = i; return nil }); err != nil || last.Outcome != row.want || last.Error != "why" {
			t.Errorf("%s: %+v (%v)", row.want, last, err)
		}
	}
}

// What old answers is compared only while the mirror has carried all that new accepted.
func TestOldIsLevelOnceAllIsCarried(t *testing.T) {
	p, _ := recording(t)
	p.mirror = &mirroring{program: p, on: true}
	plan := &cutover.Plan{Phase: cutover.Live, Stale: true}
	if p.stale(plan) {
		t.Error("stale with nothing to carry")
	}
	e, err := recorder{p}.Begin(t.Context(), &proxy.JournalWrite{At: proxy.New, Method: "PUT", Target: "/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Answered(&proxy.JournalAnswer{Status: 200, Counts: 200, Whole: true}); err != nil {
		t.Fatal(err)
	}
	if !p.stale(plan) {
		t.Error("not stale behind an acknowledged write")
	}
	if p.mirror.on = false; !p.stale(plan) {
		t.Error("not stale without a mirror")
	}
}
