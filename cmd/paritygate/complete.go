package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

func newComplete(o *options) *cobra.Command {
	c := &change{o: o}
	var purge bool
	cmd := &cobra.Command{
		Use: "complete", Short: "End the run: new answers for good, old is not asked any more", Args: none,
		Long: "Ends a run that is live, once new was green for the whole of run.soak. There is no way back from it. The journal is closed and kept;\n" +
			"--purge-journal removes its records, also of a run that is complete already: nothing tells afterwards what new accepted.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			what := "end the run, with no way back"
			if purge {
				what += ", and remove the journal of its writes for good"
			}
			return c.do(cmd.Context(), what, func(ctx context.Context, client *admin.Client, s admin.Status) (admin.Status, error) {
				after, err := client.Complete(ctx, c.in(s), purge)
				c.explain(err)
				return after, err
			})
		},
	}
	cmd.Flags().BoolVar(&purge, "purge-journal", false, "remove the journal's records once the run is complete")
	c.flags(cmd, true)
	return cmd
}

// Complete ends the run, if new was green for the whole of run.soak, and closes the journal.
func (s *service) Complete(ctx context.Context, change admin.Change, purge bool) error {
	state := s.machine.State()
	if err := s.sameEpoch(change); err != nil {
		return err
	}
	if purge {
		if _, err := s.keeper.journal(); err != nil {
			return admin.Errorf(admin.CodeConflict, "the journal cannot be purged: %w; complete without --purge-journal, and purge it later", err)
		}
	}
	if state.Phase != cutover.Complete || !purge {
		if err := s.finish(ctx, change, state); err != nil {
			return err
		}
	}
	if err := s.retire(ctx, change, purge); err != nil {
		return admin.Errorf(admin.CodeUnavailable, "the run is complete; its journal could not be closed: %w; say `paritygate complete --purge-journal` again to remove it", err)
	}
	return nil
}

func (s *service) finish(ctx context.Context, change admin.Change, state cutover.State) error {
	change.Epoch = &state.Epoch // what was judged is what ends, and a flip that commits meanwhile was not
	command := cutover.Command{Kind: cutover.Finish, Reason: cmp.Or(change.Reason, "the soak is green")}
	if state.Phase == cutover.Live {
		soak := s.soak(ctx).Report
		if err := tooEarly(soak); err != nil {
			return err
		}
		command.Window, command.Evidence = state.WindowStart, soak
	}
	return s.do(ctx, change, command)
}

// retire closes the journal of a run that is complete, and removes it if that is asked for. Nothing is recorded any more.
func (s *service) retire(ctx context.Context, change admin.Change, purge bool) error {
	j, err := s.keeper.journal()
	if err != nil {
		s.log.Warn("the journal of the run, which is complete, was not closed", zap.Error(err))
		return nil
	}
	if !purge {
		return j.Seal()
	}
	was := j.Status()
	if err := j.Purge(); err != nil {
		return err
	}
	line := s.auditLine("purge", fmt.Sprintf("the journal was removed: %d records in %d segments, %s", was.Seq, was.Segments, admin.Size(was.Bytes)))
	line.Actor = change.Actor
	s.audit(ctx, line)
	return nil
}
