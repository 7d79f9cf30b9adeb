package proxy

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"paritygate/compare"
)

// recheckers bounds the mismatches that wait to be asked again; beyond it they stay mismatches.
const recheckers = 256

// rechecker asks both backends again after a mismatch, since one may only lag behind the other. Each mismatch waits on a
// goroutine of its own, so that no worker of the mirror does.
type rechecker struct {
	p     *Proxy
	ctx   context.Context // of Run
	slots chan struct{}
	group sync.WaitGroup
}

func newRechecker(ctx context.Context, p *Proxy) *rechecker {
	return &rechecker{p: p, ctx: ctx, slots: make(chan struct{}, recheckers)}
}

// take takes the exchange over if it may be asked again; otherwise its verdict stands.
func (r *rechecker) take(x *exchange, result compare.Result) bool {
	o := x.table.Recheck
	if o.Attempts < 2 {
		return false
	}
	if r.ctx.Err() != nil {
		x.skip(compare.Shutdown) // it may be a lag, and there is no time to see
		return true
	}
	select {
	case r.slots <- struct{}{}:
	default:
		return false
	}
	if !x.table.recheckRate.Allow() {
		<-r.slots
		return false
	}
	seat := r.p.mirror.desk.take()
	if !seat.put(x) {
		x.skip(compare.Shutdown)
	}
	r.group.Go(func() {
		defer func() { <-r.slots }()
		defer r.p.mirror.desk.leave(seat)
		defer r.p.contain(x)
		r.run(x, result)
	})
	return true
}

// staleAttempts are for naught, at most, before nothing is said of an exchange: under many writes what carries them to the shadow is
// behind now and again, but not for long.
const staleAttempts = 8

// run asks until two agreements in a row make it a lag, or that can no longer happen. The first attempt's share of the rate
// limit is taken already; the later ones wait for theirs.
func (r *rechecker) run(x *exchange, result compare.Result) {
	o := x.table.Recheck
	delay, agreed, stale := min(o.Delay, o.MaxDelay), 0, 0
	for attempt := 1; attempt <= o.Attempts; attempt++ {
		if attempt > 1 && !r.sleep(reserve(x.table.recheckRate)) || !r.sleep(delay) {
			x.skip(compare.Shutdown)
			return
		}
		now := r.p.router.Plan()
		if now.Writes != x.plan.Writes {
			break // one side may stand still by now: it proves nothing
		}
		agree := !now.Stale && r.agrees(x)
		if now.Stale || !agree && x.stale() { // the shadow lacks writes again: that it still differs proves nothing either
			if stale++; stale > staleAttempts {
				x.skip(compare.Stale)
				return
			}
			attempt--
			continue
		}
		if agree {
			agreed++
		} else {
			agreed = 0
		}
		if agreed == 2 {
			result.Verdict = compare.Lagged
			break
		}
		if o.Attempts-attempt+agreed < 2 {
			break
		}
		delay = min(4*delay, o.MaxDelay)
	}
	x.finish(result)
}

func reserve(l *rate.Limiter) time.Duration {
	if res := l.Reserve(); res.OK() {
		return res.Delay()
	}
	return 0
}

// sleep reports whether the time passed before Run ended.
func (r *rechecker) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// agrees asks both backends at the same time and compares.
func (r *rechecker) agrees(x *exchange) bool {
	deadline := time.Now().Add(x.table.ShadowTimeout)
	var legs [2]Leg
	var records [2]recorder
	var asked sync.WaitGroup
	asked.Go(func() {
		defer r.p.contain(x)
		// Nobody is answered by it: it counts as a shadow's, over a shadow's connections.
		a := &asking{role: ShadowRole, in: x.in, route: x.route, once: true}
		legs[0] = r.p.fetch(deadline, x.plan.Reads, a, x, &records[0])
	})
	asked.Go(func() {
		defer r.p.contain(x)
		a := &asking{role: ShadowRole, in: x.in, route: x.route, once: true, marked: true}
		legs[1] = r.p.fetch(deadline, x.plan.Shadow, a, x, &records[1])
	})
	asked.Wait()
	defer records[0].drop()
	defer records[1].drop()
	if legs[0].Answer == nil || legs[1].Answer == nil || legs[0].Status >= 500 {
		return false
	}
	old, fresh := legs[0].Answer, legs[1].Answer
	if x.plan.Reads == New {
		old, fresh = fresh, old
	}
	result, _ := r.p.masked(x.Route, x.route.comparer.Compare(old, fresh))
	return result.Verdict == compare.Match || result.Verdict == compare.Tolerated
}
