package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"paritygate/internal/throwaway"
)

// connections bounds what one shop opens on its database.
const connections = 8

// database is one shop's database. The statements are PostgreSQL's, written so that SQLite takes them too.
type database struct {
	*sql.DB
	dsn    string // for a PostgreSQL client; empty for SQLite
	dollar bool   // PostgreSQL
}

// openPostgres makes an empty database on the server and connects to it.
func openPostgres(ctx context.Context, server *throwaway.Server, name string) (*database, error) {
	dsn, err := server.CreateDatabase(ctx, name)
	if err != nil {
		return nil, err
	}
	return connectPostgres(dsn)
}

func connectPostgres(dsn string) (*database, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, fmt.Errorf("open a database: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &database{DB: db, dsn: dsn, dollar: true}, nil
}

// role is the one by which a shop on PostgreSQL reaches its database, once everything is made.
const role = "shop_app"

// application makes the role, which may read and write every table and owns none, and connects by it. The secret is its password.
func (d *database) application(ctx context.Context, secret string) (*database, error) {
	for _, statement := range []string{
		"CREATE TABLE fence_probe (n integer)",
		"CREATE ROLE " + role + " LOGIN PASSWORD '" + strings.ReplaceAll(secret, "'", "''") + "'",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + role,
		"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO " + role,
	} {
		if _, err := d.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("make the role %s: %w", role, err)
		}
	}
	u, err := url.Parse(d.dsn)
	if err != nil {
		return nil, fmt.Errorf("the database's address: %w", err)
	}
	u.User = url.UserPassword(role, secret)
	return connectPostgres(u.String())
}

// openSQLite makes a database file in dir.
func openSQLite(dir, name string) (*database, error) {
	file := url.URL{Scheme: "file", Path: filepath.Join(dir, name+".sqlite"), RawQuery: url.Values{
		"_pragma":      {"journal_mode(wal)", "synchronous(off)", "busy_timeout(10000)"},
		"_txlock":      {"immediate"},
		"_time_format": {"sqlite"},
	}.Encode()}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", name, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &database{DB: db}, nil
}

// sqliteTypes turns the types of the schema below into those whose values SQLite's driver reads back as what they are.
var sqliteTypes = strings.NewReplacer(
	"bigserial PRIMARY KEY", "integer PRIMARY KEY AUTOINCREMENT",
	"timestamptz", "timestamp",
)

// create makes the tables.
func (d *database) create(ctx context.Context, ddl []string) error {
	for _, statement := range ddl {
		if !d.dollar {
			statement = sqliteTypes.Replace(statement)
		}
		if _, err := d.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("create the tables: %w: %s", err, statement)
		}
	}
	return nil
}

// within runs f in one transaction.
func (d *database) within(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// insertRows inserts many rows with few statements. head is "INSERT INTO t (a, b)", tail what follows the values.
func insertRows(ctx context.Context, tx *sql.Tx, head, tail string, rows [][]any) error {
	const batch = 200
	for len(rows) > 0 {
		n := min(batch, len(rows))
		var statement strings.Builder
		statement.WriteString(head + " VALUES ")
		args := make([]any, 0, n*len(rows[0]))
		for i, row := range rows[:n] {
			if i > 0 {
				statement.WriteString(", ")
			}
			statement.WriteByte('(')
			for j := range row {
				if j > 0 {
					statement.WriteString(", ")
				}
				fmt.Fprintf(&statement, "$%d", len(args)+j+1)
			}
			statement.WriteByte(')')
			args = append(args, row...)
		}
		statement.WriteString(" " + tail)
		if _, err := tx.ExecContext(ctx, statement.String(), args...); err != nil {
			return fmt.Errorf("%s: %w", head, err)
		}
		rows = rows[n:]
	}
	return nil
}

// collect reads all rows of a query with scan, which returns what one row says.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("query: %w: %s", err, query)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read a row: %w: %s", err, query)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the rows: %w: %s", err, query)
	}
	return all, nil
}

// querier is a database or a transaction of one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}
