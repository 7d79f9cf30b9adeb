package cutover

import (
	"context"
	"fmt"

	"go.uber.org/zap"
)

// Witness is what the journal of writes tells of the run. It knows of every epoch in which a write was recorded, so that it tells of a
// store that was emptied, or is older than it was.
type Witness struct {
	// Epoch is the highest of the journal's records of this run; 0 if it has none.
	Epoch uint64
	// Missing says what the store remembers of the journal and is not there; empty if all of it is.
	Missing string
	// Lost counts the writes that old lacked, as far as the store remembers, and that the journal does not know any more. They are
	// counted as writes on new from the moment in which somebody says where the run is all the same.
	Lost int64
	// Unread says why the journal cannot be read; empty if it can be.
	Unread string
}

// beyond reports whether the journal has writes of an epoch of which the state knows nothing: only a rollback takes effect before it is stored.
func (w Witness) beyond(s State) bool { return s.Phase != Complete && w.Epoch > s.Epoch }

// unknown says why nobody can tell where a run is whose store is empty; empty if it begins here.
func (w Witness) unknown() string {
	switch {
	case w.Epoch > 0:
		return fmt.Sprintf("the store is empty, but the journal has writes of this run, up to epoch %d: the store was emptied, or is another one", w.Epoch)
	case w.Unread != "":
		return "the store is empty, and whether the journal is cannot be seen: " + w.Unread
	}
	return ""
}

// disputes says why the journal does not bear out a state, where writes rest on it; empty if it does, or where none do.
func (w Witness) disputes(s State) string {
	switch s.Phase {
	case Live, RolledBack:
		switch {
		case w.Unread != "":
			return fmt.Sprintf("the store says %s, and the journal cannot be read: %s", s.Phase, w.Unread)
		case w.Missing != "":
			return fmt.Sprintf("the store says %s, but %s", s.Phase, w.Missing)
		}
	case Complete:
		if w.Epoch > s.Epoch {
			return fmt.Sprintf("the store says complete in epoch %d, but the journal has writes of epoch %d", s.Epoch, w.Epoch)
		}
	case Shadow, Canary, Cutover:
	}
	return ""
}

// testified is the state after the journal was heard, at a start: writes of a later epoch than the store's mean that a rollback was in
// force which neither the store nor a marker took.
func (m *Machine) testified(state State, t Transition, known State) (State, Transition) {
	w := m.o.Witness
	if !w.beyond(known) {
		return state, t
	}
	now := m.o.Now().UTC()
	t = Transition{Time: now, Actor: "paritygate", From: known.Phase, Kind: "rollback"}
	t.Reason = fmt.Sprintf("the journal has writes of epoch %d, and the store knows of %d: only a rollback takes effect before it is stored", w.Epoch, known.Epoch)
	from := model{state: known}
	next := from.moved(now, RolledBack, Command{Actor: t.Actor, Reason: t.Reason})
	next.Epoch = w.Epoch + 1
	next.CanaryFraction, next.Unsecured, next.Before = 0, false, ""
	next.WindowStart, next.WindowReason = now, "a rollback"
	// A fence that the store knows nothing of is a dispute: the store is older than the fence as well.
	next.Fenced = known.Fenced
	return next, t
}

// Reconciled hands in what the journal tells after it could be opened at last. It ends a dispute in which it bears out the store now,
// and otherwise says why it does not.
func (m *Machine) Reconciled(ctx context.Context, w Witness) error {
	marked, found, err := m.o.Marker.read()
	if err != nil {
		return err
	}
	if found && marked.Run == m.o.Run && marked.Epoch > m.State().Epoch {
		return fmt.Errorf("%w: a rollback is marked beside the journal, of epoch %d, and the run is in epoch %d: restart paritygate, so that it can decide", ErrBusy, marked.Epoch, m.State().Epoch)
	}
	if err := m.o.Marker.reserve(); err != nil {
		m.o.Logger.Warn("a rollback on a full disk would leave no marker", zap.Error(err))
	}
	ask := &call{done: make(chan error, 1)}
	m.mu.Lock()
	m.lastCall++
	id := m.lastCall
	m.waiting[id] = ask
	m.mu.Unlock()
	m.send(ctx, event{kind: reconciled, witness: w, waiter: id})
	select {
	case err := <-ask.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onReconciled lets the run go on as at a start, or says why the journal must not be used.
func (m *model) onReconciled(e event) []effect {
	why := e.witness.disputes(m.state)
	switch {
	case e.witness.beyond(m.state):
		why = fmt.Sprintf("it has writes of epoch %d, and the run is in epoch %d: restart paritygate, so that it can decide", e.witness.Epoch, m.state.Epoch)
	case m.stage == disputed && m.nameless:
		why = m.dispute
	}
	if why != "" {
		return m.answer(e.waiter, fmt.Errorf("%w: %s", ErrBusy, why))
	}
	if m.stage != disputed || !m.unheard {
		return m.answer(e.waiter, nil)
	}
	m.stage, m.refusing, m.dispute, m.unheard, m.fenced = steady, false, "", false, m.state.Fenced
	first := m.start(e.now)
	return append(append(m.answer(e.waiter, nil), m.published(), m.releasing()), first...)
}
