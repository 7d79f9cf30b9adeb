package main

import (
	"context"
	"strings"

	"paritygate/compare/aggregate"
)

// planned is a check with what the databases think that it costs.
type planned struct {
	Name       string              `json:"name"`
	Type       string              `json:"type"`
	MaxCost    float64             `json:"max_cost"` // 0: no limit
	Statements []aggregate.Planned `json:"statements"`
	Problem    string              `json:"problem,omitempty"`
}

// explainChecks prints what the checks would ask, and what it costs, without asking it.
func (o *options) explainChecks(ctx context.Context, c *compiled, runner *aggregate.Runner, names []string) error {
	explanations, err := runner.Explain(ctx, names)
	if unknownCheck(err) {
		return exit(exitUsage, "%w; %s has %s", err, o.config, checkNames(c))
	}
	if err != nil {
		return err
	}
	problems := 0
	plans := make([]planned, len(explanations))
	for i, e := range explanations {
		plans[i] = planned{
			Name: e.Check.Name, Type: string(e.Check.Type), MaxCost: e.Check.MaxCost, Statements: e.Statements, Problem: e.Problem,
		}
		if e.Statements == nil {
			plans[i].Statements = []aggregate.Planned{}
		}
		if e.Problem != "" {
			problems++
		}
	}
	people := func(p *printer) {
		for i, e := range explanations {
			if i > 0 {
				p.line("")
			}
			printExplanation(p, e)
		}
	}
	if err := o.print(map[string]any{"explanations": plans}, people); err != nil {
		return err
	}
	if problems > 0 {
		return exit(exitInconclusive, "%d of %d checks could not be planned", problems, len(explanations))
	}
	return nil
}

func printExplanation(p *printer, e aggregate.Explanation) {
	p.linef("%s (%s)", e.Check.Name, e.Check.Type)
	for _, s := range e.Statements {
		cost := s.CostText()
		if refused := s.Refused(e.Check); refused != "" {
			cost += ", " + refused
		}
		p.linef("  %s  cost %s  %s", s.Side, cost, visible(strings.Join(strings.Fields(s.SQL), " ")))
		for _, line := range s.Plan {
			p.line("       " + visible(line))
		}
	}
	switch {
	case e.Problem != "":
		p.line("  not planned: " + visible(e.Problem))
	case len(e.Statements) == 0:
		p.line("  asks nothing that costs: endpoints, or the system catalogs alone")
	}
}
