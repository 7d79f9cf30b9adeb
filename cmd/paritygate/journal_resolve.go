package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/internal/journal"
)

func newJournalResolve(o *options) *cobra.Command {
	r := &resolution{change: change{o: o}}
	cmd := &cobra.Command{
		Use: "resolve ID --sent|--not-sent", Short: "Say whether the other backend has a write of which nobody knows", Args: one("the ID of the write, as `journal list` shows it"),
		Long: `Records what you found out about a write whose outcome is unknown, or that is still to be sent. The other backend is the one that the
write was not forwarded to: old, for a write that new took.

--sent      the other backend has the write, or must not get it, such as one that changed nothing: it is done. No replay sends it.
--not-sent  the other backend lacks it, and must get it: the next replay sends it, also where that backend wrote to the same thing since.
            It arrives behind whatever was written meanwhile, and may undo that: look first.

A write of which it is known is refused. Through the running proxy, or where none runs on the files; not while a replay runs.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.id = args[0]
			return r.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&r.sent, "sent", false, "the other backend has it, or must not get it")
	cmd.Flags().BoolVar(&r.notSent, "not-sent", false, "the other backend lacks it: the next replay sends it")
	r.flags(cmd, true)
	return cmd
}

// resolution is `journal resolve`.
type resolution struct {
	change
	id            string
	sent, notSent bool
}

func (r *resolution) run(ctx context.Context) error {
	if _, _, ok := journal.SplitID(r.id); !ok {
		return exit(exitUsage, "%q is no id of a write; `paritygate journal list --unknown` shows them", r.id)
	}
	if r.sent == r.notSent {
		return exit(exitUsage, "say either --sent or --not-sent: whether the other backend has the write or must not get it, or lacks it")
	}
	client, err := r.o.client()
	if err != nil {
		return err
	}
	before, err := client.Status(ctx)
	if r.o.nobodyServes(err) {
		return r.offline(ctx, err)
	}
	if err != nil {
		return err
	}
	if err := r.ask(before.Run, before.Phase, before.Epoch); err != nil {
		return err
	}
	after, err := client.Resolve(ctx, r.in(before), r.id, r.sent)
	return r.tell(after, err)
}

func (r *resolution) ask(run string, phase cutover.Phase, epoch uint64) error {
	what := "the other backend has it, or must not get it"
	if r.notSent {
		what = "the other backend lacks it, the next replay sends it, or the mirror"
	}
	return r.confirm(fmt.Sprintf("run %s, phase %s, epoch %d: write %s: %s", run, phase, epoch, r.id, what))
}

// tell shows the write as it is now, or why it is not resolved.
func (r *resolution) tell(after admin.Record, err error) error {
	if e, ok := errors.AsType[*admin.Error](err); ok && e.Code == admin.CodeConflict {
		return exit(exitRefused, "%w", err)
	}
	if err != nil {
		return err
	}
	return r.o.print(after, func(p *printer) {
		p.linef("%s is now %s, carried: %s", strings.TrimSpace(after.ID+" "+after.Method+" "+visible(after.Path)), after.Outcome, after.Carried)
	})
}

// offline resolves on the files. unreached says why no proxy was asked.
func (r *resolution) offline(ctx context.Context, unreached error) error {
	files, err := openRunFiles(ctx, r.o, unreached)
	if err != nil {
		return err
	}
	defer files.close()
	if err := files.openJournal(ctx); err != nil {
		return err
	}
	state := files.state
	if err := r.ask(state.Run, state.Phase, state.Epoch); err != nil {
		return err
	}
	event := evidence.Event{From: string(state.Phase), To: string(state.Phase), Epoch: state.Epoch}
	after, err := files.program.resolve(ctx, files.journal, event, journal.Resolution{ID: r.id, Sent: r.sent, By: admin.LocalActor, Reason: r.reason})
	return r.tell(after, err)
}
