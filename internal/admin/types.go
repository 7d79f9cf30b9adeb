package admin

import (
	"encoding/json"
	"slices"
	"time"

	"paritygate/compare"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// Status is a run at a glance. Rates are ratios, durations are seconds.
type Status struct {
	Run   string        `json:"run"`
	Phase cutover.Phase `json:"phase"`
	Epoch uint64        `json:"epoch"`
	// Since, Reason and Actor say when, why and by whom the phase was entered.
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason"`
	Actor    string    `json:"actor"`
	Mirror   Fraction  `json:"mirror"`
	Canary   Fraction  `json:"canary"`
	Config   Config    `json:"config"`
	Rollback Rollback  `json:"rollback"`
	// Cutover is the flip or the rollback that is under way, or the last one since the process began.
	Cutover Flip    `json:"cutover"`
	Fence   Fence   `json:"fence"`
	Journal Journal `json:"journal"`
	// Forced says why the run was once flipped past a gate that did not pass; empty if it never was.
	Forced string `json:"forced"`
	Window Window `json:"window"`
	// Soak says in live how far new is from `complete`; nil in every other phase.
	Soak   *Soak  `json:"soak,omitempty"`
	Parity Parity `json:"parity"`
	// HeldWrites counts the writes that wait for a flip or a rollback.
	HeldWrites int64 `json:"held_writes"`
	// Unwell lists the parts that do not work as they should, Warnings what a person should know besides.
	Unwell        []Unwell `json:"unwell"`
	Warnings      []string `json:"warnings"`
	Version       string   `json:"version"`
	UptimeSeconds float64  `json:"uptime_seconds"`
}

// Fraction is a share of the reads, 0 to 1.
type Fraction struct {
	Fraction float64 `json:"fraction"`
}

// Config identifies the configuration in force.
type Config struct {
	Checksum string `json:"checksum"`
	// Drift says that the rules changed since the run began, which restarted the window.
	Drift bool `json:"drift"`
}

// Rollback says what going back would mean.
type Rollback struct {
	// Safe says that a rollback would leave nothing behind on new.
	Safe bool `json:"safe"`
	// UnreplayedWrites counts the writes that new may have taken and old does not have.
	UnreplayedWrites int64 `json:"unreplayed_writes"`
	// Armed says that triggers would roll back by themselves: new answers clients, and not only an operator may decide.
	Armed bool `json:"armed"`
	// Triggers are all of them, in the configuration's order.
	Triggers []Trigger `json:"triggers"`
	// Reason says why it is not safe; empty if it is.
	Reason string `json:"reason"`
}

// Watching reports whether any trigger does more than rest.
func (r Rollback) Watching() bool {
	return slices.ContainsFunc(r.Triggers, func(t Trigger) bool { return t.State != cutover.Rests })
}

// Flip is the course of a flip or a rollback.
type Flip struct {
	// Steps are in the order in which they began. The one under way has the time since it began.
	Steps []cutover.Step `json:"steps"`
}

// Current is the step that is under way, the latest of them; nil if none is.
func (f Flip) Current() *cutover.Step {
	for i := len(f.Steps) - 1; i >= 0; i-- {
		if f.Steps[i].Outcome == cutover.UnderWay {
			return &f.Steps[i]
		}
	}
	return nil
}

// Fence is what keeps everybody but paritygate from writing to old.
type Fence struct {
	Configured bool `json:"configured"`
	// Standing says that it was put up, or may have been: it is false only once it was seen to be down.
	Standing bool `json:"standing"`
}

// Trigger is one of the conditions that roll back, as it stood when it was last looked at.
type Trigger struct {
	// Name is as in the configuration: `error_rate`, `client_errors`, `latency`, `parity` or `checks`.
	Name string `json:"name"`
	// State is `rests` where new answers nobody, or nothing is configured; `armed` where it would act; `manual` where it would only
	// alert; `no_data` where there is too little to judge by; `firing` where its condition holds, which is shown for as long as it
	// does not roll back: because an operator is to decide, or because both backends fail alike.
	State cutover.TriggerState `json:"state"`
	// Observed and Limit are for people, and empty where nothing was measured. Reason is a sentence with the figures.
	Observed string `json:"observed"`
	Limit    string `json:"limit"`
	Reason   string `json:"reason"`
	// Since is when it last changed its state; nil if it never did.
	Since *time.Time `json:"since"`
}

// Window is the time that the gate's evidence covers.
type Window struct {
	Start           time.Time `json:"start"`
	Reason          string    `json:"reason"`
	Seconds         float64   `json:"seconds"`
	RequiredSeconds float64   `json:"required_seconds"`
}

// Soak is for how long new was green, and what is missing.
type Soak struct {
	cutover.Report
	Seconds         float64 `json:"seconds"`
	RequiredSeconds float64 `json:"required_seconds"`
}

// Parity sums up all routes since the window began.
type Parity struct {
	Eligible int64 `json:"eligible"`
	// Compared is the eligible without the skipped.
	Compared     int64   `json:"compared"`
	MismatchRate float64 `json:"mismatch_rate"`
	// UpperBound is the bound on the true rate; 1 if nothing was seen.
	UpperBound float64 `json:"upper_bound"`
	Tolerance  float64 `json:"tolerance"`
}

// Route is what was seen on one route.
type Route struct {
	Route string `json:"route"`
	Kind  string `json:"kind"`
	// Eligible is the sum of Verdicts, which has every verdict as a key.
	Eligible     int64                     `json:"eligible"`
	Verdicts     map[compare.Verdict]int64 `json:"verdicts"`
	Skipped      map[compare.Reason]int64  `json:"skipped"`
	MismatchRate float64                   `json:"mismatch_rate"`
	UpperBound   float64                   `json:"upper_bound"`
	Latency      Latency                   `json:"latency"`
	// Canary says that new may answer its reads in the canary.
	Canary bool `json:"canary"`
	// Rules are those by which the answers are compared, in the order in which they are tried, with what each hid. Routes that are
	// no reads have none.
	Rules []RuleUse `json:"rules"`
	// Noise are the places at which answers differed where old was asked twice, since the window began, the likeliest real ones first.
	Noise []NoisePlace `json:"noise"`
}

// RuleUse is what one rule hid on one route.
type RuleUse struct {
	// Rule is the rule as YAML in one line.
	Rule string `json:"rule"`
	// Place is where it stands in the configuration, such as `routes[0].compare.rules[1]`; empty if it does no longer.
	Place string `json:"place"`
	// Exchanges are the compared ones in which it hid something, Differences what it hid in all of them together.
	Exchanges   int64 `json:"exchanges"`
	Differences int64 `json:"differences"`
	// Share is Exchanges of all that were compared on the route, 0 to 1.
	Share float64 `json:"share"`
}

// HidesMuch reports whether the rule hides so much that somebody should look whether it is meant to.
func (u RuleUse) HidesMuch() bool { return u.Share > 0.5 }

// NoisePlace is what the second reads of old say about one place, the path with * for indexes. See evidence.NoisePlace.
type NoisePlace struct {
	Place
	// Asked counts the exchanges of the route in which old was asked twice. Only new's answer differed from old's first one here in
	// OnlyNew of them, only old's second one in OnlyOld, and both did in Both.
	Asked   int64 `json:"asked"`
	OnlyNew int64 `json:"only_new"`
	OnlyOld int64 `json:"only_old"`
	Both    int64 `json:"both"`
	// Real is the probability that new differs here oftener than old from itself, 0 to 1.
	Real float64 `json:"real"`
	// Finding is `noise`, `real`, or `open` where neither is proven.
	Finding evidence.NoiseFinding `json:"finding"`
	// Masked says that mirror.noise.auto takes differences of values here out of the comparison; Hidden counts them.
	Masked bool  `json:"masked"`
	Hidden int64 `json:"hidden"`
}

// OldDiffers reports whether old was seen to differ from itself at the place, or is proven to.
func (n NoisePlace) OldDiffers() bool {
	return n.OnlyOld+n.Both > 0 || n.Masked || n.Finding == evidence.NoiseProven
}

// Compared is the eligible without the skipped.
func (r Route) Compared() int64 { return r.Eligible - r.Verdicts[compare.Skipped] }

// Latency is the latencies of both backends, in seconds.
type Latency struct {
	Old evidence.Quantiles `json:"old"`
	New evidence.Quantiles `json:"new"`
}

// Mismatches is the answer of GET /v1/mismatches.
type Mismatches struct {
	Groups     []Group    `json:"groups"`
	Mismatches []Mismatch `json:"mismatches"`
}

// Group is the mismatches with one signature.
type Group struct {
	evidence.Group
	Verdict     compare.Verdict `json:"verdict"`
	Differences []Place         `json:"differences"`
	Explanation
}

// Explanation is what is known about the cause of a group.
type Explanation struct {
	// Real is the probability that the group is no noise of old, 0 to 1: 1 for a failure; nil if that was not measured, where no
	// request of the route was asked of old twice.
	Real *float64 `json:"real"`
	// SecondReads counts the exchanges of the route in which old was asked twice.
	SecondReads int64 `json:"second_reads"`
	// Noise says that old is proven to differ from itself at all these places about as often as new does from it.
	Noise bool `json:"noise"`
	// Proposals cover all places of the group that its samples show.
	Proposals []Proposal `json:"proposals"`
}

// Proposal is the rule that would express the differences at some places of a group.
type Proposal struct {
	Places []Place `json:"places"`
	// Rule is one line of YAML; empty where no rule is honest.
	Rule string `json:"rule"`
	// Where is the list in the configuration at whose beginning it would stand, such as `routes[0].compare.rules`; empty without a rule.
	Where string `json:"where"`
	// Reason says what the rule hides, or why there is none.
	Reason string `json:"reason"`
}

// Place is a difference without its values.
type Place struct {
	Location compare.Location `json:"location"`
	Path     string           `json:"path"`
	Kind     compare.Kind     `json:"kind"`
}

// Mismatch is one stored exchange that counts against parity. In a list, headers and bodies are left out.
type Mismatch struct {
	ID          string               `json:"id"`
	Time        time.Time            `json:"time"`
	Route       string               `json:"route"`
	Verdict     compare.Verdict      `json:"verdict"`
	Signature   string               `json:"signature"`
	Request     Request              `json:"request"`
	Old         Leg                  `json:"old"`
	New         Leg                  `json:"new"`
	Differences []compare.Difference `json:"differences"`
}

// Request is the client's request.
type Request struct {
	Method string `json:"method"`
	// Path is the escaped path with the query, as the client sent it.
	Path    string              `json:"path"`
	Headers map[string][]string `json:"headers,omitempty"`
}

// Leg is the answer of one backend.
type Leg struct {
	Status int    `json:"status"`
	Error  string `json:"error,omitempty"`
	*Captured
}

// Captured is what was kept of an answer, secrets redacted.
type Captured struct {
	DurationSeconds float64             `json:"duration_seconds"`
	Headers         map[string][]string `json:"headers"`
	Body            string              `json:"body"`
	// Encoding is how Body is written: EncodingText or EncodingBase64.
	Encoding string `json:"encoding"`
	// Note says what in Body is not as it was on the wire: decoded, shortened or withheld, and why.
	Note string `json:"note,omitempty"`
}

// How a captured body is written.
const (
	EncodingText   = "utf-8"
	EncodingBase64 = "base64"
)

// CutoverResult is the answer to a cutover that was done, or to a dry run that would have been.
type CutoverResult struct {
	Status
	DryRun bool           `json:"dry_run"`
	Report cutover.Report `json:"report"`
}

// Attestation is something that people must vouch for, or have vouched for.
type Attestation struct {
	Name string `json:"name"`
	// Required says that the gate asks for it, Valid that it was given and still holds: an edit of the rules takes clients-ready back.
	Required bool `json:"required"`
	Valid    bool `json:"valid"`
	// Actor, Time and Evidence are of the latest time it was given; empty and nil if it never was.
	Actor    string     `json:"actor"`
	Time     *time.Time `json:"time"`
	Evidence string     `json:"evidence"`
}

// The wrappers of lists.
type (
	routesBody struct {
		Routes []Route `json:"routes"`
	}
	checksBody struct {
		Checks []evidence.CheckResult `json:"checks"`
	}
	attestationsBody struct {
		Attestations []Attestation `json:"attestations"`
	}
	eventsBody struct {
		Events []evidence.Event `json:"events"`
		Head   evidence.Head    `json:"head"`
	}
)

// The bodies of requests; the server decodes them by the same names.
type (
	changeBody struct {
		Reason string  `json:"reason,omitempty"`
		Epoch  *uint64 `json:"epoch,omitempty"`
	}
	resumeBody struct {
		Reason  string  `json:"reason,omitempty"`
		Epoch   *uint64 `json:"epoch,omitempty"`
		Discard bool    `json:"discard,omitempty"`
	}
	completeBody struct {
		Reason string  `json:"reason,omitempty"`
		Epoch  *uint64 `json:"epoch,omitempty"`
		Purge  bool    `json:"purge_journal,omitempty"`
	}
	fractionBody struct {
		Fraction json.Number `json:"fraction"`
		Epoch    *uint64     `json:"epoch,omitempty"`
	}
	attestBody struct {
		Name     string  `json:"name"`
		Evidence string  `json:"evidence"`
		Epoch    *uint64 `json:"epoch,omitempty"`
	}
	cutoverBody struct {
		Reason string  `json:"reason,omitempty"`
		DryRun bool    `json:"dry_run,omitempty"`
		Force  bool    `json:"force,omitempty"`
		Epoch  *uint64 `json:"epoch,omitempty"`
	}
)
