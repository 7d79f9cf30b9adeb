package aggregate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"paritygate/internal/postgres"
)

const (
	// lockTimeout bounds the wait for a lock, such as behind a migration that rewrites the table.
	lockTimeout = 5 * time.Second
	// grace is what a statement gets beyond its timeout before the server is taken for dead.
	grace = 5 * time.Second
)

// database is one side: how to reach it, and how many connections may be open.
type database struct {
	side    string // old or new
	config  *pgconn.Config
	redact  postgres.Redactor
	timeout time.Duration
	lag     Lag
	slots   chan struct{}
}

func newDatabase(side string, d Database) (*database, error) {
	if d.DSN == "" {
		return nil, fmt.Errorf("%s database: %w", side, ErrNoDatabase)
	}
	if d.MaxConnections < 0 || d.StatementTimeout < 0 {
		return nil, fmt.Errorf("%s database: max_connections and statement_timeout must not be negative", side)
	}
	config, err := postgres.ParseDSN(d.DSN)
	if err != nil {
		return nil, fmt.Errorf("%s database: %w", side, err)
	}
	db := &database{side: side, config: config, redact: postgres.NewRedactor(d.DSN, config), timeout: d.StatementTimeout, lag: d.Lag}
	if err := d.Lag.Validate(); err != nil {
		return nil, fmt.Errorf("%s database: lag.%w", side, err)
	}
	if db.timeout == 0 {
		db.timeout = 30 * time.Second
	}
	connections := d.MaxConnections
	if connections == 0 {
		connections = 2
	}
	db.slots = make(chan struct{}, connections)
	return db, nil
}

// acquire takes the right to one connection.
func (d *database) acquire(ctx context.Context) error {
	select {
	case d.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a connection to %s: %w", d.side, context.Cause(ctx))
	}
}

func (d *database) release() { <-d.slots }

// session is a connection in a read-only transaction whose snapshot is not yet taken.
type session struct {
	db       *database
	conn     *pgconn.PgConn
	canceler *postgres.Canceler
}

// open connects and begins. The transaction's settings are local to it, so that a pooler's connection stays as it was.
func (d *database) open(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout+grace)
	defer cancel()
	s := &session{db: d, canceler: &postgres.Canceler{}}
	config := d.config.Copy()
	s.canceler.Attach(config)
	var err error
	if s.conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
		return nil, d.failure(ctx, "connect to", err)
	}
	if _, err := s.conn.Exec(ctx, d.begin()).ReadAll(); err != nil {
		s.close()
		return nil, d.failure(ctx, "begin a transaction on", err)
	}
	return s, nil
}

func (d *database) begin() string {
	ms := d.timeout.Milliseconds()
	settings := []string{
		"BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
		fmt.Sprintf("SET LOCAL statement_timeout = %d", ms),
		fmt.Sprintf("SET LOCAL lock_timeout = %d", min(lockTimeout.Milliseconds(), ms)),
		fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = %d", ms+grace.Milliseconds()),
		// Both sides must write the same value the same way.
		"SET LOCAL timezone = 'UTC'", "SET LOCAL datestyle = 'ISO, YMD'", "SET LOCAL intervalstyle = 'iso_8601'",
		"SET LOCAL extra_float_digits = 3", "SET LOCAL bytea_output = 'hex'", "SET LOCAL lc_monetary = 'C'",
	}
	return strings.Join(settings, "; ")
}

// close rolls back and disconnects.
func (s *session) close() { s.canceler.Close(s.conn) }

// probe connects and asks for nothing but an answer.
func (d *database) probe(ctx context.Context) error {
	if err := d.acquire(ctx); err != nil {
		return err
	}
	defer d.release()
	s, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	_, err = s.ask(ctx, "SELECT 1", 1)
	return err
}

// failure says in plain words what a database did, without any secret. Of the original errors only those of the context
// stay wrapped: the driver's may quote the connection string.
func (d *database) failure(ctx context.Context, doing string, err error) error {
	// A statement that is cancelled ends with an error of the server's, which would hide why.
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s (%s): no answer: %w", doing, d.side, d.address(), ctx.Err())
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return &refusal{code: server.Code, text: fmt.Sprintf("%s %s: %s", doing, d.side, d.redact.Clean(d.explain(server)))}
	}
	var large *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &large) {
		return fmt.Errorf("%s %s: it gives a row of more than %d MiB; narrow it", doing, d.side, postgres.MaxMessage>>20)
	}
	return fmt.Errorf("%s %s: %s", doing, d.side, d.redact.Clean(postgres.Message(err)))
}

func (d *database) address() string {
	return d.redact.Clean(fmt.Sprintf("%s port %d", d.config.Host, d.config.Port))
}

// explain puts what operators meet most into words, and leaves the rest to the server's own.
func (d *database) explain(e *pgconn.PgError) string {
	switch e.Code {
	case "57014":
		return fmt.Sprintf("the statement was cancelled; its limit (statement_timeout) is %s: %s", d.timeout, e.Message)
	case "55P03":
		return fmt.Sprintf("the table was locked by another session for longer than %s: %s", min(lockTimeout, d.timeout), e.Message)
	case "25006":
		return "the statement tried to write, and checks are read-only: " + e.Message
	case "28P01", "28000":
		return "the login was refused; look at the user and password in the DSN: " + e.Message
	}
	return e.Message
}

// refusal is what a database says when it does not do what it was asked.
type refusal struct {
	code string // its SQLSTATE
	text string // without a secret
}

func (r *refusal) Error() string { return fmt.Sprintf("%s (SQLSTATE %s)", r.text, r.code) }
