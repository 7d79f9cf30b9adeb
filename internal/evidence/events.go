package evidence

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

const eventColumns = "seq, time, actor, kind, from_, to_, epoch, reason, evidence, hash"

// Append adds an event to the audit log and returns it with its number and hash. It is on disk when Append returns. A zero
// Time is now.
func (s *Store) Append(ctx context.Context, ev Event) (Event, error) {
	if ev.Time.IsZero() {
		ev.Time = s.options.Now()
	}
	err := inTx(ctx, s.write, func(tx *sql.Tx) (err error) {
		ev, err = appendEvent(ctx, tx, ev)
		return err
	})
	if err != nil {
		return Event{}, s.failed("append to the audit log", err)
	}
	return ev, nil
}

// appendEvent continues the chain from its recorded head, not from the last row: rows that were cut off leave a gap.
func appendEvent(ctx context.Context, tx *sql.Tx, ev Event) (Event, error) {
	if ev.Epoch > math.MaxInt64 {
		return Event{}, fmt.Errorf("epoch %d is out of range", ev.Epoch)
	}
	head, err := chainHead(ctx, tx)
	if err != nil {
		return Event{}, err
	}
	ev.Seq = head.Seq + 1
	ev.Time = time.Unix(0, ev.Time.UnixNano()).UTC()
	if text := bytes.TrimSpace(ev.Evidence); len(text) == 0 || string(text) == "null" {
		ev.Evidence = json.RawMessage("{}")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, ev.Evidence); err != nil {
		return Event{}, fmt.Errorf("the event's evidence is not JSON: %w", err)
	}
	ev.Evidence = compact.Bytes()
	if ev.Hash, err = eventHash(head.Hash, ev); err != nil {
		return Event{}, err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO events ("+eventColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		ev.Seq, ev.Time.UnixNano(), ev.Actor, ev.Kind, ev.From, ev.To, int64(ev.Epoch), ev.Reason, string(ev.Evidence), ev.Hash); err != nil {
		return Event{}, err
	}
	if err := setMeta(ctx, tx, "events_seq", fmt.Sprint(ev.Seq)); err != nil {
		return Event{}, err
	}
	return ev, setMeta(ctx, tx, "events_hash", ev.Hash)
}

// Events returns up to limit events with numbers above after, in order; limit ≤ 0 returns all. A negative after asks for the
// newest limit events, in order as well.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]Event, error) {
	if limit <= 0 {
		limit, after = -1, max(after, 0)
	}
	if after < 0 {
		head, err := chainHead(ctx, s.read)
		if err != nil {
			return nil, s.failed("read the audit log", err)
		}
		after = max(head.Seq-int64(limit), 0)
	}
	var events []Event
	err := eachEvent(ctx, s.read, after, limit, func(ev Event) error {
		events = append(events, ev)
		return nil
	})
	if err != nil {
		return nil, s.failed("read the audit log", err)
	}
	return events, nil
}

// LastEvent returns the newest event of the run that is of one of the kinds, later than since, and accepted by match, which may be nil;
// zero if there is none.
func (s *Store) LastEvent(ctx context.Context, since time.Time, match func(Event) bool, kinds ...string) (Event, error) {
	names, err := json.Marshal(kinds)
	if err != nil {
		return Event{}, err
	}
	after := int64(0)
	if !since.IsZero() {
		after = since.UnixNano()
	}
	var last Event
	err = scanEvents(ctx, s.read, func(ev Event) error {
		if match == nil || match(ev) {
			last = ev
			return errEnough
		}
		return nil
	}, "WHERE kind IN (SELECT value FROM json_each(?)) AND seq > ? AND time > ? ORDER BY seq DESC", string(names), s.origin.event, after)
	if err != nil && !errors.Is(err, errEnough) {
		return Event{}, s.failed("read the audit log", err)
	}
	return last, nil
}

// errEnough ends a scan.
var errEnough = errors.New("enough")

// eachEvent calls f with the events after a number, in order.
func eachEvent(ctx context.Context, q querier, after int64, limit int, f func(Event) error) error {
	return scanEvents(ctx, q, f, "WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
}

// scanEvents calls f with the events that the end of the query selects.
func scanEvents(ctx context.Context, q querier, f func(Event) error, which string, args ...any) (err error) {
	rows, err := q.QueryContext(ctx, "SELECT "+eventColumns+" FROM events "+which, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			ev       Event
			nanos    int64
			evidence string
		)
		if err := rows.Scan(&ev.Seq, &nanos, &ev.Actor, &ev.Kind, &ev.From, &ev.To, &ev.Epoch, &ev.Reason, &evidence, &ev.Hash); err != nil {
			return err
		}
		ev.Time, ev.Evidence = time.Unix(0, nanos).UTC(), json.RawMessage(evidence)
		if err := f(ev); err != nil {
			return err
		}
	}
	return rows.Err()
}
