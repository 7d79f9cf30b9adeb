package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/journal"
)

// replayEvery is how often a replay in the running proxy is looked at.
const replayEvery = 200 * time.Millisecond

func newJournalReplay(o *options) *cobra.Command {
	r := &replayCommand{change: change{o: o}}
	cmd := &cobra.Command{
		Use: "replay --to old|new", Short: "Send the writes that one side accepted to the other, which lacks them", Args: none,
		Long: `In rolled_back, sends what the other side acknowledged (2xx and 3xx) and the target lacks, in the order of the facts: a write starts only
after every write that had been answered before it arrived. Each has an Idempotency-Key: the client's, or the journal's id. Writes
whose outcome is unknown are left: ` + "`journal list --unknown`" + ` shows them, ` + "`journal resolve ID --sent|--not-sent`" + ` says what is true.

It stops at an answer of another class of status than was recorded, and at a conflict: the target wrote since to the same resource, or
calls something by another id. What was sent is marked, so that the next replay goes on where this one stopped. Ctrl-C stops it behind
what is under way.

Exit codes: 0 all acknowledged writes are sent, 1 it stopped, 4 unknown writes remain, or some that were left out, 5 refused.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&r.q.To, "to", "", "the `SIDE` that gets the writes of the other one: old or new")
	flags.StringVar(&r.q.From, "from", "", "begin with the write `ID`; what is before stays unsent")
	flags.BoolVar(&r.q.DryRun, "dry-run", false, "say what would be sent, and what stands in the way; send nothing")
	flags.Float64Var(&r.q.Rate, "rate", 0, "start at most `N` writes a second")
	flags.IntVar(&r.q.Concurrency, "concurrency", journal.DefaultConcurrency, "send at most `N` writes at once")
	flags.StringSliceVar(&r.q.ContinueOn, "continue-on", nil, "take answers with these `STATUSES` for sent, and with `conflict` send also what conflicts: 404,409,conflict")
	r.flags(cmd, false)
	return cmd
}

// replayCommand is `journal replay`.
type replayCommand struct {
	change
	q admin.ReplayRequest
}

func (r *replayCommand) run(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
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
	if before.Phase != cutover.RolledBack {
		return exit(exitRefused, "%w", replayMisplaced(before.Phase))
	}
	return r.make(ctx, &throughProxy{client, before}, fmt.Sprintf("run %s, phase %s, epoch %d", before.Run, before.Phase, before.Epoch))
}

// nobodyServes reports whether an error says that no proxy runs where the configuration puts it.
func (o *options) nobodyServes(err error) bool {
	e, ok := errors.AsType[*admin.Error](err)
	return ok && e.Code == admin.CodeUnavailable && e.HTTPStatus == 0 && o.admin == ""
}

func (r *replayCommand) check() error {
	switch _, err := replayOptions(r.q); {
	case r.q.To != "old" && r.q.To != "new":
		return exit(exitUsage, "say with --to old or --to new which side gets the writes of the other one, got %q", r.q.To)
	case r.q.Concurrency < 1:
		return exit(exitUsage, "--concurrency must be at least 1, got %d", r.q.Concurrency)
	case err != nil:
		return exit(exitUsage, "--%s", strings.Replace(err.Error(), "continue_on", "continue-on", 1))
	}
	return nil
}

// replayer makes replays: in the running proxy, or in this process.
type replayer interface {
	start(ctx context.Context, q admin.ReplayRequest) (admin.Replay, error)
	look(ctx context.Context) (admin.Replay, error)
	stop(ctx context.Context) error
	// remains says what old still lacks, so that the run can not be resumed; empty if nothing.
	remains(ctx context.Context) (string, error)
}

// make has a person confirm what a dry run finds, and then sends.
func (r *replayCommand) make(ctx context.Context, on replayer, where string) error {
	if !r.q.DryRun && !r.yes {
		plan := r.q
		plan.DryRun = true
		found, err := r.watch(ctx, on, plan)
		if err != nil {
			return err
		}
		printReplayPlan(newPrinter(r.o.told()), found)
		if err := r.confirm(fmt.Sprintf("%s: send %s to %s", where, writes(found.Total), found.To)); err != nil {
			return err
		}
	}
	s, err := r.watch(ctx, on, r.q)
	if err != nil {
		return err
	}
	remains, unknown := on.remains(ctx)
	err = r.o.print(s, func(p *printer) {
		if s.DryRun {
			printReplayPlan(p, s)
			return
		}
		printReplay(p, s)
		if unknown == nil {
			printResumable(p, remains)
		}
	})
	if err != nil {
		return err
	}
	return replayVerdict(s)
}

// told is the program's output with standard error in its place, for what is said besides the result.
func (o *options) told() system {
	sys := o.sys
	sys.out = sys.err
	return sys
}

// watch makes one replay and shows how far it is. An interruption stops it, and waits for what is under way; the next one ends the program.
func (r *replayCommand) watch(ctx context.Context, on replayer, q admin.ReplayRequest) (admin.ReplaySummary, error) {
	shown := newReplayDisplay(r.o.told())
	defer shown.end()
	work := context.WithoutCancel(ctx)
	begun, err := on.start(work, q)
	if e, ok := errors.AsType[*admin.Error](err); ok && e.Code == admin.CodeConflict {
		return admin.ReplaySummary{}, exit(exitRefused, "%w", err)
	}
	if err != nil {
		return admin.ReplaySummary{}, err
	}
	tick := time.NewTicker(replayEvery)
	defer tick.Stop()
	interrupted := ctx.Done()
	for {
		now, err := on.look(work)
		if err != nil {
			return admin.ReplaySummary{}, fmt.Errorf("the replay belongs to paritygate, and cannot be seen any more: %w", err)
		}
		if !now.Began.Equal(begun.Began) {
			return admin.ReplaySummary{}, errors.New("paritygate was started anew, or makes another replay by now; `paritygate events` has what this one came to, and the next one goes on where it stopped")
		}
		shown.warn(now)
		if now.State == admin.ReplayEnded {
			if now.Summary == nil {
				return admin.ReplaySummary{}, errors.New(now.Error)
			}
			return *now.Summary, nil
		}
		shown.show(now)
		select {
		case <-tick.C:
		case <-interrupted:
			interrupted = nil
			shown.say("stopping behind what is under way; a second Ctrl-C leaves this command alone")
			if err := on.stop(work); err != nil {
				return admin.ReplaySummary{}, err
			}
		}
	}
}

// replayVerdict is the exit code.
func replayVerdict(s admin.ReplaySummary) error {
	switch {
	case s.Stopped != nil:
		code := exitFailed
		if s.Stopped.Code == "phase" {
			code = exitRefused
		}
		return exit(code, "the replay stopped: %s", s.Stopped.Message)
	case s.DryRun && s.Conflicts > 0:
		return exit(exitFailed, "a replay would stop at the first of %d conflicts", s.Conflicts)
	case s.Unknown > 0:
		return exit(exitInconclusive, "of %s nobody knows whether %s needs them: `paritygate journal list --unknown` shows them, `journal resolve ID --sent|--not-sent` decides", writes(s.Unknown), s.To)
	case s.Left > 0 && !s.DryRun:
		return exit(exitInconclusive, "%s still to be sent to %s: before --from, or acknowledged since the replay began", writes(s.Left), s.To)
	}
	return nil
}

// throughProxy has the running proxy make replays.
type throughProxy struct {
	client *admin.Client
	before admin.Status
}

func (t *throughProxy) start(ctx context.Context, q admin.ReplayRequest) (admin.Replay, error) {
	return t.client.StartReplay(ctx, admin.Change{Epoch: &t.before.Epoch}, q)
}

func (t *throughProxy) look(ctx context.Context) (admin.Replay, error) { return t.client.Replay(ctx) }

func (t *throughProxy) stop(ctx context.Context) error {
	_, err := t.client.StopReplay(ctx)
	return err
}

func (t *throughProxy) remains(ctx context.Context) (string, error) {
	now, err := t.client.Status(ctx)
	return now.Rollback.Reason, err
}
