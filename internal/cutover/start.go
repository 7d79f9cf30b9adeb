package cutover

import (
	"fmt"
	"time"
)

// start says in which stage a process begins, and what it does first. Where old has the writes and may be fenced, it is
// unfenced before a write is served; a database that does not answer keeps neither the process nor the reads.
func (m *model) start(now time.Time) []effect {
	m.hold(now)
	e := event{now: now}
	switch phase := m.state.Phase; {
	case phase == Complete:
		return nil
	case phase == Live && m.state.Unsecured:
		m.stage, m.fenced = securing, true
		return []effect{m.begin(now, StepFence, dataFor), {kind: fence, epoch: m.state.Epoch, timeout: dataFor}}
	case phase != Live && (m.fenced || m.prepared):
		return m.restore(e)
	case m.fences:
		m.stage = probing
		return []effect{{kind: askStanding, epoch: m.state.Epoch, timeout: probeFor}}
	}
	return nil
}

// probeFor bounds how long writes wait at the start to hear whether the fence stands.
const probeFor = 2 * time.Second

// onFirstStanding lets the writes go if the fence agrees with the store, or if nobody knows: then it is asked again.
func (m *model) onFirstStanding(e event) []effect {
	m.stage = steady
	effects := m.onStanding(e)
	if m.stage == disputed {
		return effects
	}
	return append([]effect{m.published(), m.releasing()}, effects...)
}

// onStanding compares the fence with the phase. The state says that old may be fenced before it is, and until it was seen not
// to be; so a fence that stands where the state knows of none was put up by a later state than the store's, and one that does
// not stand in live was taken down by a later state, or by hand.
func (m *model) onStanding(e event) []effect {
	if e.err != nil || e.asked != m.state.Epoch {
		m.unknown = e.err
		return []effect{{kind: askStanding, epoch: m.state.Epoch, timeout: probeFor, later: true}}
	}
	m.unknown = nil
	live := m.state.Phase == Live
	switch {
	case live && m.state.Fenced && !e.standing:
		return m.disagree("the store says live, but old is not fenced", false)
	case live && e.standing:
		m.fenced, m.state.Fenced = true, true
		return m.tidy(e)
	case !live && m.state.Phase != Complete && e.standing:
		return m.disagree(fmt.Sprintf("the store says %s, but old is fenced: the store is older than the fence, or was emptied", m.state.Phase), true)
	}
	return nil
}

// onStandingElsewhere asks again once the change under way has ended.
func (m *model) onStandingElsewhere(event) []effect {
	return []effect{{kind: askStanding, epoch: m.state.Epoch, timeout: probeFor, later: true}}
}

// disagree refuses writes, because the fence is not as the store says. The state shows it as it was seen, which is not stored.
func (m *model) disagree(what string, standing bool) []effect {
	m.unheard, m.fenced, m.state.Fenced = false, true, standing // so that a rollback unfences
	return m.refuse(what)
}

// mistrust refuses writes at a start, because the journal is not as the store says. A rollback unfences, whatever the store says of the fence.
func (m *model) mistrust(what string, nameless bool) []effect {
	m.unheard, m.nameless = true, nameless
	m.fenced = m.state.Fenced || m.fences
	return m.refuse(what)
}

// refuse refuses writes until an operator says what is true.
func (m *model) refuse(what string) []effect {
	m.stage, m.refusing = disputed, true
	m.dispute = what + "; writes get 503 until you say what is true: `paritygate serve --recover-phase PHASE --reason TEXT`"
	return []effect{m.published(), m.releasing()}
}

// onDisputed refuses every command but a rollback from where new answers clients, which ends the dispute: old is unfenced.
func (m *model) onDisputed(e event) []effect {
	if e.command.Kind == Rollback && (m.state.Phase == Live || m.state.Phase == Canary) {
		return m.onCommand(e)
	}
	return m.answer(e.waiter, fmt.Errorf("%w: %s", ErrBusy, m.dispute))
}

// onSecured serves writes from new once old is fenced, as an operator has said that the run is live.
func (m *model) onSecured(e event) []effect {
	if e.err != nil {
		m.hitch = e.err
		effects := append(m.remark(StepFence, "tried again: "+e.err.Error()), m.overdue(e.now)...)
		return append(effects, effect{kind: fence, epoch: m.state.Epoch, timeout: dataFor, later: true})
	}
	m.stage, m.refusing, m.hitch, m.state.Unsecured = steady, false, nil, false
	effects := append(m.end(e.now, StepFence, nil, ""), m.published(), m.begin(e.now, StepRelease, 0), m.releasing())
	return append(effects, m.tidy(e)...)
}

// trouble says what is wrong with the run itself, for Unwell; empty if nothing is.
func (m *model) trouble() string {
	switch {
	case m.stage == disputed:
		return m.dispute
	case m.stage == uncertain:
		return "whether the cutover was committed is unknown; writes are refused until the store answers"
	case m.stage == aborting && m.tried && m.refusing:
		return "the cutover was abandoned, but the store does not take that; writes are refused until it does"
	case m.stage == unfencing && m.hitch != nil:
		return fmt.Sprintf("old is still fenced, so writes wait or get 503; it is tried again: %v", m.hitch)
	case m.stage == securing && m.hitch != nil:
		return fmt.Sprintf("old could not be fenced, so writes wait or get 503; it is tried again: %v", m.hitch)
	case m.unsaved != nil && m.stage == steady:
		return "the store has not taken the rollback yet, or the abort of the flip; it is in force, and is tried again"
	case m.lost != nil:
		return "whether the last change was stored is unknown; no other is taken until the store answers"
	case m.prepared && m.stage == steady:
		return fmt.Sprintf("what the flip had prepared (cutover.prepare) is not undone yet, and no flip begins before; it is tried again: %v", m.notUndone)
	case m.unknown != nil && m.stage == steady:
		return fmt.Sprintf("whether old is fenced is unknown; it is asked again: %v", m.unknown)
	}
	return ""
}
