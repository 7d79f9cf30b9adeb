package cutover

import "time"

// StepName names a step of a flip or a rollback.
type StepName string

// The steps of a flip, in their order, and those that only its abandoning and a rollback have.
const (
	StepGate    StepName = "gate"    // judged before the machine is asked
	StepIntent  StepName = "intent"  // stored
	StepHold    StepName = "hold"    // writes wait from here on
	StepDrain   StepName = "drain"   // writes in flight run out: at old for a flip, at new for a rollback
	StepPrepare StepName = "prepare" // cutover.prepare
	StepChecks  StepName = "checks"  // the strict ones
	StepFence   StepName = "fence"   // put up, and verified
	StepStreams StepName = "streams" // closed
	StepCommit  StepName = "commit"  // stored
	StepRelease StepName = "release" // held writes go

	StepUndo    StepName = "undo"    // of what was prepared
	StepUnfence StepName = "unfence" // taken down, and verified
	StepAbort   StepName = "abort"   // stored
	StepRecord  StepName = "record"  // a rollback, stored or marked
)

// Outcome is how a step ended.
type Outcome string

// The outcomes of a step.
const (
	UnderWay Outcome = "under_way"
	Done     Outcome = "done"
	Failed   Outcome = "failed"
	Skipped  Outcome = "skipped" // nothing is configured for it
)

// Step is one step of a flip or a rollback, as it went.
type Step struct {
	Name    StepName  `json:"name"`
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	// Limit is its deadline in seconds, 0 if it has none.
	Limit   float64 `json:"limit_seconds"`
	Outcome Outcome `json:"outcome"`
	// Detail says what it did, or why it failed.
	Detail string `json:"detail"`
}
