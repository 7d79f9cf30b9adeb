package proxy

import (
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"
)

// The buckets of latencies are sixteen to every doubling, so that a latency is known to a sixteenth: from 131 µs, below which all are
// in the first one, to four and a half minutes.
const (
	quickest       = 17 // 2^17 ns
	perDoubling    = 4  // 2^4 buckets
	doublings      = 21
	latencyBuckets = doublings<<perDoubling + 2
)

func latencyBucket(d time.Duration) int {
	if d < 1<<quickest {
		return 0
	}
	exponent := bits.Len64(uint64(d)) - 1
	within := int(uint64(d)>>(exponent-perDoubling)) & (1<<perDoubling - 1)
	return min((exponent-quickest)<<perDoubling+within+1, latencyBuckets-1)
}

// latencyFrom is the least latency in a bucket.
func latencyFrom(bucket int) time.Duration {
	if bucket == 0 {
		return 0
	}
	exponent, within := (bucket-1)>>perDoubling+quickest, (bucket-1)&(1<<perDoubling-1)
	return time.Duration(1<<perDoubling+within) << (exponent - perDoubling)
}

// Answers is what one backend, in one role, did with one kind of request since the start. The numbers wrap round: only the difference of
// two that were read one after the other means something.
type Answers struct {
	// Answered counts the answers with a status, ClientErrors the 4xx of them.
	Answered, ClientErrors uint32
	// Succeeded and Failed count the requests that have ended: a 5xx, a timeout, an answer that broke off or stalled and a connection
	// that did not come about are failures; a client that left is neither.
	Succeeded, Failed uint32
	// Paired counts the 4xx of the authority for which this backend was asked as well, Alike those to which it gave the same status.
	Paired, Alike uint32
}

// Minus is what was added since before.
func (a Answers) Minus(before Answers) Answers {
	return Answers{
		a.Answered - before.Answered, a.ClientErrors - before.ClientErrors, a.Succeeded - before.Succeeded, a.Failed - before.Failed,
		a.Paired - before.Paired, a.Alike - before.Alike,
	}
}

// Latencies is how long the requests took of which Answers tells: from the request, or from the end of its client's body, to the
// answer's headers. One that is still in flight, or was given up by its client, is among them once it has taken longer than Inspect
// was told. The numbers wrap round as well.
type Latencies [latencyBuckets]uint32

// Minus is what was added since before.
func (l Latencies) Minus(before Latencies) Latencies {
	for i := range l {
		l[i] -= before[i]
	}
	return l
}

// Timed counts the requests.
func (l *Latencies) Timed() int64 {
	var n int64
	for _, k := range l {
		n += int64(k)
	}
	return n
}

// Quantile is the latency that a share q of the requests did not exceed, 0 if there are none. It is too high by a sixteenth at most.
func (l *Latencies) Quantile(q float64) time.Duration {
	n := l.Timed()
	if n == 0 {
		return 0
	}
	rank := min(int64(q*float64(n)), n-1) // of those that are quicker
	for i, k := range l {
		if rank -= int64(k); rank < 0 {
			return latencyFrom(min(i+1, latencyBuckets-1))
		}
	}
	return latencyFrom(latencyBuckets - 1)
}

// above is the least latency of which its bucket shows that it is at least d.
func above(d time.Duration) time.Duration {
	return latencyFrom(min(latencyBucket(d-1)+1, latencyBuckets-1))
}

// Over counts the requests that took at least d. Of those that are in d's bucket none is counted.
func (l *Latencies) Over(d time.Duration) int64 {
	var n int64
	for _, k := range l[latencyBucket(above(d)):] {
		n += int64(k)
	}
	return n
}

// List lists the buckets that are not empty, as lower bound and count.
func (l *Latencies) List() []LatencyCount {
	var out []LatencyCount
	for i, k := range l {
		if k > 0 {
			out = append(out, LatencyCount{latencyFrom(i), k})
		}
	}
	return out
}

// Add enters what List gave.
func (l *Latencies) Add(list []LatencyCount) {
	for _, c := range list {
		l[latencyBucket(c.From)] += c.Count
	}
}

// LatencyCount says how many requests took From or a little longer.
type LatencyCount struct {
	From  time.Duration `json:"from_ns"`
	Count uint32        `json:"count"`
}

// counter is what they are read from: a few counters that are added to on the way of every request, in stripes, so that two cores
// seldom write to one cache line. It allocates nothing and nobody waits for it.
type counter struct{ stripes []counterStripe }

type counterStripe struct {
	answered, clientErrors, succeeded, failed, paired, alike atomic.Uint32

	latency [latencyBuckets]atomic.Uint32
	_       [64]byte
}

func newCounter() *counter {
	n := 1
	for n < min(runtime.GOMAXPROCS(0), maxStripes) {
		n *= 2
	}
	return &counter{make([]counterStripe, n)}
}

func (c *counter) stripe() *counterStripe {
	if n := len(c.stripes); n > 1 {
		return &c.stripes[rand.Uint32()&uint32(n-1)] //nolint:gosec // any stripe will do
	}
	return &c.stripes[0]
}

// answer enters an answer's status, 0 if there was none.
func (c *counter) answer(status int) {
	if status == 0 {
		return
	}
	s := c.stripe()
	s.answered.Add(1)
	if status >= 400 && status < 500 {
		s.clientErrors.Add(1)
	}
}

func (c *counter) took(d time.Duration) { c.stripe().latency[latencyBucket(d)].Add(1) }

func (c *counter) end(well bool) {
	if well {
		c.stripe().succeeded.Add(1)
	} else {
		c.stripe().failed.Add(1)
	}
}

func (c *counter) pair(alike bool) {
	c.stripe().paired.Add(1)
	if alike {
		c.stripe().alike.Add(1)
	}
}

// read adds the stripes up.
func (c *counter) read() (to Answers, took Latencies) {
	for i := range c.stripes {
		s := &c.stripes[i]
		to.Answered += s.answered.Load()
		to.ClientErrors += s.clientErrors.Load()
		to.Succeeded += s.succeeded.Load()
		to.Failed += s.failed.Load()
		to.Paired += s.paired.Load()
		to.Alike += s.alike.Load()
		for b := range s.latency {
			took[b] += s.latency[b].Load()
		}
	}
	return to, took
}
