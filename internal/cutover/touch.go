package cutover

import (
	"context"
	"errors"
	"time"
)

// touchGrace is how long a call of Data may go on after its time is over before nobody waits for it any longer.
const touchGrace = 250 * time.Millisecond

// errSuperseded ends a call of Data that has not begun when a later one is asked for.
var errSuperseded = errors.New("something else is done to the databases")

// touch does something to the databases, one thing at a time. What is asked for later wins: it cancels what is under way,
// waits for its end, and keeps what has not begun from beginning, so that no fence goes up behind an unfence. What runs in the
// background gives way to all else.
func (m *Machine) touch(ctx context.Context, ef effect) {
	background := ef.kind == lateUndo || ef.kind == askStanding
	turn := m.turn.Load()
	if !background {
		turn = m.turn.Add(1)
	}
	report := ef
	if background {
		report.epoch = 0
	}
	m.report(ctx, report, func() event {
		if ef.later {
			wait(ctx, m.o.RetryEvery)
		}
		if cancel := m.holder.Load(); cancel != nil && !background && m.turn.Load() == turn {
			(*cancel)() // whoever has the lane came before: a later one would have the turn
		}
		e := event{asked: ef.epoch}
		var standing bool
		e.err = m.touching.run(ctx, ef.timeout+touchGrace, func() error {
			if m.turn.Load() != turn {
				return errSuperseded
			}
			ctx, cancel := context.WithTimeout(ctx, ef.timeout)
			defer cancel()
			m.holder.Store(&cancel)
			if m.turn.Load() != turn {
				cancel() // the one that came meanwhile did not see this one
			}
			var err error
			standing, err = m.ask(ctx, ef.kind)
			return err
		})
		e.kind = touched[ef.kind]
		if e.err == nil {
			e.standing = standing
		}
		return e
	})
}

var touched = map[effectKind]eventKind{
	prepare: prepareEnded, undo: undoEnded, lateUndo: lateUndoEnded, fence: fenceEnded, unfence: unfenceEnded, askStanding: standingKnown,
}

var errNoData = errors.New("the configuration has neither cutover.prepare nor cutover.fence any more: put them back, or undo by hand what they did and start with --recover-phase")

// ask calls Data. Only askStanding has something to say besides the error.
func (m *Machine) ask(ctx context.Context, kind effectKind) (standing bool, err error) {
	d := m.o.Data
	if d == nil || (kind == fence || kind == unfence) && !d.Fences() || (kind == undo || kind == lateUndo) && !d.Prepares() {
		return false, errNoData
	}
	switch kind { //nolint:exhaustive // those that touch sends
	case prepare:
		err = d.Prepare(ctx)
	case undo, lateUndo:
		err = d.Undo(ctx)
	case fence:
		err = d.Fence(ctx)
	case unfence:
		err = d.Unfence(ctx)
	case askStanding:
		return d.Standing(ctx)
	}
	return false, err
}
