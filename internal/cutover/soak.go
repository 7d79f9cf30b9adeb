package cutover

import (
	"fmt"
	"strings"
	"time"
)

// SoakFacts is all that is looked at to say whether new was green for long enough in Live, at one moment.
type SoakFacts struct {
	// Soak is how long new must have been green.
	Soak time.Duration
	// Green is since when it is, and GreenReason what ended then: the flip, a gap, a restart, an alert of a trigger.
	Green       time.Time
	GreenReason string
	// Answered counts the requests of clients that new has answered; more than none is needed.
	Answered int64
	// Firing has a sentence for each trigger whose condition holds and that an operator, or both backends, keep from rolling back.
	Firing []string
	// Unjudged names the triggers that have too little traffic to judge new by.
	Unjudged []string
	// Unwell has a sentence for each part that does not work.
	Unwell []string
	// Follows says that old has all of new's writes, so that reverse comparisons and checks measure something. If it does not, nothing
	// is known of them, and they are not asked for: the report says so.
	Follows bool
	// Gate is what the reverse comparisons and the checks found.
	Gate Facts
}

// Soak judges whether the run may be completed. It has criteria like the gate; what could not be measured is in Unmeasured.
func Soak(o GateOptions, f SoakFacts) Report {
	criteria := []Criterion{f.time(), f.traffic(), f.triggers(), f.health()}
	report := Report{Verdict: Pass, At: f.Gate.Now}
	g := gate{o, f.Gate, Bound{o.Confidence}}
	if f.Follows {
		parity := g.responses()
		parity.Name, parity.Required = "reverse_parity", "at most "+percent(o.Tolerance)+" of old's answers mismatch or failed, on every route"
		if parity.Verdict == Pass {
			parity.Reason = "old answers as new does, so the way back was open all the time"
		}
		criteria = append(criteria, parity)
		if len(f.Gate.Checks) > 0 {
			criteria = append(criteria, g.checks())
		}
	} else {
		report.Unmeasured = append(report.Unmeasured, "reverse_parity: not measured, old stands still since the flip, so its answers prove nothing")
		if len(f.Gate.Checks) > 0 {
			report.Unmeasured = append(report.Unmeasured, "checks: not measured, old stands still since the flip, so both databases differ rightly")
		}
	}
	if len(f.Unjudged) > 0 {
		report.Unmeasured = append(report.Unmeasured, "triggers: too little traffic at this moment for "+strings.Join(f.Unjudged, ", "))
	}
	report.Criteria = criteria
	for _, c := range criteria {
		report.Verdict = worse(report.Verdict, c.Verdict)
	}
	return report
}

// GreenFor is how long new is green, without fractions of a second; never below 0.
func (f SoakFacts) GreenFor() time.Duration {
	if f.Green.IsZero() {
		return 0
	}
	return max(f.Gate.Now.Sub(f.Green), 0).Truncate(time.Second)
}

func (f SoakFacts) time() Criterion {
	var w finding
	green := f.GreenFor()
	// The exact time decides: with a soak of less than a second the truncated one would never be enough.
	if f.Green.IsZero() || f.Gate.Now.Sub(f.Green) < f.Soak {
		w.add(Inconclusive, "new is green for %s of %s, since %s (%s); %s missing", Spell(green), Spell(f.Soak),
			f.Green.UTC().Format(time.RFC3339), f.GreenReason, Spell((f.Soak - green).Round(time.Second)))
	}
	return w.criterion("soak", Spell(green), Spell(f.Soak), "new was green for the whole soak, unbroken")
}

func (f SoakFacts) traffic() Criterion {
	var w finding
	if f.Answered <= 0 {
		w.add(Inconclusive, "new has answered no client yet, so nothing is known of how it does")
	}
	return w.criterion("traffic", fmt.Sprintf("%d answered by new", max(f.Answered, 0)), "at least one request of a client", "new answers the clients")
}

func (f SoakFacts) triggers() Criterion {
	var w finding
	for _, sentence := range f.Firing {
		w.add(Fail, "%s", sentence)
	}
	return w.criterion("triggers", fmt.Sprintf("%d firing", len(f.Firing)), "all quiet", "no trigger sees a reason to go back")
}

func (f SoakFacts) health() Criterion {
	var w finding
	for _, sentence := range f.Unwell {
		w.add(Inconclusive, "%s", sentence)
	}
	return w.criterion("health", fmt.Sprintf("%d unwell", len(f.Unwell)), "every part works", "new, its database and the store can be reached")
}

// Spell writes a time as people do: 14d, 2d3h, 5m10s, without units that are zero.
func Spell(d time.Duration) string {
	const day = 24 * time.Hour
	if d <= 0 {
		return "0s"
	}
	if d < time.Second {
		return d.String()
	}
	text := ""
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := d / unit.of; n > 0 {
			text += fmt.Sprintf("%d%s", n, unit.name)
			d %= unit.of
		}
	}
	if d > 0 {
		text += d.String()
	}
	return text
}
