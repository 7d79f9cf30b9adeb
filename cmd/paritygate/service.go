package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// service is the run behind the admin API.
type service struct{ *Program }

func (s *service) Status(context.Context) (admin.Status, error) {
	state, c := s.machine.State(), s.current.Load().config
	plan := s.machine.Plan()
	total := s.store.Total()
	bound := cutover.Bound{Confidence: c.Gate.Confidence}
	now := time.Now()
	status := admin.Status{
		Run: state.Run, Phase: state.Phase, Epoch: state.Epoch, Since: state.Since, Reason: state.Reason, Actor: state.Actor,
		Mirror: admin.Fraction{Fraction: plan.Fraction}, Canary: admin.Fraction{Fraction: plan.Canary},
		Config: admin.Config{Checksum: c.Checksum(), Drift: state.Drift},
		Window: admin.Window{
			Start: state.WindowStart, Reason: state.WindowReason,
			Seconds: max(now.Sub(state.WindowStart), 0).Seconds(), RequiredSeconds: c.Run.Window.Seconds(),
		},
		Parity: admin.Parity{
			Eligible: total.Eligible(), Compared: compared(&total), MismatchRate: mismatchRate(&total),
			UpperBound: bound.Upper(total.Units, total.BadUnits), Tolerance: c.Compare.Tolerance,
		},
		Rollback:   s.triggers.on(doubted(rollbackSafety(state, s.keeper.left(state)), s.machine.Disputed()), *plan),
		Cutover:    admin.Flip{Steps: stepsAt(s.machine.Steps(), now)},
		Fence:      admin.Fence{Configured: c.Cutover.Fence != nil, Standing: state.Fenced},
		Journal:    s.keeper.view(state),
		Forced:     state.Forced,
		HeldWrites: int64(s.proxy.Held()), Unwell: s.health.unwell(), Version: buildInfo().Version,
		Warnings: s.warnings(state), UptimeSeconds: now.Sub(s.started).Seconds(),
	}
	if state.Phase == cutover.Live {
		status.Soak = s.soakAsItStood(state.Epoch)
	}
	return status, nil
}

func writes(n int64) string {
	if n == 1 {
		return "1 write"
	}
	return fmt.Sprintf("%d writes", n)
}

func (s *service) warnings(state cutover.State) []string {
	c := s.current.Load()
	warnings := []string{}
	if state.Phase != cutover.Complete {
		warnings = append(warnings, unguarded(c)...)
	}
	if c.config.Journal.Key == "" && state.Phase != cutover.Complete {
		warnings = append(warnings, noKey)
	}
	if state.Phase == cutover.Live && s.trails(s.machine.Plan()) {
		warnings = append(warnings, s.mirror.standing()+": reverse comparisons are skipped as stale")
	}
	if text := doubled(state.Phase, c.config); text != "" {
		warnings = append(warnings, text)
	}
	if j := s.judged.Load(); j != nil && state.Phase != cutover.Complete {
		warnings = append(warnings, j.structural...)
	}
	warnings = append(warnings, s.triggers.warnings()...)
	if n := s.proxy.Masked(); n > 0 {
		warnings = append(warnings, fmt.Sprintf("mirror.noise.auto masks the values at %s: what new gets wrong there and old changes by itself is not seen", places(n)))
	}
	if n := s.store.NoiseUncounted(); n > 0 {
		warnings = append(warnings, fmt.Sprintf("second reads of old found %d differences at more places of a route than are kept: what is said of noise leaves them out", n))
	}
	return warnings
}

// unguarded says what a flip would do without.
func unguarded(c *compiled) []string {
	var warnings []string
	if strictChecks(c) == 0 {
		warnings = append(warnings, "no check is strict_at_cutover: a flip does not compare the data while writes are held")
	}
	if c.config.Cutover.Fence == nil {
		warnings = append(warnings, "cutover.fence is not configured: once new has the writes nothing keeps jobs, people and other services from writing to old, and what they write there is lost to new")
	}
	return warnings
}

func places(n int) string {
	if n == 1 {
		return "1 place"
	}
	return fmt.Sprintf("%d places", n)
}

func (s *service) Gate(ctx context.Context) (cutover.Report, error) { return s.gate(ctx) }

func (s *service) Routes(ctx context.Context, all bool) ([]admin.Route, error) {
	stats := s.store.Routes()
	if all {
		var err error
		if stats, err = s.store.RoutesAll(ctx); err != nil {
			return nil, err
		}
	}
	return routeViews(s.current.Load(), stats, s.store.Noise("")), nil
}

func (s *service) Mismatches(ctx context.Context, q admin.MismatchQuery) ([]evidence.Group, []evidence.Sample, error) {
	return s.store.Mismatches(ctx, evidence.Filter{Route: q.Route, Signature: q.Signature, Verdict: q.Verdict, Limit: q.Limit})
}

func (s *service) Mismatch(ctx context.Context, id string) (evidence.Sample, error) {
	sample, ok, err := s.store.Mismatch(ctx, id)
	if err == nil && !ok {
		err = admin.Errorf(admin.CodeNotFound, "no mismatch %q is kept", id)
	}
	return sample, err
}

func (s *service) Events(ctx context.Context, after int64, limit int) ([]evidence.Event, error) {
	return s.store.Events(ctx, after, limit)
}

func (s *service) AuditHead(ctx context.Context) (evidence.Head, error) {
	return s.store.AuditHead(ctx)
}

func (s *service) SetMirror(ctx context.Context, change admin.Change, fraction float64) error {
	return s.do(ctx, change, cutover.Command{Kind: cutover.Mirror, Fraction: fraction, Reason: "the fraction was set to " + percent(fraction)})
}

func (s *service) SetCanary(ctx context.Context, change admin.Change, fraction float64) error {
	return s.do(ctx, change, cutover.Command{Kind: cutover.SetCanary, Fraction: fraction, Reason: "new answers " + percent(fraction) + " of the reads"})
}

func (s *service) Attest(ctx context.Context, change admin.Change, name, text string) error {
	if err := s.sameEpoch(change); err != nil {
		return err
	}
	now := time.Now().UTC()
	if err := s.store.Attest(ctx, evidence.Attestation{Name: name, Actor: change.Actor, Time: now, Evidence: text}); err != nil {
		return admin.Errorf(admin.CodeUnavailable, "the attestation was not stored: %w", err)
	}
	state := s.machine.State()
	s.audit(ctx, evidence.Event{Time: now, Actor: change.Actor, Kind: "attest", From: string(state.Phase), To: string(state.Phase), Epoch: state.Epoch, Reason: name + ": " + text})
	return nil
}

// Attestations lists what the gate asks for, in its order, and then whatever else was vouched for.
func (s *service) Attestations(ctx context.Context) ([]admin.Attestation, error) {
	given, err := s.store.Attestations(ctx)
	if err != nil {
		return nil, err
	}
	valid, err := s.attested(ctx)
	if err != nil {
		return nil, err
	}
	var out []admin.Attestation
	for _, name := range gateOptions(s.current.Load().config).Required() {
		out = append(out, admin.Attestation{Name: name, Required: true})
	}
	for _, a := range given {
		at := slices.IndexFunc(out, func(o admin.Attestation) bool { return o.Name == a.Name })
		if at < 0 {
			at = len(out)
			out = append(out, admin.Attestation{Name: a.Name})
		}
		out[at].Valid, out[at].Actor, out[at].Time, out[at].Evidence = valid[a.Name], a.Actor, &a.Time, a.Evidence
	}
	return out, nil
}

func (s *service) sameEpoch(change admin.Change) error {
	if epoch := s.machine.State().Epoch; change.Epoch != nil && *change.Epoch != epoch {
		return admin.Errorf(admin.CodeWrongEpoch, "the run is in epoch %d, not %d; look at `paritygate status` and decide again", epoch, *change.Epoch)
	}
	return nil
}

// Cutover judges the gate and, unless it is a dry run, flips.
func (s *service) Cutover(ctx context.Context, change admin.Change, dryRun, force bool) (cutover.Report, error) {
	state := s.machine.State()
	if err := s.sameEpoch(change); err != nil {
		return cutover.Report{}, err
	}
	if state.Phase != cutover.Shadow && state.Phase != cutover.Canary {
		return cutover.Report{}, admin.Errorf(admin.CodeWrongPhase, "%w", cutover.Misplaced(cutover.Flip, state.Phase))
	}
	judged := cutover.Step{Name: cutover.StepGate, Began: time.Now().UTC(), Outcome: cutover.Done}
	report, err := s.gate(ctx)
	if err != nil {
		return report, err
	}
	judged.Seconds, judged.Detail = time.Since(judged.Began).Seconds(), gateStep(report, force)
	if dryRun {
		return s.rehearse(ctx, report, force)
	}
	if !force {
		if err := refusal(report); err != nil {
			return report, err
		}
	}
	// What would abandon the flip for certain is found before a write is held for it.
	lines, _ := s.databaseLines(ctx, s.current.Load(), false)
	lines = append(append(lines, s.journalLine(ctx)), s.mirror.lines()...)
	if err := unready(cutover.Report{Verdict: report.Verdict, Criteria: slices.Concat(report.Criteria, lines), At: report.At}, lines); err != nil {
		return report, err
	}
	reason := cmp.Or(change.Reason, "the gate passes")
	if force {
		reason = "forced past the gate (" + string(report.Verdict) + "): " + reason
	}
	command := cutover.Command{
		Kind: cutover.Flip, Reason: reason, Evidence: report, Forced: force && report.Verdict != cutover.Pass,
		Done: []cutover.Step{judged},
	}
	change.Epoch = &state.Epoch // what was judged is what is flipped
	if !force {
		command.Window = state.WindowStart
	}
	return report, s.do(ctx, change, command)
}

// stepsAt gives steps under way the time that they have taken until now.
func stepsAt(taken []cutover.Step, now time.Time) []cutover.Step {
	steps := slices.Concat([]cutover.Step{}, taken)
	for i := range steps {
		if steps[i].Outcome == cutover.UnderWay {
			steps[i].Seconds = max(now.Sub(steps[i].Began), 0).Seconds()
		}
	}
	return steps
}

// gateStep says how the gate was judged, as a step of the flip.
func gateStep(report cutover.Report, force bool) string {
	passed := 0
	for _, c := range report.Criteria {
		if c.Verdict == cutover.Pass {
			passed++
		}
	}
	text := fmt.Sprintf("%s, %d of %d criteria pass", report.Verdict, passed, len(report.Criteria))
	if force && report.Verdict != cutover.Pass {
		text += "; forced past it"
	}
	return text
}

func refusal(report cutover.Report) error {
	var code admin.Code
	switch report.Verdict {
	case cutover.Pass:
		return nil
	case cutover.Fail:
		code = admin.CodeGateFailed
	case cutover.Inconclusive:
		code = admin.CodeGateInconclusive
	}
	err := admin.Errorf(code, "the gate does not pass (%s); `paritygate gate` says why", report.Verdict)
	err.Report = &report
	return err
}

func (s *service) Rollback(ctx context.Context, change admin.Change) error {
	change.Epoch = nil // a rollback is never refused for it
	return s.do(ctx, change, cutover.Command{Kind: cutover.Rollback, Reason: change.Reason})
}

func (s *service) Restart(ctx context.Context, change admin.Change) error {
	return s.do(ctx, change, cutover.Command{Kind: cutover.Restart, Reason: change.Reason})
}

// do makes a change and says its refusal in the API's words.
func (s *service) do(ctx context.Context, change admin.Change, command cutover.Command) error {
	command.Actor = change.Actor
	if change.Epoch != nil {
		command.Epoch = *change.Epoch
	}
	_, err := s.machine.Do(ctx, command, nil)
	if command.Kind == cutover.Flip {
		s.metrics.flipped(err)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cutover.ErrPhase):
		return admin.Errorf(admin.CodeWrongPhase, "%w", err)
	case errors.Is(err, cutover.ErrEpoch):
		return admin.Errorf(admin.CodeWrongEpoch, "%w", err)
	case errors.Is(err, cutover.ErrBusy), errors.Is(err, cutover.ErrFlip):
		return admin.Errorf(admin.CodeConflict, "%w", err)
	case errors.Is(err, cutover.ErrStore), errors.Is(err, cutover.ErrFence):
		return admin.Errorf(admin.CodeUnavailable, "%w", err)
	}
	return err
}

// audit writes a line that is no change of state; one that cannot be stored is logged.
func (p *Program) audit(ctx context.Context, e evidence.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	if _, err := p.store.Append(ctx, e); err != nil {
		p.log.Error("the audit log did not take an event", zap.String("kind", e.Kind), zap.String("reason", e.Reason), zap.Error(err))
	}
}

func (s *service) Readiness() admin.Readiness {
	return admin.Readiness{State: s.life.Load().(admin.State), Unwell: s.health.unwell()} //nolint:forcetypeassert // stored by newProgram
}
