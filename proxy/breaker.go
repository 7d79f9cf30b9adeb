package proxy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// What is said of one answer.
var (
	errFailure = errors.New("the backend failed")        // 5xx, timeout, cut off
	errConnect = errors.New("no connection came about")  // the backend saw nothing
	errNoBlame = errors.New("not the backend's failing") // the client left or stalled
)

// breaker judges one backend in one role. As authority it routes nothing and blocks nothing: it only finds out when the
// backend fails too often. As shadow it keeps requests away from a backend that answers none.
type breaker struct {
	mu       sync.Mutex
	settings gobreaker.Settings
	circuit  *gobreaker.TwoStepCircuitBreaker[struct{}]
	trip     TripOptions
	epoch    uint64
	tripped  bool // in this epoch
	failed   map[uint64]time.Time
	row      row
	onTrip   func(Trip)
	backend  Backend
	opened   atomic.Bool // the circuit was open when it last changed
}

// buckets is how finely the rolling window moves.
const buckets = 10

// newAuthorityBreaker calls onTrip, at most once an epoch and outside of every lock, when the backend fails too often.
func newAuthorityBreaker(id Backend, o TripOptions, onTrip func(Trip)) *breaker {
	b := &breaker{trip: o, onTrip: onTrip, backend: id, failed: map[uint64]time.Time{}, row: row{different: map[uint64]struct{}{}}}
	b.settings = gobreaker.Settings{
		Name: id.String(), Interval: o.Window, BucketPeriod: max(o.Window/buckets, time.Millisecond), Timeout: o.Window,
		IsExcluded:  func(err error) bool { return errors.Is(err, errNoBlame) },
		ReadyToTrip: b.readyToTrip,
	}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](b.settings)
	return b
}

// newShadowBreaker opens when at least 10 answers in the window, and half of them, were unusable; it tries again after
// five seconds.
func newShadowBreaker(id Backend, window time.Duration) *breaker {
	b := &breaker{backend: id}
	b.settings = gobreaker.Settings{
		OnStateChange: func(_ string, _, to gobreaker.State) { b.opened.Store(to == gobreaker.StateOpen) },
		Name:          id.String(), Interval: window, BucketPeriod: max(window/buckets, time.Millisecond), Timeout: 5 * time.Second,
		IsExcluded: func(err error) bool { return errors.Is(err, errNoBlame) },
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.TotalFailures >= 10 && c.TotalFailures >= c.TotalSuccesses
		},
	}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](b.settings)
	return b
}

// readyToTrip runs under the circuit's mutex, within record, so under this breaker's as well.
func (b *breaker) readyToTrip(c gobreaker.Counts) bool {
	o := b.trip
	failures, judged := int(c.TotalFailures), int(c.TotalFailures+c.TotalSuccesses)
	if judged >= o.MinRequests && failures >= o.MinFailures && float64(failures) >= o.Threshold*float64(judged) &&
		b.distinct() >= o.MinDistinct {
		return true
	}
	return b.inARow()
}

// inARow reports whether so many requests failed one after the other that no share has to be waited for.
func (b *breaker) inARow() bool {
	o := b.trip
	return b.row.failures >= max(o.MinRequests, o.MinFailures) && len(b.row.different) >= o.MinDistinct
}

func (b *breaker) distinct() int {
	n := 0
	for key, at := range b.failed {
		if time.Since(at) > b.trip.Window {
			delete(b.failed, key)
			continue
		}
		n++
	}
	return n
}

// allow asks whether a shadow may be sent. done is nil if not, and otherwise must be called once.
func (b *breaker) allow() func(error) {
	b.mu.Lock()
	circuit := b.circuit
	b.mu.Unlock()
	done, err := circuit.Allow()
	if err != nil {
		return nil
	}
	return done
}

// open reports whether allow would say no to everybody. It costs next to nothing while the circuit is closed.
func (b *breaker) open() bool {
	return b.opened.Load() && b.state() == gobreaker.StateOpen // to ask lets the circuit see that its time is over
}

// record enters the authority's answer to a request, by its fingerprint. An answer of an earlier epoch is ignored.
func (b *breaker) record(epoch uint64, fingerprint func() uint64, outcome error) {
	trip, ok := b.enter(epoch, fingerprint, outcome)
	if ok && b.onTrip != nil {
		b.onTrip(trip)
	}
}

func (b *breaker) enter(epoch uint64, fingerprint func() uint64, outcome error) (Trip, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if epoch < b.epoch {
		return Trip{}, false
	}
	if epoch > b.epoch {
		b.reset(epoch)
	}
	b.note(fingerprint, outcome)
	// Allowed only now that the outcome is known, so nothing in flight is counted. Two bits of news come of it: the counts
	// that led to the trip are gone once the circuit opens.
	var before gobreaker.Counts
	if outcome != nil {
		before = b.circuit.Counts() // a success trips nothing
	}
	done, err := b.circuit.Allow()
	if err != nil {
		return Trip{}, false
	}
	if outcome == nil {
		done(nil)
		return Trip{}, false
	}
	closed := b.circuit.State() == gobreaker.StateClosed
	done(outcome)
	if !closed || b.tripped || b.circuit.State() != gobreaker.StateOpen {
		return Trip{}, false
	}
	b.tripped = true
	return b.found(epoch, int(before.TotalFailures)+1, int(before.TotalFailures+before.TotalSuccesses)+1), true
}

// note remembers which requests fail.
func (b *breaker) note(fingerprint func() uint64, outcome error) {
	switch {
	case outcome == nil:
		b.row.end()
		return
	case errors.Is(outcome, errNoBlame):
		return
	}
	f, keep := failed(fingerprint, outcome), 4*max(b.trip.MinDistinct, 16)
	b.row.fail(f, keep)
	if len(b.failed) < keep {
		b.failed[f] = time.Now()
	} else {
		b.distinct() // makes room for what comes next
	}
}

// failed tells a failure from others: by its request or, if no connection came about, not at all, since then it is no matter what was
// asked. One connection that failed by chance does not count for the rest, which may be one poisoned URL.
func failed(fingerprint func() uint64, outcome error) uint64 {
	if errors.Is(outcome, errConnect) {
		return rand.Uint64() //nolint:gosec // any number will do
	}
	return fingerprint()
}

// found says what led to the trip.
func (b *breaker) found(epoch uint64, failures, judged int) Trip {
	distinct := b.distinct()
	trip := Trip{
		Backend: b.backend, Epoch: epoch, Failures: failures, Requests: judged, Distinct: distinct,
		Rate: float64(failures) / float64(judged),
		Reason: fmt.Sprintf("%s failed %d of %d requests (%d different ones) within %s; the threshold is %g%%",
			b.backend, failures, judged, distinct, b.trip.Window, 100*b.trip.Threshold),
	}
	if b.inARow() && (trip.Rate < b.trip.Threshold || judged < b.trip.MinRequests) {
		trip.Rate, trip.Failures, trip.Distinct = 1, b.row.failures, len(b.row.different)
		trip.Reason = fmt.Sprintf("%s failed %d requests in a row (%d different ones)", b.backend, trip.Failures, trip.Distinct)
	}
	return trip
}

// reset forgets everything; the epoch only grows.
func (b *breaker) reset(epoch uint64) {
	b.epoch = max(epoch, b.epoch)
	b.tripped = false
	b.row.end()
	clear(b.failed)
	b.opened.Store(false)
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](b.settings)
}

func (b *breaker) restart(epoch uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reset(epoch)
}

func (b *breaker) state() gobreaker.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.circuit.State()
}
