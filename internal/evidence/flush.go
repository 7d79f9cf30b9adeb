package evidence

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Flush writes what has changed since the last one, in one transaction. It does not keep Begin and Finish waiting for the disk.
func (s *Store) Flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	err := s.flush(ctx)
	if err != nil {
		err = s.failed("write the evidence", err)
	}
	s.setHealth(err)
	return err
}

func (s *Store) flush(ctx context.Context) error {
	if err := s.stillThere(); err != nil {
		return err
	}
	snap, err := s.ledger.snapshot(s.options.Now(), s.options.Logger)
	if err != nil {
		return err
	}
	for _, raw := range snap.samples {
		s.redact(raw)
	}
	if err := inTx(ctx, s.write, func(tx *sql.Tx) error { return snap.store(ctx, tx) }); err != nil {
		return err
	}
	s.ledger.written(snap)
	return nil
}

// redact hides the secrets of a sample before it is written. A sample that was redacted by a flush that failed stays as it is:
// doing it again changes nothing.
func (s *Store) redact(raw *rawSample) {
	if raw.redacted {
		return
	}
	s.redaction.sample(&raw.Sample)
	raw.redacted = true
}

// stillThere sees a file that was moved or removed: SQLite would go on writing to it where nobody finds it again.
func (s *Store) stillThere() error {
	now, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("the file is gone; put it back or restart: %w", err)
	}
	if !os.SameFile(now, s.file) {
		return errors.New("another file lies in the store's place; put the store back or restart")
	}
	return nil
}

func (snap *snapshot) store(ctx context.Context, tx *sql.Tx) error {
	if err := setMeta(ctx, tx, "flushed", strconv.FormatInt(snap.at.UnixNano(), 10)); err != nil {
		return err
	}
	if err := setMeta(ctx, tx, "writes_on_new", strconv.FormatInt(snap.writesOnNew, 10)); err != nil {
		return err
	}
	if snap.journal != "" {
		if err := setMeta(ctx, tx, "journal", snap.journal); err != nil {
			return err
		}
	}
	if !snap.lastArmed.IsZero() {
		if err := setMeta(ctx, tx, "last_armed", strconv.FormatInt(snap.lastArmed.UnixNano(), 10)); err != nil {
			return err
		}
	}
	for _, w := range snap.windows {
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO windows VALUES (?, ?, ?)", w.id, w.start, w.ungrouped); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM samples WHERE window <= ?", w.id-sampleWindows); err != nil {
			return err
		}
	}
	for _, a := range snap.accounts {
		if err := a.store(ctx, tx); err != nil {
			return err
		}
	}
	for _, g := range snap.groups {
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO signatures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			g.window, g.key.route, g.key.signature, string(g.verdict), g.count, g.first, g.last, g.example, string(g.differences)); err != nil {
			return err
		}
	}
	if err := snap.storeNoise(ctx, tx); err != nil {
		return err
	}
	for _, id := range snap.doomed {
		if _, err := tx.ExecContext(ctx, "DELETE FROM samples WHERE id = ?", id); err != nil {
			return err
		}
	}
	for _, raw := range snap.samples {
		if err := raw.store(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

func (a *accountRow) store(ctx context.Context, tx *sql.Tx) error {
	v := a.verdicts
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		a.window, a.route, v[0], v[1], v[2], v[3], v[4], string(a.skipped), a.asked, a.errors, a.samples,
		a.units.all, a.units.bad, a.units.lagged, a.open.all, a.open.bad, a.open.lagged,
		string(a.suppressed), a.requests, a.oldSketch, a.newSketch)
	return err
}

func (raw *rawSample) store(ctx context.Context, tx *sql.Tx) error {
	var texts [4]string
	for i, v := range []any{raw.Header, raw.Old, raw.New, raw.Differences} {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		texts[i] = string(b)
	}
	early := 0
	if raw.early {
		early = 1
	}
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		raw.ID, raw.window, raw.Route, raw.Signature, early, raw.Time.UnixNano(), string(raw.Verdict), raw.Method, raw.Target,
		texts[0], texts[1], texts[2], raw.Old.Duration.Seconds(), raw.New.Duration.Seconds(), texts[3],
		append([]byte{}, raw.Old.Body...), append([]byte{}, raw.New.Body...))
	return err
}

// written notes what is on disk now, and lets go of earlier windows that nothing can change any more.
func (l *ledger) written(snap *snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range snap.windows {
		w.changed.written = w.version
	}
	for _, a := range snap.accounts {
		a.changed.written = a.version
	}
	for _, g := range snap.groups {
		g.changed.written = g.version
	}
	snap.noiseWritten()
	l.samples.doomed = l.samples.doomed[len(snap.doomed):]
	for _, raw := range snap.samples {
		if _, ok := l.samples.fresh[raw.ID]; !ok { // displaced while it was written
			l.samples.doomed = append(l.samples.doomed, raw.ID)
			continue
		}
		l.samples.drop(raw.ID)
	}
	for len(l.windows) > 1 && l.settled(l.windows[0], l.windows[1].start) {
		l.windows = l.windows[1:]
	}
}

// settled reports whether a window that ended then is on disk as it will stay.
func (l *ledger) settled(w *window, end time.Time) bool {
	for i := range l.buckets {
		if i <= l.index(end) {
			return false
		}
	}
	for _, a := range w.accounts {
		if a.changed.dirty() {
			return false
		}
	}
	return !w.changed.dirty() && w.noiseSettled()
}
