package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"paritygate/compare/aggregate"
	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// recheck is how long a check that failed waits until it is asked again.
var recheck = []time.Duration{250 * time.Millisecond, time.Second}

// newRunner makes the runner of the configured checks. What the configuration does not say is in the options.
func newRunner(c *compiled, o aggregate.Options) (*aggregate.Runner, error) {
	d := c.config.Databases
	if d == nil {
		d = &config.Databases{}
	}
	o.Old, o.New, o.OldEndpoint, o.NewEndpoint = database(d.Old), database(d.New), endpoint(c.old), endpoint(c.new)
	o.Checks, o.Recheck = c.checks, recheck
	return aggregate.New(o)
}

// progress keeps in the store how far long checks are.
type progress struct{ store *evidence.Store }

func (p progress) Load(ctx context.Context, check string) ([]byte, error) {
	return p.store.CheckProgress(ctx, check)
}

func (p progress) Save(ctx context.Context, check string, state []byte) error {
	return p.store.SaveCheckProgress(ctx, check, state)
}

func (p progress) Clear(ctx context.Context, check string) error {
	return p.store.ClearCheckProgress(ctx, check)
}

func database(d config.Database) aggregate.Database {
	return aggregate.Database{
		DSN: d.DSN.Reveal(), MaxConnections: d.MaxConnections, StatementTimeout: d.StatementTimeout,
		Lag: aggregate.Lag{SQL: d.Lag.SQL, Max: d.Lag.Max},
	}
}

// endpoint reaches a backend as the proxy does, but on a connection of its own, which no client's request waits for.
func endpoint(b proxy.BackendOptions) aggregate.Endpoint {
	return aggregate.Endpoint{
		URL: b.URL, Header: b.Set, Timeout: b.Timeout,
		Transport: &http.Transport{TLSClientConfig: b.TLS, ForceAttemptHTTP2: true, DisableKeepAlives: true},
	}
}

func strictChecks(c *compiled) int {
	n := 0
	for _, k := range c.checks {
		if k.Strict {
			n++
		}
	}
	return n
}

// strictChecks runs the checks that are strict at the cutover with tolerance 0, and says which do not agree.
func (p *Program) strictChecks(ctx context.Context) error {
	var names []string
	for _, k := range p.current.Load().checks {
		if k.Strict {
			names = append(names, k.Name)
		}
	}
	if len(names) == 0 {
		return cutover.ErrNoStrict
	}
	results, err := p.checks.RunAll(ctx, names, aggregate.Mode{Strict: true})
	if err != nil {
		return err
	}
	var disagree []string
	for _, r := range results {
		if r.Verdict != aggregate.Pass {
			disagree = append(disagree, r.Name+": "+strings.TrimSuffix(r.Reason, "."))
		}
	}
	if len(disagree) > 0 {
		return errors.New(strings.Join(disagree, "; "))
	}
	return nil
}

// checked stores a result of the schedule or of an operator's run.
func (p *Program) checked(r aggregate.Result) {
	if r.Verdict != aggregate.Pass && p.mirror.on && p.standsStill() {
		p.log.Info("a check counts for nothing, since a write was on its way to old while it ran", zap.String("check", r.Name), zap.String("reason", r.Reason))
		return
	}
	p.triggers.rows.enter(r)
	result := resultOf(r)
	p.fresh.Store(r.Name, result)
	if err := p.store.SaveCheck(context.Background(), result); err != nil {
		p.log.Error("storing a check's result", zap.String("check", r.Name), zap.Error(err))
	}
	if r.Verdict != aggregate.Pass {
		p.log.Warn("check", zap.String("check", r.Name), zap.String("verdict", string(r.Verdict)), zap.String("reason", r.Reason))
	}
}

func resultOf(r aggregate.Result) evidence.CheckResult {
	tolerance, _ := json.Marshal(r.Tolerance) // strings alone
	differences := make([]evidence.CheckDifference, len(r.Differences))
	for i, d := range r.Differences {
		differences[i] = evidence.CheckDifference(d)
	}
	at := r.At.UTC()
	return evidence.CheckResult{
		Name: r.Name, Type: string(r.Type), Verdict: string(r.Verdict), Variance: r.Variance, Old: r.Old, New: r.New,
		Tolerance: tolerance, Differences: differences, Dropped: r.Dropped, At: &at, DurationSeconds: r.Duration.Seconds(), Reason: r.Reason,
		Attempts: r.Attempts, Lagged: r.Lagged,
		History: []evidence.CheckRun{{At: at, Verdict: string(r.Verdict), Variance: r.Variance}},
	}
}

// standsStill reports whether old's data is behind new's at this moment: from the cutover on, unless the journal's mirror has carried
// everything.
func (p *Program) standsStill() bool {
	plan := p.machine.Plan()
	return plan.Phase == cutover.Complete || plan.Phase == cutover.Live && p.stale(plan)
}

func unknownCheck(err error) bool {
	_, ok := errors.AsType[*aggregate.UnknownCheckError](err)
	return ok
}

// shownRuns is how many runs of a check are shown as its history.
const shownRuns = 20

// checkResults lists every configured check, in order, with its latest result or with the news that it has none.
func (p *Program) checkResults(ctx context.Context) ([]evidence.CheckResult, error) {
	stored, err := p.store.Checks(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the results of the checks: %w", err)
	}
	latest := map[string]evidence.CheckResult{}
	for _, r := range stored {
		latest[r.Name] = r
	}
	window := p.machine.State().WindowStart
	if _, start := p.store.Window(); start.After(window) {
		window = start // a reload: what ran until then were the checks before it
	}
	out := []evidence.CheckResult{}
	for _, k := range p.current.Load().checks {
		r, ok := latest[k.Name]
		if result, measured := p.fresh.Load(k.Name); measured {
			r, ok = result.(evidence.CheckResult), true //nolint:forcetypeassert // stored by checked
		}
		if !ok || r.At == nil || r.At.Before(window) {
			reason := "it has not run since the window of evidence began"
			if p.standsStill() {
				reason = p.mirror.standing() + ", so the checks rest"
			}
			tolerance, _ := json.Marshal(k.Tolerance) // strings alone
			r = evidence.CheckResult{
				Name: k.Name, Type: string(k.Type), Verdict: string(aggregate.Inconclusive), Tolerance: tolerance,
				Differences: []evidence.CheckDifference{}, Reason: reason,
			}
		}
		if r.History, err = p.store.CheckHistory(ctx, k.Name, shownRuns); err != nil {
			return nil, fmt.Errorf("reading the history of check %s: %w", k.Name, err)
		}
		if r.Structural = evidence.Structural(r.History, window); r.Structural != "" {
			r.Reason += " Structural: " + r.Structural + "."
		}
		out = append(out, r)
	}
	return out, nil
}

func (s *service) Checks(ctx context.Context) ([]evidence.CheckResult, error) {
	return s.checkResults(ctx)
}

func (s *service) RunCheck(ctx context.Context, name string) (evidence.CheckResult, error) {
	if s.checks == nil {
		return evidence.CheckResult{}, admin.Errorf(admin.CodeNotFound, "no check %q: none are configured", name)
	}
	r, err := s.checks.RunNow(ctx, name, aggregate.Mode{})
	if unknownCheck(err) {
		return evidence.CheckResult{}, admin.Errorf(admin.CodeNotFound, "%w", err)
	}
	if err != nil {
		return evidence.CheckResult{}, admin.Errorf(admin.CodeUnavailable, "%w", err)
	}
	result := resultOf(r)
	if result.History, err = s.store.CheckHistory(ctx, name, shownRuns); err != nil {
		return evidence.CheckResult{}, fmt.Errorf("reading the history of check %s: %w", name, err)
	}
	return result, nil
}

func newCheck(o *options) *cobra.Command {
	var strict, explain bool
	cmd := &cobra.Command{
		Use: "check [NAME…]", Short: "Run the aggregate checks now, without the proxy",
		Long: "Asks both databases, directly and read-only, and prints what differs.\n" +
			"A check that fails is asked again after 250 ms, and after another second, before it counts.\n" +
			"Ends in 3 if a check fails, else in 4 if one is inconclusive.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := load(o.config, o.sys.lookup)
			if err != nil {
				return err
			}
			if len(c.checks) == 0 {
				return exit(exitUsage, "%s configures no checks", o.config)
			}
			runner, err := newRunner(c, aggregate.Options{})
			if err != nil {
				return exit(exitUsage, "%w", err)
			}
			defer runner.Close()
			if explain {
				return o.explainChecks(cmd.Context(), c, runner, args)
			}
			results, err := runner.RunAll(cmd.Context(), args, aggregate.Mode{Strict: strict})
			if unknownCheck(err) {
				return exit(exitUsage, "%w; %s has %s", err, o.config, checkNames(c))
			}
			if err != nil {
				return err
			}
			return o.showChecks(cmd.Context(), results)
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "with tolerance 0, as at the cutover")
	cmd.Flags().BoolVar(&explain, "explain", false, "print what each statement costs and its plan, and run none")
	cmd.MarkFlagsMutuallyExclusive("strict", "explain")
	return cmd
}

func checkNames(c *compiled) string {
	names := make([]string, len(c.checks))
	for i, k := range c.checks {
		names[i] = k.Name
	}
	return strings.Join(names, ", ")
}

func (o *options) showChecks(ctx context.Context, results []aggregate.Result) error {
	rows := make([]evidence.CheckResult, 0, len(results))
	for _, r := range results {
		rows = append(rows, resultOf(r))
	}
	verdict := aggregate.Worst(results)
	people := func(p *printer) {
		if verdict != aggregate.Pass {
			o.withHistory(ctx, rows)
		}
		printChecks(p, rows)
	}
	if err := o.print(map[string]any{"checks": rows}, people); err != nil {
		return err
	}
	return gateExit(cutover.Verdict(verdict))
}

// probeDatabases asks both databases for a sign of life.
func probeDatabases(ctx context.Context, c *compiled) (oldErr, newErr error) {
	runner, err := newRunner(c, aggregate.Options{})
	if err != nil {
		return err, err
	}
	defer runner.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return runner.Probe(ctx)
}

// databaseParts are the databases that are configured, by their names, with what probing them said.
func databaseParts(c *compiled, oldErr, newErr error) map[string]error {
	parts := map[string]error{}
	if d := c.config.Databases; d != nil && d.Old.DSN != "" {
		parts["databases.old"] = oldErr
	}
	if d := c.config.Databases; d != nil && d.New.DSN != "" {
		parts["databases.new"] = newErr
	}
	return parts
}
