package main

import (
	"context"
	"time"

	"paritygate/compare"
	"paritygate/config"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// routeFact is what the configuration says of a route, the built-in ones included.
type routeFact struct {
	name      string
	kind      proxy.Kind
	declared  bool
	optional  bool
	wildcard  bool
	tolerance float64
	mirror    *float64
	withheld  bool // from the canary
}

// routesOf lists the declared routes in order, then the built-in ones that they do not replace.
func routesOf(c *compiled) []routeFact {
	var out []routeFact
	seen := map[string]bool{}
	for i, r := range c.config.Routes {
		f := routeFact{name: r.Name, kind: kinds[r.Kind], declared: true, optional: r.Optional, tolerance: c.config.Compare.Tolerance, mirror: r.Mirror, withheld: c.table.Routes[i].Withheld}
		if r.Tolerance != nil {
			f.tolerance = *r.Tolerance
		}
		if pattern, err := proxy.ParsePattern(c.table.Routes[i].Path); err == nil {
			f.wildcard = pattern.HasWildcard()
		}
		out, seen[r.Name] = append(out, f), true
	}
	for _, builtIn := range []routeFact{{name: config.Read, kind: proxy.Read, withheld: c.table.Canary.Withheld}, {name: config.Write, kind: proxy.Write}} {
		if !seen[builtIn.name] {
			builtIn.tolerance = c.config.Compare.Tolerance
			out = append(out, builtIn)
		}
	}
	return out
}

func compared(r *evidence.RouteStats) int64 { return r.Eligible() - r.Verdicts[compare.Skipped] }

// mismatchRate is the share of the compared exchanges that count against parity.
func mismatchRate(r *evidence.RouteStats) float64 {
	n := compared(r)
	if n == 0 {
		return 0
	}
	return float64(r.Verdicts[compare.Mismatch]+r.Verdicts[compare.Failed]) / float64(n)
}

// gate judges the evidence as it stands.
func (p *Program) gate(ctx context.Context) (cutover.Report, error) {
	c := p.current.Load()
	facts, err := p.facts(ctx, c)
	if err != nil {
		return cutover.Report{}, err
	}
	report := cutover.Evaluate(gateOptions(c.config), facts)
	p.judged.Store(&judgement{report: report.Bounded(), structural: structuralGaps(facts)})
	return report, nil
}

func gateOptions(c *config.Config) cutover.GateOptions {
	return cutover.GateOptions{
		Window: c.Run.Window, Confidence: c.Gate.Confidence, Tolerance: c.Compare.Tolerance,
		MinSamples: int64(c.Gate.MinSamples), MinSamplesPerRoute: int64(c.Gate.MinSamplesPerRoute),
		MaxSkipped: c.Gate.MaxSkipped, MaxLagged: c.Gate.MaxLagged, ErrorRate: c.Gate.ErrorRate,
		Latency:      cutover.LatencyLimit{Quantile: c.Gate.Latency.Quantile, Ratio: c.Gate.Latency.Ratio, Floor: c.Gate.Latency.Floor},
		Attestations: c.Gate.Attestations, MaxGap: maxGap(c), Reshaping: reshaping(c),
	}
}

// reshaping lists the rules that let new answer in another shape than old.
func reshaping(c *config.Config) []string {
	var out []string
	add := func(rules []config.Rule, where string) {
		for _, r := range rules {
			if compiled := rule(r); compiled.Shape() {
				out = append(out, compiled.String()+where)
			}
		}
	}
	add(c.Compare.Rules, "")
	for _, r := range c.Routes {
		add(r.Compare.Rules, " (route "+r.Name+")")
	}
	return out
}

func (p *Program) facts(ctx context.Context, c *compiled) (cutover.Facts, error) {
	state := p.machine.State()
	f := cutover.Facts{
		Now: time.Now().UTC(), WindowStart: state.WindowStart, WindowReason: state.WindowReason,
		Gathered: p.store.LastArmed(), Masked: p.proxy.Masked(),
	}
	if _, start := p.store.Window(); start.After(f.WindowStart) {
		f.WindowStart = start // what is counted began later, at a reload
	}
	total := p.store.Total()
	f.Total = routeFacts(&total, routeFact{name: "_all", tolerance: c.config.Compare.Tolerance})
	stats := map[string]evidence.RouteStats{}
	for _, r := range p.store.Routes() {
		stats[r.Route] = r
	}
	for _, r := range routesOf(c) {
		if s := stats[r.name]; r.kind == proxy.Read {
			f.Routes = append(f.Routes, routeFacts(&s, r))
		}
	}
	results, err := p.checkResults(ctx)
	if err != nil {
		return f, err
	}
	for i, k := range c.checks {
		fact := cutover.CheckFacts{Name: k.Name, Verdict: cutover.Verdict(results[i].Verdict), Reason: results[i].Reason, MaxAge: k.MaxAge, Structural: results[i].Structural}
		if results[i].At != nil {
			fact.At = *results[i].At
		}
		f.Checks = append(f.Checks, fact)
	}
	f.Attested, err = p.attested(ctx)
	return f, err
}

// attested returns the names of what was attested. That the clients are ready holds for the rules as they were: an edit of the
// configuration takes it back.
func (p *Program) attested(ctx context.Context) (map[string]bool, error) {
	list, err := p.store.Attestations(ctx)
	if err != nil {
		return nil, err
	}
	edited, err := p.store.LastEvent(ctx, time.Time{}, nil, string(cutover.Drift))
	names := map[string]bool{}
	for _, a := range list {
		if a.Name != cutover.ClientsReady || a.Time.After(edited.Time) {
			names[a.Name] = true
		}
	}
	return names, err
}

func routeFacts(s *evidence.RouteStats, r routeFact) cutover.RouteFacts {
	// An answer of new without a status has no latency, and one with a 5xx need not be counted.
	return cutover.RouteFacts{
		Route: r.name, Declared: r.declared, Optional: r.optional, Wildcard: r.wildcard, Tolerance: r.tolerance,
		Eligible: s.Eligible(), Conditional: s.Skipped[compare.Conditional],
		Skipped: s.Verdicts[compare.Skipped] - s.Skipped[compare.Conditional] - s.Skipped[compare.Stale],
		Samples: s.Samples, Distinct: s.Distinct, Units: s.Units, BadUnits: s.BadUnits, LaggedUnits: s.LaggedUnits,
		NewAsked: s.NewAsked, NewErrors: s.NewErrors, OldLatency: s.OldAt, NewLatency: s.NewAt,
		OldLatencies: compared(s), NewLatencies: max(s.NewAsked-s.NewErrors, 0),
	}
}
