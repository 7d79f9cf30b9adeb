package cutover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// recover loads the state, or makes the first one, and decides what a crash left undecided.
func (m *Machine) recover(ctx context.Context) (State, error) {
	stored, ok, err := m.o.Store.Load(ctx)
	if err != nil {
		return State{}, fmt.Errorf("reading the run's state: %w", err)
	}
	marked, found, err := m.o.Marker.read()
	if errors.Is(err, errOutOfReach) { // it lies beside the journal: the same disk
		m.o.Witness.Unread, err = cmp.Or(m.o.Witness.Unread, err.Error()), nil
	}
	if err != nil {
		return State{}, err
	}
	found = found && marked.Run == m.o.Run && marked.Epoch > stored.Epoch
	state, t, err := m.declared(ctx, stored, ok, marked, found)
	if err != nil {
		return State{}, err
	}
	if t.Kind == "" {
		if what := m.o.Witness.unknown(); !ok && !found && what != "" {
			m.dispute, m.nameless = what, true
			return m.began(m.o.Now().UTC(), what), nil // nothing is stored: the next start finds the same
		}
		state, t = m.decide(stored, ok, marked, found)
		known := stored
		if found {
			known = marked
		}
		state, t = m.testified(state, t, known)
		m.dispute = m.o.Witness.disputes(state)
	}
	if state.Phase == Live || state.Phase == RolledBack {
		state.WritesOnNew = max(state.WritesOnNew, m.o.WritesOnNew)
	}
	if t.Kind != "" {
		t.To, t.Epoch = state.Phase, state.Epoch
		if err := m.o.Store.Commit(ctx, stored.Epoch, state, t); err != nil {
			return State{}, fmt.Errorf("storing the run's state at the start: %w", err)
		}
	}
	m.o.Marker.remove(m.o.Logger) // the store holds what it stood for, or has overtaken it
	if state, err = m.configured(ctx, state); err != nil {
		return State{}, err
	}
	return m.drift(ctx, state)
}

// decide says where the run is: a flip without a commit goes back to the phase before it, and a marker of a rollback that the
// store never took is that rollback. The transition has no kind if nothing is to be stored.
func (m *Machine) decide(stored State, ok bool, marked State, found bool) (State, Transition) {
	now := m.o.Now().UTC()
	t := Transition{Time: now, Actor: "paritygate", From: stored.Phase}
	switch {
	case found:
		t.Kind, t.Reason = "rollback", marked.Reason+" (found in the marker at the start)"
		return marked, t
	case !ok:
		t.Kind, t.Reason = "start", "the run began"
		return m.began(now, t.Reason), t
	case stored.Phase == Cutover:
		t.Kind, t.Reason = "abort", "paritygate was restarted during the flip, before its commit"
		back := model{state: stored}
		return back.moved(now, stored.Before, Command{Actor: "paritygate", Reason: t.Reason}), t
	}
	return stored, t
}

// began is the first state of a run.
func (m *Machine) began(now time.Time, reason string) State {
	return State{
		Run: m.o.Run, Phase: Shadow, Epoch: 1, Since: now, Reason: reason, Actor: "paritygate",
		WindowStart: now, WindowReason: reason,
		MirrorFraction: m.o.MirrorFraction, ConfiguredFraction: m.o.MirrorFraction,
		ConfigChecksum: m.o.ConfigChecksum, ConfigText: keptText(m.o.ConfigText),
	}
}

// configured takes the fraction of the mirror from the configuration if that was edited; otherwise what an operator has set
// stays.
func (m *Machine) configured(ctx context.Context, state State) (State, error) {
	state, err := m.configuredCanary(ctx, state)
	if err != nil || state.ConfiguredFraction == m.o.MirrorFraction {
		return state, err
	}
	state.MirrorFraction, state.ConfiguredFraction = m.o.MirrorFraction, m.o.MirrorFraction
	t := Transition{
		Time: m.o.Now().UTC(), Actor: "paritygate", Kind: "mirror", From: state.Phase, To: state.Phase, Epoch: state.Epoch,
		Reason: "the configuration says another fraction",
	}
	if err := m.o.Store.Commit(ctx, state.Epoch, state, t); err != nil {
		return State{}, fmt.Errorf("storing the fraction of the mirror: %w", err)
	}
	return state, nil
}

// configuredCanary does the same for the canary, which moves a run that is in shadow or canary to the other of them.
func (m *Machine) configuredCanary(ctx context.Context, state State) (State, error) {
	if state.ConfiguredCanary == m.o.CanaryFraction {
		return state, nil
	}
	c := Command{Actor: "paritygate", Reason: "the configuration says another fraction of the canary", Fraction: m.o.CanaryFraction, Configured: true}
	from := model{state: state}
	next := from.canaried(m.o.Now().UTC(), c)
	t := Transition{Time: m.o.Now().UTC(), Actor: c.Actor, Kind: "canary", From: state.Phase, To: next.Phase, Epoch: next.Epoch, Reason: c.Reason}
	if err := m.o.Store.Commit(ctx, state.Epoch, next, t); err != nil {
		return State{}, fmt.Errorf("storing the fraction of the canary: %w", err)
	}
	return next, nil
}
