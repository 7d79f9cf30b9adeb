package admin

import (
	"context"

	"paritygate/compare"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// Service is the run behind the API. Its methods are safe to call from many goroutines. An error that a caller should
// understand is an *Error with one of the codes; any other is logged, and is "internal" outside.
type Service interface {
	Reader
	Changer
	Recorder
	Replayer
	// Readiness says whether the process is starting, ready or draining, and what is unwell. It must not block.
	Readiness() Readiness
}

// Reader tells what a run is and what was seen.
type Reader interface {
	Status(ctx context.Context) (Status, error)
	Gate(ctx context.Context) (cutover.Report, error)
	// Routes lists every declared route, with zeros where nothing was seen: since the window began, or with all set since
	// the run began.
	Routes(ctx context.Context, all bool) ([]Route, error)
	// Mismatches returns the groups and the newest samples that the query asks for, at most Limit of each.
	Mismatches(ctx context.Context, query MismatchQuery) ([]evidence.Group, []evidence.Sample, error)
	// Explain says how likely it is that a group is no noise, and proposes rules for it.
	Explain(ctx context.Context, group evidence.Group) (Explanation, error)
	// Mismatch returns one sample with both answers, or CodeNotFound.
	Mismatch(ctx context.Context, id string) (evidence.Sample, error)
	// Checks lists every configured check with its latest result.
	Checks(ctx context.Context) ([]evidence.CheckResult, error)
	// Attestations lists what the gate asks for and what was given.
	Attestations(ctx context.Context) ([]Attestation, error)
	// Events returns up to limit events with a sequence number greater than after, the oldest first. A negative after asks
	// for the newest limit events, oldest first as well.
	Events(ctx context.Context, after int64, limit int) ([]evidence.Event, error)
	// AuditHead returns the event that was appended last.
	AuditHead(ctx context.Context) (evidence.Head, error)
}

// Changer changes a run. The context of a change does not end when the client leaves; every method bounds its own time.
// Unless said otherwise a Change with an Epoch other than the run's is refused with CodeWrongEpoch.
type Changer interface {
	// RunCheck runs one check now and returns its result, or CodeNotFound.
	RunCheck(ctx context.Context, name string) (evidence.CheckResult, error)
	// SetMirror sets the fraction of the reads that is mirrored, 0 to 1.
	SetMirror(ctx context.Context, change Change, fraction float64) error
	// SetCanary sets the fraction of the reads that new answers, 0 to 1: more than 0 is the phase canary, 0 is shadow.
	SetCanary(ctx context.Context, change Change, fraction float64) error
	// Attest records a statement by the change's actor.
	Attest(ctx context.Context, change Change, name, evidence string) error
	// Cutover flips the writes, and returns when the flip is committed (nil) or abandoned (CodeConflict, CodeGateFailed…).
	// The report is the gate as it was judged. With dryRun nothing is changed; with force the gate alone is skipped.
	Cutover(ctx context.Context, change Change, dryRun, force bool) (cutover.Report, error)
	// Rollback sends traffic back to old. It needs no epoch.
	Rollback(ctx context.Context, change Change) error
	// Restart begins the window of evidence anew.
	Restart(ctx context.Context, change Change) error
	// Resume leaves rolled_back for shadow. While new holds writes that old does not have it is refused with CodeConflict, unless
	// discard gives them up.
	Resume(ctx context.Context, change Change, discard bool) error
	// Complete ends the run in live; refused with CodeConflict, or a code of the gate, unless the soak is green. The journal is closed and
	// kept; with purge its records are removed once the run is complete, also of a run that was completed before.
	Complete(ctx context.Context, change Change, purge bool) error
}

// Change says who changes something, why, and of which epoch.
type Change struct {
	// Actor is the user's name, or LocalActor where no users are configured.
	Actor  string
	Reason string
	// Epoch is the epoch that the caller has seen, nil if it named none.
	Epoch *uint64
}

// LocalActor is the actor of changes where no users are configured.
const LocalActor = "local"

// MismatchQuery selects mismatches. An empty field selects all.
type MismatchQuery struct {
	Route     string
	Signature string
	Verdict   compare.Verdict
	// Limit is how many groups, and how many samples, are wanted: 1 to MaxLimit.
	Limit int
}

// The limits of a list's length.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// State is where the process is in its life.
type State string

// The states of the process.
const (
	Starting State = "starting"
	Ready    State = "ready"
	Draining State = "draining"
)

// Readiness is what /readyz says. Only Starting and Draining make it unready: a part that is unwell does not take the
// whole proxy out of a load balancer.
type Readiness struct {
	State  State    `json:"state"`
	Unwell []Unwell `json:"unwell"`
}

// Unwell is one part that does not work as it should. It is shown to anybody who can reach the port: no secrets.
type Unwell struct {
	// Part names it as the configuration does, such as `backends.new` or `databases.old`.
	Part    string `json:"part"`
	Message string `json:"message"`
}
