package cutover

import "fmt"

// onTrip rolls back where new answers clients; elsewhere a trigger has nothing to move.
func (m *model) onTrip(e event) []effect {
	if p := m.plan(); p.Reads != New && p.Canary == 0 || m.state.Phase == Complete {
		return nil
	}
	return m.beginRollback(e, "trigger", e.command.Reason)
}

// beginRollback moves reads to old at once and holds writes until those in flight at new have run out. It takes effect
// before it is stored, and no error of the store stops it.
func (m *model) beginRollback(e event, kind, reason string) []effect {
	if m.state.Phase == RolledBack {
		return m.answer(e.waiter, nil) // latched already
	}
	effects := m.interrupted(e)
	side := New
	if m.state.Phase != Live {
		side = Nobody // no write was released to new yet
	}
	next := m.moved(e.now, RolledBack, e.command)
	next.CanaryFraction = 0
	next.Epoch = max(m.state.Epoch, m.next.Epoch) + 1 // beyond a change that is being stored at this moment
	next.WindowStart, next.WindowReason = e.now, "a rollback"
	t := m.transition(e, kind, RolledBack, next.Epoch, reason)
	m.state, m.stage, m.waiting = next, retreating, e.waiter
	m.unsaved, m.retreated, m.announced = &t, false, false
	m.lost, m.marked = nil, false
	return append(effects,
		m.published(),
		effect{kind: closeStreams, epoch: m.state.Epoch, side: New},
		effect{kind: drain, epoch: m.state.Epoch, side: side, timeout: m.rollbackDrain},
		m.savingRollback(),
	)
}

func (m *model) savingRollback() effect {
	return effect{kind: store, epoch: m.state.Epoch, state: m.state, overtake: true, transition: *m.unsaved}
}

// interrupted answers whoever waits for the change that the rollback overtakes.
func (m *model) interrupted(e event) []effect {
	w := m.waiting
	m.waiting = 0
	return m.answer(w, fmt.Errorf("%w: a rollback overtook it (%s)", ErrFlip, e.command.Reason))
}

func (m *model) onRetreatDrained(e event) []effect {
	m.retreated = true
	var effects []effect
	if e.left > 0 {
		effects = append(effects, effect{kind: abandon, epoch: m.state.Epoch, side: New})
	}
	return append(effects, m.settle()...)
}

// onRetreatStored notes whether the store took the rollback; if not, a durable marker stands in for it until it does.
func (m *model) onRetreatStored(e event) []effect {
	effects := m.onLateStore(e)
	m.announced = m.announced || e.err == nil
	return append(effects, m.settle()...)
}

// onMarked goes on even without a marker: a broken disk must not stop a rollback.
func (m *model) onMarked(e event) []effect {
	m.announced, m.marked = true, e.err == nil
	return m.settle()
}

func (m *model) onLateMark(e event) []effect {
	m.marked = e.err == nil
	return nil
}

// settle gives the held writes to old once new's have run out and the rollback was recorded, or could not be.
func (m *model) settle() []effect {
	if !m.retreated || !m.announced {
		return nil
	}
	w := m.waiting
	m.stage, m.waiting = steady, 0
	effects := []effect{m.published(), {kind: release, epoch: m.state.Epoch}, {kind: resetTriggers, epoch: m.state.Epoch}}
	return append(effects, m.answer(w, nil)...)
}

// onLateStore hears of a rollback's storing, at the first try or later.
func (m *model) onLateStore(e event) []effect {
	if m.unsaved == nil {
		return nil
	}
	if e.err != nil {
		effects := []effect{{kind: retryLater, epoch: m.state.Epoch}}
		if !m.marked {
			effects = append(effects, effect{kind: mark, epoch: m.state.Epoch, state: m.state})
		}
		return effects
	}
	m.unsaved, m.saved = nil, m.state.Epoch
	return []effect{{kind: unmark, epoch: m.state.Epoch}}
}

func (m *model) onRetry(event) []effect {
	if m.unsaved == nil {
		return nil
	}
	return []effect{m.savingRollback()}
}
