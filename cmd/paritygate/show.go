package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
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

// printStatus writes a run on one screen: what is nothing at the moment has no line.
func printStatus(p *printer, s admin.Status) {
	rows := [][]string{
		{"phase", fmt.Sprintf("%s (epoch %d, since %s, by %s)", s.Phase, s.Epoch, instant(s.Since), s.Actor)},
		{"reason", s.Reason},
	}
	row := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{name, text})
		}
	}
	row("forced", visible(s.Forced))
	row("step", underWay(s.Cutover))
	row("held", heldWrites(s.HeldWrites))
	if s.Phase == cutover.Complete {
		row("mirror", "nothing: the run is complete")
	} else {
		row("mirror", percent(s.Mirror.Fraction)+" of the reads")
	}
	if s.Canary.Fraction > 0 {
		row("canary", percent(s.Canary.Fraction)+" of the reads are answered by new")
	}
	row("parity", parityText(s.Parity))
	row("window", fmt.Sprintf("since %s (%s)", instant(s.Window.Start), s.Window.Reason))
	row("rollback", rollbackText(s.Rollback))
	row("journal", s.Journal.Line())
	row("mirror of writes", s.Journal.Mirror.Line())
	row("triggers", triggersText(s.Rollback.Triggers))
	row("fence", fenceText(s.Fence))
	row("config", shortened(s.Config.Checksum, 13)+map[bool]string{true: ", drifted since the run began"}[s.Config.Drift])
	p.table([]string{"run", s.Run}, rows)
	if s.Soak != nil {
		printSoak(p, *s.Soak)
	}
	for _, u := range s.Unwell {
		p.linef("unwell: %s: %s", u.Part, u.Message)
	}
	for _, w := range s.Warnings {
		p.linef("warning: %s", w)
	}
}

// underWay is the step that a flip or rollback is at; empty if none is.
func underWay(f admin.Flip) string {
	if s := f.Current(); s != nil {
		return strings.Join(strings.Fields(stepLine(*s)), " ")
	}
	return ""
}

func heldWrites(n int64) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 write waits"
	}
	return fmt.Sprintf("%d writes wait", n)
}

// triggersText lists the triggers by what they would do; empty where all rest.
func triggersText(triggers []admin.Trigger) string {
	var parts []string
	for _, state := range []cutover.TriggerState{cutover.Firing, cutover.Armed, cutover.Manual, cutover.NoData} {
		var names []string
		for _, t := range triggers {
			if t.State == state {
				names = append(names, t.Name)
			}
		}
		if len(names) > 0 {
			parts = append(parts, strings.ReplaceAll(string(state), "_", " ")+": "+strings.Join(names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

func fenceText(f admin.Fence) string {
	switch {
	case f.Standing:
		return "up: old refuses the application's writes"
	case f.Configured:
		return "down, as far as this run knows"
	}
	return ""
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
	p.linef("%s: %s", reportName(report), report.Verdict)
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
	for _, u := range report.Unmeasured {
		p.line(u)
	}
}
