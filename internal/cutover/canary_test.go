package cutover

import (
	"testing"
	"testing/synctest"
)

// What an operator sets and what the file says: each takes effect where there is a canary, and the file only once it was edited.
func TestTheFractionOfTheCanary(t *testing.T) {
	set := func(f float64) Command { return Command{Kind: SetCanary, Actor: "alice", Fraction: f} }
	file := func(f float64) Command {
		return Command{Kind: SetCanary, Actor: "paritygate", Fraction: f, Configured: true}
	}
	rollback, resume := Command{Kind: Rollback, Reason: "drill"}, Command{Kind: Resume}
	for _, c := range []struct {
		name   string
		do     []Command
		phase  Phase
		canary float64
		moves  uint64
	}{
		{"some", []Command{set(0.05)}, Canary, 0.05, 1},
		{"more", []Command{set(0.05), set(0.3)}, Canary, 0.3, 1},
		{"none any more", []Command{set(0.05), set(0)}, Shadow, 0, 2},
		{"none at all", []Command{set(0)}, Shadow, 0, 0},
		{"the file", []Command{file(0.05)}, Canary, 0.05, 1},
		{"the file says none", []Command{set(0.05), file(0)}, Shadow, 0, 2},
		{"back", []Command{set(0.05), rollback}, RolledBack, 0, 2},
		{"the file after a rollback", []Command{set(0.05), rollback, file(0.2)}, RolledBack, 0, 2},
		{"resumed, the canary does not come back", []Command{set(0.05), rollback, file(0.2), resume}, Shadow, 0, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, &memory{}, nil)
				defer b.end(t)
				for _, command := range c.do {
					b.must(t, command)
				}
				b.in(t, c.phase)
				if p := b.Plan(); p.Canary != c.canary || p.Epoch != 1+c.moves || p.Reads != Old || p.Writes != Old {
					t.Errorf("%+v", p)
				}
				last := c.do[len(c.do)-1]
				if s := b.State(); last.Configured && s.ConfiguredCanary != last.Fraction {
					t.Errorf("the file's %g is not noted: %+v", last.Fraction, s)
				}
			})
		})
	}
}

// A restart takes the file's fraction only if that is another than the last one that it said.
func TestTheCanaryOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		run := func(configured float64, phase Phase, fraction float64, do ...Command) {
			t.Helper()
			b := start(t, store, func(o *Options) { o.CanaryFraction = configured })
			b.in(t, phase)
			if p := b.Plan(); p.Canary != fraction {
				t.Errorf("%s with %g, want %g", p.Phase, p.Canary, fraction)
			}
			for _, c := range do {
				b.must(t, c)
			}
			b.end(t)
		}
		run(0.05, Canary, 0.05, Command{Kind: SetCanary, Fraction: 0.3})
		run(0.05, Canary, 0.3, Command{Kind: SetCanary, Fraction: 0})
		run(0.05, Shadow, 0)
		run(0.1, Canary, 0.1, Command{Kind: Rollback, Reason: "drill"})
		run(0.1, RolledBack, 0)
		run(0.2, RolledBack, 0, Command{Kind: Resume})
		run(0.2, Shadow, 0)
		run(0.5, Canary, 0.5)
	})
}
