package proxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"

	"github.com/sony/gobreaker/v2"

	"paritygate/compare"
)

// Pair is what a second read of the authority showed beside the shadow's answer: how each differs from the authority's first answer by
// the same rules, before anything is masked.
type Pair struct {
	Shadow, Again compare.Result
}

// again is a second read of the authority, for one exchange: where it differs from the first one there is noise. Its answer is no
// exchange of its own and goes nowhere. A nil one was not asked for.
type again struct {
	leg  Leg
	rec  recorder
	done func(error)

	paired bool // it was compared with the first one
}

// askAgain decides whether the authority is asked a second time for the exchange, which may be any that the shadow is asked for. It is
// not where that would be in somebody's way: the queue is long, the authority is unwell, the limit of mirrored exchanges is reached, or the
// program ends; nor where the phase has changed since, because who was the authority may have stood still for some time.
func (p *Proxy) askAgain(ctx context.Context, x *exchange) *again {
	t := x.table
	if t.Noise <= 0 || rand.Float64() >= t.Noise { //nolint:gosec // sampling needs no secrecy
		return nil
	}
	authority := p.breakers[x.plan.Reads]
	switch {
	case x.plan.Reads != Old || x.plan.Stale || p.router.Plan().Epoch != x.plan.Epoch || ctx.Err() != nil || len(p.mirror.queue) > cap(p.mirror.queue)/4:
		return nil
	case authority[Authority].state() != gobreaker.StateClosed:
		return nil
	case t.mirrorRate != nil && !t.mirrorRate.Allow():
		return nil
	}
	done := authority[ShadowRole].allow()
	if done == nil {
		return nil
	}
	return &again{done: done}
}

// askBoth asks the shadow, and with second the authority again: both at the same time, so that neither waits for the other, and by
// chance the one or the other first, so that neither is always the later one. The shadow's answer is complete when it returns.
func (p *Proxy) askBoth(x *exchange, second *again) Leg {
	if second == nil {
		return p.askShadow(x)
	}
	var leg Leg
	legs := [2]func(){
		func() { leg = p.askShadow(x) },
		func() {
			// Nobody is answered by it: it counts as a shadow's, over a shadow's connections.
			a := &asking{role: ShadowRole, in: x.in, route: x.route, once: true}
			second.leg = p.fetch(x.deadline, x.plan.Reads, a, x, &second.rec)
		},
	}
	first := rand.IntN(2) //nolint:gosec // a coin
	var other sync.WaitGroup
	var panicked any
	other.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				panicked = fmt.Sprintf("%v\n%s", v, debug.Stack())
			}
		}()
		legs[1-first]()
	})
	func() {
		defer other.Wait() // also after a panic: nobody may be at work on the exchange when it ends
		legs[first]()
	}()
	if panicked != nil {
		panic(panicked)
	}
	return leg
}

// endAgain gives back what the second read took, and tells the breaker how it went.
func (p *Proxy) endAgain(x *exchange, s *again) {
	if s == nil {
		return
	}
	told := noiseUnusable
	if s.paired {
		told = noiseCompared
	}
	p.metrics.noise.WithLabelValues(x.Route, told).Inc()
	outcome := s.leg.Err
	switch {
	case errors.Is(outcome, errMemory):
		outcome = errNoBlame
	case outcome == nil && s.leg.Status >= 500:
		outcome = errFailure
	}
	s.done(outcome)
	s.rec.drop()
}

// pair compares the authority's two answers. It returns nil where they, or the shadow's answer, say nothing about noise: because there is
// none, the authority failed, or one comparison did not come to an end.
func (x *exchange) pair(shadow compare.Result, second *again) *Pair {
	if second == nil || !conclusive(shadow) || second.leg.Answer == nil || second.leg.Status >= 500 {
		return nil
	}
	result := x.route.again.Compare(x.leg(x.plan.Reads).Answer, second.leg.Answer)
	if !conclusive(result) {
		return nil
	}
	second.paired = true
	return &Pair{Shadow: shadow, Again: result}
}

func conclusive(r compare.Result) bool {
	return r.Verdict == compare.Match || r.Verdict == compare.Tolerated || r.Verdict == compare.Mismatch
}
