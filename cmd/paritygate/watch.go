package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"paritygate/config"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// watch looks after what nobody asks for: gaps in the evidence, the health of the parts, and SIGHUP.
func (p *Program) watch(ctx context.Context) error {
	healthDone := make(chan struct{})
	go func() { defer close(healthDone); p.health.run(ctx) }()
	defer func() { <-healthDone }()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			p.noteGap(ctx, now)
			p.store.SetWritesOnNew(p.machine.State().WritesOnNew)
		case <-hup:
			p.reloadConfig(ctx)
		}
	}
}

// gathering reports whether reads are being mirrored and compared.
func (p *Program) gathering() bool {
	plan := p.machine.Plan()
	if plan.Shadow == cutover.Nobody || p.proxy.BreakerOpen(backendOf(plan.Shadow), proxy.ShadowRole) {
		return false
	}
	if plan.Fraction > 0 {
		return true
	}
	for _, r := range routesOf(p.current.Load()) {
		if r.mirror != nil && *r.mirror > 0 {
			return true
		}
	}
	return false
}

// noteGap restarts the window when no evidence could be gathered for longer than gate.max_gap: because the proxy was down,
// the fraction 0 or the breaker open. The window begins anew when evidence flows again.
func (p *Program) noteGap(ctx context.Context, now time.Time) {
	limit := p.current.Load().config.Gate.MaxGap
	last, gathering := p.store.LastArmed(), p.gathering()
	if gathering && !last.IsZero() && now.Sub(last) > limit {
		from := last
		if start := p.machine.State().WindowStart; start.After(from) {
			from = start
		}
		if gap := now.Sub(from); gap > limit {
			p.restartWindow(ctx, "gap", fmt.Sprintf("no evidence was gathered for %s, from %s on: the proxy was down, the fraction 0, or new's breaker open",
				gap.Truncate(time.Second), from.UTC().Format(time.RFC3339)), "")
		}
	}
	p.store.Alive(now, gathering)
}

func (p *Program) restartWindow(ctx context.Context, event, reason, checksum string) {
	_, err := p.machine.Do(ctx, cutover.Command{Kind: cutover.Restart, Actor: "paritygate", Event: event, Reason: reason, Checksum: checksum}, nil)
	if err != nil {
		p.log.Error("restarting the window of evidence", zap.String("why", reason), zap.Error(err))
		return
	}
	p.log.Warn("the window of evidence began anew", zap.String("why", reason))
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
	if p.reload == nil {
		return errors.New("there is no file to read")
	}
	next, err := p.reload()
	if err != nil {
		return err
	}
	current := p.current.Load()
	if fixed := config.RestartNeeded(current.config, next.config); len(fixed) > 0 {
		return fmt.Errorf("%s can change only with a restart", strings.Join(fixed, ", "))
	}
	state := p.machine.State()
	drifted := state.ConfigChecksum != next.config.Checksum()
	if drifted && state.Phase == cutover.Live {
		return errors.New("rules, routes and checks cannot change while the run is live; restart with --allow-drift if they must")
	}
	if err := p.proxy.Reload(next.table); err != nil {
		return err
	}
	p.store.SetRoutes(routeInfos(next))
	if p.checks != nil {
		if err := p.checks.SetChecks(next.checks); err != nil {
			return err
		}
	}
	p.current.Store(next)
	if f := next.config.Mirror.Fraction; f != current.config.Mirror.Fraction {
		_, err := p.machine.Do(ctx, cutover.Command{Kind: cutover.Mirror, Actor: "paritygate", Fraction: f, Configured: true, Reason: "the configuration was reloaded"}, nil)
		if err != nil {
			return err
		}
	}
	if drifted {
		p.restartWindow(ctx, "drift", "the configuration was edited", next.config.Checksum())
	}
	return nil
}
