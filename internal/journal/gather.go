package journal

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Writers come back at about the same time, once what they waited for is synced. A leader that writes at once takes the first of them and has
// all others wait for a whole sync more; two halves of the writers then take turns for ever, at twice the syncs. So a leader waits until as
// many as lately were under way have come, but no longer than half a sync after the last of them. A lone writer never waits.

const (
	// peakCommits is for how many commits the number of writes under way is remembered.
	peakCommits = 16
	// maxGather bounds the waiting for all of them where syncs are so fast that the writers' own time counts.
	maxGather = 2 * time.Millisecond
	// spinBelow is the wait for which a timer is too coarse.
	spinBelow = time.Millisecond
	// maxRest bounds for how many commits nothing is waited for after nobody came.
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
	idle     int           // how often in turn nobody came
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
	want := g.expected()
	if j.o.Interval > 0 || b.arrived.Load() == 0 || b.arrived.Load() >= want || g.syncTime == 0 {
		return
	}
	if g.rest > 0 {
		g.rest--
		return
	}
	before := b.arrived.Load()
	stall := g.syncTime / 2
	if stall >= spinBelow {
		b.waitFor(want, stall)
	} else {
		b.spinFor(want, stall)
	}
	if b.arrived.Load() > before {
		g.idle = 0
		return
	}
	// Those under way wait for something else than this.
	g.idle++
	g.rest = min(1<<min(g.idle, 16), maxRest)
}

// waitFor waits until as many have come, half a sync at most.
func (b *batch) waitFor(want int64, stall time.Duration) {
	timer := time.NewTimer(stall)
	defer timer.Stop()
	for b.arrived.Load() < want {
		select {
		case <-b.more:
		case <-timer.C:
			return
		}
	}
}

// spinFor lets others run until as many have come, or nobody has for a while.
func (b *batch) spinFor(want int64, stall time.Duration) {
	began := time.Now()
	last, seen, yields := began, b.arrived.Load(), 0
	for {
		runtime.Gosched()
		yields++
		n, now := b.arrived.Load(), time.Now()
		switch {
		case n >= want || now.Sub(began) >= maxGather:
			return
		case n > seen:
			last, seen, yields = now, n, 0
		case now.Sub(last) >= stall && yields > 2:
			return
		}
	}
}
