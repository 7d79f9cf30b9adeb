package cutover

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Every sentence that the gate can say, for somebody to read: a change of one is seen in the diff of the file.
func TestTheSentences(t *testing.T) {
	var b strings.Builder
	seen := map[string]bool{}
	for _, row := range gateRows {
		o, f := options(), facts()
		row.change(&o, &f)
		for _, c := range Evaluate(o, f).Criteria {
			text := fmt.Sprintf("%s (%s)\n  observed: %s\n  required: %s\n  %s\n", c.Name, c.Verdict, c.Observed, c.Required, c.Reason)
			if !seen[text] {
				seen[text] = true
				fmt.Fprintf(&b, "# %s\n%s", row.name, text)
			}
		}
	}
	path := filepath.Join("testdata", "sentences.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || b.String() != string(want) {
		t.Errorf("the sentences are not those of %s (%v); read them, and run with -update:\n%s", path, err, unified(string(want), b.String()))
	}
}

// edge makes facts of which each is well, at an edge or not there, at random.
func edge(random *rand.Rand) Facts {
	f := facts()
	one := func(odds int) bool { return random.IntN(odds) == 0 }
	f.Routes = nil
	for _, name := range []string{"a", "b", "c"} {
		r := good(name)
		r.Wildcard = one(2)
		r.BadUnits, r.LaggedUnits = random.Int64N(9), random.Int64N(75)
		r.Skipped = random.Int64N(420)
		r.NewErrors = random.Int64N(15)
		r.Eligible += r.Skipped
		f.Routes = append(f.Routes, r)
	}
	f.Checks = append(f.Checks, f.Checks[0])
	if one(3) {
		f.Checks[1].Verdict = []Verdict{Fail, Inconclusive}[random.IntN(2)]
	}
	f.WindowStart = noon.Add(-48 * time.Hour).Add(time.Duration(random.IntN(4)-3) * time.Minute)
	sumUp(&f)
	return f
}

// sumUp makes the total what the routes add up to.
func sumUp(f *Facts) {
	total := RouteFacts{Route: "_all", OldLatency: 0.1, NewLatency: 0.12}
	for _, r := range f.Routes {
		total.Eligible += r.Eligible
		total.Skipped += r.Skipped
		total.Samples += r.Samples
		total.Distinct += r.Distinct
		total.Units += r.Units
		total.BadUnits += r.BadUnits
		total.LaggedUnits += r.LaggedUnits
		total.NewAsked += r.NewAsked
		total.NewErrors += r.NewErrors
		total.OldLatencies += r.OldLatencies
		total.NewLatencies += r.NewLatencies
	}
	f.Total = total
}

// withdrawals take evidence away: none of them may open the gate.
var withdrawals = map[string]func(*rand.Rand, *Facts){
	"what agreed on a route": func(random *rand.Rand, f *Facts) {
		r := &f.Routes[random.IntN(len(f.Routes))]
		n := random.Int64N(r.Units - r.BadUnits - r.LaggedUnits + 1)
		r.Units, r.Samples, r.Distinct, r.Eligible = r.Units-n, max(r.Samples-n, 0), max(r.Distinct-n, 0), r.Eligible-n
		r.NewAsked, r.OldLatencies, r.NewLatencies = max(r.NewAsked-n, r.NewErrors), max(r.OldLatencies-n, 0), max(r.NewLatencies-n, 0)
	},
	"all of a route": func(random *rand.Rand, f *Facts) {
		r := &f.Routes[random.IntN(len(f.Routes))]
		*r = RouteFacts{Route: r.Route, Declared: true, Wildcard: r.Wildcard, Tolerance: r.Tolerance}
	},
	"all of every route": func(_ *rand.Rand, f *Facts) { f.Routes = nil },
	"what was distinct": func(random *rand.Rand, f *Facts) {
		f.Routes[0].Wildcard, f.Routes[0].Distinct = true, random.Int64N(400)
	},
	"a check's result":    func(random *rand.Rand, f *Facts) { f.Checks[random.IntN(2)].At = time.Time{} },
	"a check's freshness": func(random *rand.Rand, f *Facts) { f.Checks[random.IntN(2)].At = noon.Add(-16 * time.Minute) },
	"a check's verdict":   func(random *rand.Rand, f *Facts) { f.Checks[random.IntN(2)].Verdict = "" },
	"the attestation":     func(_ *rand.Rand, f *Facts) { f.Attested = nil },
	"the latest evidence": func(random *rand.Rand, f *Facts) {
		f.Gathered = noon.Add(-5*time.Minute - time.Duration(1+random.Int64N(1e12)))
	},
	"any evidence":           func(_ *rand.Rand, f *Facts) { f.Gathered = time.Time{} },
	"the window's beginning": func(_ *rand.Rand, f *Facts) { f.WindowStart = time.Time{} },
	"some of the window": func(random *rand.Rand, f *Facts) {
		f.WindowStart = noon.Add(-time.Duration(random.Int64N(int64(48 * time.Hour))))
	},
	"the clock's honesty":     func(random *rand.Rand, f *Facts) { f.Now = noon.Add(-time.Duration(2+random.IntN(100)) * time.Hour) },
	"everything but the time": func(_ *rand.Rand, f *Facts) { *f = Facts{Now: f.Now, WindowStart: f.WindowStart, Gathered: f.Gathered} },
}

// I7: the gate never passes on missing, stale or too little evidence, so taking some away never makes it pass.
func TestLessEvidenceNeverOpensTheGate(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 7))
	passes := 0
	for n := range 60 {
		before := edge(random)
		verdict := Evaluate(options(), before).Verdict
		if verdict == Pass {
			passes++
		}
		for name, withdraw := range withdrawals {
			f := before
			f.Routes, f.Checks = append([]RouteFacts(nil), before.Routes...), append([]CheckFacts(nil), before.Checks...)
			withdraw(random, &f)
			total := f.Total == (RouteFacts{})
			if sumUp(&f); total {
				f.Total = RouteFacts{}
			}
			report := Evaluate(options(), f)
			if report.Verdict == Pass && (verdict != Pass || name != "what agreed on a route") {
				t.Fatalf("draw %d: without %s the gate says %s, with it %s: %+v", n, name, report.Verdict, verdict, f)
			}
			for _, c := range report.Criteria {
				if c.Reason == "" || c.Observed == "" || strings.ContainsAny(c.Reason, "\n") || strings.Contains(c.Reason, "%!") || worse(report.Verdict, c.Verdict) != report.Verdict {
					t.Fatalf("draw %d, without %s: %+v", n, name, c)
				}
			}
		}
	}
	if passes < 9 || passes > 51 {
		t.Errorf("%d of 60 draws pass: the test says little", passes)
	}
}
