package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/internal/journal"
)

// Resume goes back to shadow, once old has all that new accepted, or an operator gives up the rest.
func (s *service) Resume(ctx context.Context, change admin.Change, discard bool) error {
	state := s.machine.State()
	if err := s.sameEpoch(change); err != nil {
		return err
	}
	change.Epoch = &state.Epoch // a rollback that comes meanwhile leaves writes on new that were not counted here
	reason := cmp.Or(change.Reason, "resumed by an operator")
	if s.replays.running() {
		return admin.Errorf(admin.CodeConflict, "a replay runs; wait for its end, or stop it with Ctrl-C where it was begun, or DELETE /v1/journal/replay")
	}
	if state.Phase == cutover.RolledBack {
		lost := s.keeper.left(state)
		switch {
		case lost.open > 0:
			return admin.Errorf(admin.CodeConflict, "%s still in flight at new; try again when they have ended", writes(lost.open))
		case !lost.nothing() && !discard:
			return unreplayed(lost)
		case !lost.nothing() && s.machine.Unwell() != "": // nothing is given up for a resume that will be refused
			return admin.Errorf(admin.CodeConflict, "not possible at the moment, and nothing was given up: %s", s.machine.Unwell())
		case !lost.nothing():
			if err := s.discard(ctx, change, state, lost); err != nil {
				return err
			}
			reason = fmt.Sprintf("given up: %s: %s", lost, reason)
		}
	}
	return s.do(ctx, change, cutover.Command{Kind: cutover.Resume, Reason: reason})
}

// unreplayed refuses a resume, and says what can be done instead.
func unreplayed(l left) error {
	const giveUp = "give them up with --discard --reason TEXT"
	switch {
	case l.unread != "":
		return admin.Errorf(admin.CodeConflict, "what old lacks of new's writes cannot be told: %s; mend that, or give up what was there with --discard --reason TEXT", l.unread)
	case l.acknowledged > 0:
		return admin.Errorf(admin.CodeConflict, "not on old: %s; carry them over with `paritygate journal replay --to old`, or %s", l, giveUp)
	case l.unknown > 0:
		return admin.Errorf(admin.CodeConflict, "not on old, or nobody knows: %s; say what became of each (`paritygate journal list --unknown`, `journal resolve ID --sent|--not-sent`), or %s", l, giveUp)
	}
	return admin.Errorf(admin.CodeConflict, "not on old: %s; look what they did, carry that over by hand, and %s", l, giveUp)
}

// discard has the journal and the audit log know of what is given up, before anything else happens.
func (s *service) discard(ctx context.Context, change admin.Change, state cutover.State, lost left) error {
	if j, err := s.keeper.journal(); err == nil {
		given := journal.Record{Type: journal.DiscardedRecord, Time: time.Now().UTC(), Mark: &journal.Mark{
			To: journal.Old, By: change.Actor, Reason: change.Reason, Through: j.Status().Seq,
		}}
		if err := j.Mark(ctx, given); err != nil {
			return admin.Errorf(admin.CodeUnavailable, "nothing was given up, since the journal does not take it: %w", err)
		}
	}
	s.audit(ctx, evidence.Event{
		Actor: change.Actor, Kind: "discard", From: string(state.Phase), To: string(state.Phase), Epoch: state.Epoch,
		Reason: fmt.Sprintf("given up for good: %s: %s", lost, change.Reason), Evidence: lost.evidence(),
	})
	return nil
}
