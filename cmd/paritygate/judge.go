package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

// judgement is what the gate said last.
type judgement struct {
	report     cutover.Report // bounded
	structural []string       // a sentence for each check that passes with a gap that stays the same
}

// soaked is what the soak said last, in one epoch.
type soaked struct {
	epoch uint64
	soak  admin.Soak
}

func structuralGaps(f cutover.Facts) []string {
	var out []string
	for _, c := range f.Checks {
		if c.Structural != "" {
			out = append(out, "check "+c.Name+": "+c.Structural)
		}
	}
	return out
}

// gateAsItStood is the gate's report of the last second, for the audit log; nil before the first. It waits for nothing.
func (p *Program) gateAsItStood() *cutover.Report {
	if j := p.judged.Load(); j != nil {
		return &j.report
	}
	return nil
}

// soakAsItStood is what the soak said in the last second, for the status, which must be there when the store's disk hangs.
func (p *Program) soakAsItStood(epoch uint64) *admin.Soak {
	if s := p.soaked.Load(); s != nil && s.epoch == epoch {
		return &s.soak
	}
	soak := unknownSoak(p.current.Load().config.Run.Soak, "it was not judged yet")
	return &soak
}

const (
	judgeEvery = time.Second
	judgeFor   = 5 * time.Second
)

// judge keeps what gate and soak say at hand until ctx ends, so that nobody who must not wait has to ask the store.
func (p *Program) judge(ctx context.Context) {
	tick := time.NewTicker(judgeEvery)
	defer tick.Stop()
	for {
		within, cancel := context.WithTimeout(ctx, judgeFor)
		_, err := p.gate(within)
		if p.machine.State().Phase == cutover.Live {
			p.soak(within)
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			p.log.Debug("the gate cannot be judged", zap.Error(err)) // the store says itself what is wrong with it
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// judging runs judge until ctx ends. A call of the store that hangs is not waited for longer than it may take.
func (p *Program) judging(ctx context.Context) {
	done := make(chan struct{})
	go func() { defer close(done); p.judge(ctx) }()
	<-ctx.Done()
	select {
	case <-done:
	case <-time.After(judgeFor):
		p.log.Error("the store hangs, and is not waited for any longer")
	}
}
