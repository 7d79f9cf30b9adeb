// Package report makes the go/no-go report: the verdict with what stands in its way, and all that it rests on, as HTML, Markdown or
// JSON.
//
//	admin API ──► Gather ──► Report ──► HTML, Markdown, JSON
//
// It knows what the admin API tells, where secrets are redacted already, and nothing else. Values of answers are not in it; the figures that checks compared are.
package report

import (
	"context"
	"fmt"
	"slices"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// Source is what a report is made from; *admin.Client is one.
type Source interface {
	Status(ctx context.Context) (admin.Status, error)
	Gate(ctx context.Context) (cutover.Report, error)
	Routes(ctx context.Context, all bool) ([]admin.Route, error)
	Mismatches(ctx context.Context, q admin.MismatchQuery) (admin.Mismatches, error)
	Checks(ctx context.Context) ([]evidence.CheckResult, error)
	Attestations(ctx context.Context) ([]admin.Attestation, error)
	Events(ctx context.Context, after int64, limit int) ([]evidence.Event, error)
}

// Verdict is the answer that the report gives.
type Verdict string

// The verdicts of a report.
const (
	Go           Verdict = "go"           // the gate passes
	NoGo         Verdict = "no-go"        // a criterion fails, or the run is rolled back
	Inconclusive Verdict = "inconclusive" // none fails, but the evidence does not suffice
	Done         Verdict = "done"         // the writes have moved already
)

// Report is a run at one moment, as it is decided about. Its JSON is stable: fields are added, none is taken away.
type Report struct {
	Verdict Verdict `json:"verdict"`
	// Headline is the verdict in a sentence.
	Headline string `json:"headline"`
	// Obstacles are the criteria that do not pass, the failing ones first.
	Obstacles []Obstacle `json:"obstacles"`
	At        time.Time  `json:"at"`

	// Warnings are what a person should know besides: those of the status, with each rule that hides much by its name.
	Warnings []string `json:"warnings"`

	Status admin.Status   `json:"status"`
	Gate   cutover.Report `json:"gate"`
	Routes []admin.Route  `json:"routes"`
	// Mismatches are the groups, the likeliest real ones first, at most MaxGroups.
	Mismatches   []admin.Group          `json:"mismatches"`
	Checks       []evidence.CheckResult `json:"checks"`
	Attestations []admin.Attestation    `json:"attestations"`
	// Events are the newest, at most MaxEvents, the oldest of them first.
	Events []evidence.Event `json:"events"`
}

// Obstacle is a criterion that does not pass, with what to do about it.
type Obstacle struct {
	Criterion string          `json:"criterion"`
	Verdict   cutover.Verdict `json:"verdict"`
	Reason    string          `json:"reason"`
	Advice    string          `json:"advice"`
}

// Bounds of the lists; what is beyond them is in the API.
const (
	MaxGroups = 50
	MaxEvents = 30
)

// attempts is how often a report is begun anew because the run moved on while it was made.
const attempts = 3

// Gather asks the source for everything. The parts are of one epoch and one window.
func Gather(ctx context.Context, source Source, now time.Time) (Report, error) {
	for attempt := 1; ; attempt++ {
		r, err := gather(ctx, source)
		if err != nil {
			return Report{}, err
		}
		after, err := source.Status(ctx)
		if err != nil {
			return Report{}, err
		}
		if after.Epoch == r.Status.Epoch && after.Phase == r.Status.Phase && after.Window.Start.Equal(r.Status.Window.Start) {
			r.At = now.UTC().Truncate(time.Second)
			r.judge()
			return r, nil
		}
		if attempt == attempts {
			return Report{}, fmt.Errorf("the run moves on faster than a report is made: it is in phase %s, epoch %d now; try again", after.Phase, after.Epoch)
		}
	}
}

func gather(ctx context.Context, source Source) (r Report, err error) {
	if r.Status, err = source.Status(ctx); err != nil {
		return r, err
	}
	if r.Gate, err = source.Gate(ctx); err != nil {
		return r, err
	}
	if r.Routes, err = source.Routes(ctx, false); err != nil {
		return r, err
	}
	found, err := source.Mismatches(ctx, admin.MismatchQuery{Limit: MaxGroups})
	if err != nil {
		return r, err
	}
	r.Mismatches = found.Groups
	if r.Checks, err = source.Checks(ctx); err != nil {
		return r, err
	}
	if r.Attestations, err = source.Attestations(ctx); err != nil {
		return r, err
	}
	r.Events, err = source.Events(ctx, -1, MaxEvents)
	return r, err
}

// judge sets what follows from the rest.
func (r *Report) judge() {
	r.Obstacles = []Obstacle{}
	r.Warnings = append([]string{}, r.Status.Warnings...)
	r.Warnings = append(r.Warnings, admin.RuleWarnings(r.Routes)...)
	for _, wanted := range []cutover.Verdict{cutover.Fail, cutover.Inconclusive} {
		for _, c := range r.Gate.Criteria {
			if c.Verdict == wanted {
				r.Obstacles = append(r.Obstacles, Obstacle{c.Name, c.Verdict, c.Reason, r.advice(c)})
			}
		}
	}
	switch {
	case r.Status.Phase == cutover.Live:
		r.Verdict, r.Headline = Done, "The cutover is done: new answers, and takes the writes."
	case r.Status.Phase == cutover.Complete:
		r.Verdict, r.Headline = Done, "The migration is complete: new answers for good."
	case r.Status.Phase == cutover.RolledBack:
		r.Verdict, r.Headline = NoGo, "Do not cut over: the run is rolled back. Repair new, then `paritygate resume`."
	case r.Status.Phase == cutover.Cutover:
		r.Verdict, r.Headline = Inconclusive, "A flip is under way: writes are held while they move to new."
	case r.Gate.Verdict == cutover.Pass:
		r.Verdict, r.Headline = Go, "Every criterion passes: the cutover is allowed."
	case r.Gate.Verdict == cutover.Fail:
		r.Verdict, r.Headline = NoGo, "Do not cut over: "+r.number(cutover.Fail)+"."
	default:
		r.Verdict, r.Headline = Inconclusive, "Not yet: nothing fails, but the evidence does not suffice for "+r.number(cutover.Inconclusive)+"."
	}
	if r.Status.Forced != "" {
		r.Headline += " The run was once flipped past a gate that did not pass."
	}
}

// number says how many criteria have a verdict.
func (r *Report) number(v cutover.Verdict) string {
	n := 0
	for _, c := range r.Gate.Criteria {
		if c.Verdict == v {
			n++
		}
	}
	text := fmt.Sprintf("%d criteria", n)
	if n == 1 {
		text = "1 criterion"
	}
	switch {
	case v == cutover.Inconclusive:
		return text
	case n == 1:
		return text + " fails"
	}
	return text + " fail"
}

// advice says what to do about a criterion that does not pass.
func (r *Report) advice(c cutover.Criterion) string {
	if c.Verdict == cutover.Inconclusive && slices.Contains([]string{"responses", "lagged", "errors", "latency"}, c.Name) {
		return "Wait for more traffic, or mirror more of it (`paritygate mirror 50%`): nothing is proven yet, either way."
	}
	switch c.Name {
	case "window":
		ready := r.Status.Window.Start.Add(time.Duration(r.Status.Window.RequiredSeconds * float64(time.Second)))
		return "Wait until " + ready.UTC().Format("2006-01-02 15:04") + " UTC, and keep the proxy and the mirror running."
	case "responses":
		return "Look at the groups of mismatches below, the likeliest real ones first. Fix new, then `paritygate restart --reason TEXT`; where a difference is intended, paste the proposed rule."
	case "coverage":
		return "Wait for traffic, mirror more of it (`paritygate mirror 50%`), or say `optional: true` of a route that has none. The table of the routes says why exchanges were skipped."
	case "lagged":
		return "Speed up what copies the data to new; if it is meant to be that slow, say so in `gate.max_lagged`."
	case "checks":
		return "Look at the checks below. `paritygate check NAME` asks one again."
	case "errors":
		return "Look at new's own log: it fails requests that old answers."
	case "latency":
		return "Make new faster on the routes named; if it is meant to be that slow, say so in `gate.latency`."
	case "attestations":
		return "Do what is to be vouched for, then `paritygate attest NAME --evidence TEXT`."
	}
	return "`paritygate gate` shows it again at any time."
}
