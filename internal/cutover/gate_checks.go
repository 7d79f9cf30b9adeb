package cutover

import (
	"fmt"
	"time"
)

// checks judges whether every check has passed, and not too long ago.
func (g gate) checks() Criterion {
	var w finding
	passed := 0
	var structural []string
	for _, c := range g.f.Checks {
		if c.Structural != "" {
			structural = append(structural, c.Name+": "+c.Structural)
		}
		age := g.f.Now.Sub(c.At)
		switch {
		case c.At.IsZero():
			w.add(Inconclusive, "%s has not run yet", c.Name)
		case c.Verdict == Fail:
			w.add(Fail, "%s: %s", c.Name, c.why())
		case age < -ahead:
			w.add(Inconclusive, "%s: its result is dated %s ahead of the clock", c.Name, Spell((-age).Truncate(time.Second)))
		case age > c.MaxAge:
			w.add(Inconclusive, "%s: the last result is %s old, more than %s", c.Name, Spell(age.Truncate(time.Second)), Spell(c.MaxAge))
		case c.Verdict != Pass:
			w.add(Inconclusive, "%s: %s", c.Name, c.why())
		default:
			passed++
		}
	}
	n := len(g.f.Checks)
	required := fmt.Sprintf("all %d pass, and are fresh", n)
	if n == 1 {
		required = "it passes, and is fresh"
	}
	observed, passing := fmt.Sprintf("%d of %d pass", passed, n), "both databases agree"
	if len(structural) > 0 {
		observed += fmt.Sprintf(", %d with a structural gap", len(structural))
		passing += " within the tolerances, but " + listed(structural, "; ")
	}
	return w.criterion("checks", observed, required, passing)
}

// why is the check's own sentence.
func (c CheckFacts) why() string {
	if c.Reason == "" {
		return "it gave no reason"
	}
	return c.Reason
}
