package cutover

import (
	"errors"
	"testing"
)

// Timers and readings of a change that is over say nothing of the next one in the same epoch.
func TestWhatIsLateFromAnEarlierChangeOfTheEpoch(t *testing.T) {
	m := &model{state: State{Phase: Shadow, Epoch: 3}, saved: 3}
	flip := event{kind: command, command: Command{Kind: Flip}}
	m.step(flip)
	if effects := m.step(event{kind: stored, epoch: 3, ticket: m.ticket, err: errors.New("disk full")}); len(effects) != 1 || effects[0].kind != readState {
		t.Fatalf("the store failed: %+v", effects)
	}
	early := event{kind: readBack, epoch: 3, ticket: m.ticket, found: m.state}
	m.step(event{kind: retryTimer, epoch: 3}) // reads once more
	m.step(early)
	if m.stage != intending {
		t.Fatalf("a reading that another one has replaced decides: %s", m.stage)
	}
	late := event{kind: readBack, epoch: 3, ticket: m.ticket, found: m.state}
	m.step(late)
	if m.stage != steady {
		t.Fatalf("the store does not have the intent, and the flip is %s", m.stage)
	}
	m.step(flip)
	if effects := m.step(event{kind: retryTimer, epoch: 3}); len(effects) > 0 {
		t.Errorf("a late timer does %+v while the intent is being stored", effects)
	}
	if m.step(late); m.stage != intending {
		t.Errorf("a late reading ends the flip: %s", m.stage)
	}
	if m.step(event{kind: stored, epoch: 3, ticket: m.ticket}); m.stage != draining {
		t.Errorf("the intent is stored, and the flip is %s", m.stage)
	}
}
