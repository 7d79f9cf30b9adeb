package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrChain is wrapped by what VerifyEvents and ChainErr report.
var ErrChain = errors.New("the audit log was tampered with")

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
	seq, previous, err := chainHead(ctx, tx)
	if err != nil {
		return Event{}, err
	}
	ev.Seq = seq + 1
	ev.Time = time.Unix(0, ev.Time.UnixNano()).UTC()
	if len(ev.Evidence) == 0 {
		ev.Evidence = json.RawMessage("null")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, ev.Evidence); err != nil {
		return Event{}, fmt.Errorf("the event's evidence is not JSON: %w", err)
	}
	ev.Evidence = compact.Bytes()
	if ev.Hash, err = eventHash(previous, ev); err != nil {
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

// chainHead returns the number and hash of the last event that was appended; 0 and "" if none was.
func chainHead(ctx context.Context, q querier) (seq int64, hash string, err error) {
	if seq, err = getMetaInt(ctx, q, "events_seq"); err != nil {
		return 0, "", err
	}
	hash, _, err = getMeta(ctx, q, "events_hash")
	return seq, hash, err
}

// eventHash is the SHA-256 of the hash before the event and the event's JSON without its own.
func eventHash(previous string, ev Event) (string, error) {
	ev.Hash = ""
	b, err := json.Marshal(ev)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	h.Write([]byte(previous + "\n"))
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Events returns up to limit events with numbers above after, in order; limit ≤ 0 returns all. A negative after asks for the
// newest limit events, in order as well.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]Event, error) {
	if limit <= 0 {
		limit, after = -1, max(after, 0)
	}
	if after < 0 {
		head, _, err := chainHead(ctx, s.read)
		if err != nil {
			return nil, s.failed("read the audit log", err)
		}
		after = max(head-int64(limit), 0)
	}
	var events []Event
	err := s.eachEvent(ctx, after, limit, func(ev Event) error {
		events = append(events, ev)
		return nil
	})
	if err != nil {
		return nil, s.failed("read the audit log", err)
	}
	return events, nil
}

// LastEvent returns the run's newest event of a kind, without its evidence; zero if there is none.
func (s *Store) LastEvent(ctx context.Context, kind string) (Event, error) {
	var ev Event
	var nanos int64
	err := s.read.QueryRowContext(ctx, "SELECT seq, time, actor, kind, from_, to_, epoch, reason, hash FROM events WHERE kind = ? AND seq > ? ORDER BY seq DESC LIMIT 1", kind, s.origin.event).
		Scan(&ev.Seq, &nanos, &ev.Actor, &ev.Kind, &ev.From, &ev.To, &ev.Epoch, &ev.Reason, &ev.Hash)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Event{}, nil
	case err != nil:
		return Event{}, s.failed("read the audit log", err)
	}
	ev.Time = time.Unix(0, nanos).UTC()
	return ev, nil
}

func (s *Store) eachEvent(ctx context.Context, after int64, limit int, f func(Event) error) (err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+eventColumns+" FROM events WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
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

// VerifyEvents proves the whole audit log: it returns nil, or an error that wraps ErrChain and names the first event that is
// missing or was changed. It cannot see that somebody rewrote every event from one on, with new hashes and a new head.
func (s *Store) VerifyEvents(ctx context.Context) error {
	seq, previous := int64(0), ""
	err := s.eachEvent(ctx, 0, -1, func(ev Event) error {
		if err := checkLink(seq, previous, ev); err != nil {
			return err
		}
		seq, previous = ev.Seq, ev.Hash
		return nil
	})
	if errors.Is(err, ErrChain) {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	if err != nil {
		return s.failed("read the audit log", err)
	}
	headSeq, headHash, err := chainHead(ctx, s.read)
	if err != nil {
		return s.failed("read the audit log", err)
	}
	if err := checkHead(headSeq, headHash, seq, previous); err != nil {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	return nil
}

func checkLink(seq int64, previous string, ev Event) error {
	if ev.Seq != seq+1 {
		return fmt.Errorf("%w: event %d is missing", ErrChain, seq+1)
	}
	hash, err := eventHash(previous, ev)
	if err != nil || hash != ev.Hash {
		return fmt.Errorf("%w: event %d does not match its hash", ErrChain, ev.Seq)
	}
	return nil
}

func checkHead(headSeq int64, headHash string, seq int64, hash string) error {
	switch {
	case seq < headSeq:
		return fmt.Errorf("%w: event %d is missing", ErrChain, seq+1)
	case seq > headSeq || hash != headHash:
		return fmt.Errorf("%w: event %d is not the one that was appended last", ErrChain, seq)
	}
	return nil
}

// checkChainEnd verifies the last two events alone, which is cheap however long the log is.
func (s *Store) checkChainEnd(ctx context.Context) error {
	headSeq, headHash, err := chainHead(ctx, s.read)
	if err != nil {
		return s.failed("read the audit log", err)
	}
	seq, previous := max(headSeq-2, 0), ""
	first := true
	err = s.eachEvent(ctx, seq, -1, func(ev Event) error {
		if first && ev.Seq > 1 && ev.Seq == seq+1 { // its own predecessor is not read: its hash proves the next one
			first, seq, previous = false, ev.Seq, ev.Hash
			return nil
		}
		first = false
		if err := checkLink(seq, previous, ev); err != nil {
			return err
		}
		seq, previous = ev.Seq, ev.Hash
		return nil
	})
	if err != nil {
		return err
	}
	return checkHead(headSeq, headHash, seq, previous)
}

// ChainErr returns what was wrong with the end of the audit log when the store was opened, or nil. A broken chain does not
// keep a run from starting, for the way back must stay open: show it, and let a person judge. VerifyEvents proves the whole.
func (s *Store) ChainErr() error { return s.chainErr }
