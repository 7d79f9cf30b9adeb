package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"paritygate/internal/admin"
)

// change is what every command that changes the run has in common: it names the run and the epoch that it means to change,
// and asks for confirmation on a terminal.
type change struct {
	o      *options
	yes    bool
	reason string
	warns  bool   // the status's warnings are shown before the question
	leaves string // what becomes of the writes that are on new alone, %s: stands in the question
	flips  bool   // a conflict may be a flip that was begun and abandoned; of anything else it is a refusal
}

func (c *change) flags(cmd *cobra.Command, withReason bool) {
	cmd.Flags().BoolVarP(&c.yes, "yes", "y", false, "do not ask for confirmation")
	if withReason {
		cmd.Flags().StringVar(&c.reason, "reason", "", "why, for the audit log")
	}
}

// do asks the run's status, has the person confirm, and makes the change in the epoch that was shown.
func (c *change) do(ctx context.Context, what string, act func(context.Context, *admin.Client, admin.Status) (admin.Status, error)) error {
	client, err := c.o.client()
	if err != nil {
		return err
	}
	before, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if c.warns {
		c.warn(before)
	}
	if n := before.Rollback.UnreplayedWrites; n > 0 && c.leaves != "" {
		what += "; " + fmt.Sprintf(c.leaves, writes(n))
	}
	if err := c.confirm(fmt.Sprintf("run %s, phase %s, epoch %d: %s", before.Run, before.Phase, before.Epoch, what)); err != nil {
		return err
	}
	after, err := act(ctx, client, before)
	if e, ok := errors.AsType[*admin.Error](err); ok && e.Code == admin.CodeConflict && !c.flips {
		return exit(exitRefused, "%w", err) // nothing was begun that could have failed
	}
	if err != nil {
		return err
	}
	return c.o.print(after, func(p *printer) { printStatus(p, after) })
}

// warn says what a person should know before deciding.
func (c *change) warn(s admin.Status) {
	for _, w := range s.Warnings {
		fmt.Fprintln(c.o.sys.err, "warning: "+w)
	}
}

// in is the change, in the epoch that was shown.
func (c *change) in(s admin.Status) admin.Change {
	return admin.Change{Reason: c.reason, Epoch: &s.Epoch}
}

// confirm asks on a terminal; a script says --yes, and one that does not is refused.
func (c *change) confirm(question string) error {
	if c.yes {
		return nil
	}
	if !isTerminal(c.o.sys.in) {
		return exit(exitUsage, "%s: this is no terminal to confirm it on; add --yes", question)
	}
	fmt.Fprintf(c.o.sys.err, "%s. Go on? [y/N] ", question)
	answer, err := bufio.NewReader(c.o.sys.in).ReadString('\n')
	if text := strings.ToLower(strings.TrimSpace(answer)); err != nil || text != "y" && text != "yes" {
		return exit(exitRefused, "not confirmed, nothing was changed")
	}
	return nil
}

func (c *change) needReason() error {
	if strings.TrimSpace(c.reason) == "" {
		return exit(exitUsage, "say why with --reason TEXT; it goes into the audit log")
	}
	return nil
}

func newMirror(o *options) *cobra.Command {
	return newFraction(o, &cobra.Command{Use: "mirror FRACTION", Short: "Change the fraction of the reads that is mirrored, such as 25%"},
		func(f string) string { return "mirror " + f + " of the reads" }, (*admin.Client).SetMirror)
}

func newCanary(o *options) *cobra.Command {
	return newFraction(o, &cobra.Command{
		Use: "canary FRACTION", Short: "Have new answer a fraction of the reads, such as 5%",
		Long: "Has new answer a fraction of the reads, and old the rest; each is compared with the other's answer. Who was answered by new at 5% is\n" +
			"so at 10%. 0% goes back to shadow. Writes stay at old.",
	}, func(f string) string { return "have new answer " + f + " of the reads" }, (*admin.Client).SetCanary)
}

// newFraction is a command that changes a fraction.
func newFraction(
	o *options, cmd *cobra.Command, what func(fraction string) string,
	set func(*admin.Client, context.Context, admin.Change, float64) (admin.Status, error),
) *cobra.Command {
	c := &change{o: o}
	cmd.Args = one("the FRACTION, such as 25%")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fraction, err := parseFraction(args[0])
		if err != nil {
			return err
		}
		return c.do(cmd.Context(), what(percent(fraction)), func(ctx context.Context, client *admin.Client, s admin.Status) (admin.Status, error) {
			return set(client, ctx, c.in(s), fraction)
		})
	}
	c.flags(cmd, false)
	return cmd
}

func newAttest(o *options) *cobra.Command {
	c := &change{o: o}
	var evidence string
	cmd := &cobra.Command{
		Use: "attest NAME --evidence TEXT", Short: "Record that you vouch for something the gate asks for", Args: one("the NAME that stands in gate.attestations"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(evidence) == "" {
				return exit(exitUsage, "say with --evidence TEXT what you saw, such as where the backup is and how its restore was checked")
			}
			return c.do(cmd.Context(), "attest "+args[0], func(ctx context.Context, client *admin.Client, s admin.Status) (admin.Status, error) {
				after, err := client.Attest(ctx, c.in(s), args[0], evidence)
				if err == nil {
					c.unasked(ctx, client, args[0])
				}
				return after, err
			})
		},
	}
	cmd.Flags().StringVar(&evidence, "evidence", "", "what was seen, and where")
	c.flags(cmd, false)
	return cmd
}

// unasked warns of a name that the gate does not ask for: it may be misspelt, and then the gate goes on waiting.
func (c *change) unasked(ctx context.Context, client *admin.Client, name string) {
	list, err := client.Attestations(ctx)
	if err == nil && !slices.ContainsFunc(list, func(a admin.Attestation) bool { return a.Name == name && a.Required }) {
		fmt.Fprintf(c.o.sys.err, "warning: %s is recorded, and the gate does not ask for it: gate.attestations has the names that it asks for\n", name)
	}
}

func newRestart(o *options) *cobra.Command {
	c := &change{o: o}
	cmd := &cobra.Command{
		Use: "restart --reason TEXT", Short: "Begin the window of evidence anew, after a fix of new was deployed", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.needReason(); err != nil {
				return err
			}
			return c.do(cmd.Context(), "begin the window of evidence anew", func(ctx context.Context, client *admin.Client, s admin.Status) (admin.Status, error) {
				return client.Restart(ctx, c.in(s))
			})
		},
	}
	c.flags(cmd, true)
	return cmd
}

// What an interruption of the two commands that take steps does not do.
const (
	flipGoesOn = "the flip goes on in paritygate, whatever becomes of this command: `paritygate rollback --reason TEXT` abandons it, " +
		"and a second Ctrl-C leaves it alone"
	rollbackGoesOn = "the rollback goes on in paritygate, whatever becomes of this command: `paritygate status` shows it; a second Ctrl-C leaves"
)

func newCutover(o *options) *cobra.Command {
	c := &change{o: o, warns: true, flips: true}
	var dryRun, force bool
	cmd := &cobra.Command{
		Use: "cutover", Short: "Flip the writes to new, if the gate passes", Args: none,
		Long: "Holds the writes, lets those in flight at old run out, prepares the databases, runs the strict checks, fences old, commits, and\n" +
			"releases the writes to new, telling each step. Any failure before the commit is undone, and gives the held writes to old. Refused\n" +
			"unless the gate passes; --force skips the gate alone, and is shown for ever after. Ctrl-C does not stop a flip: `rollback` does.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if force {
				if err := c.needReason(); err != nil {
					return err
				}
			}
			if dryRun {
				return c.dryRun(cmd.Context(), force)
			}
			return c.do(cmd.Context(), "flip reads and writes to new", func(ctx context.Context, client *admin.Client, s admin.Status) (admin.Status, error) {
				after, err := c.follow(ctx, client, s, flipGoesOn, func(ctx context.Context) (admin.Status, error) {
					result, err := client.Cutover(ctx, c.in(s), false, force)
					return result.Status, err
				})
				c.explain(err)
				return after, err
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "judge every precondition and change nothing")
	cmd.Flags().BoolVar(&force, "force", false, "skip the gate; needs --reason, and is recorded")
	c.flags(cmd, true)
	return cmd
}

func (c *change) dryRun(ctx context.Context, force bool) error {
	client, err := c.o.client()
	if err != nil {
		return err
	}
	result, err := client.Cutover(ctx, admin.Change{Reason: c.reason}, true, force)
	if err != nil {
		c.explain(err)
		if s, unknown := client.Status(ctx); unknown == nil {
			c.warn(s)
		}
		return err
	}
	return c.o.print(result, func(p *printer) {
		printGate(p, result.Report)
		for _, w := range result.Warnings {
			p.linef("warning: %s", w)
		}
		p.line("the cutover would begin; nothing was changed")
	})
}

// explain shows the gate's report that came with a refusal.
func (c *change) explain(err error) {
	if e, ok := errors.AsType[*admin.Error](err); ok && e.Report != nil {
		_ = c.o.print(e.Report, func(p *printer) { printGate(p, *e.Report) }) // the refusal itself is what counts
	}
}

func newRollback(o *options) *cobra.Command {
	c := &change{o: o, leaves: "%s will be on new alone, until `paritygate journal replay --to old` carries them over"}
	cmd := &cobra.Command{
		Use: "rollback --reason TEXT", Short: "Send reads and writes back to old, now", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.needReason(); err != nil {
				return err
			}
			o.urgent = true
			return c.do(cmd.Context(), "send reads and writes back to old", func(ctx context.Context, client *admin.Client, s admin.Status) (admin.Status, error) {
				return c.follow(ctx, client, s, rollbackGoesOn, func(ctx context.Context) (admin.Status, error) {
					return client.Rollback(ctx, admin.Change{Reason: c.reason})
				})
			})
		},
	}
	c.flags(cmd, true)
	return cmd
}

func newResume(o *options) *cobra.Command {
	c := &change{o: o}
	var discard bool
	cmd := &cobra.Command{
		Use: "resume", Short: "Go from rolled_back to shadow again", Args: none,
		Long: "Goes from rolled_back to shadow, with a new window of evidence. Refused while old lacks writes that new accepted, or may have:\n" +
			"`journal replay --to old` carries them over, `journal resolve` says what became of the unknown ones, and --discard --reason TEXT gives\n" +
			"up the rest for good.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if discard {
				if err := c.needReason(); err != nil {
					return err
				}
				c.leaves = "%s on new are given up for good"
			}
			return c.do(cmd.Context(), "go back to shadow", func(ctx context.Context, client *admin.Client, s admin.Status) (admin.Status, error) {
				return client.Resume(ctx, c.in(s), discard)
			})
		},
	}
	cmd.Flags().BoolVar(&discard, "discard", false, "give up the writes that new accepted and old does not have; needs --reason")
	c.flags(cmd, true)
	return cmd
}

// parseFraction reads `25%` or `0.25`.
func parseFraction(text string) (float64, error) {
	number, scale := text, 1.0
	if cut, ok := strings.CutSuffix(text, "%"); ok {
		number, scale = cut, 100
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if f /= scale; err != nil || !(f >= 0 && f <= 1) {
		return 0, exit(exitUsage, "the fraction must be between 0%% and 100%%, such as 25%% or 0.25; got %q", text)
	}
	return f, nil
}
