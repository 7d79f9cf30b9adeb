package evidence

import (
	"context"
	"database/sql"
	"errors"

	"paritygate/compare"
)

// noiseRow is what a flush writes of a route, and noisePlaceRow what it writes of a place.
type noiseRow struct {
	*noiseBook
	version         uint64
	window          int64
	route           string
	asked, overflow int64
}

type noisePlaceRow struct {
	*notedPlace
	version uint64
	window  int64
	route   string
	key     placeKey
	at      notedPlace // as it was when the flush began
}

// noiseRows copies what has changed.
func (w *window) noiseRows(snap *snapshot) {
	for route, b := range w.noise {
		if b.changed.dirty() {
			snap.noise = append(snap.noise, noiseRow{b, b.changed.version, w.id, route, b.asked, b.overflow})
		}
		for k, p := range b.places {
			if p.changed.dirty() {
				snap.places = append(snap.places, noisePlaceRow{p, p.changed.version, w.id, route, k, *p})
			}
		}
	}
}

func (snap *snapshot) storeNoise(ctx context.Context, tx *sql.Tx) error {
	for _, w := range snap.windows {
		for _, statement := range []string{"DELETE FROM noise WHERE window <= ?", "DELETE FROM noise_places WHERE window <= ?"} {
			if _, err := tx.ExecContext(ctx, statement, w.id-sampleWindows); err != nil {
				return err
			}
		}
	}
	for _, r := range snap.noise {
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO noise VALUES (?, ?, ?, ?)", r.window, r.route, r.asked, r.overflow); err != nil {
			return err
		}
	}
	for _, r := range snap.places {
		p := &r.at
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO noise_places VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			r.window, r.route, string(r.key.location), r.key.path, string(r.key.kind), p.counts.onlyNew, p.counts.onlyOld, p.counts.both,
			p.hidden, string(p.finding), p.since.onlyNew, p.since.onlyOld, p.since.both, p.masked); err != nil {
			return err
		}
	}
	return nil
}

// noiseWritten notes what is on disk now.
func (snap *snapshot) noiseWritten() {
	for _, r := range snap.noise {
		r.noiseBook.changed.written = r.version
	}
	for _, r := range snap.places {
		r.notedPlace.changed.written = r.version
	}
}

// noiseSettled reports whether everything about noise in the window is on disk.
func (w *window) noiseSettled() bool {
	for _, b := range w.noise {
		if b.changed.dirty() {
			return false
		}
		for _, p := range b.places {
			if p.changed.dirty() {
				return false
			}
		}
	}
	return true
}

// loadNoise restores what was counted in the window.
func (s *Store) loadNoise(ctx context.Context, w *window) error {
	if err := s.loadNoiseBooks(ctx, w); err != nil {
		return err
	}
	return s.loadNoisePlaces(ctx, w)
}

func (s *Store) loadNoiseBooks(ctx context.Context, w *window) (err error) {
	rows, err := s.write.QueryContext(ctx, "SELECT route, asked, uncounted FROM noise WHERE window = ?", w.id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var route string
		b := newNoiseBook()
		if err := rows.Scan(&route, &b.asked, &b.overflow); err != nil {
			return err
		}
		w.noise[route] = b
	}
	return rows.Err()
}

func (s *Store) loadNoisePlaces(ctx context.Context, w *window) (err error) {
	rows, err := s.write.QueryContext(ctx, `SELECT route, location, path, kind, only_new, only_old, both, hidden, finding,
		since_only_new, since_only_old, since_both, masked FROM noise_places WHERE window = ?`, w.id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var route, location, path, kind, finding string
		p := &notedPlace{}
		if err := rows.Scan(&route, &location, &path, &kind, &p.counts.onlyNew, &p.counts.onlyOld, &p.counts.both, &p.hidden, &finding,
			&p.since.onlyNew, &p.since.onlyOld, &p.since.both, &p.masked); err != nil {
			return err
		}
		p.finding = NoiseFinding(finding)
		w.noiseOf(route).places[placeKey{compare.Location(location), path, compare.Kind(kind)}] = p
	}
	return rows.Err()
}
