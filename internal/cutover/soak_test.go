package cutover

import (
	"strings"
	"testing"
	"time"
)

func greenFacts() SoakFacts {
	return SoakFacts{
		Soak: 14 * 24 * time.Hour, Green: noon.Add(-15 * 24 * time.Hour), GreenReason: "the cutover", Answered: 12, Gate: facts(),
	}
}

func TestSoak(t *testing.T) {
	for _, row := range []struct {
		name      string
		change    func(*SoakFacts)
		criterion string // whose reason is asked for; empty: none
		verdict   Verdict
		reason    string
	}{
		{"green", func(*SoakFacts) {}, "", Pass, ""},
		{"nothing is known", func(f *SoakFacts) { *f = SoakFacts{Gate: Facts{Now: noon}} }, "traffic", Inconclusive, "new has answered no client yet"},
		{
			"too early", func(f *SoakFacts) { f.Green, f.GreenReason = noon.Add(-13*24*time.Hour-2*time.Hour), "a restart" }, "soak", Inconclusive,
			"new is green for 13d2h of 14d, since 2025-12-21T10:00:00Z (a restart); 22h missing",
		},
		{"a moment too early", func(f *SoakFacts) { f.Green = noon.Add(time.Nanosecond - f.Soak) }, "soak", Inconclusive, "13d23h59m59s of 14d"},
		{"just in time", func(f *SoakFacts) { f.Green = noon.Add(-f.Soak) }, "", Pass, ""},
		{"it begins in the future", func(f *SoakFacts) { f.Green = noon.Add(time.Hour) }, "soak", Inconclusive, "green for 0s"},
		{"a soak of a moment", func(f *SoakFacts) { f.Soak, f.Green = 300*time.Millisecond, noon.Add(-300*time.Millisecond) }, "", Pass, ""},
		{"a trigger fires", func(f *SoakFacts) { f.Firing = []string{"latency: 3 s"} }, "triggers", Fail, "latency: 3 s"},
		{"triggers have too little traffic", func(f *SoakFacts) { f.Unjudged = []string{"latency"} }, "", Pass, ""},
		{"new cannot be reached", func(f *SoakFacts) { f.Unwell = []string{"backends.new: refused"} }, "health", Inconclusive, "backends.new: refused"},
		{"fail outweighs inconclusive", func(f *SoakFacts) { f.Firing, f.Unwell = []string{"x"}, []string{"y"} }, "", Fail, ""},
		{"old follows, and agrees", func(f *SoakFacts) { f.Follows = true }, "", Pass, ""},
		{"old follows, and does not agree", func(f *SoakFacts) { f.Follows, f.Gate.Total.BadUnits = true, 500 }, "reverse_parity", Fail, "all routes"},
		{"old follows, and nothing was compared", func(f *SoakFacts) { f.Follows, f.Gate.Total, f.Gate.Routes = true, RouteFacts{}, nil }, "reverse_parity", Inconclusive, ""},
		{"old follows, and a check is stale", func(f *SoakFacts) { f.Follows, f.Gate.Checks[0].At = true, noon.Add(-time.Hour) }, "checks", Inconclusive, "1h old"},
		{"old stands still: what differs is no surprise", func(f *SoakFacts) { f.Gate.Checks[0].Verdict, f.Gate.Total.BadUnits = Fail, 500 }, "", Pass, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := greenFacts()
			row.change(&f)
			report := Soak(options(), f)
			if report.Verdict != row.verdict {
				t.Fatalf("%s, want %s: %+v", report.Verdict, row.verdict, report.Criteria)
			}
			if unmeasured := strings.Join(report.Unmeasured, "; "); strings.Contains(unmeasured, "reverse_parity: not measured") == f.Follows || strings.Contains(unmeasured, "too little traffic") != (f.Unjudged != nil) {
				t.Errorf("what is not measured: %q", unmeasured)
			}
			for _, c := range report.Criteria {
				if c.Name == row.criterion && (c.Verdict != row.verdict || !strings.Contains(c.Reason, row.reason)) {
					t.Errorf("%+v, want %s with %q", c, row.verdict, row.reason)
				}
			}
		})
	}
}

func TestSpell(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", -time.Hour: "0s", 300 * time.Millisecond: "300ms", 14 * 24 * time.Hour: "14d", 49*time.Hour + 10*time.Minute: "2d1h10m",
		90 * time.Second: "1m30s", 1500 * time.Millisecond: "1.5s", 48 * time.Hour: "2d",
	} {
		if got := Spell(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}
