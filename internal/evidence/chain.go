package evidence

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrChain is wrapped by whatever says that the audit log is not as it was written.
var ErrChain = errors.New("the audit log was tampered with")

// Head is the event that was appended last: its number and its hash; 0 and empty if there is none.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// eventHash is the SHA-256, in hex, of the hash before the event, a line feed, and the event's JSON with an empty hash: the bytes that
// the API gives it.
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

// Chain proves events that are given to it one after the other. Its zero value expects the first one.
type Chain struct{ last Head }

// Follow proves that the event is the next one, unchanged. The error wraps ErrChain and names the event.
func (c *Chain) Follow(ev Event) error {
	if ev.Seq != c.last.Seq+1 {
		return fmt.Errorf("%w: event %d is missing", ErrChain, c.last.Seq+1)
	}
	hash, err := eventHash(c.last.Hash, ev)
	if err != nil || hash != ev.Hash {
		return fmt.Errorf("%w: event %d does not match its hash", ErrChain, ev.Seq)
	}
	c.last = Head{ev.Seq, ev.Hash}
	return nil
}

// End proves that nothing was cut off, or put on, behind what was followed.
func (c *Chain) End(head Head) error {
	switch {
	case c.last.Seq < head.Seq:
		return fmt.Errorf("%w: event %d is missing", ErrChain, c.last.Seq+1)
	case c.last != head:
		return fmt.Errorf("%w: event %d is not the one that was appended last", ErrChain, c.last.Seq)
	}
	return nil
}

// chainHead returns the event that was appended last.
func chainHead(ctx context.Context, q querier) (head Head, err error) {
	if head.Seq, err = getMetaInt(ctx, q, "events_seq"); err != nil {
		return Head{}, err
	}
	head.Hash, _, err = getMeta(ctx, q, "events_hash")
	return head, err
}

// AuditHead returns the event that was appended last, without reading it.
func (s *Store) AuditHead(ctx context.Context) (Head, error) {
	head, err := chainHead(ctx, s.read)
	if err != nil {
		return Head{}, s.failed("read the audit log", err)
	}
	return head, nil
}

// VerifyEvents proves the whole audit log: it returns nil, or an error that wraps ErrChain and names the first event that is
// missing or was changed. It cannot see that somebody rewrote every event from one on, with new hashes and a new head: for that
// a hash must be kept elsewhere.
func (s *Store) VerifyEvents(ctx context.Context) error {
	_, err := verify(ctx, s.read)
	if errors.Is(err, ErrChain) {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	if err != nil {
		return s.failed("read the audit log", err)
	}
	return nil
}

// VerifyFile proves the audit log of a store's file, which it opens for reading alone, whether a process holds it or not.
func VerifyFile(ctx context.Context, path string) (head Head, err error) {
	named := path
	if path, err = resolve(path); err != nil {
		return Head{}, fmt.Errorf("store %s: %w", named, err)
	}
	if _, err := inspect(ctx, path); err != nil {
		return Head{}, fmt.Errorf("store %s: %w", path, err)
	}
	db, err := sql.Open("sqlite", dataSource(path, "mode=ro", "_pragma=busy_timeout(2000)"))
	if err != nil {
		return Head{}, fmt.Errorf("store %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if head, err = verify(ctx, db); err != nil {
		return head, fmt.Errorf("store %s: %w", path, err)
	}
	return head, nil
}

// verify reads events and head of one moment.
func verify(ctx context.Context, db *sql.DB) (Head, error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Head{}, err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	head, err := chainHead(ctx, tx)
	if err != nil {
		return Head{}, err
	}
	var chain Chain
	if err := eachEvent(ctx, tx, 0, -1, chain.Follow); err != nil {
		return head, err
	}
	return head, chain.End(head)
}

// checkChainEnd verifies the last two events alone, which is cheap however long the log is.
func (s *Store) checkChainEnd(ctx context.Context) error {
	head, err := chainHead(ctx, s.read)
	if err != nil {
		return s.failed("read the audit log", err)
	}
	chain := Chain{Head{Seq: max(head.Seq-2, 0)}}
	err = eachEvent(ctx, s.read, chain.last.Seq, -1, func(ev Event) error {
		if ev.Seq > 1 && ev.Seq == head.Seq-1 { // its own predecessor is not read: its hash proves the next one
			chain.last = Head{ev.Seq, ev.Hash}
			return nil
		}
		return chain.Follow(ev)
	})
	if err != nil {
		return err
	}
	return chain.End(head)
}

// ChainErr returns what was wrong with the end of the audit log when the store was opened, or nil. A broken chain does not
// keep a run from starting, for the way back must stay open: show it, and let a person judge. VerifyEvents proves the whole.
func (s *Store) ChainErr() error { return s.chainErr }
