package main

import (
	"context"
	"encoding/json"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// fired reports whether an alert is of a trigger whose condition held, and not of one that had nothing to judge by: a night without
// traffic is no reason to go back.
func fired(e evidence.Event) bool {
	var basis struct {
		State heldBy `json:"state"`
	}
	return json.Unmarshal(e.Evidence, &basis) != nil || basis.State != heldByNothing
}

// soakFacts collects what says for how long new was green. The window begins with the flip, and anew after a gap, a restart or an
// edit that was allowed; a trigger that fired since ends what was green as well.
func (p *Program) soakFacts(ctx context.Context) (cutover.SoakFacts, error) {
	c := p.current.Load()
	gate, err := p.facts(ctx, c)
	if err != nil {
		return cutover.SoakFacts{}, err
	}
	state := p.machine.State()
	f := cutover.SoakFacts{
		Soak: c.config.Run.Soak, Green: state.Since, GreenReason: "the cutover", Follows: p.mirror.on, Gate: gate,
		Answered: max(p.proxy.Answered(proxy.New), gate.Total.NewAsked) + p.keeper.left(state).total(),
	}
	if state.WindowStart.After(f.Green) {
		f.Green, f.GreenReason = state.WindowStart, state.WindowReason
	}
	alert, err := p.store.LastEvent(ctx, f.Green, fired, "alert", "alert_ended")
	if err != nil {
		return f, err
	}
	if alert.Seq != 0 {
		f.Green, f.GreenReason = alert.Time, alert.Reason
	}
	f.Firing = p.triggers.held()
	for _, t := range p.triggers.on(admin.Rollback{}, *p.machine.Plan()).Triggers {
		if t.State == cutover.NoData {
			f.Unjudged = append(f.Unjudged, t.Name)
		}
	}
	broken := p.store.ChainErr() // it stays so for ever, and is shown for as long: ending the run makes nothing worse
	for _, u := range p.health.unwell() {
		if u.Part != "backends.old" && u.Part != "databases.old" && (broken == nil || u.Message != broken.Error()) { // it is new that must be well
			f.Unwell = append(f.Unwell, u.Part+": "+u.Message)
		}
	}
	return f, nil
}

// soak judges whether the run, which is live, may be completed. A store that cannot be read makes it inconclusive.
func (p *Program) soak(ctx context.Context) admin.Soak {
	epoch := p.machine.State().Epoch
	soak := p.judgeSoak(ctx)
	p.soaked.Store(&soaked{epoch, soak})
	return soak
}

func (p *Program) judgeSoak(ctx context.Context) admin.Soak {
	c := p.current.Load().config
	f, err := p.soakFacts(ctx)
	if err != nil {
		return unknownSoak(c.Run.Soak, "the evidence cannot be read: "+err.Error())
	}
	return admin.Soak{Report: cutover.Soak(gateOptions(c), f), Seconds: f.GreenFor().Seconds(), RequiredSeconds: f.Soak.Seconds()}
}

func unknownSoak(required time.Duration, why string) admin.Soak {
	unknown := cutover.Criterion{Name: "soak", Verdict: cutover.Inconclusive, Observed: "unknown", Required: cutover.Spell(required), Reason: why}
	return admin.Soak{
		Report:          cutover.Report{Verdict: cutover.Inconclusive, Criteria: []cutover.Criterion{unknown}, At: time.Now().UTC()},
		RequiredSeconds: required.Seconds(),
	}
}

func tooEarly(soak cutover.Report) error {
	code := admin.CodeGateInconclusive
	switch soak.Verdict {
	case cutover.Pass:
		return nil
	case cutover.Fail:
		code = admin.CodeGateFailed
	case cutover.Inconclusive:
	}
	err := admin.Errorf(code, "new was not green for the whole of run.soak (%s); `paritygate status` says what is missing", soak.Verdict)
	err.Report = &soak
	return err
}
