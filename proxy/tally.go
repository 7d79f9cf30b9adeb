package proxy

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// tally counts answers by their class of status and by how long they took. It is striped, so that two cores seldom write to one
// cache line, and knows durations in whole nanoseconds, so that entering one is three additions.
type tally struct {
	bounds  *[bucketCount - 1]time.Duration
	stripes []stripe
}

// bucketCount is how many buckets a tally has, that without a bound included.
const bucketCount = 15

type stripe struct {
	classes [len(codeNames)]atomic.Uint64
	buckets [bucketCount]atomic.Uint64
	nanos   atomic.Int64
	_       [64 - (len(codeNames)+bucketCount+1)*8%64]byte // up to the next cache line
}

// maxStripes bounds the memory of a tally, which every route has several of.
const maxStripes = 8

func newTally(bounds *[bucketCount - 1]time.Duration) *tally {
	n := 1
	for n < min(runtime.GOMAXPROCS(0), maxStripes) {
		n *= 2
	}
	return &tally{bounds: bounds, stripes: make([]stripe, n)}
}

// add enters one answer.
func (t *tally) add(class int, took time.Duration) {
	s := &t.stripes[0]
	if n := len(t.stripes); n > 1 {
		s = &t.stripes[rand.Uint32()&uint32(n-1)] //nolint:gosec // any stripe will do
	}
	i := 0
	for i < len(t.bounds) && took > t.bounds[i] {
		i++
	}
	s.classes[class].Add(1)
	s.buckets[i].Add(1)
	s.nanos.Add(int64(took))
}

// sum is what a tally holds at one moment.
type sum struct {
	classes [len(codeNames)]uint64
	buckets [bucketCount]uint64
	nanos   int64
}

// addTo adds what is counted to a sum.
func (t *tally) addTo(to *sum) {
	for i := range t.stripes {
		s := &t.stripes[i]
		for c := range s.classes {
			to.classes[c] += s.classes[c].Load()
		}
		for b := range s.buckets {
			to.buckets[b] += s.buckets[b].Load()
		}
		to.nanos += s.nanos.Load()
	}
}

// histogram is the sum's durations as Prometheus has them.
func (s *sum) histogram(desc *prometheus.Desc, bounds *[bucketCount - 1]time.Duration, labels ...string) prometheus.Metric {
	cumulative := make(map[float64]uint64, len(bounds))
	var n uint64
	for i, bound := range bounds {
		n += s.buckets[i]
		cumulative[bound.Seconds()] = n
	}
	n += s.buckets[len(bounds)]
	return prometheus.MustNewConstHistogram(desc, n, time.Duration(s.nanos).Seconds(), cumulative, labels...)
}
