package evidence

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// ErrConflict is returned by Commit if the run's epoch is not the one that the caller saw.
var ErrConflict = errors.New("the state was changed meanwhile")

// State returns the run's state; ok is false if none was committed yet.
func (s *Store) State(ctx context.Context) (st State, ok bool, err error) {
	var body string
	err = s.read.QueryRowContext(ctx, "SELECT run, phase, epoch, body FROM state WHERE id = 1").
		Scan(&st.Run, &st.Phase, &st.Epoch, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return State{}, false, nil
	}
	if err != nil {
		return State{}, false, s.failed("read the state", err)
	}
	st.Body = json.RawMessage(body)
	return st, true, nil
}

// Commit replaces the state if the stored epoch is still expectEpoch (0 where there is no state yet), and appends the
// event, both in one transaction that is on disk when Commit returns. It returns the event with its number and hash, and
// ErrConflict if another epoch is stored. The new epoch may equal expectEpoch, never be below it. A zero Time
// of the event is now. A file that was moved or removed takes no commit: nobody would find it again.
//
// Any other error leaves open whether the commit happened: State tells.
func (s *Store) Commit(ctx context.Context, expectEpoch uint64, st State, ev Event) (Event, error) {
	switch {
	case st.Run != s.options.Run:
		return Event{}, fmt.Errorf("store %s: commit of run %q to the store of run %q", s.path, st.Run, s.options.Run)
	case st.Epoch < expectEpoch:
		return Event{}, fmt.Errorf("store %s: commit of epoch %d after epoch %d", s.path, st.Epoch, expectEpoch)
	case st.Epoch > math.MaxInt64:
		return Event{}, fmt.Errorf("store %s: epoch %d is out of range", s.path, st.Epoch)
	case !json.Valid(st.Body):
		return Event{}, fmt.Errorf("store %s: the state's body is not JSON", s.path)
	}
	if err := s.stillThere(); err != nil {
		return Event{}, s.failed("commit the state", err)
	}
	if ev.Time.IsZero() {
		ev.Time = s.options.Now()
	}
	err := inTx(ctx, s.write, func(tx *sql.Tx) error {
		stored, err := storedEpoch(ctx, tx)
		if err != nil {
			return err
		}
		if stored != expectEpoch {
			return fmt.Errorf("%w: it is at epoch %d, not %d", ErrConflict, stored, expectEpoch)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO state VALUES (1, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
			run = excluded.run, phase = excluded.phase, epoch = excluded.epoch, body = excluded.body`,
			st.Run, st.Phase, int64(st.Epoch), string(st.Body)); err != nil {
			return err
		}
		ev, err = appendEvent(ctx, tx, ev)
		return err
	})
	if err != nil {
		return Event{}, s.failed("commit the state", err)
	}
	return ev, nil
}

func storedEpoch(ctx context.Context, tx *sql.Tx) (uint64, error) {
	var epoch uint64
	err := tx.QueryRowContext(ctx, "SELECT epoch FROM state WHERE id = 1").Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return epoch, err
}
