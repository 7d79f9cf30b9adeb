package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"paritygate/compare"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// The packages know nothing of each other; these types let them meet.

// router lets the proxy ask the cutover machine where traffic goes, and the journal's mirror whether old is behind.
type router struct{ program *Program }

func (r router) Plan() proxy.Plan {
	p := r.program.machine.Plan()
	return proxy.Plan{
		Epoch: p.Epoch, Reads: backendOf(p.Reads), Shadow: backendOf(p.Shadow), Fraction: p.Fraction, Canary: p.Canary,
		Writes: backendOf(p.Writes), Hold: p.Hold, Refuse: p.Refuse, Fallback: p.Fallback, Stale: r.program.stale(p),
		Journal: r.program.journalMode(p),
	}
}

func backendOf(s cutover.Side) proxy.Backend {
	return [...]proxy.Backend{cutover.Nobody: proxy.None, cutover.Old: proxy.Old, cutover.New: proxy.New}[s]
}

// traffic lets the cutover machine drive the proxy.
type traffic struct{ program *Program }

func (t traffic) Drain(ctx context.Context, of cutover.Side) (int, error) {
	return t.program.proxy.Drain(ctx, backendOf(of))
}
func (t traffic) CloseStreams(of cutover.Side) { t.program.proxy.CloseStreams(backendOf(of)) }
func (t traffic) Abandon(of cutover.Side)      { t.program.proxy.Abandon(backendOf(of)) }
func (t traffic) Release(ctx context.Context)  { t.program.proxy.Release(ctx) }

// ResetTriggers follows a change of epoch. Streams to a backend that lost its reads by it end as well: a canary that is over is over
// for them too.
func (t traffic) ResetTriggers() {
	t.program.proxy.ResetBreakers()
	t.program.proxy.CloseStrayed()
	t.program.triggers.epochChanged()
}

// observer tells the evidence and the machine what the proxy saw.
type observer struct{ program *Program }

func (o observer) Begin(arrived time.Time) { o.program.store.Begin(arrived) }

func (o observer) Finish(x *proxy.Exchange) {
	e := evidence.Exchange{
		Time: x.Arrived, Route: x.Route, Method: x.Method, Target: x.Target, Header: x.Header, Fingerprint: x.Fingerprint,
		Epoch: x.Epoch, Verdict: x.Result.Verdict, Reason: x.Result.Reason, Differences: x.Result.Differences,
		Suppressed: x.Result.Suppressed, Old: legOf(x.Old), New: legOf(x.New), Authority: x.Authority.String(),
		Masked: x.Masked,
	}
	if x.Pair != nil {
		e.Pair = &evidence.Pair{Shadow: x.Pair.Shadow, Again: x.Pair.Again}
	}
	o.program.store.Finish(&e)
	o.program.triggers.compared(x)
}

func legOf(l proxy.Leg) evidence.Leg {
	out := evidence.Leg{Status: l.Status, Duration: l.Duration}
	if l.Err != nil {
		out.Error = l.Err.Error()
	}
	if l.Answer != nil {
		out.Header, out.Body = fieldsOf(l.Answer), l.Answer.Body
	}
	return out
}

// fieldsOf returns an answer's header with its trailers, which are shown and stored as one.
func fieldsOf(a *compare.Answer) map[string][]string {
	if len(a.Trailer) == 0 {
		return a.Header
	}
	all := maps.Clone(a.Header)
	if all == nil {
		all = make(map[string][]string, len(a.Trailer))
	}
	for name, values := range a.Trailer {
		all[name] = slices.Concat(all[name], values)
	}
	return all
}

// WriteToNew counts the write, and has the next flush know of it. The first one is flushed at once: after a crash the count may
// be too low, but it must not say that nothing was written.
func (o observer) WriteToNew(uint64) {
	n := o.program.machine.WriteToNew()
	o.program.store.SetWritesOnNew(n)
	if n == 1 {
		select {
		case o.program.wrote <- struct{}{}:
		default: // asked for already
		}
	}
}

// Tripped hands a trip to the owner of the triggers, who decides what follows.
func (o observer) Tripped(t proxy.Trip) { o.program.triggers.tripNow(t) }

// stateStore lets the cutover machine keep its state in the evidence store.
type stateStore struct {
	store    *evidence.Store
	followed time.Time // the start of the window that the evidence follows
}

func (s *stateStore) Load(ctx context.Context) (cutover.State, bool, error) {
	var out cutover.State
	stored, ok, err := s.store.State(ctx)
	if err != nil || !ok {
		return out, false, err
	}
	if err := json.Unmarshal(stored.Body, &out); err != nil {
		return out, false, fmt.Errorf("the stored state: %w", err)
	}
	s.follow(ctx, out) // its commit may have ended in a crash, or in an error that it was not
	return out, true, nil
}

// Commit stores the state with its line of the audit log, and then moves the window of the evidence along.
func (s *stateStore) Commit(ctx context.Context, expect uint64, st cutover.State, t cutover.Transition) error {
	body, err := json.Marshal(st)
	if err != nil {
		return err
	}
	basis, err := json.Marshal(t.Evidence)
	if err != nil {
		return err
	}
	_, err = s.store.Commit(ctx, expect,
		evidence.State{Run: st.Run, Phase: string(st.Phase), Epoch: st.Epoch, Body: body},
		evidence.Event{
			Time: t.Time, Actor: t.Actor, Kind: t.Kind, From: string(t.From), To: string(t.To), Epoch: t.Epoch,
			Reason: t.Reason, Evidence: basis,
		})
	if err != nil {
		return err
	}
	s.follow(ctx, st)
	return nil
}

// follow moves the window of the evidence along with the state. Where the disk does not take it, the store holds it in
// memory, says so itself, and tries again. A window that begins before the one that it follows, because the clock was set back, is
// a new one all the same: what was seen before it must not count.
func (s *stateStore) follow(ctx context.Context, st cutover.State) {
	_, start := s.store.Window()
	anew := !s.followed.IsZero() && !st.WindowStart.Equal(s.followed)
	s.followed = st.WindowStart
	if anew || st.WindowStart.After(start) {
		_ = s.store.RestartWindow(ctx, st.WindowStart)
	}
}

// step logs each step of a flip or rollback that has ended, or is tried again.
func (p *Program) step(s cutover.Step) {
	log := p.log.Info
	if s.Outcome == cutover.UnderWay && s.Detail == "" {
		return
	}
	if s.Outcome == cutover.Failed {
		log = p.log.Warn
	}
	log("step", zap.String("step", string(s.Name)), zap.String("outcome", string(s.Outcome)), zap.Float64("seconds", s.Seconds), zap.String("detail", s.Detail))
}
