package journal

import (
	"sync/atomic"
	"time"
)

// Writers come back at about the same time, once what they waited for is synced. A leader that writes at once takes the first of them and has
// all others wait for a whole sync more; two halves of the writers then take turns for ever, at twice the syncs. So a leader waits until as
// many as lately were under way have come, but for half a sync at most, or, of many, after the last of them. All of them are released at the
// same time, and so come back at about the same time again. A lone writer never waits, and where not all have come it is not done for a while.

const (
	// peakCommits is for how many commits the number of writes under way is remembered.
	peakCommits = 16
	// manyWriters have it in turns on the processor, not on the disk, where that is fast: from so many on the last of them may come later,
	// as long as others do, up to maxStall and maxGather.
	manyWriters = 8
	maxStall    = 2 * time.Millisecond
	maxGather   = 10 * time.Millisecond
	// maxRest bounds for how many commits nothing is waited for after not all have come.
	maxRest = 64
)

// gathering decides how long a leader waits for others before it writes.
type gathering struct {
	underWay atomic.Int64 // writes between the begin of Begin and the end of Answered
	peak     atomic.Int64 // of underWay, lately

	// The leader's.
	commits  int
	former   int64         // the peak of the commits before
	syncTime time.Duration // lately
	rest     int           // for how many commits nothing is waited for
	failed   int           // how often in turn not all came
}

// came counts a write that begins, and went one that has ended.
func (g *gathering) came() {
	n := g.underWay.Add(1)
	for {
		peak := g.peak.Load()
		if n <= peak || g.peak.CompareAndSwap(peak, n) {
			return
		}
	}
}

func (g *gathering) went() { g.underWay.Add(-1) }

// synced notes how long a sync took.
func (g *gathering) synced(took time.Duration) {
	if g.syncTime == 0 {
		g.syncTime = took
	}
	g.syncTime += (took - g.syncTime) / 8
}

// expected is how many are likely to wait for the commit that is about to be made.
func (g *gathering) expected() int64 {
	g.commits++
	peak := max(g.peak.Load(), g.former)
	if g.commits%peakCommits == 0 {
		g.former = g.peak.Swap(g.underWay.Load())
	}
	return peak
}

// gatherMore waits for those who are likely to join the batch. Its caller leads.
func (j *Journal) gatherMore(b *batch) {
	g := &j.gather
	want, before := g.expected(), b.arrived.Load()
	if j.o.Interval > 0 || before == 0 || before >= want || g.syncTime == 0 {
		return
	}
	if g.rest > 0 {
		g.rest--
		return
	}
	stall, limit := g.syncTime/2, g.syncTime/2
	if want >= manyWriters {
		stall = max(stall, min(maxStall, 8*g.syncTime))
		limit = max(limit, min(maxGather, 64*g.syncTime))
	}
	if b.gather(want, stall, limit) {
		g.failed = 0
		return
	}
	g.failed++
	g.rest = min(1<<min(g.failed-1, 16), maxRest)
}

// gather waits until as many have come; false if nobody came for a while, or the time was over, before.
func (b *batch) gather(want int64, stall, limit time.Duration) bool {
	b.want.Store(want)
	defer b.want.Store(0)
	end := time.Now().Add(limit)
	timer := time.NewTimer(stall)
	defer timer.Stop()
	for seen := b.arrived.Load(); seen < want; {
		select {
		case <-b.full:
			return true
		case now := <-timer.C:
			n := b.arrived.Load()
			if n == seen || !now.Before(end) {
				return n >= want
			}
			seen = n
			timer.Reset(min(stall, end.Sub(now)))
		}
	}
	return true
}
