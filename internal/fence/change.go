package fence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// change is a fence on its way up or down, and the sessions that must not outlive that.
type change struct {
	*fence
	to bool // up
	// bySession says which of what began before counts: sessions, or transactions alone.
	bySession bool
	// since is the server's clock when sessions that began were seen to be as they should be, empty until then; before are those
	// that were there.
	since  string
	before []string
	done   bool
}

// repeatAfter is how long what began before gets to end until the statements are run once more: a session may have begun between
// the one that ends sessions and the one that fences new ones.
const repeatAfter = 250 * time.Millisecond

// asWanted reports whether the application's write does what it should after the change.
func (c *change) asWanted(s sight) bool { return c.to && s.refused() || !c.to && s.works }

// run runs the statements, of which s was seen before. After each it looks whether new sessions are as they should be, so that the
// ones to end are those that began before: an application connects again as soon as it was thrown out.
func (c *change) run(ctx context.Context, l *line, s sight, list []string, at string) error {
	listed, err := c.listed(ctx, l)
	if err != nil {
		return err
	}
	if err := c.watch(ctx, l, s, listed); err != nil {
		return err
	}
	for i := range list {
		if err := c.one(ctx, l, list, at, i); err != nil {
			return err
		}
		if c.since != "" {
			continue
		}
		if err := c.watch(ctx, l, c.try(ctx), listed); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) one(ctx context.Context, l *line, list []string, at string, i int) error {
	err := l.run(ctx, list[i], again)
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*refusal](err); ok && r.code == "57P01" {
		err = fmt.Errorf("%w; if it ended its own session, add AND pid <> pg_backend_pid()", err)
	}
	return fmt.Errorf("%s[%d] on %s: %w", at, i, l.server.side, err)
}

// watch notes who is there once new sessions are as they should be. A pooler may go on giving old ones to the application's write, so
// that what the catalog says of new ones counts as well, if it did not say so at first.
func (c *change) watch(ctx context.Context, l *line, s sight, listedAtFirst bool) error {
	if c.since != "" {
		return nil
	}
	listed, err := c.listed(ctx, l)
	if err != nil {
		return err
	}
	turned := listed == c.to && listedAtFirst != c.to
	if !turned && !c.asWanted(s) {
		return nil
	}
	if c.to {
		c.bySession = turned || s.bySession
	}
	return l.do(ctx, again, func(x *session) error {
		clock, err := x.list(ctx, "SELECT clock_timestamp()::text")
		if err != nil {
			return err
		}
		before, err := c.present(ctx, x, "")
		if err == nil {
			c.before, c.since = before, clock[0]
		}
		return err
	})
}

// until tries the write until it is as it should be and enough is content with what is left of what began before.
func (c *change) until(ctx context.Context, l *line, list []string, at string, enough func(left []string) error) error {
	var waiting time.Time
	var p patience
	repeated := false
	for {
		left, err := c.left(ctx, l)
		if err == nil {
			err = enough(left)
		}
		err = p.heard(err)
		switch {
		case len(left) == 0 || !c.bySession || repeated:
		case waiting.IsZero():
			waiting = time.Now()
		case time.Since(waiting) >= c.repeatAfter:
			repeated = true
			for i := range list {
				if err := c.one(ctx, l, list, at, i); err != nil {
					return err
				}
			}
		}
		if err == nil || !p.again(ctx) {
			return err
		}
	}
}

// left lists what began before and is still there, once the write does as it should.
func (c *change) left(ctx context.Context, l *line) (left []string, err error) {
	s := c.try(ctx)
	switch {
	case c.asWanted(s):
	case s.works:
		return nil, errors.New("cutover.fence.verify: the write still works after cutover.fence.sql: that fences somebody else, or leaves the sessions of a pooler")
	default:
		return nil, s.err
	}
	if err := c.watch(ctx, l, s, c.to); err != nil {
		return nil, err
	}
	err = l.do(ctx, again, func(x *session) error {
		now, err := c.present(ctx, x, "")
		if err != nil {
			return err
		}
		left = slices.DeleteFunc(slices.Clone(c.before), func(one string) bool { return !slices.Contains(now, one) })
		if !c.bySession {
			return nil
		}
		late, err := c.present(ctx, x, c.since)
		for _, one := range late {
			if !slices.Contains(left, one) {
				left = append(left, one) // it began before, and was listed after
			}
		}
		return err
	})
	return left, err
}

// listed reports whether the catalog has new sessions of the application read alone, or not begin at all.
func (c *change) listed(ctx context.Context, l *line) (yes bool, err error) {
	const sql = `SELECT (EXISTS (SELECT FROM pg_db_role_setting s, unnest(s.setconfig) one
			WHERE s.setrole IN (0, r.oid) AND s.setdatabase IN (0, d.oid) AND one IN ('default_transaction_read_only=on', 'default_transaction_read_only=true', 'default_transaction_read_only=1', 'default_transaction_read_only=yes'))
		OR NOT r.rolcanlogin OR NOT d.datallowconn)::text FROM pg_roles r, pg_database d WHERE r.rolname = $1 AND d.datname = $2`
	err = l.do(ctx, again, func(x *session) error {
		rows, err := x.list(ctx, sql, c.who.role, c.who.database)
		yes = len(rows) == 1 && rows[0] == "true"
		return err
	})
	return yes, err
}

// The application's sessions; and its transactions, with those of others that have written or are about to, which the lock that every
// write begins with tells. Every role sees that much of others.
const (
	sessions = `SELECT pid || ' ' || coalesce(backend_start::text, '') FROM pg_stat_activity WHERE usename = $1 AND datname = $2 AND pid <> pg_backend_pid()`

	transactions = `SELECT l.pid || ' ' || l.virtualtransaction FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND l.granted AND a.datname = $2 AND a.pid <> pg_backend_pid()
		AND (a.usename = $1 OR EXISTS (SELECT FROM pg_locks w WHERE w.pid = l.pid AND w.locktype = 'relation' AND w.relation >= 16384
			AND w.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')))`

	prepared = ` UNION ALL SELECT 'prepared ' || gid FROM pg_prepared_xacts WHERE owner = $1 AND database = $2`
)

// present lists who is there. With a time of the server's it lists sessions that began before, as far as the role may see when
// they did.
func (c *change) present(ctx context.Context, x *session, before string) ([]string, error) {
	arguments := []string{c.who.role, c.who.database}
	switch {
	case !c.bySession:
		return x.list(ctx, transactions+prepared, arguments...)
	case before == "":
		return x.list(ctx, sessions+prepared, arguments...)
	}
	return x.list(ctx, sessions+" AND backend_start < $3::timestamptz"+prepared, append(arguments, before)...)
}
