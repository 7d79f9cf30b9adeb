package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
)

// phaseComplete is the phase of a run that has ended, as cutover calls it: only such a run may be followed by another one in its store.
const phaseComplete = "complete"

// origin is where the run that the store holds begins: what has these numbers, or lower ones, is of the runs before it.
type origin struct{ window, check, attestation, event int64 }

// originKeys are the names of origin's fields in meta.
func (o *origin) keys() map[string]*int64 {
	return map[string]*int64{
		"origin_window": &o.window, "origin_check": &o.check, "origin_attestation": &o.attestation, "origin_event": &o.event,
	}
}

// claimRun writes the run's name into a new store. A store of another run is taken over if that one is complete, and refused otherwise:
// one migration at a time.
func (s *Store) claimRun(ctx context.Context) error {
	run := s.options.Run
	return inTx(ctx, s.write, func(tx *sql.Tx) error {
		held, ok, err := getMeta(ctx, tx, "run")
		switch {
		case err != nil:
			return err
		case !ok:
			return setMeta(ctx, tx, "run", run)
		case held != run:
			if err := s.succeed(ctx, tx, held); err != nil {
				return err
			}
		}
		for key, field := range s.origin.keys() {
			if *field, err = getMetaInt(ctx, tx, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// succeed begins the run in the store of another one that is complete. What that one saw stays as its record, and counts for
// nothing any more: not its windows, its checks or their progress, its attestations, nor the writes that it counted. The audit log goes on.
func (s *Store) succeed(ctx context.Context, tx *sql.Tx, held string) error {
	var phase string
	var epoch int64
	err := tx.QueryRowContext(ctx, "SELECT phase, epoch FROM state WHERE id = 1").Scan(&phase, &epoch)
	if errors.Is(err, sql.ErrNoRows) {
		phase, err = "unknown", nil
	}
	if err != nil {
		return err
	}
	if phase != phaseComplete {
		return fmt.Errorf("%w: it holds %q in phase %s, and this is %q; one migration at a time: bring %q to its end with `paritygate complete`, or give %q another store.path",
			ErrOtherRun, held, phase, s.options.Run, held, s.options.Run)
	}
	var o origin
	for query, field := range map[string]*int64{
		"SELECT coalesce(max(id), 0) FROM windows": &o.window, "SELECT coalesce(max(id), 0) FROM checks": &o.check,
		"SELECT coalesce(max(id), 0) FROM attestations": &o.attestation, "SELECT coalesce(max(seq), 0) FROM events": &o.event,
	} {
		if err := tx.QueryRowContext(ctx, query).Scan(field); err != nil {
			return err
		}
	}
	for key, field := range o.keys() {
		if err := setMeta(ctx, tx, key, strconv.FormatInt(*field, 10)); err != nil {
			return err
		}
	}
	for _, statement := range []string{
		"DELETE FROM state", "DELETE FROM check_progress", "DELETE FROM meta WHERE key IN ('last_armed', 'writes_on_new', 'journal')",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := setMeta(ctx, tx, "previous_run", held); err != nil {
		return err
	}
	_, err = appendEvent(ctx, tx, Event{
		Time: s.options.Now(), Actor: "paritygate", Kind: "run", From: phase, To: phase, Epoch: uint64(epoch), // #nosec G115 -- Commit stored it
		Reason: fmt.Sprintf("the run %q begins in the store of %q, which is complete", s.options.Run, held),
	})
	if err != nil {
		return err
	}
	return setMeta(ctx, tx, "run", s.options.Run)
}

// PreviousRun is the run that the store held before this one, and that is complete; empty if there was none.
func (s *Store) PreviousRun(ctx context.Context) (string, error) {
	run, _, err := getMeta(ctx, s.read, "previous_run")
	return run, err
}
