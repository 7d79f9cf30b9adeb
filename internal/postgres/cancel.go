package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// Goodbye bounds ending a session, and waiting for a cancel; a server that hangs must not hold up a shutdown.
const Goodbye = 2 * time.Second

// Canceler cancels the statement on the server when its context ends. It differs from pgx's own in one thing: it lets the
// cancel request come to its end, also when the statement ended first. A cancel request that is broken off makes PgBouncer
// before 1.20 exit (pgbouncer#801), and with it everybody's connections. It serves one connection, on one goroutine.
type Canceler struct {
	conn *pgconn.PgConn
	done chan struct{}
	used bool
}

// Attach has the connection that is made by config use the canceler.
func (c *Canceler) Attach(config *pgconn.Config) {
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		c.conn = conn
		return c
	}
}

// Used reports whether a cancel was asked for.
func (c *Canceler) Used() bool { return c.used }

// HandleCancel asks for the cancel, and gives up on a server that does not answer.
func (c *Canceler) HandleCancel(context.Context) {
	c.used, c.done = true, make(chan struct{})
	// It fails only on a connection that is closed, which needs no deadline.
	_ = c.conn.Conn().SetDeadline(time.Now().Add(Goodbye))
	go func() { //nolint:gosec // the run's context has ended: that is why there is something to cancel
		defer close(c.done)
		ctx, cancel := context.WithTimeout(context.Background(), Goodbye)
		defer cancel()
		_ = c.conn.CancelRequest(ctx) // the deadline ends what this could not
	}()
}

// HandleUnwatchAfterCancel waits until the request is over.
func (c *Canceler) HandleUnwatchAfterCancel() {
	<-c.done
	_ = c.conn.Conn().SetDeadline(time.Time{}) // as above
}

// Close rolls back, since a pooler takes a client that leaves within a transaction for a crash, and disconnects. After a
// cancel it just leaves: the pooler then drops its server connection, where a late cancel could hit somebody else.
func (c *Canceler) Close(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), Goodbye)
	defer cancel()
	// The connection is not used again: what goes wrong here is the server's to clean up, which it does when it sees the
	// connection end.
	if !conn.IsClosed() && !c.used && conn.TxStatus() != 'I' {
		_, _ = conn.Exec(ctx, "ROLLBACK").ReadAll()
	}
	_ = conn.Close(ctx)
	select {
	case <-conn.CleanupDone():
	case <-ctx.Done():
	}
}
