package evidence

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"paritygate/compare"
)

// Filter selects mismatches. An empty field selects all.
type Filter struct {
	Route     string
	Signature string
	// Verdict is mismatch or failed.
	Verdict compare.Verdict
	// Limit is how many groups, and how many samples, are returned at most; 0 is 100.
	Limit int
	// AllWindows asks for the whole run instead of the current window. Samples are kept of the last 8 windows.
	AllWindows bool
}

const defaultLimit = 100

// condition selects rows of signatures and of samples by the arguments of Filter.arguments; the fifth is the limit. A
// window below 0 stands for all from that one on.
const condition = "(window = ?1 OR ?1 < 0 AND window >= -?1) AND (?2 = '' OR route = ?2) AND (?3 = '' OR signature = ?3) AND (?4 = '' OR verdict = ?4)"

func (f Filter) arguments(window, first int64) []any {
	if f.AllWindows {
		window = -first
	}
	return []any{window, f.Route, f.Signature, string(f.Verdict), f.limit()}
}

func (f Filter) limit() int {
	if f.Limit <= 0 {
		return defaultLimit
	}
	return f.Limit
}

// Mismatches returns the groups, those first that are most likely no noise and among equals the most frequent, and the kept samples
// without bodies, the newest first. It flushes, so that it tells what the counters tell; if that fails it returns what the store holds.
func (s *Store) Mismatches(ctx context.Context, f Filter) ([]Group, []Sample, error) {
	_ = s.Flush(ctx) // Healthy tells
	window, _ := s.Window()
	args := f.arguments(window, s.origin.window+1)
	groups, err := s.groups(ctx, args)
	if err != nil {
		return nil, nil, s.failed("read the mismatches", err)
	}
	s.ledger.rank(groups)
	groups = groups[:min(len(groups), f.limit())]
	samples, err := s.sampleList(ctx, args)
	if err != nil {
		return nil, nil, s.failed("read the mismatches", err)
	}
	return groups, samples, nil
}

func (s *Store) groups(ctx context.Context, args []any) (groups []Group, err error) {
	// Of bare columns beside one max(), SQLite takes the values of its row: the latest window's example.
	rows, err := s.read.QueryContext(ctx, `SELECT route, signature, sum(count), min(first), max(last), verdict, example, differences, max(window)
		FROM signatures WHERE `+condition+` GROUP BY route, signature ORDER BY 1, 2`, args[:4]...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			g                    Group
			first, last, window  int64
			verdict, differences string
		)
		if err := rows.Scan(&g.Route, &g.Signature, &g.Count, &first, &last, &verdict, &g.ExampleID, &differences, &window); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(differences), &g.Differences); err != nil {
			return nil, fmt.Errorf("signature %s: %w", g.Signature, err)
		}
		g.Verdict, g.First, g.Last = compare.Verdict(verdict), time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
		groups = append(groups, g)
	}
	return groups, rows.Err()
}

const sampleColumns = "id, route, signature, time, verdict, method, target, header, old, new, old_seconds, new_seconds, differences"

func (s *Store) sampleList(ctx context.Context, args []any) (samples []Sample, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+sampleColumns+", NULL, NULL FROM samples WHERE "+condition+" ORDER BY time DESC, id DESC LIMIT ?5", args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		sample, err := scanSample(rows)
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample)
	}
	return samples, rows.Err()
}

// Mismatch returns one sample with its bodies; ok is false if there is none of that id, or no longer.
func (s *Store) Mismatch(ctx context.Context, id string) (sample Sample, ok bool, err error) {
	_ = s.Flush(ctx) // as in Mismatches
	sample, err = scanSample(s.read.QueryRowContext(ctx, "SELECT "+sampleColumns+", old_body, new_body FROM samples WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return Sample{}, false, nil
	}
	if err != nil {
		return Sample{}, false, s.failed("read mismatch "+id, err)
	}
	return sample, true, nil
}

func scanSample(row interface{ Scan(...any) error }) (Sample, error) {
	var (
		s                                     Sample
		nanos                                 int64
		verdict, header, older, newer, differ string
		oldSeconds, newSeconds                float64
		oldBody, newBody                      []byte
	)
	if err := row.Scan(&s.ID, &s.Route, &s.Signature, &nanos, &verdict, &s.Method, &s.Target, &header, &older, &newer,
		&oldSeconds, &newSeconds, &differ, &oldBody, &newBody); err != nil {
		return Sample{}, err
	}
	for _, part := range []struct {
		text string
		into any
	}{{header, &s.Header}, {older, &s.Old}, {newer, &s.New}, {differ, &s.Differences}} {
		if err := json.Unmarshal([]byte(part.text), part.into); err != nil {
			return Sample{}, fmt.Errorf("mismatch %s: %w", s.ID, err)
		}
	}
	s.Time, s.Verdict = time.Unix(0, nanos).UTC(), compare.Verdict(verdict)
	s.Old.Body, s.New.Body = oldBody, newBody
	s.Old.Duration = time.Duration(oldSeconds * float64(time.Second))
	s.New.Duration = time.Duration(newSeconds * float64(time.Second))
	return s, nil
}

// Ungrouped counts the mismatches of the current window that had a signature more than MaxSignatures: they are in the
// accounts, but in no group.
func (s *Store) Ungrouped() int64 {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.current().ungrouped
}

// Examples returns the first samples that the current window keeps of a signature, with their bodies, the oldest first.
func (s *Store) Examples(ctx context.Context, signature string, limit int) (samples []Sample, err error) {
	window, _ := s.Window()
	rows, err := s.read.QueryContext(ctx, "SELECT "+sampleColumns+", old_body, new_body FROM samples WHERE window = ? AND signature = ? ORDER BY early DESC, time, id LIMIT ?",
		window, signature, limit)
	if err != nil {
		return nil, s.failed("read the mismatches", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		sample, err := scanSample(rows)
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample)
	}
	return samples, rows.Err()
}
