package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"paritygate/config"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// aliveEvery is how often it is noted whether evidence is gathered.
const aliveEvery = time.Second

// watch looks after what nobody asks for: gaps in the evidence, the health of the parts, and SIGHUP.
func (p *Program) watch(ctx context.Context) error {
	var beside sync.WaitGroup
	beside.Go(func() { p.health.run(ctx) })
	beside.Go(func() { p.judging(ctx) })
	defer beside.Wait()
	window, _ := p.store.Window()
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	certificate := time.NewTicker(certificateEvery)
	defer certificate.Stop()
	for {
		select {
		case <-ctx.Done():
			p.keeper.remember()
			p.store.SetWritesOnNew(p.machine.State().WritesOnNew) // the requests are drained: none comes after this
			return nil
		case now := <-tick.C:
			p.noteGap(ctx, now)
			p.settleNoise(ctx)
			if latest, _ := p.store.Window(); latest != window && p.checks != nil {
				window = latest
				p.checks.RunSoon() // what they found before the window began counts no more
			}
			p.keeper.remember()
			p.store.SetWritesOnNew(p.machine.State().WritesOnNew)
		case <-p.wrote:
			p.store.SetWritesOnNew(p.machine.State().WritesOnNew)
			_ = p.store.Flush(ctx) // the store says itself if it cannot
		case <-p.options.hup:
			p.reloadConfig(ctx)
			p.readCertificate(ctx, true)
		case <-certificate.C:
			p.readCertificate(ctx, false)
		}
	}
}

// maxGap is for how long evidence may be missing; it is seen only once in aliveEvery.
func maxGap(c *config.Config) time.Duration { return c.Gate.MaxGap + aliveEvery }

// noteGap restarts the window when no evidence could be gathered for longer than gate.max_gap: because the proxy was down,
// the fraction 0 or the breaker open. The window begins anew when evidence flows again; until then the gate sees the gap by
// itself. A gap is forgotten only once the restart was stored.
func (p *Program) noteGap(ctx context.Context, now time.Time) {
	gathering := p.gathering()
	from := p.store.LastArmed()
	if start := p.machine.State().WindowStart; start.After(from) {
		from = start
	}
	if gap := now.Sub(from); gathering && gap > maxGap(p.current.Load().config) {
		why := "no evidence was gathered for %s, from %s on: the proxy was down, the fraction 0, or new's breaker open"
		if p.standsStill() {
			why = "new was not seen for %s, from %s on: the proxy was down, or could not reach it"
		}
		reason := fmt.Sprintf(why, gap.Truncate(time.Second), from.UTC().Format(time.RFC3339))
		if !p.restartWindow(ctx, reason) {
			return
		}
	}
	p.store.Alive(now, gathering)
}

// restartFor bounds how long the watch waits for a restart of the window to be stored; it tries again.
const restartFor = 5 * time.Second

func (p *Program) restartWindow(ctx context.Context, reason string) bool {
	ctx, cancel := context.WithTimeout(ctx, restartFor)
	defer cancel()
	_, err := p.machine.Do(ctx, cutover.Command{Kind: cutover.Restart, Actor: "paritygate", Event: "gap", Reason: reason}, nil)
	switch {
	case errors.Is(err, cutover.ErrBusy):
		p.log.Debug("restarting the window of evidence has to wait", zap.Error(err))
	case err != nil:
		p.log.Error("restarting the window of evidence", zap.String("why", reason), zap.Error(err))
	default:
		p.log.Warn("the window of evidence began anew", zap.String("why", reason))
	}
	return err == nil
}

// reloadConfig reads the configuration again. A bad file keeps the running one.
func (p *Program) reloadConfig(ctx context.Context) {
	err := p.tryReload(ctx)
	p.metrics.reloaded(err == nil)
	if err != nil {
		p.log.Error("the configuration was not reloaded; the running one stays", zap.Error(err))
		p.audit(ctx, p.auditLine("reload_failed", err.Error()))
		return
	}
	p.log.Info("the configuration was reloaded")
	p.audit(ctx, p.auditLine("reload", "the configuration was reloaded"))
}

func (p *Program) auditLine(kind, reason string) evidence.Event {
	state := p.machine.State()
	return evidence.Event{
		Actor: "paritygate", Kind: kind, From: string(state.Phase), To: string(state.Phase), Epoch: state.Epoch, Reason: reason,
	}
}

func (p *Program) tryReload(ctx context.Context) error {
	if p.options.reload == nil {
		return errors.New("there is no file to read")
	}
	next, err := p.options.reload()
	if err != nil {
		return err
	}
	current := p.current.Load()
	if fixed := config.RestartNeeded(current.config, next.config); len(fixed) > 0 {
		return fmt.Errorf("%s can change only with a restart", strings.Join(fixed, ", "))
	}
	if err := p.record(ctx, current, next); err != nil {
		return err
	}
	err = p.swap(ctx, next)
	if err == nil {
		err = p.recordCanary(ctx, current, next) // by the key and for the routes that are in force now
	}
	if err != nil {
		return errors.Join(err, p.swap(ctx, current), p.record(ctx, next, current))
	}
	return nil
}

// record stores that another configuration comes into force, before it does. Rules, routes or checks that were edited begin
// the window anew, and cannot change while the run is live or moves there.
func (p *Program) record(ctx context.Context, from, to *compiled) error {
	state := p.machine.State()
	command := cutover.Command{
		Kind: cutover.Mirror, Actor: "paritygate", Reason: "the configuration was reloaded", Epoch: state.Epoch,
		Fraction: to.config.Mirror.Fraction, Configured: to.config.Mirror.Fraction != from.config.Mirror.Fraction,
	}
	checksum := to.config.Checksum()
	switch drifted := state.ConfigChecksum != checksum; {
	case drifted && state.Phase == cutover.Live:
		return fmt.Errorf("rules, routes, tolerances and checks cannot change while the run is live; restart with --allow-drift if they must. Edited: %s",
			fieldList(config.EvidenceChanges(from.config, to.config)))
	case drifted:
		command.Kind, command.Checksum, command.ConfigText = cutover.Drift, checksum, string(to.config.EvidenceYAML())
		command.Reason = "the configuration was edited: " + fieldList(config.EvidenceChanges(from.config, to.config))
	case !command.Configured:
		return nil
	}
	_, err := p.machine.Do(ctx, command, nil)
	return err
}

// maxNamed bounds how many fields a sentence names.
const maxNamed = 8

func fieldList(paths []string) string {
	if more := len(paths) - maxNamed; more > 0 {
		return strings.Join(paths[:maxNamed], ", ") + fmt.Sprintf(", and %d more", more)
	}
	return strings.Join(paths, ", ")
}

// swap puts a configuration into force. What was compared under the one before, or masked by it, counts in no window but its own.
func (p *Program) swap(ctx context.Context, next *compiled) error {
	if err := p.proxy.Reload(next.table); err != nil {
		return err
	}
	if p.checks != nil {
		if err := p.checks.SetChecks(next.checks); err != nil {
			return err
		}
	}
	p.store.SetRoutes(routeInfos(next))
	before := p.current.Swap(next)
	p.settleNoise(ctx)
	if before.config.Checksum() != next.config.Checksum() {
		// What was not written is tried again by the store, which says so itself.
		_ = p.store.RestartWindow(context.Background(), time.Now().UTC())
	}
	return nil
}
