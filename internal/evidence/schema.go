package evidence

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks a SQLite file as a store of paritygate ("PGAT"), in its header.
const applicationID = 0x50474154

// migrations bring a store from version i to version i+1. A published one is never edited.
var migrations = []string{`
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE state (
	id    INTEGER PRIMARY KEY CHECK (id = 1),
	run   TEXT NOT NULL,
	phase TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	body  TEXT NOT NULL
) STRICT;

CREATE TABLE events (
	seq       INTEGER PRIMARY KEY,
	time      INTEGER NOT NULL, -- nanoseconds since 1970, as all times here
	actor     TEXT NOT NULL,
	kind      TEXT NOT NULL,
	from_     TEXT NOT NULL,
	to_       TEXT NOT NULL,
	epoch     INTEGER NOT NULL,
	reason    TEXT NOT NULL,
	evidence  TEXT NOT NULL,
	hash      TEXT NOT NULL
) STRICT;

CREATE TABLE windows (
	id        INTEGER PRIMARY KEY,
	start     INTEGER NOT NULL,
	ungrouped INTEGER NOT NULL
) STRICT;

-- One row for each route in each window. open_* are the units of evidence of minutes that were not over yet.
CREATE TABLE accounts (
	window     INTEGER NOT NULL,
	route      TEXT NOT NULL,
	match      INTEGER NOT NULL,
	tolerated  INTEGER NOT NULL,
	lagged     INTEGER NOT NULL,
	mismatch   INTEGER NOT NULL,
	failed     INTEGER NOT NULL,
	skipped    TEXT NOT NULL, -- {"reason": n}
	new_asked  INTEGER NOT NULL,
	new_errors INTEGER NOT NULL,
	samples    INTEGER NOT NULL,
	units        INTEGER NOT NULL,
	bad_units    INTEGER NOT NULL,
	lagged_units INTEGER NOT NULL,
	open_units        INTEGER NOT NULL,
	open_bad_units    INTEGER NOT NULL,
	open_lagged_units INTEGER NOT NULL,
	suppressed TEXT NOT NULL, -- {"rule": n}
	requests   BLOB NOT NULL, -- fingerprints of 8 bytes
	old_sketch BLOB NOT NULL,
	new_sketch BLOB NOT NULL,
	PRIMARY KEY (window, route)
) STRICT, WITHOUT ROWID;

CREATE TABLE signatures (
	window      INTEGER NOT NULL,
	route       TEXT NOT NULL,
	signature   TEXT NOT NULL,
	verdict     TEXT NOT NULL,
	count       INTEGER NOT NULL,
	first       INTEGER NOT NULL,
	last        INTEGER NOT NULL,
	example     TEXT NOT NULL,
	differences TEXT NOT NULL,
	PRIMARY KEY (window, route, signature)
) STRICT, WITHOUT ROWID;

CREATE TABLE samples (
	id          TEXT PRIMARY KEY,
	window      INTEGER NOT NULL,
	route       TEXT NOT NULL,
	signature   TEXT NOT NULL,
	early       INTEGER NOT NULL, -- 1: one of the first of its signature, 0: one of the latest
	time        INTEGER NOT NULL,
	verdict     TEXT NOT NULL,
	method      TEXT NOT NULL,
	target      TEXT NOT NULL,
	header      TEXT NOT NULL,
	old         TEXT NOT NULL,
	new         TEXT NOT NULL,
	old_seconds REAL NOT NULL,
	new_seconds REAL NOT NULL,
	differences TEXT NOT NULL,
	old_body    BLOB NOT NULL,
	new_body    BLOB NOT NULL
) STRICT;
CREATE INDEX samples_by_signature ON samples (window, route, signature);
CREATE INDEX samples_by_time ON samples (time);

CREATE TABLE checks (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	at   INTEGER NOT NULL,
	body TEXT NOT NULL
) STRICT;
CREATE INDEX checks_by_name ON checks (name, id);

CREATE TABLE attestations (
	id       INTEGER PRIMARY KEY,
	name     TEXT NOT NULL,
	actor    TEXT NOT NULL,
	time     INTEGER NOT NULL,
	evidence TEXT NOT NULL
) STRICT;
`, `
-- What the rules hid is kept by their text: {"rule": {"exchanges": n, "differences": n}}. It was kept by their number, which
-- names none once they are edited; those counts begin anew.
UPDATE accounts SET suppressed = '{}';
`, `
-- What second reads of the authority showed: one row for each route in each window, and one for each place of it.
CREATE TABLE noise (
	window    INTEGER NOT NULL,
	route     TEXT NOT NULL,
	asked     INTEGER NOT NULL,
	uncounted INTEGER NOT NULL,
	PRIMARY KEY (window, route)
) STRICT, WITHOUT ROWID;

CREATE TABLE noise_places (
	window   INTEGER NOT NULL,
	route    TEXT NOT NULL,
	location TEXT NOT NULL,
	path     TEXT NOT NULL,
	kind     TEXT NOT NULL,
	only_new INTEGER NOT NULL,
	only_old INTEGER NOT NULL,
	both     INTEGER NOT NULL,
	hidden   INTEGER NOT NULL,
	finding  TEXT NOT NULL,
	since_only_new INTEGER NOT NULL, -- what was counted when it was found to be noise
	since_only_old INTEGER NOT NULL,
	since_both     INTEGER NOT NULL,
	masked   INTEGER NOT NULL,
	PRIMARY KEY (window, route, location, path, kind)
) STRICT, WITHOUT ROWID;
`, `
-- How far checks are that take longer than this program may run. What is in a body is the check's own.
CREATE TABLE check_progress (
	name TEXT PRIMARY KEY,
	body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`, `
-- The history of a check is read again and again for its last runs, without what each of them found.
ALTER TABLE checks ADD COLUMN verdict TEXT NOT NULL DEFAULT '';
ALTER TABLE checks ADD COLUMN variance REAL;
UPDATE checks SET verdict = json_extract(body, '$.verdict'), variance = json_extract(body, '$.variance');
DROP INDEX checks_by_name;
CREATE INDEX checks_by_name ON checks (name, id, at, verdict, variance);
`, `
-- The two sides of a run, where they are numbers, so that a gap that stays the same is seen.
ALTER TABLE checks ADD COLUMN old REAL;
ALTER TABLE checks ADD COLUMN new REAL;
DROP INDEX checks_by_name;
CREATE INDEX checks_by_name ON checks (name, id, at, verdict, variance, old, new);
`}

// migrate brings the store to this program's version, one durable transaction a step.
func migrate(ctx context.Context, db *sql.DB, from int) error {
	for v := from; v < len(migrations); v++ {
		if err := migrateStep(ctx, db, v); err != nil {
			return fmt.Errorf("bring the schema from version %d to %d: %w", v, v+1, err)
		}
	}
	return nil
}

func migrateStep(ctx context.Context, db *sql.DB, version int) error {
	return inTx(ctx, db, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version+1))
		return err
	})
}

// inTx runs f in a transaction and commits it if f returns nil.
func inTx(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}
