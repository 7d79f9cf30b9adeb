package proxy

import (
	"net/http"
	"time"

	"paritygate/compare"
)

// Backend names one of the two backends.
type Backend uint8

// The two backends; None where a request goes to neither.
const (
	None Backend = iota
	Old
	New
)

// String returns "old", "new" or "none".
func (b Backend) String() string { return [...]string{"none", "old", "new"}[b] }

// Role says for what a backend is asked.
type Role uint8

// The roles of a backend in an exchange.
const (
	Authority  Role = iota // its answer goes to the client
	ShadowRole             // its answer is compared, and goes nowhere
)

// String returns "authority" or "shadow".
func (r Role) String() string { return [...]string{"authority", "shadow"}[r] }

// Plan says where traffic goes. It is a value: one read of the Router gives a consistent one.
type Plan struct {
	// Epoch is the run's epoch in which the plan holds.
	Epoch uint64
	// Reads answers reads; Shadow is asked as well for the mirrored fraction, or is None.
	Reads, Shadow Backend
	// Fraction is the share of the reads that is mirrored where the route says nothing else, 0 to 1.
	Fraction float64
	// Canary is the fraction of the reads that New answers in the place of Reads, with the other backend as their shadow, 0 to 1.
	Canary float64
	// Writes takes the writes, and the requests that bypass comparison.
	Writes Backend
	// Hold makes writes and new bypassing requests wait. Refuse answers them 503: nobody may take them.
	Hold, Refuse bool
	// Fallback lets old answer a read that new failed.
	Fallback bool
	// Stale says that the shadow's data is behind the authority's, since nothing carries writes there or what does is not done: its answers are
	// asked for, but not compared. It may come and go within an epoch.
	Stale bool
	// Journal says how writes are recorded.
	Journal JournalMode
}

// readsFrom reports whether the backend answers reads, all or some.
func (p Plan) readsFrom(b Backend) bool { return p.Reads == b || b == New && p.Canary > 0 }

// Router says where traffic goes. Plan is called for every request and costs a few atomic loads.
type Router interface {
	Plan() Plan
}

// Leg is what one backend answered in an exchange.
type Leg struct {
	Backend Backend
	Status  int
	// Duration is from sending the request to the response's headers; zero if the backend was not asked.
	Duration time.Duration
	// Err says why there is no usable answer.
	Err error
	// Answer is nil if there is none. It is valid only during the call of the Observer.
	Answer *compare.Answer
}

// Exchange is one eligible request with its final verdict.
type Exchange struct {
	Arrived     time.Time
	Route       string
	Method      string
	Target      string // the request target as the client sent it
	Header      http.Header
	Fingerprint uint64
	Epoch       uint64
	Result      compare.Result
	// Masked are the differences that the mask took out of Result.
	Masked []compare.Difference
	// Pair is set where the authority was asked a second time, and what it answered tells about noise.
	Pair *Pair
	// Authority is the backend whose answer went to the client.
	Authority Backend
	Old, New  Leg
}

// Trip is the news that new failed too often as the authority. There is one an epoch at most. Whether old fails alike, so that going
// back would not help, Figures tell.
type Trip struct {
	Backend Backend
	Epoch   uint64
	// Reason is a sentence with the figures.
	Reason string
	// Failures, Requests and Distinct are what the window held.
	Failures, Requests, Distinct int
	// Rate is the share of the answers that failed, 0 to 1; 1 if the trip came of failures in a row.
	Rate float64
}

// Observer is told what happened. Its methods are called from many goroutines, must not block for long, and must not
// keep what an Exchange points to after they return.
type Observer interface {
	// Begin is called when an exchange becomes eligible; every Begin is followed by exactly one Finish.
	Begin(arrived time.Time)
	// Finish enters the exchange, with its final verdict, into the accounts.
	Finish(*Exchange)
	// WriteToNew is called before a write is forwarded to new.
	WriteToNew(epoch uint64)
	// Tripped is called on a goroutine of its own.
	Tripped(Trip)
}
