package cutover

import "time"

// ahead is how far a time may lie in the future: clocks of databases and of this machine are never quite the same.
const ahead = time.Minute

// window judges whether the evidence is unbroken for long enough.
func (g gate) window() Criterion {
	var w finding
	held := max(g.f.Now.Sub(g.f.WindowStart), 0)
	switch {
	case g.f.WindowStart.IsZero():
		held = 0
		w.add(Inconclusive, "no window of evidence has begun yet")
	case g.f.Now.Sub(g.f.WindowStart) < -ahead:
		w.add(Inconclusive, "the evidence begins in the future, at %s: the clock was set back, and nothing counts until then",
			g.f.WindowStart.UTC().Format(time.RFC3339))
	case held < g.o.Window:
		w.add(Inconclusive, "%s of %s have passed since %s, when the evidence began (%s)", Spell(held.Truncate(time.Second)), Spell(g.o.Window),
			g.f.WindowStart.UTC().Format(time.RFC3339), g.f.WindowReason)
	}
	last := g.f.Gathered
	if g.f.WindowStart.After(last) {
		last = g.f.WindowStart
	}
	switch gap := g.f.Now.Sub(last); {
	case last.IsZero():
		w.add(Inconclusive, "no evidence was ever gathered: nothing is mirrored, or new's breaker is open")
	case gap > g.o.MaxGap:
		w.add(Inconclusive, "no evidence could be gathered for %s, and the window breaks after %s: the proxy was down, the fraction is 0, or new's breaker open",
			Spell(gap.Truncate(time.Second)), Spell(g.o.MaxGap.Truncate(time.Second)))
	case g.f.Gathered.Sub(g.f.Now) > ahead:
		w.add(Inconclusive, "evidence was last gathered at %s, which is in the future: the clock was set back, so that a gap would not be seen", g.f.Gathered.UTC().Format(time.RFC3339))
	}
	return w.criterion("window", Spell(held.Truncate(time.Second)), Spell(g.o.Window), "the evidence is unbroken for the whole window")
}
