package config

import "time"

// Canary is the part of the reads that new answers.
type Canary struct {
	Fraction   float64       // 0 to 1
	Key        string        // empty, `header:NAME` or `cookie:NAME`: what stays with one backend; empty is the client's address
	AfterWrite time.Duration // for how long a key that wrote reads from old
}

// The values of Rollback.Fallback.
const (
	FallbackCanary = "canary"
	FallbackAlways = "always"
	FallbackOff    = "off"
)

// Rollback holds the triggers, and what a rollback does.
type Rollback struct {
	ErrorRate    ErrorRate
	ClientErrors ClientErrors
	Latency      LatencyTrigger
	Parity       ParityTrigger
	Checks       ChecksTrigger
	Writes       string        // WritesAuto or WritesManual: what triggers do in live
	Fallback     string        // FallbackCanary, FallbackAlways or FallbackOff
	Drain        time.Duration // what writes in flight at new get
}

// The values of Rollback.Writes.
const (
	WritesAuto   = "auto"
	WritesManual = "manual"
)

// ClientErrors is the trigger on a surge of 4xx answers of new: their share is at least Threshold, and Ratio times old's.
type ClientErrors struct {
	Ratio     float64
	Threshold float64 // more than 0, at most 1
	Window    time.Duration
}

// LatencyTrigger is the trigger on slow answers of new: at Quantile they take longer than Floor, and Ratio times what old's take.
type LatencyTrigger struct {
	Quantile float64 // between 0 and 1
	Ratio    float64
	Floor    time.Duration
	Window   time.Duration
}

// ParityTrigger is the trigger on answers of new, as the authority, that old's contradict.
type ParityTrigger struct {
	Threshold   float64 // more than 0, at most 1
	Window      time.Duration
	MinRequests int
}

// ChecksTrigger is the trigger on checks that fail.
type ChecksTrigger struct {
	Failures int // of one check in a row
}

// ErrorRate is the trigger on new's failures as the authority.
type ErrorRate struct {
	Threshold   float64 // more than 0, at most 1
	Window      time.Duration
	MinRequests int
	MinFailures int
	MinDistinct int
}

// Cutover bounds the flip of the writes.
type Cutover struct {
	Hold    Hold
	Drain   time.Duration
	Prepare []Prepare
	Fence   *Fence // nil: old is not fenced
}

// The values of Prepare.On.
const (
	OnOld = "old"
	OnNew = "new"
)

// Prepare is what is done to a database while writes are held, after the drain and before the strict checks.
type Prepare struct {
	On   string   // OnOld or OnNew
	SQL  []string // in this order
	Undo []string // what takes it back if the flip is abandoned
}

// Fence makes old refuse the writes of everybody but paritygate's commands, from before the commit until a rollback.
type Fence struct {
	DSN     Secret
	SQL     []string
	Verify  FenceVerify
	Unfence []string
	Exempt  bool // the credentials of backends.old write in spite of it
}

// FenceVerify is a write that must fail while old is fenced, and work while it is not. It is rolled back.
type FenceVerify struct {
	DSN Secret
	SQL string
}

// Hold bounds the writes that wait during a flip.
type Hold struct {
	Max      time.Duration
	Requests int
	Bytes    int64
}
