package evidence

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"paritygate/compare"
)

// loadLedger restores the current window from the store, or begins the first one.
func (s *Store) loadLedger(ctx context.Context) error {
	l := &s.ledger
	l.options = &s.options
	l.buckets = map[int64]*bucket{}
	l.samples.fresh = map[string]*rawSample{}
	l.declared = append([]RouteInfo(nil), s.options.Routes...)

	armed, err := getMetaInt(ctx, s.write, "last_armed")
	if err != nil {
		return err
	}
	if armed != 0 {
		l.lastArmed = time.Unix(0, armed).UTC()
	}
	if l.writesOnNew, err = getMetaInt(ctx, s.write, "writes_on_new"); err != nil {
		return err
	}
	if l.journal, _, err = getMeta(ctx, s.write, "journal"); err != nil {
		return err
	}
	flushed, err := getMetaInt(ctx, s.write, "flushed")
	if err != nil {
		return err
	}
	l.closedThrough = l.index(time.Unix(0, flushed))

	w, err := s.loadWindow(ctx)
	if err != nil {
		return fmt.Errorf("read the window: %w", err)
	}
	l.windows = []*window{w}
	if err := s.loadAccounts(ctx, w); err != nil {
		return fmt.Errorf("read the accounts: %w", err)
	}
	if err := s.loadGroups(ctx, w); err != nil {
		return fmt.Errorf("read the mismatches: %w", err)
	}
	if err := s.loadNoise(ctx, w); err != nil {
		return fmt.Errorf("read what is known about noise: %w", err)
	}
	if err := s.loadSampleIDs(ctx, w); err != nil {
		return fmt.Errorf("read the mismatches: %w", err)
	}
	// The first flush proves that the store can be written, and adds what was open for good.
	return s.flush(ctx)
}

func (s *Store) loadWindow(ctx context.Context) (*window, error) {
	var id, start, ungrouped int64
	err := s.write.QueryRowContext(ctx, "SELECT id, start, ungrouped FROM windows WHERE id > ? ORDER BY id DESC LIMIT 1", s.origin.window).Scan(&id, &start, &ungrouped)
	if errors.Is(err, sql.ErrNoRows) {
		return newWindow(s.origin.window+1, s.options.Now(), s.ledger.declared), nil
	}
	if err != nil {
		return nil, err
	}
	w := newWindow(id, time.Unix(0, start), s.ledger.declared)
	w.ungrouped = ungrouped
	return w, nil
}

func (s *Store) loadAccounts(ctx context.Context, w *window) error {
	return s.eachAccount(ctx, w.id, w.id, func(_ int64, route string, a *account) error {
		a.changed.mark() // open units became closed ones
		w.accounts[route] = a
		return nil
	})
}

// eachAccount reads the accounts of windows, by number from first to last. Units that were open when they were written are among the closed ones: the process that could
// have added to them is gone.
func (s *Store) eachAccount(ctx context.Context, first, last int64, f func(window int64, route string, a *account) error) (err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT window, route, match, tolerated, lagged, mismatch, failed, skipped, new_asked, new_errors,
		samples, units + open_units, bad_units + open_bad_units, lagged_units + open_lagged_units,
		suppressed, requests, old_sketch, new_sketch FROM accounts WHERE window BETWEEN ? AND ?`, first, last)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			window                         int64
			route                          string
			verdicts                       [5]int64
			skipped, suppressed            string
			requests, oldSketch, newSketch []byte
			a                              = newAccount()
		)
		if err := rows.Scan(&window, &route, &verdicts[0], &verdicts[1], &verdicts[2], &verdicts[3], &verdicts[4], &skipped,
			&a.newAsked, &a.newErrors, &a.samples, &a.units.all, &a.units.bad, &a.units.lagged,
			&suppressed, &requests, &oldSketch, &newSketch); err != nil {
			return err
		}
		for i, n := range verdicts {
			if n != 0 {
				a.verdicts[storedVerdicts[i]] = n
			}
		}
		for len(requests) >= 8 {
			a.requests[binary.LittleEndian.Uint64(requests)] = struct{}{}
			requests = requests[8:]
		}
		var errs [4]error
		errs[0] = json.Unmarshal([]byte(skipped), &a.skipped)
		errs[1] = json.Unmarshal([]byte(suppressed), &a.suppressed)
		a.old, errs[2] = decodeSketch(oldSketch)
		a.new, errs[3] = decodeSketch(newSketch)
		if err := errors.Join(errs[:]...); err != nil {
			return fmt.Errorf("%w: account of route %q: %w", ErrCorrupt, route, err)
		}
		if err := f(window, route, a); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *Store) loadGroups(ctx context.Context, w *window) (err error) {
	rows, err := s.write.QueryContext(ctx,
		"SELECT route, signature, verdict, count, first, last, example, differences FROM signatures WHERE window = ?", w.id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			key                  groupKey
			verdict, differences string
			first, last          int64
			g                    = &group{}
		)
		if err := rows.Scan(&key.route, &key.signature, &verdict, &g.count, &first, &last, &g.example, &differences); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(differences), &g.differences); err != nil {
			return fmt.Errorf("%w: signature %s: %w", ErrCorrupt, key.signature, err)
		}
		g.verdict, g.first, g.last = compare.Verdict(verdict), time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
		w.groups[key] = g
	}
	return rows.Err()
}

func (s *Store) loadSampleIDs(ctx context.Context, w *window) (err error) {
	rows, err := s.write.QueryContext(ctx, "SELECT id, route, signature, early FROM samples WHERE window = ? ORDER BY time, id", w.id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			id    string
			key   groupKey
			early bool
		)
		if err := rows.Scan(&id, &key.route, &key.signature, &early); err != nil {
			return err
		}
		switch g := w.groups[key]; {
		case g == nil:
			s.ledger.samples.drop(id)
		case early:
			g.early++
		default:
			g.latest = append(g.latest, id)
		}
	}
	return rows.Err()
}
