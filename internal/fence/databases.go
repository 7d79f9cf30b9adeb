package fence

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Options say what is done to the databases.
type Options struct {
	// Prepare is done in this order, and undone in the opposite one.
	Prepare []Entry
	// Fence is nil if old is not fenced.
	Fence *Fence
	// Warn is told what an operator should know and no call fails for. It may be nil.
	Warn func(text string)
}

// Entry is what is done to one database. An error names it by its place, such as cutover.prepare[1].sql[0].
type Entry struct {
	On, DSN string // On is old or new
	SQL     []string
	Undo    []string // in this order
	// Timeout bounds each statement; 0 is no bound but the context's.
	Timeout time.Duration
}

// Fence has old refuse the application's writes.
type Fence struct {
	DSN     string   // of who may put it up
	SQL     []string // puts it up
	Unfence []string // takes it down
	Verify  Verify
}

// Verify is a write as the application does it. It is always rolled back.
type Verify struct{ DSN, SQL string }

// Databases are what a flip prepares and fences. It is safe for concurrent use: one call is under way at a time. Every method gives
// up when its context ends, or two seconds later if the server does not even answer a cancel, and may be called again after an error.
type Databases struct {
	entries []entry
	fence   *fence
	warn    func(string)
	turn    chan struct{} // of the one call under way

	mayBe []bool // by entry: it may have been begun, and was not undone; at first all of them, by an earlier process. Guarded by turn
}

type entry struct {
	Entry
	at     string // its place in the configuration
	server *server
}

// New reads the DSNs, and connects to nothing.
func New(o Options) (*Databases, error) {
	d := &Databases{warn: o.Warn, turn: make(chan struct{}, 1)}
	if d.warn == nil {
		d.warn = func(string) {}
	}
	for i, e := range o.Prepare {
		s, err := newServer(e.On, e.DSN, e.Timeout)
		if err != nil {
			return nil, fmt.Errorf("cutover.prepare[%d], databases.%s.%w", i, e.On, err)
		}
		d.entries, d.mayBe = append(d.entries, entry{e, fmt.Sprintf("cutover.prepare[%d]", i), s}), append(d.mayBe, true)
	}
	if o.Fence == nil {
		return d, nil
	}
	admin, err := newServer("old", o.Fence.DSN, 0)
	if err != nil {
		return nil, fmt.Errorf("cutover.fence.%w", err)
	}
	app, err := newServer("old", o.Fence.Verify.DSN, 0)
	if err != nil {
		return nil, fmt.Errorf("cutover.fence.verify.%w", err)
	}
	d.fence = &fence{
		Fence: *o.Fence, admin: admin, app: app, repeatAfter: repeatAfter,
		who: identity{role: app.config.User, database: app.config.Database},
	}
	return d, nil
}

// Prepares reports whether there is something to prepare.
func (d *Databases) Prepares() bool { return len(d.entries) > 0 }

// Fences reports whether a fence is configured.
func (d *Databases) Fences() bool { return d.fence != nil }

// take waits for the turn. A context that has ended gets none.
func (d *Databases) take(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		select {
		case d.turn <- struct{}{}:
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return fmt.Errorf("nothing was done to the databases: %w", err)
}

func (d *Databases) release() { <-d.turn }

// Prepare runs the entries' statements in order. After an error Undo is to be called.
func (d *Databases) Prepare(ctx context.Context) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.release()
	clear(d.mayBe) // what an earlier flip began was decided before this one
	for i := range d.entries {
		d.mayBe[i] = true
		e := &d.entries[i]
		l := line{server: e.server}
		err := l.runAll(ctx, e.SQL, e.at+".sql", once)
		l.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Undo runs the undo statements of what Prepare began, the last entry first. In a process that prepared nothing it is all of
// them, for one before it may have. It goes on after an error, and leaves what failed for the next call.
func (d *Databases) Undo(ctx context.Context) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.release()
	var failed []error
	for i := len(d.entries) - 1; i >= 0; i-- {
		e := &d.entries[i]
		if !d.mayBe[i] || len(e.Undo) == 0 {
			continue
		}
		l := line{server: e.server}
		err := l.endLeftOver(ctx)
		if err == nil {
			err = l.runAll(ctx, e.Undo, e.at+".undo", again)
		}
		l.close()
		d.mayBe[i] = err != nil
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}
