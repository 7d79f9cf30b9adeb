package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"paritygate/compare"
	"paritygate/internal/admin"
)

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
		rows = append(rows, []string{g.Signature, g.Route, fmt.Sprint(g.Count), g.Cause(), instant(g.Last), g.ExampleID, shortened(strings.Join(places, ", "), 80)})
	}
	p.table([]string{"SIGNATURE", "ROUTE", "COUNT", "CAUSE", "LAST", "EXAMPLE", "DIFFERENCES"}, rows)
	for _, g := range list.Groups {
		if paste := g.Paste(); paste != "" {
			p.linef("\nrules for %s on route %s:\n%s", g.Signature, g.Route, strings.TrimSuffix(paste, "\n"))
		}
	}
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
