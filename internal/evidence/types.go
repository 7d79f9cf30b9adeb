package evidence

import (
	"encoding/json"
	"time"

	"paritygate/compare"
)

// Leg is what one backend answered in an exchange.
type Leg struct {
	Status int `json:"status"`
	// Duration is from sending the request to the response's headers; zero if the backend was not asked.
	Duration time.Duration       `json:"-"`
	Error    string              `json:"error,omitempty"`
	Header   map[string][]string `json:"headers,omitempty"`
	Body     []byte              `json:"-"`
	// Note says what is not as it was on the wire in Body: decoded, shortened or withheld, and why. Set in samples alone.
	Note string `json:"note,omitempty"`
}

// Exchange is one eligible client request with both answers and its final verdict. It is read, never changed, by the store.
type Exchange struct {
	// Time is when the request arrived; it names the minute, and so the unit of evidence, that the exchange belongs to.
	Time        time.Time
	Route       string
	Method      string
	Target      string // escaped path and query, as the client sent it
	Header      map[string][]string
	Fingerprint uint64 // of method, target and body
	Epoch       uint64
	Verdict     compare.Verdict
	Reason      compare.Reason
	Differences []compare.Difference
	// Suppressed counts the differences that each rule hid, by its index in the route's RouteInfo.Rules.
	Suppressed map[int]int
	// Masked are the differences that were taken out of Differences because their places are proven noise.
	Masked []compare.Difference
	// Pair is set where the authority was asked a second time, and both answers could be compared with the first.
	Pair     *Pair
	Old, New Leg
	// Authority names the backend whose answer went to the client; empty is AuthorityOld. It is a 2xx of the authority
	// that makes an exchange evidence.
	Authority string
}

// The values of Exchange.Authority.
const (
	AuthorityOld = "old"
	AuthorityNew = "new"
)

// authority returns the leg that answered the client, and shadow the other one.
func (x *Exchange) authority() *Leg {
	if x.Authority == AuthorityNew {
		return &x.New
	}
	return &x.Old
}

func (x *Exchange) shadow() *Leg {
	if x.Authority == AuthorityNew {
		return &x.Old
	}
	return &x.New
}

// Event is one line of the audit log. Hash covers the event and the hash before it.
type Event struct {
	Seq      int64           `json:"seq"`
	Time     time.Time       `json:"time"`
	Actor    string          `json:"actor"`
	Kind     string          `json:"kind"`
	From     string          `json:"from"`
	To       string          `json:"to"`
	Epoch    uint64          `json:"epoch"`
	Reason   string          `json:"reason"`
	Evidence json.RawMessage `json:"evidence"`
	Hash     string          `json:"hash"`
}

// State is the run's state as the store keeps it; Body is cutover's own JSON, which the store does not read.
type State struct {
	Run   string
	Phase string
	Epoch uint64
	Body  json.RawMessage
}

// Quantiles are latencies in seconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// RouteStats is what was seen on one route since the window began.
type RouteStats struct {
	Route string
	// Kind and Wildcard are as the route was declared; empty and false for a route that is not declared.
	Kind     string
	Wildcard bool
	Verdicts map[compare.Verdict]int64
	Skipped  map[compare.Reason]int64
	// NewAsked counts the exchanges in which new was asked, and NewErrors those in which it gave a 5xx or no answer.
	NewAsked, NewErrors int64
	// Samples counts compared exchanges whose authority answered 2xx.
	Samples int64
	// Units are the closed units of evidence (one request's fingerprint within a minute), and BadUnits those with a mismatch
	// or a failure in them; LaggedUnits those that were lagged and not bad. What makes a unit is in the package's comment.
	Units, BadUnits, LaggedUnits int64
	// Distinct counts different requests with a 2xx among the compared, up to the bound that the store was given.
	Distinct int64
	Old, New Quantiles
	// OldAt and NewAt are the latencies at the quantile that the gate asks for, in seconds.
	OldAt, NewAt float64
	// Suppressed is what the rules hid, by the text that RouteInfo.Rules gives them.
	Suppressed map[string]Suppression
}

// Eligible is the sum of all verdicts.
func (r *RouteStats) Eligible() int64 {
	var n int64
	for _, v := range r.Verdicts {
		n += v
	}
	return n
}

// Group is the mismatches, or the failures, with one signature.
type Group struct {
	// Verdict is mismatch or failed.
	Verdict   compare.Verdict `json:"-"`
	Signature string          `json:"signature"`
	Route     string          `json:"route"`
	Count     int64           `json:"count"`
	First     time.Time       `json:"first"`
	Last      time.Time       `json:"last"`
	ExampleID string          `json:"example_id"`
	// Real is the probability that the group is no noise: the largest among its differences, ½ for one of which nothing is known, and 1 for
	// failures. Asked counts the exchanges of the route that it comes of, in which the authority was asked twice.
	Real  float64 `json:"-"`
	Asked int64   `json:"-"`
	// Differences are those of the group's first exchange, without their values.
	Differences []compare.Difference `json:"-"`
}

// Sample is one stored mismatch, secrets already redacted.
type Sample struct {
	ID          string
	Time        time.Time
	Route       string
	Verdict     compare.Verdict
	Signature   string
	Method      string
	Target      string
	Header      map[string][]string
	Old, New    Leg
	Differences []compare.Difference
}

// CheckResult is the outcome of one run of one check.
type CheckResult struct {
	Name      string          `json:"name"`
	Type      string          `json:"type"`
	Verdict   string          `json:"verdict"` // pass, fail or inconclusive
	Variance  *float64        `json:"variance"`
	Old       *string         `json:"old"`
	New       *string         `json:"new"`
	Tolerance json.RawMessage `json:"tolerance"`
	// Differences are the worst places, the worst first; Dropped counts those that are not among them.
	Differences     []CheckDifference `json:"differences"`
	Dropped         int               `json:"dropped"`
	At              *time.Time        `json:"at"` // nil: never run
	DurationSeconds float64           `json:"duration_seconds"`
	// Attempts is how often both sides were asked. Lagged says of a pass that they did not agree at first.
	Attempts int    `json:"attempts"`
	Lagged   bool   `json:"lagged"`
	Reason   string `json:"reason"`
	// Structural says that the latest runs all passed with about the same one-sided gap; see the function of that name. SaveCheck does not
	// keep it either.
	Structural string `json:"structural,omitempty"`
	// History are the latest runs, the oldest first. SaveCheck does not keep it: it is made of what was saved.
	History []CheckRun `json:"history"`
}

// CheckDifference is one place where a check found the two sides to differ.
type CheckDifference struct {
	Key      string       `json:"key"` // empty where there is no other place than the check itself
	Kind     compare.Kind `json:"kind"`
	Class    string       `json:"class,omitempty"` // of a structural finding
	Old      *string      `json:"old"`
	New      *string      `json:"new"`
	Variance *float64     `json:"variance"`
}

// CheckRun is what is remembered of a run in the history of its check.
type CheckRun struct {
	At       time.Time `json:"at"`
	Verdict  string    `json:"verdict"`
	Variance *float64  `json:"variance"`
	// Old and New are the sides where each is one number, to float64's precision.
	Old *float64 `json:"-"`
	New *float64 `json:"-"`
}

// Attestation is a statement by a person, with evidence, that the gate asks for.
type Attestation struct {
	Name     string    `json:"name"`
	Actor    string    `json:"actor"`
	Time     time.Time `json:"time"`
	Evidence string    `json:"evidence"`
}
