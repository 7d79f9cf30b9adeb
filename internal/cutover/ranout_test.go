package cutover

import (
	"testing"
	"time"
)

// The step of a drain says how many writes it has waited for.
func TestDrainSaysWhatRanOut(t *testing.T) {
	now := time.Unix(1000, 0)
	for n, want := range map[int]string{0: "", 1: "1 write ran out", 3: "3 writes ran out"} {
		m := model{stage: draining, holdMax: 10 * time.Second, heldFrom: now, state: State{Phase: Cutover, Before: Shadow, Epoch: 2}}
		m.begin(now, StepDrain, time.Second)
		m.step(event{kind: drained, epoch: 2, now: now.Add(time.Millisecond), before: n})
		if s := m.taken()[0]; s.Name != StepDrain || s.Outcome != Done || s.Detail != want {
			t.Errorf("%d writes: %+v, want %q", n, s, want)
		}
	}
}
