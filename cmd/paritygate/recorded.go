package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/evidence"
	"paritygate/internal/journal"
)

// Records returns a page of the writes in the journal.
func (s *service) Records(ctx context.Context, q admin.RecordQuery) (admin.Records, error) {
	j, err := s.keeper.journal()
	if err != nil {
		return admin.Records{}, admin.Errorf(admin.CodeUnavailable, "%w", err)
	}
	var page admin.Records
	query := journal.Query{Unknown: q.Unknown, Unsent: q.Unsent, Path: q.Path, Since: q.Since, After: q.After, Limit: q.Limit}
	damage, err := j.List(ctx, query, func(i journal.Item) error {
		page.Records = append(page.Records, recordOf(i))
		return nil
	})
	if damage != nil {
		page.Damage = damage.Error()
	}
	if err != nil {
		return admin.Records{}, admin.Errorf(admin.CodeUnavailable, "%w", err)
	}
	return page, nil
}

// outcomeOpen is what the API calls the outcome of a write in flight.
const outcomeOpen = "open"

// recordOf is a write as the API shows it.
func recordOf(i journal.Item) admin.Record {
	r := admin.Record{
		ID: i.ID, Seq: i.Seq, Time: i.Time.UTC(), Epoch: i.Epoch, At: string(i.At), Route: i.Route, Method: i.Method, Path: i.Path, Client: i.Client,
		Outcome: string(i.Outcome), Status: i.Status, Error: i.Error, Carried: string(i.Carried), Forced: i.Forced, Missing: i.Gap,
	}
	if r.Outcome == "" {
		r.Outcome = outcomeOpen
	}
	return r
}

// Resolve records what an operator says of a write.
func (s *service) Resolve(ctx context.Context, change admin.Change, id string, sent bool) (admin.Record, error) {
	if err := s.sameEpoch(change); err != nil {
		return admin.Record{}, err
	}
	if s.replays.running() {
		return admin.Record{}, admin.Errorf(admin.CodeConflict, "a replay runs, and may be sending the write: stop it, or wait for its end")
	}
	j, err := s.keeper.journal()
	if err != nil {
		return admin.Record{}, admin.Errorf(admin.CodeUnavailable, "%w", err)
	}
	state := s.machine.State()
	event := evidence.Event{From: string(state.Phase), To: string(state.Phase), Epoch: state.Epoch}
	r := journal.Resolution{ID: id, Sent: sent, By: change.Actor, Reason: change.Reason, Carrying: s.mirror.carrying()}
	return s.resolve(ctx, j, event, r)
}

// resolve records what an operator says of a write in a journal, and in the audit log.
func (p *Program) resolve(ctx context.Context, j *journal.Journal, event evidence.Event, said journal.Resolution) (admin.Record, error) {
	item, needed, err := j.Resolve(ctx, said)
	switch {
	case errors.Is(err, journal.ErrNoWrite):
		return admin.Record{}, admin.Errorf(admin.CodeNotFound, "%w", err)
	case errors.Is(err, journal.ErrSettled):
		return admin.Record{}, admin.Errorf(admin.CodeConflict, "%w", err)
	case errors.Is(err, journal.ErrUnavailable):
		return admin.Record{}, admin.Errorf(admin.CodeUnavailable, "%w", err)
	case err != nil:
		return admin.Record{}, err
	}
	r := recordOf(item)
	if needed {
		event.Time, event.Actor, event.Kind, event.Evidence = time.Now().UTC(), said.By, "resolve", asJSON(r)
		event.Reason = resolvedText(r, said.Sent)
		if said.Reason != "" {
			event.Reason += ": " + said.Reason
		}
		p.audit(ctx, event)
	}
	return r, nil
}

// resolvedText says what an operator said.
func resolvedText(r admin.Record, sent bool) string {
	what := fmt.Sprintf("%s (%s %s)", r.ID, r.Method, r.Path)
	if r.Missing > 0 {
		what = fmt.Sprintf("%s (%s in no record)", r.ID, writes(r.Missing))
	}
	other := journal.Side(r.At).Other()
	if sent {
		return fmt.Sprintf("%s: %s has it, or must not get it", what, other)
	}
	return fmt.Sprintf("%s: %s lacks it, the next replay sends it, or the mirror", what, other)
}
