package fence

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// fence is the configured one, and what is known of it. It is guarded by the turn.
type fence struct {
	Fence
	admin, app *server
	who        identity
	worked     time.Time // when this process last saw the application's write work
	// up says that this process began to put the fence up, where the write had worked, and did not take it down since.
	up bool
	// put is how far that came.
	put change

	repeatAfter time.Duration
}

// Fence puts the fence up. It returns nil once the write of Verify, which has to work before, is refused on a fresh connection,
// and nothing of the application's that began before is left that could still write. An error with a method Untouched, which says
// true, came before anything was done to old.
func (d *Databases) Fence(ctx context.Context) error {
	if d.fence == nil {
		return nil
	}
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.release()
	f := d.fence
	l := line{server: f.admin}
	defer l.close()
	var seen sight
	if !f.up {
		var err error
		if seen, err = f.worksBefore(ctx, d.warn); err != nil {
			return untouched{err}
		}
		if err := f.sameServer(ctx, &l); err != nil {
			return untouched{err}
		}
		f.put = change{fence: f, to: true}
		f.up = true
	} else if seen = f.try(ctx); f.put.done && seen.refused() {
		return nil
	}
	if err := f.put.run(ctx, &l, seen, f.SQL, "cutover.fence.sql"); err != nil {
		return err
	}
	err := f.put.until(ctx, &l, f.SQL, "cutover.fence.sql", func(left []string) error {
		switch {
		case len(left) > 0 && f.put.bySession:
			return fmt.Errorf("%s of the role %s that began before the fence are still there, and may yet write: cutover.fence.sql must end them, "+
				"with pg_terminate_backend, after what fences new ones", count(left, "session"), f.who.role)
		case len(left) > 0:
			return fmt.Errorf("%s that began before the fence are still open, of the role %s or with a write of another, and may yet commit it", count(left, "transaction"), f.who.role)
		}
		return nil
	})
	f.put.done = err == nil
	return err
}

// untouched is why Fence did nothing to old.
type untouched struct{ error }

// Untouched reports that there is nothing to take down.
func (untouched) Untouched() bool { return true }

func (u untouched) Unwrap() error { return u.error }

// worksBefore holds that the write works before the fence: one that never does would prove any fence. A session that may only read
// is fenced already, whoever did it. So is a write that this process has never seen work and that is refused as by a fence: it was
// put up before a crash. Every other refusal has to be seen to come with the fence.
func (f *fence) worksBefore(ctx context.Context, warn func(string)) (sight, error) {
	if time.Since(f.worked) < justNow {
		return sight{works: true}, nil
	}
	seen := f.look(ctx)
	r, refused := errors.AsType[*refusal](seen.err)
	switch {
	case seen.works || refused && r.code == readOnly:
		return seen, nil
	case seen.class == sign && f.worked.IsZero():
		warn("the fence is taken to stand already, since the write that proves it is refused, and was never seen to work: " + seen.err.Error())
		return seen, nil
	case seen.refused():
		return seen, fmt.Errorf("the write that is to prove the fence fails before the fence is up, so that its failing proves nothing; "+
			"correct it, or run cutover.fence.unfence if a fence was left standing: %w", seen.err)
	}
	return seen, seen.err
}

// justNow is for how long the write counts as working: it was tried before the writes were held.
const justNow = 15 * time.Second

// sameServer holds that the fence is put up where the application writes.
func (f *fence) sameServer(ctx context.Context, l *line) error {
	var started []string
	err := l.do(ctx, again, func(x *session) (err error) {
		started, err = x.list(ctx, "SELECT pg_postmaster_start_time()::text")
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("cutover.fence.dsn: %w", err)
	case f.who.started != "" && started[0] != f.who.started:
		return errors.New("cutover.fence.dsn and cutover.fence.verify.dsn reach two servers: a fence on the one proves nothing of the other")
	}
	return nil
}

// stragglers is how long sessions that began under the fence get to end.
const stragglers = time.Second

// Unfence takes the fence down. It returns nil once the write works on a fresh connection. Sessions that began under a fence
// which lets them read alone get a second to end, since writes that come by them fail; those that stay are warned of.
func (d *Databases) Unfence(ctx context.Context) error {
	if d.fence == nil {
		return nil
	}
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.release()
	f := d.fence
	l := line{server: f.admin}
	defer l.close()
	if err := l.endLeftOver(ctx); err != nil {
		return fmt.Errorf("cutover.fence.dsn: %w", err)
	}
	before := f.try(ctx)
	taken := change{fence: f, bySession: before.refused() && before.bySession}
	if err := taken.run(ctx, &l, before, f.Unfence, "cutover.fence.unfence"); err != nil {
		return err
	}
	patience := time.Now().Add(stragglers)
	err := taken.until(ctx, &l, f.Unfence, "cutover.fence.unfence", func(left []string) error {
		switch {
		case len(left) == 0 || !taken.bySession:
		case time.Now().Before(patience):
			return fmt.Errorf("%s of the role %s began under the fence", count(left, "session"), f.who.role)
		default:
			d.warn(fmt.Sprintf("%s of the role %s that began under the fence are still there, and may refuse writes until they end: "+
				"let cutover.fence.unfence end them, with pg_terminate_backend", count(left, "session"), f.who.role))
		}
		return nil
	})
	f.up = f.up && err != nil
	return err
}

// Standing reports whether the fence stands: the write is refused as a fence refuses it. An error says that nobody knows.
func (d *Databases) Standing(ctx context.Context) (bool, error) {
	if d.fence == nil {
		return false, nil
	}
	if err := d.take(ctx); err != nil {
		return false, err
	}
	defer d.release()
	s := d.fence.look(ctx)
	switch {
	case s.works:
		return false, nil
	case s.class == sign && d.fence.worked.IsZero():
		d.warn("the fence is taken to stand, since the write that proves it is refused; if none was put up, that write is wrong, or its role may not do it: " + s.err.Error())
		return true, nil
	case s.class == sign, s.class == odd && d.fence.up:
		return true, nil
	}
	return false, fmt.Errorf("whether the fence stands is unknown: %w", s.err)
}

func count(list []string, what string) string {
	if len(list) == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", len(list), what)
}
