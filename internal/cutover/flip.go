package cutover

import (
	"fmt"
	"time"
)

// beginFlip writes the intent: nothing else happens before it is durable.
func (m *model) beginFlip(e event) []effect {
	next := m.moved(e.now, Cutover, e.command)
	next.Before = m.state.Phase
	m.stage, m.next, m.waiting, m.flip = intending, next, e.waiter, e.command
	return []effect{m.said("intent"), m.saving(next, m.transition(e, "cutover", Cutover, next.Epoch, e.command.Reason))}
}

func (m *model) said(step string) effect {
	return effect{kind: progress, waiter: m.waiting, step: step, epoch: m.state.Epoch}
}

// onIntended holds the writes and drains those in flight at old.
func (m *model) onIntended(e event) []effect {
	if e.err != nil {
		return m.doubt(e.err)
	}
	m.state, m.saved = m.next, m.next.Epoch
	if m.closing {
		return m.abort(e, "paritygate was stopped")
	}
	m.stage, m.flipStarted = draining, e.now
	return []effect{
		m.published(), m.said("hold"), m.said("drain"),
		{kind: drain, epoch: m.state.Epoch, side: Old, timeout: min(m.drainMax, m.holdMax)},
	}
}

// onIntentReadBack decides an intent whose outcome was unknown: one that was stored is taken back.
func (m *model) onIntentReadBack(e event) []effect {
	if e.err != nil {
		return m.stillLost(ErrFlip)
	}
	if !m.holds(e.found) {
		return m.dropped(fmt.Errorf("%w: the intent could not be stored, so nothing changed: %w", ErrFlip, m.lost))
	}
	why := fmt.Sprintf("the store did not say in time that it took the intent: %v", m.lost)
	m.state, m.saved, m.lost = m.next, m.next.Epoch, nil
	return m.abort(e, why)
}

func (m *model) onFlipDrained(e event) []effect {
	switch {
	case e.left > 0:
		return m.abort(e, fmt.Sprintf("%d writes were still in flight at old after %s", e.left, min(m.drainMax, m.holdMax)))
	case e.err != nil:
		return m.abort(e, e.err.Error())
	}
	if !m.hasStrict {
		return m.commit(e)
	}
	m.stage = checking
	return []effect{m.said("checks"), {kind: strict, epoch: m.state.Epoch, timeout: m.holdLeft(e.now)}}
}

// commitReserve is kept of the hold for storing the commit, or half of a hold that is shorter than twice that.
const commitReserve = 500 * time.Millisecond

func (m *model) holdLeft(now time.Time) time.Duration {
	return max(m.holdMax-now.Sub(m.flipStarted)-min(commitReserve, m.holdMax/2), 0)
}

func (m *model) onChecked(e event) []effect {
	if e.err != nil {
		return m.abort(e, "the strict checks did not agree while writes were held: "+e.err.Error())
	}
	return m.commit(e)
}

// commit stores live; writes stay held until it is known to be stored.
func (m *model) commit(e event) []effect {
	if m.holdLeft(e.now) <= 0 {
		return m.abort(e, fmt.Sprintf("the hold of %s was used up before the commit", m.holdMax))
	}
	next := m.moved(e.now, Live, m.flip)
	next.WindowStart, next.WindowReason, next.WritesOnNew = e.now, "the cutover", 0
	m.stage, m.next = committing, next
	e.command = m.flip
	return []effect{m.said("commit"), {kind: closeStreams, epoch: m.state.Epoch, side: Old}, m.saving(next, m.transition(e, "commit", Live, next.Epoch, m.flip.Reason))}
}

func (m *model) onCommitted(e event) []effect {
	if e.err != nil {
		m.stage, m.refusing = uncertain, false
		return []effect{{kind: readState, epoch: m.state.Epoch}}
	}
	return m.goLive()
}

func (m *model) goLive() []effect {
	w := m.waiting
	m.state, m.saved, m.stage, m.waiting = m.next, m.next.Epoch, steady, 0
	effects := []effect{
		{kind: resetTriggers, epoch: m.state.Epoch},
		m.published(),
		{kind: closeStreams, epoch: m.state.Epoch, side: Old}, // once more: reads were not held, and may have begun one
		{kind: release, epoch: m.state.Epoch},
	}
	return append(effects, m.answer(w, nil)...)
}

// onReadBack decides a commit whose outcome was unknown: it is live if the store says so, aborted if the store says that it
// is not, and unknown still if the store does not answer.
func (m *model) onReadBack(e event) []effect {
	switch {
	case e.err != nil:
		m.refusing = true
		return []effect{m.published(), {kind: release, epoch: m.state.Epoch}, {kind: retryLater, epoch: m.state.Epoch}}
	case e.found.Epoch == m.next.Epoch && e.found.Phase == Live:
		return m.goLive()
	default:
		return m.abort(e, "the store did not take the commit")
	}
}

func (m *model) onReadAgain(event) []effect {
	return []effect{{kind: readState, epoch: m.state.Epoch}}
}

// abort gives the held writes to old and goes back to the phase before. The store is told; until it knows, a restart finds
// the intent, which ends in the same phase. Its epoch is beyond that of a commit that was tried.
func (m *model) abort(e event, why string) []effect {
	m.flip.Reason = why
	next := m.moved(e.now, m.state.Before, m.flip)
	next.Epoch = max(next.Epoch, m.next.Epoch+1)
	m.stage, m.next = aborting, next
	return []effect{m.published(), {kind: release, epoch: m.state.Epoch}, m.said("abort"), m.abortStore(e)}
}

func (m *model) abortStore(e event) effect {
	e.command = m.flip
	ef := m.saving(m.next, m.transition(e, "abort", m.next.Phase, m.next.Epoch, m.flip.Reason))
	ef.overtake = true // writes are at old already, whatever the store holds
	return ef
}

func (m *model) onAborted(e event) []effect {
	w := m.waiting
	m.waiting = 0
	effects := m.answer(w, fmt.Errorf("%w: %s; writes are at old, as before", ErrFlip, m.flip.Reason))
	if e.err != nil {
		return append(effects, effect{kind: retryLater, epoch: m.state.Epoch})
	}
	m.state, m.saved, m.stage = m.next, m.next.Epoch, steady
	return append([]effect{m.published()}, effects...)
}

func (m *model) onAbortAgain(e event) []effect { return []effect{m.abortStore(e)} }

// onStop abandons a flip that has not reached its commit.
func (m *model) onStop(e event) []effect { return m.abort(e, "paritygate was stopped") }
