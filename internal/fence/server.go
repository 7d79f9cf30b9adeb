package fence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"paritygate/internal/postgres"
)

const (
	// lock is the key of the advisory lock that each statement takes: `parityga` in ASCII.
	lock = 0x7061726974796761
	// firstRest is how long a server rests before it is asked again; each time twice as long, up to longestRest.
	firstRest   = 20 * time.Millisecond
	longestRest = 320 * time.Millisecond
)

// server is one database: how to reach it, and what must not be said of it.
type server struct {
	side    string // old or new
	config  *pgconn.Config
	redact  postgres.Redactor
	timeout time.Duration // of a statement; 0 is none
}

func newServer(side, dsn string, timeout time.Duration) (*server, error) {
	config, err := postgres.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	return &server{side: side, config: config, redact: postgres.NewRedactor(dsn, config), timeout: timeout}, nil
}

// session is one connection. It has no settings of its own, which a pooler would hand on to others.
type session struct {
	server   *server
	conn     *pgconn.PgConn
	canceler *postgres.Canceler
}

func (s *server) open(ctx context.Context) (*session, error) {
	x := &session{server: s, canceler: &postgres.Canceler{}}
	config := s.config.Copy()
	x.canceler.Attach(config)
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, s.refused(ctx, "connecting", err)
	}
	x.conn = conn
	return x, nil
}

func (x *session) close() { x.canceler.Close(x.conn) }

// limit is what a statement gets, in milliseconds, as the server counts it: should this process die, it ends all the same.
func (s *server) limit(ctx context.Context) int64 {
	limit := s.timeout
	if end, ok := ctx.Deadline(); ok {
		if left := time.Until(end); limit == 0 || left < limit {
			limit = left
		}
	}
	if limit == 0 {
		return 0
	}
	return max(limit.Milliseconds(), 1)
}

// run runs a statement and reads to its end. All goes to the server in one message, which is one transaction, so that the
// settings are the statement's alone: it may write where a fence made that an exception, and is the only one of ours at a time.
// A statement that must not run in a transaction runs without them.
func (x *session) run(ctx context.Context, sql string) error {
	err := x.exec(ctx, fmt.Sprintf("SET LOCAL transaction_read_only = off; SET LOCAL statement_timeout = %d; SELECT pg_advisory_xact_lock(%d); %s",
		x.server.limit(ctx), int64(lock), sql))
	if r, ok := errors.AsType[*refusal](err); ok && r.code == "25001" {
		return x.exec(ctx, sql)
	}
	return err
}

func (x *session) exec(ctx context.Context, sql string) error {
	if x.server.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, x.server.timeout)
		defer cancel()
	}
	if err := x.conn.Exec(ctx, sql).Close(); err != nil {
		return x.server.refused(ctx, "", err)
	}
	return nil
}

// list asks for rows of one column.
func (x *session) list(ctx context.Context, sql string, arguments ...string) ([]string, error) {
	values := make([][]byte, len(arguments))
	for i, a := range arguments {
		values[i] = []byte(a)
	}
	result := x.conn.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, x.server.refused(ctx, "", result.Err)
	}
	rows := make([]string, len(result.Rows))
	for i, row := range result.Rows {
		rows[i] = string(row[0])
	}
	return rows, nil
}

// leftOver finds the sessions that hold or want the lock: statements of ours that were cut off on the way.
var leftOver = fmt.Sprintf(`SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
	WHERE l.locktype = 'advisory' AND l.classid = %d AND l.objid = %d AND l.objsubid = 1 AND l.pid <> pg_backend_pid()`, lock>>32, lock&0xffffffff)

// endLeftOver ends them. Where that is not permitted, since they are another user's, the lock is waited for.
func (l *line) endLeftOver(ctx context.Context) error {
	err := l.do(ctx, again, func(x *session) error { return x.exec(ctx, leftOver) })
	if r, ok := errors.AsType[*refusal](err); ok && r.code == "42501" {
		return nil
	}
	return err
}

// once and again say what becomes of a statement that a server which was out of reach or busy did not run, or not to its end.
const (
	once  = false
	again = true
)

// line is a connection that is opened when it is needed, and anew after it broke.
type line struct {
	server  *server
	session *session
}

func (l *line) do(ctx context.Context, retry bool, what func(*session) error) error {
	try := func() (err error) {
		if l.session == nil {
			if l.session, err = l.server.open(ctx); err != nil {
				return err
			}
		}
		if err = what(l.session); err != nil && transient(err) {
			l.close()
		}
		return err
	}
	if retry {
		return retrying(ctx, try)
	}
	return try()
}

func (l *line) close() {
	if l.session != nil {
		l.session.close()
		l.session = nil
	}
}

// runAll runs statements in order on one connection. An error says which, and on which side.
func (l *line) runAll(ctx context.Context, list []string, at string, retry bool) error {
	for i, sql := range list {
		if err := l.run(ctx, sql, retry); err != nil {
			return fmt.Errorf("%s[%d] on %s: %w", at, i, l.server.side, err)
		}
	}
	return nil
}

func (l *line) run(ctx context.Context, sql string, retry bool) error {
	return l.do(ctx, retry, func(x *session) error { return x.run(ctx, sql) })
}

// retrying tries until it is done, or refused for another reason than that the server is out of reach or busy.
func retrying(ctx context.Context, try func() error) error {
	var p patience
	for {
		err := p.heard(try())
		if err == nil || !transient(err) || !p.again(ctx) {
			return err
		}
	}
}

// patience is what is between two tries.
type patience struct {
	rest time.Duration
	told error // the last error that said more than that there was no time left
}

// heard is the error to report if nothing better follows: what was said last, with the news that time is up.
func (p *patience) heard(err error) error {
	if u, ok := errors.AsType[*unreachable](err); ok && u.cause != nil && p.told != nil {
		return &unreachable{p.told.Error(), u.cause}
	}
	p.told = err
	return err
}

// again reports whether ctx goes on after a rest.
func (p *patience) again(ctx context.Context) bool {
	p.rest = min(max(2*p.rest, firstRest), longestRest)
	timer := time.NewTimer(p.rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
