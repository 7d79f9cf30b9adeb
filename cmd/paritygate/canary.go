package main

import (
	"context"
	"slices"

	"paritygate/config"
	"paritygate/internal/cutover"
	"paritygate/proxy"
)

// reshapes reports whether rules forgive that new's answers have another shape: they prove new right and its clients unready.
func reshapes(rules []config.Rule) bool {
	return slices.ContainsFunc(rules, func(r config.Rule) bool { compiled := rule(r); return compiled.Shape() })
}

// withheld reports whether new never answers a route's reads in the canary: as the route says, and else where rules reshape them.
func withheld(c *config.Config, r config.Route) bool {
	if r.Canary != nil {
		return !*r.Canary
	}
	return reshapes(r.Compare.Rules) || reshapes(c.Compare.Rules)
}

func canaryOptions(c *config.Config) proxy.CanaryOptions {
	return proxy.CanaryOptions{Key: c.Canary.Key, AfterWrite: c.Canary.AfterWrite, Withheld: reshapes(c.Compare.Rules)}
}

// recordCanary stores a fraction of the canary that was edited. Where there is no canary, it is noted and has no effect.
func (p *Program) recordCanary(ctx context.Context, from, to *compiled) error {
	fraction := to.config.Canary.Fraction
	if fraction == from.config.Canary.Fraction {
		return nil
	}
	_, err := p.machine.Do(ctx, cutover.Command{
		Kind: cutover.SetCanary, Actor: "paritygate", Reason: "the configuration was reloaded: canary.fraction is " + percent(fraction),
		Fraction: fraction, Configured: true,
	}, nil)
	return err
}

// gathering reports whether reads are being mirrored and compared, on every route that the gate waits for. Each backend that is
// somebody's shadow must be asked freely: in a canary that may be both.
func (p *Program) gathering() bool {
	plan := p.machine.Plan()
	if plan.Phase == cutover.Live && p.trails(plan) {
		return p.health.well("backends.new") // nothing can be compared: what counts is that new was there, and this proxy
	}
	asked := shadowsAsked(*plan, routesOf(p.current.Load()))
	return len(asked) > 0 && !slices.ContainsFunc(asked, func(b proxy.Backend) bool { return !p.proxy.BreakerClosed(b, proxy.ShadowRole) })
}

// shadowsAsked lists the backends that are asked as shadows: none if nothing is mirrored, or a route that the gate waits for is not.
func shadowsAsked(plan cutover.Plan, routes []routeFact) []proxy.Backend {
	var asked []proxy.Backend
	add := func(s cutover.Side) {
		if b := backendOf(s); b != proxy.None && !slices.Contains(asked, b) {
			asked = append(asked, b)
		}
	}
	for _, r := range routes {
		fraction := plan.Fraction
		if r.mirror != nil {
			fraction = *r.mirror
		}
		takesPart := plan.Canary > 0 && !r.withheld
		switch {
		case r.kind != proxy.Read:
		case fraction == 0 && r.declared && !r.optional:
			return nil
		case fraction == 0:
		case takesPart:
			add(plan.Reads) // of what new answers
			if plan.Canary < 1 {
				add(plan.Shadow)
			}
		default:
			add(plan.Shadow)
		}
	}
	return asked
}
