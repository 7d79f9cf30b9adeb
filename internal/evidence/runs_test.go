package evidence

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"paritygate/compare"
)

// hold makes a store of the run "move" in a phase, with something of everything in it, and closes it.
func hold(t *testing.T, c *clock, phase string) Options {
	o := options(t, c)
	s := mustOpen(t, o)
	x := exchange(c.Now(), 7, compare.Mismatch)
	see(s, x)
	s.SetWritesOnNew(9)
	s.Alive(c.Now(), true)
	st := State{Run: "move", Phase: phase, Epoch: 5, Body: json.RawMessage("{}")}
	_, err := s.Commit(t.Context(), 0, st, Event{Kind: "drift", Epoch: 5})
	err = errors.Join(err, s.SaveCheck(t.Context(), CheckResult{Name: "datasets", Verdict: "pass"}),
		s.SaveCheckProgress(t.Context(), "rows", []byte("half")), s.Attest(t.Context(), Attestation{Name: "backup-1"}),
		s.RestartWindow(t.Context(), c.Now().Add(time.Second)), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	o.Run = "next"
	return o
}

func TestOneMigrationAtATime(t *testing.T) {
	o := hold(t, newClock(), "shadow")
	for _, phase := range []string{"shadow", "canary", "cutover", "live", "rolled_back"} {
		execute(t, o.Path, "UPDATE state SET phase = ?", phase)
		_, err := Open(t.Context(), o)
		if !errors.Is(err, ErrOtherRun) || !strings.Contains(err.Error(), `it holds "move" in phase `+phase+`, and this is "next"`) {
			t.Errorf("in %s: %v", phase, err)
		}
	}
}

// What a run has seen, vouched for and counted proves nothing for the next one, which may well give its routes and checks the same names.
func TestTheNextRunBeginsWithNothing(t *testing.T) {
	c := newClock()
	o := hold(t, c, "complete")
	c.advance(time.Minute)
	s := mustOpen(t, o)
	for range 2 {
		_, begun, err := s.State(t.Context())
		checks, err1 := s.Checks(t.Context())
		history, err2 := s.CheckHistory(t.Context(), "datasets", 10)
		progress, err3 := s.CheckProgress(t.Context(), "rows")
		given, err4 := s.Attestations(t.Context())
		drift, err5 := s.LastEvent(t.Context(), time.Time{}, nil, "drift")
		all, err6 := s.RoutesAll(t.Context())
		groups, samples, err7 := s.Mismatches(t.Context(), Filter{AllWindows: true})
		if err := errors.Join(err, err1, err2, err3, err4, err5, err6, err7); err != nil {
			t.Fatal(err)
		}
		total := s.Total()
		if begun || len(checks)+len(history)+len(progress)+len(given)+len(groups)+len(samples) > 0 || drift.Seq != 0 || total.Eligible() != 0 ||
			s.WritesOnNew() != 0 || !s.LastArmed().IsZero() {
			t.Errorf("of the run before: state %v, checks %v %v %q, attestations %v, drift %v, groups %v, total %+v, writes %d, armed %v",
				begun, checks, history, progress, given, drift, groups, total, s.WritesOnNew(), s.LastArmed())
		}
		for _, r := range all {
			if r.Eligible() != 0 {
				t.Errorf("of the run before: %+v", r)
			}
		}
		if _, start := s.Window(); start.Before(c.Now()) {
			t.Errorf("the window began at %v, before the run", start)
		}
		s = reopen(t, s)
	}
	// The audit log is one chain over both, and the record of the run before is still there.
	events, err := s.Events(t.Context(), 0, 0)
	if err != nil || len(events) != 2 || events[1].Kind != "run" || !strings.Contains(events[1].Reason, `"next" begins in the store of "move"`) {
		t.Errorf("%+v, %v", events, err)
	}
	if err := s.VerifyEvents(t.Context()); err != nil {
		t.Error(err)
	}
	if n := count(t, s, "SELECT count(*) FROM accounts WHERE mismatch > 0"); n != 1 {
		t.Errorf("%d accounts of the run before are kept", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.Run = "move"
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrOtherRun) {
		t.Errorf("the run before comes back while the next one is not complete: %v", err)
	}
}
