package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// reading makes a command that asks the running proxy for something and shows it, once or with --watch again and again.
func reading(o *options, use, short string, show func(context.Context, *admin.Client) error) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use: use, Short: short, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := o.client()
			if err != nil {
				return err
			}
			return o.watching(cmd.Context(), watch, func(ctx context.Context) error { return show(ctx, client) })
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "follow: ask again every two seconds")
	return cmd
}

func newStatus(o *options) *cobra.Command {
	return reading(o, "status", "Show where the run is", func(ctx context.Context, client *admin.Client) error {
		s, err := client.Status(ctx)
		if err != nil {
			return err
		}
		return o.print(s, func(p *printer) { printStatus(p, s) })
	})
}

func printStatus(p *printer, s admin.Status) {
	p.table([]string{"run", s.Run}, [][]string{
		{"phase", fmt.Sprintf("%s (epoch %d, since %s, by %s)", s.Phase, s.Epoch, instant(s.Since), s.Actor)},
		{"reason", s.Reason},
		{"mirror", percent(s.Mirror.Fraction) + " of the reads"},
		{"parity", parityText(s.Parity)},
		{"window", fmt.Sprintf("since %s (%s)", instant(s.Window.Start), s.Window.Reason)},
		{"rollback", rollbackText(s.Rollback)},
		{"config", shortened(s.Config.Checksum, 13) + map[bool]string{true: ", drifted since the run began"}[s.Config.Drift]},
	})
	for _, u := range s.Unwell {
		p.linef("unwell: %s: %s", u.Part, u.Message)
	}
	for _, w := range s.Warnings {
		p.linef("warning: %s", w)
	}
}

func parityText(s admin.Parity) string {
	if s.Compared == 0 {
		return "nothing was compared yet"
	}
	return fmt.Sprintf("%s of %d compared differ, at most %s; %s is allowed", percent(s.MismatchRate), s.Compared, percent(s.UpperBound), percent(s.Tolerance))
}

func rollbackText(r admin.Rollback) string {
	text := "safe"
	if !r.Safe {
		text = "NOT safe: " + r.Reason
	}
	if r.Armed {
		return text + "; triggers are armed"
	}
	return text
}

func newGate(o *options) *cobra.Command {
	cmd := reading(o, "gate", "Show whether the evidence allows the cutover", func(ctx context.Context, client *admin.Client) error {
		report, err := client.Gate(ctx)
		if err != nil {
			return err
		}
		if err := o.print(report, func(p *printer) { printGate(p, report) }); err != nil {
			return err
		}
		return gateExit(report.Verdict)
	})
	cmd.Long = "Shows every criterion of the gate. Ends in 0 when it passes, 3 when it fails, 4 when it is inconclusive."
	return cmd
}

func gateExit(v cutover.Verdict) error {
	switch v {
	case cutover.Fail:
		return &exitError{code: exitGate}
	case cutover.Inconclusive:
		return &exitError{code: exitInconclusive}
	case cutover.Pass:
	}
	return nil
}

func printGate(p *printer, report cutover.Report) {
	p.linef("gate: %s", report.Verdict)
	var rows [][]string
	for _, c := range report.Criteria {
		rows = append(rows, []string{c.Name, string(c.Verdict), c.Observed, c.Required})
	}
	p.table([]string{"CRITERION", "VERDICT", "OBSERVED", "REQUIRED"}, rows)
	for _, c := range report.Criteria {
		if c.Verdict != cutover.Pass {
			p.linef("%s: %s", c.Name, c.Reason)
		}
	}
}

func newRoutes(o *options) *cobra.Command {
	var all bool
	cmd := reading(o, "routes", "Show what was seen on each route", func(ctx context.Context, client *admin.Client) error {
		routes, err := client.Routes(ctx, all)
		if err != nil {
			return err
		}
		return o.print(map[string]any{"routes": routes}, func(p *printer) { printRoutes(p, routes) })
	})
	cmd.Flags().BoolVar(&all, "all", false, "since the run began, not since the window did")
	return cmd
}

func printRoutes(p *printer, routes []admin.Route) {
	var rows [][]string
	for _, r := range routes {
		rate, bound := "-", "-"
		if r.Eligible > r.Verdicts[compare.Skipped] { // a rate of nothing would read as parity
			rate, bound = percent(r.MismatchRate), percent(r.UpperBound)
		}
		row := []string{r.Route, r.Kind, fmt.Sprint(r.Eligible)}
		for _, v := range compare.Verdicts {
			row = append(row, fmt.Sprint(r.Verdicts[v]))
		}
		rows = append(rows, append(row, rate, bound,
			latency(r.Latency.Old.P50)+" / "+latency(r.Latency.Old.P99), latency(r.Latency.New.P50)+" / "+latency(r.Latency.New.P99)))
	}
	p.table([]string{
		"ROUTE", "KIND", "ELIGIBLE", "MATCH", "TOLERATED", "LAGGED", "MISMATCH", "FAILED", "SKIPPED", "RATE", "AT MOST",
		"OLD P50 / P99", "NEW P50 / P99",
	}, rows)
	for _, r := range routes {
		var reasons []string
		for reason, n := range r.Skipped {
			if n > 0 {
				reasons = append(reasons, fmt.Sprintf("%s %d", reason, n))
			}
		}
		if sort.Strings(reasons); len(reasons) > 0 {
			p.linef("%s skipped: %s", r.Route, strings.Join(reasons, ", "))
		}
	}
}

func newMismatches(o *options) *cobra.Command {
	var query admin.MismatchQuery
	var verdict, id string
	cmd := reading(o, "mismatches", "Show where the two backends differ", func(ctx context.Context, client *admin.Client) error {
		if err := limit(query.Limit); err != nil {
			return err
		}
		if id != "" {
			one, err := client.Mismatch(ctx, id)
			if err != nil {
				return err
			}
			return o.print(one, func(p *printer) { printMismatch(p, one, len(one.Differences)) })
		}
		query.Verdict = compare.Verdict(verdict)
		list, err := client.Mismatches(ctx, query)
		if err != nil {
			return err
		}
		return o.print(list, func(p *printer) { printMismatches(p, list) })
	})
	flags := cmd.Flags()
	flags.StringVar(&query.Route, "route", "", "only of this `ROUTE`")
	flags.StringVar(&query.Signature, "signature", "", "only of this group, by its `SIGNATURE`")
	flags.StringVar(&verdict, "verdict", "", "only of this `VERDICT`: mismatch or failed")
	flags.IntVar(&query.Limit, "limit", 20, "at most `N` groups and samples, 1 to 1000")
	flags.StringVar(&id, "id", "", "the mismatch `ID` whole, with both answers")
	return cmd
}

func printMismatches(p *printer, list admin.Mismatches) {
	if len(list.Groups) == 0 {
		p.line("no mismatches since the window of evidence began")
		return
	}
	var rows [][]string
	for _, g := range list.Groups {
		var places []string
		for _, d := range admin.DistinctPlaces(g.Differences) {
			places = append(places, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Location, d.Path, d.Kind)))
		}
		rows = append(rows, []string{g.Signature, g.Route, fmt.Sprint(g.Count), instant(g.Last), g.ExampleID, shortened(strings.Join(places, ", "), 80)})
	}
	p.table([]string{"SIGNATURE", "ROUTE", "COUNT", "LAST", "EXAMPLE", "DIFFERENCES"}, rows)
	for _, m := range list.Mismatches {
		printMismatch(p, m, fewDifferences)
	}
}

// fewDifferences is how many differences of a sample a list shows.
const fewDifferences = 5

// printMismatch shows a sample with at most so many of its differences.
func printMismatch(p *printer, m admin.Mismatch, most int) {
	p.linef("\n%s %s  %s %s  %s: old %s, new %s", m.ID, instant(m.Time), m.Request.Method, m.Request.Path, m.Verdict, answered(m.Old), answered(m.New))
	for i, d := range m.Differences {
		if i == most {
			p.linef("  and %d more: --id %s", len(m.Differences)-most, m.ID)
			break
		}
		line := fmt.Sprintf("  %s (%s)", strings.TrimSpace(fmt.Sprintf("%s %s", d.Location, d.Path)), d.Kind)
		if d.Old != "" || d.New != "" {
			line += fmt.Sprintf(": old %s, new %s", quoted(d.Old), quoted(d.New))
		}
		p.line(line)
	}
	for _, side := range []struct {
		name string
		leg  admin.Leg
	}{{"old", m.Old}, {"new", m.New}} {
		if side.leg.Error != "" {
			p.linef("  %s: %s", side.name, side.leg.Error)
		}
		if side.leg.Captured != nil {
			p.linef("  %s's answer after %s:\n%s", side.name, latency(side.leg.DurationSeconds), side.leg.Body)
		}
	}
}

// answered is the status of an answer, or says that there was none.
func answered(l admin.Leg) string {
	if l.Status == 0 {
		return "no answer"
	}
	return fmt.Sprint(l.Status)
}

// quoted shows a value of a difference, and that there is none.
func quoted(value string) string {
	if value == "" {
		return "-"
	}
	return shortened(value, 120)
}

func newChecks(o *options) *cobra.Command {
	return reading(o, "checks", "Show the latest results of the aggregate checks", func(ctx context.Context, client *admin.Client) error {
		checks, err := client.Checks(ctx)
		if err != nil {
			return err
		}
		return o.print(map[string]any{"checks": checks}, func(p *printer) { printChecks(p, checks) })
	})
}

func printChecks(p *printer, checks []evidence.CheckResult) {
	if len(checks) == 0 {
		p.line("no checks are configured")
		return
	}
	var rows [][]string
	text := func(s *string) string {
		if s == nil {
			return "-"
		}
		return shortened(*s, 24)
	}
	for _, c := range checks {
		variance, at := "-", "never"
		if c.Variance != nil {
			variance = percent(*c.Variance)
		}
		if c.At != nil {
			at = instant(*c.At)
		}
		rows = append(rows, []string{c.Name, c.Type, c.Verdict, text(c.Old), text(c.New), variance, at, c.Reason})
	}
	p.table([]string{"CHECK", "TYPE", "VERDICT", "OLD", "NEW", "VARIANCE", "AT", "REASON"}, rows)
}

func newEvents(o *options) *cobra.Command {
	var after int64
	var most int
	cmd := reading(o, "events", "Show the audit log", func(ctx context.Context, client *admin.Client) error {
		if err := limit(most); err != nil {
			return err
		}
		events, err := client.Events(ctx, after, most)
		if err != nil {
			return err
		}
		return o.print(map[string]any{"events": events}, func(p *printer) {
			var rows [][]string
			for _, e := range events {
				move := e.From
				if e.To != e.From {
					move += " → " + e.To
				}
				rows = append(rows, []string{fmt.Sprint(e.Seq), instant(e.Time), e.Actor, e.Kind, move, fmt.Sprint(e.Epoch), shortened(e.Reason, 100)})
			}
			p.table([]string{"SEQ", "TIME", "ACTOR", "KIND", "PHASE", "EPOCH", "REASON"}, rows)
		})
	})
	cmd.Flags().Int64Var(&after, "after", -1, "only events after the sequence number `SEQ` (-1: the newest)")
	cmd.Flags().IntVar(&most, "limit", 50, "at most `N`, 1 to 1000")
	return cmd
}
