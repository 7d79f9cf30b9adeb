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

func percent(ratio float64) string { return fmt.Sprintf("%.4g%%", 100*ratio) }

// listed joins the first maxSentences texts.
func listed(texts []string, separator string) string {
	if more := len(texts) - maxSentences; more > 0 {
		texts = append(texts[:maxSentences:maxSentences], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, separator)
}
