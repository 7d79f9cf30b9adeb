package cutover

import "fmt"

// onTrip rolls back where new answers clients; elsewhere a trigger has nothing to move.
func (m *model) onTrip(e event) []effect {
	if p := m.plan(); p.Reads != New && p.Canary == 0 || m.state.Phase == Complete {
		return nil
	}
	return m.beginRollback(e, "trigger", e.command.Reason)
}

// beginRollback moves reads to old at once and holds writes until those in flight at new have run out and old takes writes
// again. It takes effect before it is stored, and no error of the store stops it.
func (m *model) beginRollback(e event, kind, reason string) []effect {
	leaving := m.stage == recording && m.next.Phase != RolledBack
	if m.state.Phase == RolledBack && !leaving {
		return m.answer(e.waiter, nil) // latched already
	}
	effects := m.broken(e.now, fmt.Errorf("a rollback overtook it (%s)", reason))
	effects = append(effects, m.interrupted(e)...)
	side := New
	if m.state.Phase != Live {
		side = Nobody // no write was released to new yet
	}
	next := m.moved(e.now, RolledBack, e.command)
	next.CanaryFraction = 0
	next.Epoch = max(m.state.Epoch, m.next.Epoch) + 1 // beyond a change that is being stored at this moment
	next.WindowStart, next.WindowReason = e.now, "a rollback"
	next.Fenced, next.Unsecured, next.Prepared = m.fenced, false, m.prepared
	t := m.transition(e, kind, RolledBack, next.Epoch, reason)
	t.Evidence.Steps = m.taken()
	m.state, m.stage, m.waiting = next, retreating, e.waiter
	m.unsaved, m.ranOut, m.announced, m.rolling = &t, false, false, true
	m.lost, m.marked, m.hitch, m.steps, m.dispute, m.outcome = nil, false, nil, nil, "", nil
	m.hold(e.now)
	return append(effects,
		m.published(),
		m.did(e.now, StepHold),
		effect{kind: closeStreams, epoch: m.state.Epoch, side: New},
		m.did(e.now, StepStreams),
		m.begin(e.now, StepDrain, m.rollbackDrain),
		effect{kind: drain, epoch: m.state.Epoch, side: side, timeout: m.rollbackDrain},
		m.begin(e.now, StepRecord, 0),
		m.savingRollback(),
	)
}

func (m *model) savingRollback() effect {
	save := m.saving(m.state, *m.unsaved)
	save.overtake, save.bounded = true, true
	return save
}

// interrupted answers whoever waits for the change that the rollback overtakes.
func (m *model) interrupted(e event) []effect {
	return m.answered(fmt.Errorf("%w: a rollback overtook it (%s)", ErrFlip, e.command.Reason))
}

// onRetreatDrained gives up the writes that are still in flight at new: nobody sends them again.
func (m *model) onRetreatDrained(e event) []effect {
	var effects []effect
	detail := ranOut(e.before)
	m.ranOut = true
	if e.left > 0 {
		m.state.UnknownWrites += int64(e.left)
		detail = fmt.Sprintf("what became of %d writes that were in flight at new is unknown; they are never sent again", e.left)
		effects = append(effects, effect{kind: abandon, epoch: m.state.Epoch, side: New})
	}
	detail = sentences(detail, e.carried.told(Old))
	if e.mirror != nil && e.carried.Left == 0 {
		detail = sentences(detail, e.mirror.Error())
	}
	effects = append(effects, m.end(e.now, StepDrain, nil, detail)...)
	return append(effects, m.goOn(e)...)
}

// goOn makes old ready once new's writes have run out and the rollback was recorded, or could not be: a crash that found old
// unfenced in a run that is live by the store could not tell why.
func (m *model) goOn(e event) []effect {
	if m.stage != retreating || !m.ranOut || !m.announced {
		return nil
	}
	return m.restore(e)
}

// onRollbackStored notes whether the store took the rollback; if not, a durable marker stands in for it until it does.
func (m *model) onRollbackStored(e event) []effect {
	effects := m.onLateStore(e)
	m.announced = m.announced || e.err == nil
	return append(effects, m.goOn(e)...)
}

// onMarked goes on even without a marker: a broken disk must not stop a rollback.
func (m *model) onMarked(e event) []effect {
	m.announced, m.marked = true, e.err == nil
	detail := "the store does not take it; a marker beside the journal stands for it"
	if e.err != nil {
		detail = "neither the store nor the marker takes it: " + e.err.Error()
	}
	return append(m.remark(StepRecord, detail), m.goOn(e)...)
}

func (m *model) onLateMark(e event) []effect {
	m.marked = e.err == nil
	return nil
}

// settle gives the held writes to old.
func (m *model) settle(e event) []effect {
	m.state.Fenced, m.state.Prepared = m.fenced, m.prepared
	m.stage, m.refusing = steady, false
	effects := []effect{m.published(), m.begin(e.now, StepRelease, 0), m.releasing(), {kind: resetTriggers, epoch: m.state.Epoch}}
	if m.rolling {
		effects = append(effects, effect{kind: rolledBack, epoch: m.state.Epoch, state: m.state, timeout: max(e.now.Sub(m.state.Since), 0)})
	}
	effects = append(effects, m.answered(m.outcome)...)
	m.rolling, m.outcome = false, nil
	return append(effects, m.behind(e)...)
}

// onLateStore hears of the storing of a rollback, or of what was decided after it.
func (m *model) onLateStore(e event) []effect {
	if e.err != nil {
		effects := []effect{{kind: retryLater, epoch: m.state.Epoch}}
		if m.unsaved != nil && !m.marked {
			effects = append(effects, effect{kind: mark, epoch: m.state.Epoch, state: m.state})
		}
		return effects
	}
	m.keep(m.putting)
	if m.unsaved == nil {
		return m.tidied(e)
	}
	m.unsaved = nil
	effects := append(append(m.end(e.now, StepRecord, nil, ""), m.end(e.now, StepAbort, nil, "")...), effect{kind: unmark, epoch: m.state.Epoch})
	return append(effects, m.tidied(e)...)
}

// tidied stores what is not stored yet, if the machine is at rest.
func (m *model) tidied(e event) []effect {
	if m.stage != steady {
		return nil
	}
	return m.tidy(e)
}

func (m *model) onRetry(e event) []effect {
	if m.unsaved == nil {
		return m.tidied(e)
	}
	return []effect{m.savingRollback()}
}
