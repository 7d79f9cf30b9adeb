package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Table keeps a backend's writes in a table `entries` of a PostgreSQL database, as an application with a pool does: its
// connections stay open, and one that was ended is replaced.
type Table struct {
	dsn  string
	idle chan *pgx.Conn // nil: to be opened

	mu   sync.Mutex
	open map[*pgx.Conn]struct{}
}

// CreateEntries makes the table that Table writes.
const CreateEntries = "CREATE TABLE entries (attempt text PRIMARY KEY, id text NOT NULL, at timestamptz DEFAULT clock_timestamp())"

// NewTable returns a table in the database, written by at most that many connections. Close ends them.
func NewTable(dsn string, connections int) *Table {
	t := &Table{dsn: dsn, idle: make(chan *pgx.Conn, connections), open: map[*pgx.Conn]struct{}{}}
	for range connections {
		t.idle <- nil
	}
	return t
}

// Keep writes an id. A write whose connection was ended is tried again, under the same attempt, so that it is there once.
func (t *Table) Keep(ctx context.Context, id string) error {
	attempt := rand.Text()
	var last error
	for range cap(t.idle) + 1 {
		var again bool
		if again, last = t.try(ctx, attempt, id); !again {
			return last
		}
	}
	return fmt.Errorf("every connection was ended: %w", last)
}

func (t *Table) try(ctx context.Context, attempt, id string) (again bool, err error) {
	conn := <-t.idle
	if conn == nil || conn.IsClosed() {
		if conn, err = t.connect(ctx, conn); err != nil {
			t.idle <- nil
			return false, err
		}
	}
	defer func() { t.idle <- conn }()
	_, err = conn.Exec(ctx, "INSERT INTO entries (attempt, id) VALUES ($1, $2) ON CONFLICT (attempt) DO NOTHING", attempt, id)
	return err != nil && conn.IsClosed(), err
}

func (t *Table) connect(ctx context.Context, before *pgx.Conn) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, t.dsn)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, before)
	if err == nil {
		t.open[conn] = struct{}{}
	}
	return conn, err
}

// Try writes as the application does, on a new connection, and rolls back. It returns the SQLSTATE of the refusal, empty if it worked.
func (t *Table) Try(ctx context.Context) (string, error) {
	conn, err := pgx.Connect(ctx, t.dsn)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only a try
	tx, err := conn.Begin(ctx)
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, "INSERT INTO entries (attempt, id) VALUES ('try', 'try')")
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Code, nil
	}
	return "", errors.Join(err, tx.Rollback(ctx))
}

// IDs returns what is in the table, sorted.
func (t *Table) IDs(ctx context.Context) ([]string, error) {
	conn, err := pgx.Connect(ctx, t.dsn)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it only read
	rows, err := conn.Query(ctx, "SELECT id FROM entries")
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	slices.Sort(ids)
	return ids, err
}

// Close ends the connections, once no write is under way.
func (t *Table) Close() {
	for range cap(t.idle) {
		<-t.idle
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for conn := range t.open {
		_ = conn.Close(context.Background()) // it may have been ended before
	}
}
