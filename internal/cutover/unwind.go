package cutover

import (
	"fmt"
	"time"
)

// dataFor bounds one try to undo or to unfence.
const dataFor = 5 * time.Second

// abort abandons a flip that is not committed: what was done to the databases is undone while writes are held, then they go to
// old. If the commit was tried the abort is made durable first: what the store does not hold now it may hold after a crash, and
// then old must be as live wants it, with no write since.
func (m *model) abort(e event, why error) []effect {
	m.why = why.Error()
	m.outcome = fmt.Errorf("%w: %s; writes are at old, as before", ErrFlip, m.why)
	effects := m.broken(e.now, why)
	if m.tried {
		return append(effects, m.abandonFlip(e)...)
	}
	return append(effects, m.restore(e)...)
}

// restore makes old as it was: what was prepared is undone, and the fence taken down. Writes wait for both, and get 503 at the
// end of the hold; they never go to new, nor to an old that may be fenced.
func (m *model) restore(e event) []effect {
	if !m.prepared {
		return m.lowerFence(e)
	}
	m.stage = undoing
	return []effect{m.published(), m.begin(e.now, StepUndo, dataFor), {kind: undo, epoch: m.state.Epoch, timeout: dataFor}}
}

// onUndone goes on even where it failed: writes at old are safe without it, and it is tried again once they are there.
func (m *model) onUndone(e event) []effect {
	m.prepared, m.notUndone = e.err != nil, e.err
	return append(m.end(e.now, StepUndo, e.err, ""), m.lowerFence(e)...)
}

func (m *model) lowerFence(e event) []effect {
	if !m.fenced {
		return m.restored(e)
	}
	m.stage = unfencing
	return []effect{m.published(), m.begin(e.now, StepUnfence, dataFor), {kind: unfence, epoch: m.state.Epoch, timeout: dataFor}}
}

// onUnfenced tries again for as long as it takes. Whoever waits is told at once.
func (m *model) onUnfenced(e event) []effect {
	if e.err != nil {
		return append(m.stuck(e, StepUnfence), effect{kind: unfence, epoch: m.state.Epoch, timeout: dataFor, later: true})
	}
	m.fenced, m.hitch = false, nil
	return append(m.end(e.now, StepUnfence, nil, ""), m.restored(e)...)
}

// stuck notes a step that writes wait for and that failed. It is tried again; at the end of the hold they are refused.
func (m *model) stuck(e event, name StepName) []effect {
	m.hitch = e.err
	effects := m.remark(name, "tried again: "+e.err.Error())
	effects = append(effects, m.answered(m.unfenced())...)
	return append(effects, m.overdue(e.now)...)
}

// unfenced is what a caller hears while the fence does not come down.
func (m *model) unfenced() error {
	err := fmt.Errorf("%w, so writes wait or get 503, and it is tried again: %w", ErrFence, m.hitch)
	if m.outcome != nil {
		return fmt.Errorf("%w: %s; %w", ErrFlip, m.why, err)
	}
	return err
}

// overdue refuses the writes once they were held for as long as a flip may hold them.
func (m *model) overdue(now time.Time) []effect {
	if m.refusing || now.Sub(m.heldFrom) < m.holdMax {
		return nil
	}
	m.refusing = true
	return []effect{m.published(), m.releasing()}
}

// restored goes on with what wanted old as it was: the abort of a flip, a rollback, or the start.
func (m *model) restored(e event) []effect {
	if m.state.Phase == Cutover {
		return m.abandonFlip(e)
	}
	return m.settle(e)
}

// abandonFlip goes back to the phase before, in an epoch beyond that of a commit that was tried. If none was, old is as before,
// and writes go there at once: a restart finds the intent, which ends in the same phase.
func (m *model) abandonFlip(e event) []effect {
	c := m.flip
	c.Reason = m.why
	next := m.moved(e.now, m.state.Before, c)
	next.Epoch = max(next.Epoch, m.next.Epoch+1)
	next.Fenced, next.Prepared = m.fenced, m.prepared
	m.stage, m.next = aborting, next
	effects := []effect{m.published()}
	if !m.tried {
		effects = append(effects, m.begin(e.now, StepRelease, 0), m.releasing())
	}
	return append(append(effects, m.begin(e.now, StepAbort, 0)), m.abortStore(e))
}

func (m *model) abortStore(e event) effect {
	t := m.abortion(e)
	save := m.saving(m.next, t)
	save.overtake, save.bounded = true, true // whatever the store holds, its epoch is lower
	return save
}

func (m *model) abortion(e event) Transition {
	e.command = Command{Actor: m.flip.Actor, Evidence: m.flip.Evidence}
	t := m.transition(e, "abort", m.next.Phase, m.next.Epoch, m.why)
	t.Evidence.Steps = m.taken()
	return t
}

// onAborted hears of the abort's storing. Where the store does not take it and may hold the commit, the marker of a rollback
// with the abort's epoch is as durable: a restart that finds it is rolled back.
func (m *model) onAborted(e event) []effect {
	if e.err != nil {
		effects := append(m.remark(StepAbort, "tried again: "+e.err.Error()), effect{kind: retryLater, epoch: m.state.Epoch})
		if !m.tried {
			return append(effects, m.answered(m.outcome)...)
		}
		stand := m.next
		stand.Phase, stand.Reason = RolledBack, m.why
		effects = append(effects, effect{kind: mark, epoch: m.state.Epoch, state: stand})
		return append(effects, m.overdue(e.now)...)
	}
	effects := m.end(e.now, StepAbort, nil, "")
	m.state = m.next
	m.keep(m.state)
	if m.tried {
		return append(append(effects, effect{kind: unmark, epoch: m.state.Epoch}), m.restore(e)...)
	}
	m.stage = steady
	effects = append(append(effects, m.published()), m.answered(m.outcome)...)
	m.outcome = nil
	return append(effects, m.behind(e)...)
}

// onAbortMarked goes on once the abort is durable as a marker; the store is given it until it takes it.
func (m *model) onAbortMarked(e event) []effect {
	if e.err != nil {
		return m.answered(fmt.Errorf("%w: %s; the store may hold the commit after a crash, so writes get 503 until it takes the abort: %w", ErrFlip, m.why, e.err))
	}
	t := m.abortion(e)
	m.state, m.unsaved, m.marked = m.next, &t, true
	return append([]effect{{kind: retryLater, epoch: m.state.Epoch}}, m.restore(e)...)
}

func (m *model) onAbortAgain(e event) []effect { return []effect{m.abortStore(e)} }

// behind does what is left once traffic is where it belongs: what could not be undone is tried again, and the store is told how
// the databases are.
func (m *model) behind(e event) []effect {
	var effects []effect
	if m.prepared && !m.undoing {
		m.undoing = true
		effects = append(effects, effect{kind: lateUndo, epoch: m.state.Epoch, timeout: dataFor, later: true})
	}
	return append(effects, m.tidy(e)...)
}

// tidy stores what was decided after the change of phase took effect.
func (m *model) tidy(e event) []effect {
	if m.unsaved != nil || outcomesOf(m.state) == m.kept {
		return nil
	}
	e.command = Command{Actor: "paritygate"}
	t := m.transition(e, "settled", m.state.Phase, m.state.Epoch, m.settlement())
	t.From, t.To = "", "" // it is behind a change of phase, and none itself
	t.Evidence.Steps = m.taken()
	save := m.saving(m.state, t)
	save.bounded = true
	return []effect{save}
}

// settlement says what tidy stores.
func (m *model) settlement() string {
	text := "old is not fenced"
	if m.state.Fenced {
		text = "old is fenced"
	}
	if m.state.Prepared {
		text += "; what was prepared is not undone yet"
	}
	if n := m.state.UnknownWrites; n > 0 {
		text += fmt.Sprintf("; what became of %d writes that were in flight at new is unknown", n)
	}
	return text
}

// onLateUndo hears of an undo that was tried again while the writes were at old already.
func (m *model) onLateUndo(e event) []effect {
	m.undoing = false
	switch {
	case !m.prepared:
		return nil
	case e.err != nil:
		m.notUndone = e.err
	default:
		m.prepared, m.state.Prepared, m.notUndone = false, false, nil
	}
	return m.behind(e)
}

// onLateUndoElsewhere gives up where the change under way undoes by itself, or ends behind: a flip that has begun meanwhile has
// prepared again, and that must stand. After a change that does neither it is tried once more.
func (m *model) onLateUndoElsewhere(event) []effect {
	m.undoing = m.stage == recording && m.prepared
	if !m.undoing {
		return nil
	}
	return []effect{{kind: lateUndo, epoch: m.state.Epoch, timeout: dataFor, later: true}}
}
