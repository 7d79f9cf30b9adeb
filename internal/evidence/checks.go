package evidence

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// SaveCheck adds a result to the history of its check, of which the latest 500 are kept. A result without a time is of now.
func (s *Store) SaveCheck(ctx context.Context, r CheckResult) error {
	if r.At == nil {
		now := s.options.Now()
		r.At = &now
	}
	at := r.At.UTC()
	r.At, r.History, r.Structural = &at, nil, ""
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("store %s: check %s: %w", s.path, r.Name, err)
	}
	err = inTx(ctx, s.write, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO checks (name, at, body, verdict, variance, old, new) VALUES (?, ?, ?, ?, ?, ?, ?)",
			r.Name, at.UnixNano(), string(body), r.Verdict, r.Variance, number(r.Old), number(r.New)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM checks WHERE name = ?1 AND id <=
			(SELECT id FROM checks WHERE name = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`, r.Name, checkHistory)
		return err
	})
	if err != nil {
		return s.failed("save the result of check "+r.Name, err)
	}
	return nil
}

// CheckHistory returns the latest n runs of a check, the oldest first.
func (s *Store) CheckHistory(ctx context.Context, name string, n int) (_ []CheckRun, err error) {
	defer func() {
		if err != nil {
			err = s.failed("read the history of check "+name, err)
		}
	}()
	rows, err := s.read.QueryContext(ctx, "SELECT at, verdict, variance, old, new FROM checks WHERE name = ? AND id > ? ORDER BY id DESC LIMIT ?", name, s.origin.check, n)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var runs []CheckRun
	for rows.Next() {
		var r CheckRun
		var at int64
		if err := rows.Scan(&at, &r.Verdict, &r.Variance, &r.Old, &r.New); err != nil {
			return nil, err
		}
		r.At = time.Unix(0, at).UTC()
		runs = append(runs, r)
	}
	slices.Reverse(runs)
	return runs, rows.Err()
}

// Checks returns the latest result of each check that ever ran, by name.
func (s *Store) Checks(ctx context.Context) (_ []CheckResult, err error) {
	defer func() {
		if err != nil {
			err = s.failed("read the results of checks", err)
		}
	}()
	rows, err := s.read.QueryContext(ctx, "SELECT body FROM checks WHERE id IN (SELECT max(id) FROM checks WHERE id > ? GROUP BY name) ORDER BY name", s.origin.check)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var results []CheckResult
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		var r CheckResult
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, rows.Err()
}

// Attest records an attestation. A later one of the same name stands in the place of the earlier, which stays in the store.
func (s *Store) Attest(ctx context.Context, a Attestation) error {
	if a.Time.IsZero() {
		a.Time = s.options.Now()
	}
	err := inTx(ctx, s.write, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO attestations (name, actor, time, evidence) VALUES (?, ?, ?, ?)",
			a.Name, a.Actor, a.Time.UnixNano(), a.Evidence)
		return err
	})
	if err != nil {
		return s.failed("record attestation "+a.Name, err)
	}
	return nil
}

// Attestations returns the latest attestation of each name, by name.
func (s *Store) Attestations(ctx context.Context) (_ []Attestation, err error) {
	defer func() {
		if err != nil {
			err = s.failed("read the attestations", err)
		}
	}()
	rows, err := s.read.QueryContext(ctx, `SELECT name, actor, time, evidence FROM attestations
		WHERE id IN (SELECT max(id) FROM attestations WHERE id > ? GROUP BY name) ORDER BY name`, s.origin.attestation)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []Attestation
	for rows.Next() {
		var (
			a     Attestation
			nanos int64
		)
		if err := rows.Scan(&a.Name, &a.Actor, &nanos, &a.Evidence); err != nil {
			return nil, err
		}
		a.Time = time.Unix(0, nanos).UTC()
		list = append(list, a)
	}
	return list, rows.Err()
}
