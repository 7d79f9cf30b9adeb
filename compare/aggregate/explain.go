package aggregate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Explanation is what the databases think that a check costs.
type Explanation struct {
	Check Check
	// Statements are those that would be run, of both sides, as far as they are known beforehand: later ones of a check may
	// depend on what the earlier ones find. A side with HTTP has none.
	Statements []Planned
	// Problem says why not all could be planned; empty if they could. It holds no secret.
	Problem string
}

// Planned is a statement with the database's plan for it.
type Planned struct {
	Side string  `json:"side"` // old or new
	SQL  string  `json:"sql"`
	Cost float64 `json:"cost"` // in PostgreSQL's unit: 1 is a page that is read in sequence
	// Plan is how the statement would be run, line by line as EXPLAIN writes it.
	Plan []string `json:"plan"`
}

// errExplained ends an inquiry whose statements are known.
var errExplained = errors.New("the statements are planned, and not run")

// maxPlan bounds the lines of a plan.
const maxPlan = 10_000

// Explain plans the statements of the named checks, of all without names, and runs none of them but those that look up in the
// system catalogs what there is to be asked. Unknown names are an error.
func (r *Runner) Explain(ctx context.Context, names []string) ([]Explanation, error) {
	chosen, err := r.choose(names, Mode{})
	if err != nil {
		return nil, err
	}
	if !r.enter() {
		return nil, ErrClosed
	}
	defer r.running.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.life, func() { cancel(ErrClosed) })()
	var out []Explanation
	for _, p := range chosen {
		e, err := r.explain(ctx, p)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil && !errors.Is(err, errExplained) {
			e.Problem = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		out = append(out, e)
	}
	return out, nil
}

func (r *Runner) explain(ctx context.Context, p *plan) (Explanation, error) {
	e := Explanation{Check: p.check}
	var planners [2]*planner
	a := &asking{runner: r, plan: p, wrap: func(i int, s source) source {
		planners[i] = &planner{source: s, side: sides[i], web: p.web[i] != nil, catalog: p.readsCatalog()}
		return planners[i]
	}}
	both, end, err := a.open(ctx)
	if err != nil {
		return e, err
	}
	defer end()
	asked := &pair{sides: both, allowed: p.bounds, strict: true, planning: true, databases: r.identity()}
	asked.renew = func(context.Context, time.Duration) error { return errExplained }
	err = p.inquiry.measure(ctx, asked, &Result{Name: p.check.Name, Type: p.check.Type})
	for _, s := range planners {
		e.Statements = append(e.Statements, s.planned...)
	}
	if err != nil && len(e.Statements) > 0 && !errors.Is(err, errExplained) && !planners[0].failed && !planners[1].failed {
		err = nil // what was not answered could not be judged
	}
	return e, err
}

// planner is a side that plans what it is asked, and answers with nothing.
type planner struct {
	source
	side    string
	web     bool
	catalog bool // reads of the system catalogs are run: they tell what there is to be asked
	failed  bool
	planned []Planned
}

func (p *planner) ask(ctx context.Context, sql string, most int) (*answer, error) {
	if p.web {
		return &answer{}, nil
	}
	a, err := p.plan(ctx, sql, most)
	p.failed = p.failed || err != nil
	return a, err
}

func (p *planner) plan(ctx context.Context, sql string, most int) (*answer, error) {
	e, err := estimate(ctx, p.source, sql)
	if err != nil {
		return nil, err
	}
	if p.catalog && e.system {
		return p.source.ask(ctx, sql, most)
	}
	lines, err := p.source.ask(ctx, "EXPLAIN "+sql, maxPlan)
	if err != nil {
		return nil, err
	}
	planned := Planned{Side: p.side, SQL: sql, Cost: e.cost, Plan: []string{}}
	for _, row := range lines.rows {
		planned.Plan = append(planned.Plan, row[0].text)
	}
	p.planned = append(p.planned, planned)
	return &answer{}, nil
}

// Refused says why a statement would not be run; empty if it would.
func (p Planned) Refused(c Check) string {
	if c.MaxCost == 0 || p.Cost <= c.MaxCost {
		return ""
	}
	return fmt.Sprintf("more than the %s allowed (max_cost)", costText(c.MaxCost))
}

// CostText is the cost as people write it.
func (p Planned) CostText() string { return costText(p.Cost) }
