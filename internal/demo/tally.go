package demo

import (
	"maps"
	"math"
	"sync"
	"time"
)

// Latencies are counted in buckets, each a twentieth wider than the one before, from 50 µs up to more than a minute.
const (
	buckets     = 300
	firstBucket = 50 * time.Microsecond
	growth      = 1.05
)

// Tally is what clients have seen up to a moment. Two of them differ by what they saw in between.
type Tally struct {
	At time.Time
	// Reads and Writes count the requests that have ended.
	Reads, Writes int64
	// Fallbacks counts the reads that old answered in new's stead.
	Fallbacks int64
	// FailedReads and FailedWrites count, in a few words each, the requests that did not end as they should.
	FailedReads, FailedWrites map[string]int64

	reads [buckets]int64
}

// Since returns what was seen after an earlier tally.
func (t Tally) Since(earlier Tally) Tally {
	t.Reads -= earlier.Reads
	t.Writes -= earlier.Writes
	t.Fallbacks -= earlier.Fallbacks
	t.FailedReads = minus(t.FailedReads, earlier.FailedReads)
	t.FailedWrites = minus(t.FailedWrites, earlier.FailedWrites)
	for i := range t.reads {
		t.reads[i] -= earlier.reads[i]
	}
	return t
}

func minus(a, b map[string]int64) map[string]int64 {
	out := make(map[string]int64)
	for k, v := range a {
		if v -= b[k]; v > 0 {
			out[k] = v
		}
	}
	return out
}

// ReadQuantile returns how long the given share of the reads took at most, to within 5 %; 0 if there were none.
func (t *Tally) ReadQuantile(q float64) time.Duration { return quantile(&t.reads, q) }

func quantile(counts *[buckets]int64, q float64) time.Duration {
	var all, seen int64
	for _, n := range counts {
		all += n
	}
	if all == 0 {
		return 0
	}
	need := int64(math.Ceil(q * float64(all)))
	for i, n := range counts {
		if seen += n; seen >= need {
			return time.Duration(float64(firstBucket) * math.Pow(growth, float64(i)))
		}
	}
	return 0
}

func bucket(d time.Duration) int {
	if d <= firstBucket {
		return 0
	}
	return min(buckets-1, int(math.Ceil(math.Log(float64(d)/float64(firstBucket))/math.Log(growth))))
}

// Failed adds the failures of a kind up.
func Failed(kinds map[string]int64) int64 {
	var n int64
	for _, v := range kinds {
		n += v
	}
	return n
}

type tally struct {
	mu  sync.Mutex
	now Tally
}

// add counts a request that has ended, well or not.
func (t *tally) add(a answer, fine bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	count, failed := &t.now.Reads, &t.now.FailedReads
	if a.write {
		count, failed = &t.now.Writes, &t.now.FailedWrites
	} else {
		t.now.reads[bucket(a.duration)]++
	}
	*count++
	if a.fallback {
		t.now.Fallbacks++
	}
	if fine {
		return
	}
	if *failed == nil {
		*failed = make(map[string]int64)
	}
	(*failed)[problemOf(a)]++
}

func (t *tally) snapshot() Tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now
	now.At = time.Now()
	now.FailedReads, now.FailedWrites = maps.Clone(now.FailedReads), maps.Clone(now.FailedWrites)
	return now
}
