package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"paritygate/internal/admin"
	"paritygate/internal/evidence"
)

func newEvents(o *options) *cobra.Command {
	var after, seq int64
	var most int
	var verify bool
	cmd := reading(o, "events", "Show the audit log, or one event with what it rested on", func(ctx context.Context, client *admin.Client) error {
		if err := limit(most); err != nil {
			return err
		}
		if verify {
			return o.verifyEvents(ctx, client)
		}
		if seq != 0 {
			return o.showEvent(ctx, client, seq)
		}
		events, err := client.Events(ctx, after, most)
		if err != nil {
			return err
		}
		return o.print(map[string]any{"events": events}, func(p *printer) { printEvents(p, events) })
	})
	cmd.Long = "Shows who moved what, when and why. With --seq, one event with what it rested on: the gate as it stood, the steps of a flip or a\n" +
		"rollback with their durations, a trigger's figures, what was edited in the configuration."
	cmd.Flags().Int64Var(&after, "after", -1, "only events after the sequence number `SEQ` (-1: the newest)")
	cmd.Flags().IntVar(&most, "limit", 50, "at most `N`, 1 to 1000")
	cmd.Flags().Int64Var(&seq, "seq", 0, "the event with the sequence number `SEQ`, whole")
	cmd.Flags().BoolVar(&verify, "verify", false, "prove by the hashes that no event was changed, removed, reordered or cut off; ends in 1 if one was")
	return cmd
}

func printEvents(p *printer, events []evidence.Event) {
	var rows [][]string
	for _, e := range events {
		rows = append(rows, []string{fmt.Sprint(e.Seq), instant(e.Time), e.Actor, e.Kind, phaseMove(e), fmt.Sprint(e.Epoch), shortened(e.Reason, 100)})
	}
	p.table([]string{"SEQ", "TIME", "ACTOR", "KIND", "PHASE", "EPOCH", "REASON"}, rows)
}

func phaseMove(e evidence.Event) string {
	if e.From == "" || e.To == e.From {
		return e.To
	}
	return e.From + " → " + e.To
}

func (o *options) showEvent(ctx context.Context, client *admin.Client, seq int64) error {
	events, err := client.Events(ctx, max(seq-1, 0), 1)
	if err != nil {
		return err
	}
	if len(events) == 0 || events[0].Seq != seq {
		return exit(exitFailed, "there is no event %d; `paritygate events` lists the newest", seq)
	}
	return o.print(events[0], func(p *printer) { printEvent(p, admin.DetailOf(events[0])) })
}

func printEvent(p *printer, d admin.EventDetail) {
	rows := [][]string{
		{"time", instant(d.Time)},
		{"actor", d.Actor},
		{"kind", d.Kind},
		{"phase", phaseMove(d.Event)},
		{"epoch", fmt.Sprint(d.Epoch)},
		{"reason", visible(d.Reason)},
	}
	for _, f := range d.Facts {
		rows = append(rows, []string{f.Name, visible(f.Value)})
	}
	p.table([]string{"event", fmt.Sprint(d.Seq)}, append(rows, []string{"hash", d.Hash}))
	if len(d.Steps) > 0 {
		p.line("\nsteps:")
	}
	for _, s := range d.Steps {
		p.line("  " + p.paint(outcomeColour[s.Outcome], stepLine(s)))
	}
	if d.Gate != nil {
		p.linef("\nas it stood at %s:", instant(d.Gate.At))
		printGate(p, *d.Gate)
	}
	if d.Diff != "" {
		p.line("\nwhat was edited:")
		for line := range strings.Lines(d.Diff) {
			p.line(p.paint(diffColour(line), visible(strings.TrimRight(line, "\r\n"))))
		}
	}
}

func diffColour(line string) string {
	switch {
	case strings.HasPrefix(line, "-"):
		return "31"
	case strings.HasPrefix(line, "+"):
		return "32"
	}
	return ""
}
