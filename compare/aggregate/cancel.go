package aggregate

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// canceler cancels the statement on the server when its context ends. It differs from pgx's own in one thing: it lets the
// cancel request come to its end, also when the statement ended first. A cancel request that is broken off makes PgBouncer
// before 1.20 exit (pgbouncer#801), and with it everybody's connections.
type canceler struct {
	conn *pgconn.PgConn
	done chan struct{}
	used bool
}

// HandleCancel asks for the cancel, and gives up on a server that does not answer.
func (c *canceler) HandleCancel(context.Context) {
	c.used, c.done = true, make(chan struct{})
	// It fails only on a connection that is closed, which needs no deadline.
	_ = c.conn.Conn().SetDeadline(time.Now().Add(goodbye))
	go func() { //nolint:gosec // the run's context has ended: that is why there is something to cancel
		defer close(c.done)
		ctx, cancel := context.WithTimeout(context.Background(), goodbye)
		defer cancel()
		_ = c.conn.CancelRequest(ctx) // the deadline ends what this could not
	}()
}

// HandleUnwatchAfterCancel waits until the request is over.
func (c *canceler) HandleUnwatchAfterCancel() {
	<-c.done
	_ = c.conn.Conn().SetDeadline(time.Time{}) // as above
}
