package cutover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// do starts an effect. What takes time runs on a goroutine of its own and reports back with the effect's epoch.
func (m *Machine) do(ctx context.Context, ef effect) {
	switch ef.kind {
	case publish:
		m.publish(ef.plan)
	case store:
		m.report(ctx, ef, func() event { return event{kind: stored, ticket: ef.ticket, err: m.save(ctx, ef)} })
	case mark:
		m.marker.Store(ef.state.Epoch)
		m.report(ctx, ef, func() event { return event{kind: marked, err: m.leaveMarker(ctx, ef.state)} })
	case unmark:
		m.marker.Store(0)
		m.flow.Go(func() { m.takeMarker(ctx) })
	case drain:
		m.report(ctx, ef, func() event { return m.drain(ctx, ef) })
	case closeStreams:
		m.o.Traffic.CloseStreams(ef.side)
	case abandon:
		m.o.Traffic.Abandon(ef.side)
	case strict:
		m.report(ctx, ef, func() event { return event{kind: checked, err: m.strict(ctx, ef.timeout)} })
	case prepare, undo, lateUndo, fence, unfence, askStanding:
		m.touch(ctx, ef)
	case release:
		ef.epoch = 0
		m.report(ctx, ef, func() event { m.o.Traffic.Release(ctx); return event{kind: released} })
	case resetTriggers:
		m.o.Traffic.ResetTriggers()
	case readState:
		m.report(ctx, ef, func() event { return m.readBack(ctx, ef.ticket) })
	case retryLater:
		m.report(ctx, ef, func() event { wait(ctx, m.o.RetryEvery); return event{kind: retryTimer} })
	case reply:
		m.reply(ef.waiter, ef.err)
	case progress:
		m.progress(ef.waiter, ef.step)
	case rolledBack:
		if m.o.RolledBack != nil {
			m.o.RolledBack(ef.state.Actor, ef.timeout)
		}
	}
}

func (m *Machine) report(ctx context.Context, ef effect, run func() event) {
	m.flow.Go(func() {
		e := run()
		e.epoch = ef.epoch
		m.send(ctx, e)
	})
}

func (m *Machine) reply(w waiter, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.waiting[w]; ok {
		c.done <- err
		delete(m.waiting, w)
	}
}

func (m *Machine) progress(w waiter, step Step) {
	if m.o.Progress != nil {
		m.o.Progress(step)
	}
	m.mu.Lock()
	c := m.waiting[w]
	m.mu.Unlock()
	if c != nil && c.progress != nil {
		c.progress(step)
	}
}

func (m *Machine) drain(ctx context.Context, ef effect) event {
	e := event{kind: drained}
	if ef.side == Nobody {
		return e
	}
	ctx, cancel := context.WithTimeout(ctx, ef.timeout)
	defer cancel()
	if m.o.InFlight != nil {
		e.before = m.o.InFlight(ef.side)
	}
	e.left, e.err = m.o.Traffic.Drain(ctx, ef.side)
	if m.o.CatchUp != nil {
		e.carried, e.mirror = m.o.CatchUp(ctx, ef.side)
	}
	return e
}

// strictEvery is how long the strict checks rest before they are asked again.
const strictEvery = 200 * time.Millisecond

// strict asks until the checks agree or the time is up, and returns what they said last.
func (m *Machine) strict(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	last := errors.New("there was no time for them")
	for ctx.Err() == nil {
		err := m.o.Strict(ctx)
		if err == nil || errors.Is(err, ErrNoStrict) {
			return err
		}
		if ctx.Err() == nil {
			last = err
		}
		wait(ctx, strictEvery)
	}
	return fmt.Errorf("after %s: %w", limit.Round(time.Millisecond), last)
}

func (m *Machine) readBack(ctx context.Context, ticket uint64) event {
	var found State
	err := m.storing.run(ctx, m.o.StoreFor, func() error {
		s, ok, err := m.o.Store.Load(ctx)
		if err == nil && !ok {
			err = errors.New("the store is empty")
		}
		found = s
		return err
	})
	if err != nil {
		return event{kind: readBack, ticket: ticket, err: err} // found may still be written to
	}
	return event{kind: readBack, ticket: ticket, found: found}
}

// leaveMarker writes the marker of a rollback, unless it is not wanted any more: the store may have taken the rollback while
// this waited for an earlier try.
func (m *Machine) leaveMarker(ctx context.Context, s State) error {
	s.WritesOnNew = m.writes.Load()
	err := m.marking.run(ctx, m.o.StoreFor, func() error {
		if m.marker.Load() != s.Epoch {
			return nil
		}
		return m.o.Marker.write(s)
	})
	if err != nil {
		m.o.Logger.Error("the rollback is in force, but neither the store nor its marker could be written", zap.Error(err))
	}
	return err
}

// takeMarker removes the marker, after any try to write it.
func (m *Machine) takeMarker(ctx context.Context) {
	err := m.marking.run(ctx, 0, func() error {
		if m.marker.Load() == 0 {
			m.o.Marker.remove(m.o.Logger)
		}
		return nil
	})
	if err != nil {
		m.o.Logger.Warn("the marker of a stored rollback was not removed; the next start passes it over", zap.Error(err))
	}
}

// save stores a change. One that takes longer than it may is reported as failed; it may be stored all the same.
func (m *Machine) save(ctx context.Context, ef effect) error {
	limit := ef.timeout
	if ef.bounded {
		limit = m.o.StoreFor
	}
	err := m.storing.run(ctx, limit, func() error { return m.commit(ctx, ef) })
	if err != nil {
		m.o.Logger.Error("storing a change failed", zap.String("kind", ef.transition.Kind), zap.Uint64("epoch", ef.state.Epoch), zap.Error(err))
	}
	return err
}

func (m *Machine) commit(ctx context.Context, ef effect) error {
	s, expect := ef.state, ef.expect
	if s.Phase == RolledBack || s.Phase == Live && ef.transition.From == Live {
		s.WritesOnNew = m.writes.Load()
	}
	if ef.overtake {
		found, _, err := m.o.Store.Load(ctx)
		switch {
		case err != nil:
			return err
		case found.Epoch == s.Epoch && found.Phase == s.Phase && outcomesOf(found) == outcomesOf(s):
			return nil // an earlier try was stored after all
		case found.Epoch > s.Epoch:
			return fmt.Errorf("a later change, of epoch %d, was stored meanwhile", found.Epoch)
		}
		expect = found.Epoch
	}
	return m.o.Store.Commit(ctx, expect, s, ef.transition)
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
