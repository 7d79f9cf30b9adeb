package fence

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Finding is what a rehearsal found of the fence or of what prepares for it, without changing anything.
type Finding struct {
	// Seen is what was seen to work, Problems are why the flip would fail, Doubts why it might; Open is what only the flip shows.
	Seen                   string
	Problems, Doubts, Open []string
	// Took is how long it took to see that the application's write works, which the flip has to see again at least once a statement;
	// or how long the statements took that could be measured.
	Took time.Duration
}

func (f *Finding) problem(err error) { f.Problems = append(f.Problems, err.Error()) }

// InspectFence looks whether the fence could be put up, proved and taken down: the application's write works and is taken back,
// both DSNs reach one server, and the statements are well-formed and permitted, as far as that can be told without running them.
func (d *Databases) InspectFence(ctx context.Context) (found Finding) {
	if d.fence == nil {
		return found
	}
	if err := d.take(ctx); err != nil {
		found.problem(err)
		return found
	}
	defer d.release()
	f := d.fence
	began := time.Now()
	s := f.look(ctx)
	found.Took = time.Since(began)
	found.Seen = fmt.Sprintf("the write of %s works in %s", f.who.role, found.Took.Round(time.Millisecond))
	if !s.works {
		found.Seen = fmt.Sprintf("the write of %s does not work", f.who.role)
		found.problem(fmt.Errorf("the write that is to prove the fence does not work now, and has to: %w", s.err))
	}
	l := line{server: f.admin}
	defer l.close()
	if err := f.sameServer(ctx, &l); err != nil {
		found.problem(err)
		return found
	}
	err := l.do(ctx, again, func(x *session) error {
		rights, err := x.rights(ctx, f.who)
		if err != nil {
			return err
		}
		var round Finding
		for _, part := range []struct {
			at   string
			list []string
		}{{"cutover.fence.sql", f.SQL}, {"cutover.fence.unfence", f.Unfence}} {
			round.ends(part.at, part.list, rights)
			for i, sql := range part.list {
				at := fmt.Sprintf("%s[%d]", part.at, i)
				if err := x.inspect(ctx, at, sql, &round); err != nil {
					return err
				}
				if err := x.permitted(ctx, at, sql, rights, &round); err != nil {
					return err
				}
			}
		}
		found.Problems, found.Doubts, found.Open = append(found.Problems, round.Problems...), round.Doubts, round.Open
		return nil
	})
	if err != nil {
		found.problem(fmt.Errorf("cutover.fence.dsn: %w", err))
	}
	return found
}

// InspectPrepare looks whether what is to be prepared could be: the databases can be reached and written to, and the statements are
// well-formed. With a limit it also measures those that only read or set a sequence, which it does not set, for so long at most.
func (d *Databases) InspectPrepare(ctx context.Context, limit time.Duration) (found Finding) {
	statements, measured := 0, 0
	for i := range d.entries {
		e := &d.entries[i]
		statements += len(e.SQL)
		l := line{server: e.server}
		err := l.do(ctx, again, func(x *session) error {
			var round Finding
			if err := x.inspectEntry(ctx, e, &round); err != nil {
				return err
			}
			for k, sql := range e.SQL {
				if found.Took+round.Took < limit && measurable(sql) {
					took, refused, err := x.measure(ctx, sql, limit-found.Took-round.Took+time.Millisecond)
					if err != nil {
						return err
					}
					if refused != nil {
						round.Doubts = append(round.Doubts, fmt.Sprintf("%s.sql[%d] on %s fails as the database is now: %s", e.at, k, e.On, refused))
					}
					round.Took += took
					measured++
				}
			}
			found.Problems, found.Open, found.Took = append(found.Problems, round.Problems...), append(found.Open, round.Open...), found.Took+round.Took
			found.Doubts = append(found.Doubts, round.Doubts...)
			return nil
		})
		l.close()
		if err != nil {
			found.problem(fmt.Errorf("%s on %s: %w", e.at, e.On, err))
		}
	}
	found.Seen = fmt.Sprintf("%d statements looked at", statements)
	if statements == 1 {
		found.Seen = "1 statement looked at"
	}
	if limit > 0 {
		found.Seen += fmt.Sprintf(", %d measured in %s", measured, found.Took.Round(time.Millisecond))
	}
	return found
}

func (x *session) inspectEntry(ctx context.Context, e *entry, found *Finding) error {
	standby, err := x.list(ctx, "SELECT pg_is_in_recovery()::text")
	if err != nil {
		return err
	}
	if standby[0] == "true" {
		found.problem(fmt.Errorf("%s on %s: the server is a standby, and takes no writes", e.at, e.On))
		return nil
	}
	for _, part := range []struct {
		at   string
		list []string
	}{{e.at + ".sql", e.SQL}, {e.at + ".undo", e.Undo}} {
		for i, sql := range part.list {
			at := fmt.Sprintf("%s[%d] on %s", part.at, i, e.On)
			if err := x.inspect(ctx, at, sql, found); err != nil {
				return err
			}
			if err := x.maySetval(ctx, at, sql, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// Probe connects as the fence is to be put up, and as it is to be proved, where the write has to work. The errors are nil where
// that went well.
func (d *Databases) Probe(ctx context.Context) (admin, verify error) {
	l := line{server: d.fence.admin}
	defer l.close()
	admin = l.do(ctx, once, func(*session) error { return nil })
	if err := d.take(ctx); err != nil {
		return admin, err
	}
	defer d.release()
	if s := d.fence.try(ctx); !s.works {
		verify = s.err
	}
	return admin, verify
}

// tell notes what a server says of a statement that it was shown. An error is returned if it said nothing.
func (f *Finding) tell(at string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*refusal](err); !ok || transient(err) {
		return err
	}
	f.problem(fmt.Errorf("%s: %w", at, err))
	return nil
}
