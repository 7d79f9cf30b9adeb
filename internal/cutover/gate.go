package cutover

import (
	"fmt"
	"strings"
	"time"
)

// GateOptions is what the gate asks for. Rates are ratios, 0 to 1.
type GateOptions struct {
	Window             time.Duration
	MaxGap             time.Duration // for which no evidence may be missing
	Confidence         float64
	Tolerance          float64 // of exchanges that may be mismatch or failed, over all routes
	MinSamples         int64
	MinSamplesPerRoute int64
	MaxSkipped         float64
	MaxLagged          float64
	ErrorRate          float64
	Latency            LatencyLimit
	Attestations       []string
	// Reshaping lists the rules after which clients will see answers of another shape than today's; with any the gate asks for
	// the attestation ClientsReady too.
	Reshaping []string
}

// LatencyLimit says how much slower new may be than old: at the quantile, by the ratio, or up to the floor whatever the ratio.
type LatencyLimit struct {
	Quantile float64
	Ratio    float64
	Floor    time.Duration
}

// RouteFacts is what was seen on one read route since the window began.
type RouteFacts struct {
	Route string
	// Declared is false for the built-in route of reads that no declared route matches: it is judged once it has traffic.
	Declared bool
	// Optional routes are judged, but not waited for.
	Optional bool
	// Wildcard routes need their minimum in distinct requests.
	Wildcard  bool
	Tolerance float64
	Eligible  int64
	// Skipped is of all reasons but `conditional`, which Conditional counts, and `stale`: nobody meant to compare these.
	Skipped, Conditional       int64
	Samples, Distinct          int64 // compared with a 2xx of the authority; different requests among them
	Units, BadUnits            int64 // closed units of evidence; with a mismatch or failure in them
	LaggedUnits                int64
	NewAsked, NewErrors        int64
	OldLatency, NewLatency     float64 // seconds, at the quantile of the gate
	OldLatencies, NewLatencies int64   // how many answers these rest on
}

// CheckFacts is the latest result of one configured check.
type CheckFacts struct {
	Name    string
	Verdict Verdict
	Reason  string
	At      time.Time // zero: never run
	MaxAge  time.Duration
	// Structural says that it passes with a gap that stays the same; empty if it does not.
	Structural string
}

// Facts is all that the gate looks at, at one moment.
type Facts struct {
	Now          time.Time
	WindowStart  time.Time
	WindowReason string
	// Gathered is when evidence could last be gathered: reads were mirrored, and the breaker let them through.
	Gathered time.Time
	Total    RouteFacts
	Routes   []RouteFacts
	Checks   []CheckFacts
	Attested map[string]bool
	// Masked counts the places whose values are not compared because they are noise.
	Masked int
}

// Evaluate judges every criterion that has something configured. It never passes on missing, stale or too little evidence.
func Evaluate(o GateOptions, f Facts) Report {
	g := gate{o, f, Bound{o.Confidence}}
	criteria := []Criterion{g.window(), g.responses(), g.coverage(), g.lagged()}
	if len(f.Checks) > 0 {
		criteria = append(criteria, g.checks())
	}
	criteria = append(criteria, g.errors(), g.latency())
	if len(o.Required()) > 0 {
		criteria = append(criteria, g.attestations())
	}
	report := Report{Verdict: Pass, Criteria: criteria, At: f.Now}
	for _, c := range criteria {
		report.Verdict = worse(report.Verdict, c.Verdict)
	}
	return report
}

// worse returns the verdict that outweighs the other: fail, then inconclusive, then pass.
func worse(a, b Verdict) Verdict {
	rank := map[Verdict]int{Pass: 0, Inconclusive: 1, Fail: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

type gate struct {
	o     GateOptions
	f     Facts
	bound Bound
}

// judged lists the routes that must pass by themselves: the declared ones, and the built-in one when it has traffic.
func (g gate) judged() []RouteFacts {
	var routes []RouteFacts
	for _, r := range g.f.Routes {
		if r.Declared || r.Eligible > 0 {
			routes = append(routes, r)
		}
	}
	return routes
}

// waits reports whether the gate waits for more traffic on the route.
func waits(r RouteFacts) bool { return !r.Optional }

// finding collects the worst verdict over the routes and a sentence for each that does not pass.
type finding struct {
	verdict   Verdict
	sentences map[Verdict][]string
}

func (w *finding) add(v Verdict, format string, args ...any) {
	if w.sentences == nil {
		w.verdict, w.sentences = Pass, map[Verdict][]string{}
	}
	w.verdict = worse(w.verdict, v)
	w.sentences[v] = append(w.sentences[v], strings.TrimSuffix(fmt.Sprintf(format, args...), "."))
}

// maxSentences bounds how many routes or checks one reason names.
const maxSentences = 5

// criterion ends in the sentences of the worst verdict, or in the given one if everything passes.
func (w *finding) criterion(name, observed, required, passing string) Criterion {
	verdict := w.verdict
	if verdict == "" {
		verdict = Pass
	}
	reason := passing
	if verdict != Pass {
		reason = listed(w.sentences[verdict], "; ")
	}
	return Criterion{Name: name, Verdict: verdict, Observed: observed, Required: required, Reason: reason}
}

func (g gate) window() Criterion {
	var w finding
	held := max(g.f.Now.Sub(g.f.WindowStart), 0).Truncate(time.Second)
	if g.f.WindowStart.IsZero() {
		held = 0
	}
	if held < g.o.Window || g.f.WindowStart.IsZero() {
		w.add(Inconclusive, "%s of %s have passed since %s (%s)", held, g.o.Window,
			g.f.WindowStart.UTC().Format(time.RFC3339), g.f.WindowReason)
	}
	last := g.f.Gathered
	if g.f.WindowStart.After(last) {
		last = g.f.WindowStart
	}
	if gap := g.f.Now.Sub(last); gap > g.o.MaxGap {
		w.add(Inconclusive, "no evidence could be gathered for %s, and the window breaks after %s: the proxy was down, the fraction is 0, or new's breaker open",
			gap.Truncate(time.Second), g.o.MaxGap)
	}
	return w.criterion("window", held.String(), g.o.Window.String(), "the evidence is unbroken for the whole window")
}

func percent(ratio float64) string { return fmt.Sprintf("%.4g%%", 100*ratio) }

func (g gate) responses() Criterion {
	var w finding
	judge := func(name string, r RouteFacts, tolerance float64, wait bool) {
		verdict := g.bound.Judge(r.Units, r.BadUnits, tolerance)
		switch {
		case verdict == Fail:
			w.add(Fail, "%s: %d of %d units of evidence mismatch or failed, which proves a rate above %s", name, r.BadUnits, r.Units, percent(tolerance))
		case verdict == Inconclusive && wait:
			w.add(Inconclusive, "%s: %d of %d units of evidence mismatch or failed, so the rate may be as high as %s; %s is allowed",
				name, r.BadUnits, r.Units, percent(g.bound.Upper(r.Units, r.BadUnits)), percent(tolerance))
		}
	}
	judge("all routes", g.f.Total, g.o.Tolerance, true)
	for _, r := range g.judged() {
		judge("route "+r.Route, r, r.Tolerance, waits(r))
	}
	t := g.f.Total
	observed := fmt.Sprintf("%d of %d units bad, at most %s at %s confidence", t.BadUnits, t.Units, percent(g.bound.Upper(t.Units, t.BadUnits)), percent(g.o.Confidence))
	if g.f.Masked > 0 {
		observed += fmt.Sprintf("; values at %d places are masked as noise", g.f.Masked)
	}
	return w.criterion("responses", observed, fmt.Sprintf("at most %s mismatch or failed, on every route", percent(g.o.Tolerance)),
		"new answers as old does, on every route, within the tolerance")
}

func (g gate) coverage() Criterion {
	var w finding
	if g.f.Total.Samples < max(g.o.MinSamples, 1) {
		w.add(Inconclusive, "%d of %d exchanges with a 2xx were compared", g.f.Total.Samples, max(g.o.MinSamples, 1))
	}
	for _, r := range g.judged() {
		if !waits(r) {
			continue
		}
		seen, unit := r.Samples, "exchanges with a 2xx were compared"
		if r.Wildcard {
			seen, unit = min(r.Distinct, r.Samples), "distinct requests with a 2xx were compared"
		}
		if need := max(g.o.MinSamplesPerRoute, 1); seen < need {
			w.add(Inconclusive, "route %s: %d of %d %s", r.Route, seen, need, unit)
		}
	}
	g.skippedShare(&w, "all routes", g.f.Total)
	for _, r := range g.judged() {
		g.skippedShare(&w, "route "+r.Route, r)
	}
	observed := fmt.Sprintf("%d compared with a 2xx, %s skipped", g.f.Total.Samples, percent(share(g.f.Total.Skipped, g.f.Total.Eligible)))
	return w.criterion("coverage", observed,
		fmt.Sprintf("%d compared in all and %d on every route, at most %s skipped", g.o.MinSamples, g.o.MinSamplesPerRoute, percent(g.o.MaxSkipped)),
		"every route was compared often enough, and little was skipped")
}

func (g gate) skippedShare(w *finding, name string, r RouteFacts) {
	if r.Skipped > 0 && share(r.Skipped, r.Eligible) > g.o.MaxSkipped {
		why := ""
		if len(w.sentences[Fail]) == 0 { // said once is enough
			why = " (`paritygate routes` shows why)"
		}
		w.add(Fail, "%s: %d of %d eligible exchanges were skipped, %s%s", name, r.Skipped, r.Eligible, percent(share(r.Skipped, r.Eligible)), why)
	}
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func (g gate) lagged() Criterion {
	var w finding
	judge := func(name string, r RouteFacts, wait bool) {
		verdict := g.bound.Judge(r.Units, r.LaggedUnits, g.o.MaxLagged)
		switch {
		case verdict == Fail:
			w.add(Fail, "%s: %d of %d units of evidence agreed only when asked again", name, r.LaggedUnits, r.Units)
		case verdict == Inconclusive && wait:
			w.add(Inconclusive, "%s: %d of %d units of evidence agreed only when asked again, so the rate may be as high as %s", name,
				r.LaggedUnits, r.Units, percent(g.bound.Upper(r.Units, r.LaggedUnits)))
		}
	}
	judge("all routes", g.f.Total, true)
	for _, r := range g.judged() {
		judge("route "+r.Route, r, waits(r))
	}
	t := g.f.Total
	return w.criterion("lagged", fmt.Sprintf("%d of %d units lagged", t.LaggedUnits, t.Units), "at most "+percent(g.o.MaxLagged)+" lagged, on every route",
		"new follows old closely")
}

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
			w.add(Fail, "%s: %s", c.Name, c.Reason)
		case age < -time.Minute:
			w.add(Inconclusive, "%s: its result is dated %s ahead of the clock", c.Name, (-age).Truncate(time.Second))
		case age > c.MaxAge:
			w.add(Inconclusive, "%s: the last result is %s old, more than %s", c.Name, age.Truncate(time.Second), c.MaxAge)
		case c.Verdict != Pass:
			w.add(Inconclusive, "%s: %s", c.Name, c.Reason)
		default:
			passed++
		}
	}
	n := len(g.f.Checks)
	observed, passing := fmt.Sprintf("%d of %d pass", passed, n), "both databases agree"
	if len(structural) > 0 {
		observed += fmt.Sprintf(", %d with a structural gap", len(structural))
		passing += " within the tolerances, but " + listed(structural, "; ")
	}
	return w.criterion("checks", observed, fmt.Sprintf("all %d pass, and are fresh", n), passing)
}

func (g gate) errors() Criterion {
	var w finding
	t := g.f.Total
	rate := share(t.NewErrors, t.NewAsked)
	switch {
	case t.NewAsked < max(g.o.MinSamples, 1) && rate <= g.o.ErrorRate:
		w.add(Inconclusive, "new was asked %d of %d times", t.NewAsked, max(g.o.MinSamples, 1))
	case rate > g.o.ErrorRate:
		w.add(Fail, "new failed %d of %d requests: a 5xx, or no usable answer", t.NewErrors, t.NewAsked)
	}
	return w.criterion("errors", percent(rate)+" of "+fmt.Sprint(t.NewAsked), "at most "+percent(g.o.ErrorRate), "new answers reliably")
}

// minLatencies is how many answers of both backends a route's quantile must rest on before it is judged.
const minLatencies = 100

func (g gate) latency() Criterion {
	var w finding
	judge := func(name string, r RouteFacts) {
		limit := max(r.OldLatency*g.o.Latency.Ratio, g.o.Latency.Floor.Seconds())
		if r.NewLatency > limit {
			w.add(Fail, "%s: %s of new's answers take up to %s, of old's %s; %s is allowed", name, percent(g.o.Latency.Quantile),
				seconds(r.NewLatency), seconds(r.OldLatency), seconds(limit))
		}
	}
	t := g.f.Total
	if min(t.OldLatencies, t.NewLatencies) < minLatencies {
		w.add(Inconclusive, "latency was measured on %d exchanges, %d are needed", min(t.OldLatencies, t.NewLatencies), minLatencies)
	} else {
		judge("all routes", t)
	}
	for _, r := range g.judged() {
		if min(r.OldLatencies, r.NewLatencies) >= minLatencies {
			judge("route "+r.Route, r)
		}
	}
	q := percent(g.o.Latency.Quantile)
	within := func(side string, latency float64, measured int64) string {
		if measured == 0 {
			return "none of " + side + " measured"
		}
		return fmt.Sprintf("%s of %s within %s", q, side, seconds(latency))
	}
	observed := within("old's answers", t.OldLatency, t.OldLatencies) + ", " + within("new's", t.NewLatency, t.NewLatencies)
	return w.criterion("latency", observed,
		fmt.Sprintf("new at most %.4g times old, or %s", g.o.Latency.Ratio, g.o.Latency.Floor), "new is as fast as it must be")
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(10 * time.Microsecond).String()
}

// listed joins the first maxSentences texts.
func listed(texts []string, separator string) string {
	if more := len(texts) - maxSentences; more > 0 {
		texts = append(texts[:maxSentences:maxSentences], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, separator)
}
