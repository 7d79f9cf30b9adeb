package evidence

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Reasons why Open refuses a store.
var (
	ErrInUse      = errors.New("the store is in use")
	ErrCorrupt    = errors.New("the store is damaged")
	ErrNotStore   = errors.New("the file is not a store of paritygate")
	ErrNewerStore = errors.New("the store was written by a newer version of paritygate")
	ErrOtherRun   = errors.New("the store holds another run")
)

// prepareFile checks everything about the store's file that can be checked without changing it, and returns its schema's
// version, 0 for a new one. Only a file that does not exist is created.
func prepareFile(ctx context.Context, path string) (version int, err error) {
	head := make([]byte, 16)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, createFile(path)
	}
	if err != nil {
		return 0, fmt.Errorf("the file cannot be opened for writing: %w", err)
	}
	n, err := io.ReadFull(f, head)
	if closeErr := f.Close(); closeErr != nil {
		return 0, closeErr
	}
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return 0, nil // a crash right after createFile; there is nothing in it to lose
	case !bytes.Equal(head, []byte("SQLite format 3\x00")):
		return 0, fmt.Errorf("%w: it is no SQLite database; give another store.path, or move the file away", ErrNotStore)
	}
	return inspect(ctx, path)
}

func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("the file cannot be created: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// inspect reads an existing file through a connection that cannot write, so that a damaged one stays as it is.
func inspect(ctx context.Context, path string) (version int, err error) {
	db, err := sql.Open("sqlite", dataSource(path, "mode=ro", "_pragma=busy_timeout(2000)"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var appID, tables int
	var check string
	for _, ask := range []struct {
		sql string
		to  any
	}{{"PRAGMA user_version", &version}, {"PRAGMA application_id", &appID}, {"SELECT count(*) FROM sqlite_schema", &tables}, {"PRAGMA quick_check(1)", &check}} {
		if err = db.QueryRowContext(ctx, ask.sql).Scan(ask.to); err != nil {
			break // the rest would fail alike
		}
	}
	const advice = "nothing was changed; restore it from a backup, or move it away to begin with an empty store"
	switch {
	case err != nil && ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil:
		return 0, fmt.Errorf("%w: %w; %s", ErrCorrupt, err, advice)
	case check != "ok":
		return 0, fmt.Errorf("%w: %s; %s", ErrCorrupt, check, advice)
	case tables == 0 && version == 0:
		return 0, nil // a crash before the first migration
	case appID != applicationID:
		return 0, fmt.Errorf("%w: it is the SQLite database of another program; give another store.path", ErrNotStore)
	case version > len(migrations):
		return 0, fmt.Errorf("%w: its schema is version %d, this program knows up to %d; run the newer program, or give another store.path",
			ErrNewerStore, version, len(migrations))
	}
	return version, nil
}

// dataSource names the file as a URI, in which no character of the path has a meaning.
func dataSource(path string, params ...string) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: path}
	s := u.String()
	for i, p := range params {
		s += map[bool]string{true: "?", false: "&"}[i == 0] + p
	}
	return s
}

// openDatabases opens the one connection that writes, every transaction of which is durable when it returns, and a few that read.
func openDatabases(ctx context.Context, path string) (write, read *sql.DB, err error) {
	write, err = sql.Open("sqlite", dataSource(path, "_txlock=immediate", "_pragma=busy_timeout(2000)",
		"_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)", "_pragma=journal_size_limit(67108864)"))
	if err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	if err = write.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	read, err = sql.Open("sqlite", dataSource(path, "_pragma=busy_timeout(2000)", "_pragma=query_only(1)"))
	if err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(4)
	return write, read, nil
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func getMeta(ctx context.Context, q querier, key string) (value string, ok bool, err error) {
	err = q.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return value, err == nil, err
}

// getMetaInt is getMeta for a number; 0 if there is none.
func getMetaInt(ctx context.Context, q querier, key string) (int64, error) {
	s, ok, err := getMeta(ctx, q, key)
	if err != nil || !ok {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("meta %s: %w", key, err)
	}
	return n, nil
}

func setMeta(ctx context.Context, tx *sql.Tx, key, value string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
	return err
}
