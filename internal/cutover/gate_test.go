package cutover

import (
	"math"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 3, 12, 0, 0, 0, time.UTC)

func options() GateOptions {
	return GateOptions{
		Window: 48 * time.Hour, MaxGap: 5 * time.Minute, Confidence: 0.95, Tolerance: 0.01, MinSamples: 1000, MinSamplesPerRoute: 400,
		MaxSkipped: 0.2, MaxLagged: 0.05, ErrorRate: 0.01, Latency: LatencyLimit{0.99, 1.5, 50 * time.Millisecond},
		Attestations: []string{"backup-1"},
	}
}

func good(route string) RouteFacts {
	return RouteFacts{
		Route: route, Declared: true, Wildcard: true, Tolerance: 0.01, Eligible: 2000, Samples: 2000, Distinct: 400, Units: 2000,
		NewAsked: 2000, OldLatency: 0.1, NewLatency: 0.12, OldLatencies: 2000, NewLatencies: 2000,
	}
}

func facts() Facts {
	return Facts{
		Now: noon, WindowStart: noon.Add(-49 * time.Hour), WindowReason: "the run began", Gathered: noon,
		Total: good("_all"), Routes: []RouteFacts{good("product"), good("search")},
		Checks:   []CheckFacts{{Name: "datasets", Verdict: Pass, At: noon.Add(-time.Minute), MaxAge: 15 * time.Minute}},
		Attested: map[string]bool{"backup-1": true},
	}
}

// gateRows are the facts that the gate is judged on, by what is not as it should be.
var gateRows = []struct {
	name      string
	change    func(*GateOptions, *Facts)
	criterion string // whose verdict is Verdict, and whose reason contains Reason; empty: the whole
	verdict   Verdict
	reason    string
}{
	{"all is well", func(*GateOptions, *Facts) {}, "", Pass, ""},
	{"nothing seen", func(_ *GateOptions, f *Facts) { *f = Facts{Now: noon} }, "", Inconclusive, ""},
	{"the window is young", func(_ *GateOptions, f *Facts) { f.WindowStart = noon.Add(-47 * time.Hour) }, "window", Inconclusive, "1d23h of 2d have passed since 2026-01-01T13:00:00Z, when the evidence began (the run began)"},
	{"a clock that jumped back", func(_ *GateOptions, f *Facts) { f.WindowStart = noon.Add(time.Hour) }, "window", Inconclusive, "begins in the future, at 2026-01-03T13:00:00Z"},
	{"a clock that jumped back after evidence", func(_ *GateOptions, f *Facts) { f.Gathered = noon.Add(time.Hour) }, "window", Inconclusive, "last gathered at 2026-01-03T13:00:00Z, which is in the future"},
	{"clocks that are not quite the same", func(_ *GateOptions, f *Facts) {
		f.Gathered, f.Checks[0].At = noon.Add(time.Second), noon.Add(time.Second)
	}, "", Pass, ""},
	{"evidence stopped and the clock went on", func(_ *GateOptions, f *Facts) { f.Gathered = noon.Add(-6 * time.Minute) }, "window", Inconclusive, "no evidence could be gathered for 6m, and the window breaks after 5m:"},
	{"evidence was never gathered", func(_ *GateOptions, f *Facts) { f.Gathered = time.Time{} }, "window", Inconclusive, "for 2d1h"},
	{"a pause that is short enough", func(_ *GateOptions, f *Facts) { f.Gathered = noon.Add(-5 * time.Minute) }, "", Pass, ""},
	{"a check from the future", func(_ *GateOptions, f *Facts) { f.Checks[0].At = noon.Add(time.Hour) }, "checks", Inconclusive, "1h ahead"},
	{"the sentences of several checks", func(_ *GateOptions, f *Facts) {
		f.Checks = []CheckFacts{{Name: "a", Verdict: Fail, At: noon, MaxAge: time.Hour, Reason: "They differ."}, {Name: "b", Verdict: Fail, At: noon, MaxAge: time.Hour, Reason: "These too."}}
	}, "checks", Fail, "a: They differ; b: These too"},
	{"too many mismatches", func(_ *GateOptions, f *Facts) { f.Total.BadUnits = 100 }, "responses", Fail, "100 of 2000"},
	{"a rare route hides in the average", func(_ *GateOptions, f *Facts) { f.Routes[1].Units, f.Routes[1].BadUnits = 200, 60 }, "responses", Fail, "route search"},
	{"a few mismatches prove nothing yet", func(_ *GateOptions, f *Facts) { f.Routes[1].BadUnits = 18 }, "responses", Inconclusive, "route search"},
	{"an optional route is not waited for", func(_ *GateOptions, f *Facts) {
		f.Routes = append(f.Routes, RouteFacts{Route: "rare", Declared: true, Optional: true, Tolerance: 0.01})
	}, "", Pass, ""},
	{"an optional route still fails", func(_ *GateOptions, f *Facts) {
		f.Routes = append(f.Routes, RouteFacts{Route: "rare", Declared: true, Optional: true, Tolerance: 0.01, Eligible: 50, Units: 50, BadUnits: 50})
	}, "responses", Fail, "route rare"},
	{"a declared route without traffic", func(_ *GateOptions, f *Facts) {
		f.Routes = append(f.Routes, RouteFacts{Route: "rare", Declared: true, Tolerance: 0.01})
	}, "coverage", Inconclusive, "route rare: 0 of 400"},
	{"answers that count once their minute is over", func(_ *GateOptions, f *Facts) {
		f.Routes = append(f.Routes, RouteFacts{Route: "rare", Declared: true, Tolerance: 0.01, Samples: 11, Eligible: 11})
	}, "responses", Inconclusive, "route rare: 11 answers were compared, and count as requests once their minute is over"},
	{"the built-in route without traffic is left out", func(_ *GateOptions, f *Facts) {
		f.Routes = append(f.Routes, RouteFacts{Route: "read", Tolerance: 0.01})
	}, "", Pass, ""},
	{"few distinct requests", func(_ *GateOptions, f *Facts) { f.Routes[0].Distinct = 12 }, "coverage", Inconclusive, "12 of 400 different requests"},
	{"too much skipped", func(_ *GateOptions, f *Facts) { f.Routes[0].Skipped = 500 }, "coverage", Fail, "500 of 2000"},
	{"conditional answers are no gap", func(_ *GateOptions, f *Facts) { f.Routes[0].Conditional = 900 }, "", Pass, ""},
	{"lag is no excuse", func(_ *GateOptions, f *Facts) { f.Routes[0].LaggedUnits = 400 }, "lagged", Fail, "route product"},
	{"a check fails", func(_ *GateOptions, f *Facts) { f.Checks[0].Verdict, f.Checks[0].Reason = Fail, "5 and 6" }, "checks", Fail, "5 and 6"},
	{"a check is stale", func(_ *GateOptions, f *Facts) { f.Checks[0].At = noon.Add(-16 * time.Minute) }, "checks", Inconclusive, "16m old, more than 15m"},
	{"a check has not run", func(_ *GateOptions, f *Facts) { f.Checks[0].At = time.Time{} }, "checks", Inconclusive, "not run"},
	{"a check could not be measured", func(_ *GateOptions, f *Facts) { f.Checks[0].Verdict = Inconclusive }, "checks", Inconclusive, "datasets"},
	{"fail outweighs inconclusive", func(_ *GateOptions, f *Facts) { f.Checks[0].Verdict = Fail; f.WindowStart = noon }, "", Fail, ""},
	{"new errs", func(_ *GateOptions, f *Facts) { f.Total.NewErrors = 21 }, "errors", Fail, "21 of 2000"},
	{"new was hardly asked", func(_ *GateOptions, f *Facts) { f.Total.NewAsked = 10 }, "errors", Inconclusive, "10 of the 1000"},
	{"new is slow", func(_ *GateOptions, f *Facts) { f.Total.NewLatency = 0.151 }, "latency", Fail, "all routes"},
	{"one route of new is slow", func(_ *GateOptions, f *Facts) { f.Routes[1].NewLatency = 0.9 }, "latency", Fail, "route search"},
	{"old's latency is no number", func(_ *GateOptions, f *Facts) { f.Total.OldLatency = math.NaN() }, "latency", Inconclusive, "could not be measured"},
	{"new's latency is no number", func(_ *GateOptions, f *Facts) { f.Routes[0].NewLatency = math.NaN() }, "latency", Inconclusive, "route product: the latencies could not"},
	{"more failed than were compared", func(_ *GateOptions, f *Facts) { f.Total.BadUnits = 2001 }, "responses", Inconclusive, "2001 of 2000"},
	{"less than none failed", func(_ *GateOptions, f *Facts) { f.Total.BadUnits = -1 }, "responses", Inconclusive, "-1 of 2000"},
	{"errors of nothing", func(_ *GateOptions, f *Facts) { f.Total.NewAsked, f.Total.NewErrors = 0, 1 }, "errors", Fail, "1 of 0"},
	{"no tolerance at all", func(o *GateOptions, _ *Facts) { o.Tolerance = 0 }, "responses", Inconclusive, "is proven by no number"},
	{"a confidence of nothing", func(o *GateOptions, _ *Facts) { o.Confidence = 0 }, "responses", Inconclusive, ""},
	{"slower, but under the floor", func(_ *GateOptions, f *Facts) { f.Total.OldLatency, f.Total.NewLatency = 0.001, 0.049 }, "", Pass, ""},
	{"clients will see another shape", func(o *GateOptions, _ *Facts) { o.Reshaping = []string{"$..name → label"} }, "attestations", Inconclusive, "$..name → label; paritygate attest clients-ready"},
	{"the clients are ready", func(o *GateOptions, f *Facts) {
		o.Reshaping, f.Attested = []string{"$..name → label"}, map[string]bool{"backup-1": true, ClientsReady: true}
	}, "", Pass, ""},
	{"another shape, and nothing else to attest", func(o *GateOptions, _ *Facts) {
		o.Reshaping, o.Attestations = []string{"$..name → label"}, nil
	}, "attestations", Inconclusive, "clients-ready"},
	{"clients-ready is asked for once", func(o *GateOptions, f *Facts) {
		o.Reshaping, o.Attestations, f.Attested = []string{"$.a"}, []string{ClientsReady}, map[string]bool{}
	}, "attestations", Inconclusive, "nobody has attested clients-ready since"},
	{"nobody vouches for the backup", func(_ *GateOptions, f *Facts) { f.Attested = nil }, "attestations", Inconclusive, "paritygate attest backup-1"},
}

func TestTheGate(t *testing.T) {
	for _, row := range gateRows {
		t.Run(row.name, func(t *testing.T) {
			o, f := options(), facts()
			row.change(&o, &f)
			report := Evaluate(o, f)
			if row.criterion == "" {
				if report.Verdict != row.verdict {
					t.Fatalf("verdict is %s, want %s: %+v", report.Verdict, row.verdict, report.Criteria)
				}
				return
			}
			if report.Verdict == Pass {
				t.Error("the gate passes")
			}
			for _, c := range report.Criteria {
				if c.Name == row.criterion {
					if c.Verdict != row.verdict || !strings.Contains(c.Reason, row.reason) {
						t.Errorf("%+v, want %s with %q in the reason", c, row.verdict, row.reason)
					}
					return
				}
			}
			t.Errorf("no criterion %s in %+v", row.criterion, report.Criteria)
		})
	}
}

// A gap that stays the same is no reason against a pass either.
func TestTheGateTellsOfStructuralGaps(t *testing.T) {
	f := facts()
	f.Checks = append(f.Checks, f.Checks[0])
	f.Checks[1].Name, f.Checks[1].Structural = "orders", "always 5 less"
	for _, c := range Evaluate(options(), f).Criteria {
		told := strings.Contains(c.Observed, "2 of 2 pass, 1 with a structural gap") && strings.Contains(c.Reason, "but orders: always 5 less")
		if told != (c.Name == "checks") || c.Verdict != Pass {
			t.Errorf("%+v", c)
		}
	}
}

func TestWhatIsNotConfiguredIsLeftOut(t *testing.T) {
	o, f := options(), facts()
	o.Attestations, f.Checks = nil, nil
	for _, c := range Evaluate(o, f).Criteria {
		if c.Name == "attestations" || c.Name == "checks" {
			t.Errorf("criterion %s has nothing to judge", c.Name)
		}
	}
}

// What is masked is no reason against a pass, but whoever reads the gate must know of it.
func TestTheGateTellsOfMasks(t *testing.T) {
	f := facts()
	f.Masked = 2
	report := Evaluate(options(), f)
	if report.Verdict != Pass {
		t.Errorf("%+v", report)
	}
	for _, c := range report.Criteria {
		if told := strings.Contains(c.Observed, "values at 2 places are masked as noise"); told != (c.Name == "responses") {
			t.Errorf("%s: %s", c.Name, c.Observed)
		}
	}
}
