package cutover

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// beginFlip writes the intent: nothing else happens before it is durable. It says that the databases may be changed from here
// on, so that whoever finds it after a crash undoes that.
func (m *model) beginFlip(e event) []effect {
	if m.prepared {
		return m.answer(e.waiter, fmt.Errorf("%w: what the last flip had prepared is not undone yet (%w)", ErrBusy, m.notUndone))
	}
	next := m.moved(e.now, Cutover, e.command)
	next.Before, next.Fenced, next.Prepared = m.state.Phase, m.fences, m.prepares
	m.stage, m.next, m.waiting, m.flip = intending, next, e.waiter, e.command
	m.steps, m.tried, m.marked, m.rolling, m.hitch, m.outcome = slices.Clone(e.command.Done), false, false, false, nil, nil
	effects := []effect{m.begin(e.now, StepIntent, m.holdMax)}
	save := m.saving(next, m.transition(e, "cutover", Cutover, next.Epoch, e.command.Reason))
	save.timeout = m.holdMax
	return append(effects, save)
}

// onIntended holds the writes and drains those in flight at old.
func (m *model) onIntended(e event) []effect {
	if e.err != nil {
		return m.doubt(e.err)
	}
	m.state = m.next
	m.keep(m.state)
	m.hold(e.now)
	effects := m.end(e.now, StepIntent, nil, "")
	if m.closing {
		return append(effects, m.abort(e, errStopped)...)
	}
	m.stage = draining
	limit := min(m.drainMax, m.holdLeft(e.now))
	return append(effects,
		m.published(), m.did(e.now, StepHold), m.begin(e.now, StepDrain, limit),
		effect{kind: drain, epoch: m.state.Epoch, side: Old, timeout: limit})
}

// hold says that writes wait from now on.
func (m *model) hold(now time.Time) { m.heldFrom, m.refusing = now, false }

// onIntentReadBack decides an intent whose outcome was unknown: one that was stored is taken back.
func (m *model) onIntentReadBack(e event) []effect {
	if e.err != nil {
		return m.stillLost(ErrFlip)
	}
	if !m.holds(e.found) {
		lost := m.lost
		effects := m.end(e.now, StepIntent, lost, "")
		return append(effects, m.dropped(fmt.Errorf("%w: the intent could not be stored, so nothing changed: %w", ErrFlip, lost))...)
	}
	why := fmt.Errorf("the store did not say in time that it took the intent: %w", m.lost)
	m.state, m.lost = m.next, nil
	m.keep(m.state)
	m.hold(e.now)
	return m.abort(e, why)
}

func (m *model) onFlipDrained(e event) []effect {
	switch {
	case e.left > 0:
		return m.abort(e, fmt.Errorf("%d writes were still in flight at old after %s", e.left, stepLimit(m.steps)))
	case e.err != nil && !m.fences:
		return m.abort(e, e.err)
	case e.mirror != nil:
		return m.abort(e, fmt.Errorf("new lacks what old accepted: %w", e.mirror))
	}
	detail := ranOut(e.before)
	if e.err != nil {
		detail = e.err.Error() + "; the fence ends the sessions that may still be at work on it"
	}
	detail = sentences(detail, e.carried.told(New))
	effects := m.end(e.now, StepDrain, nil, detail)
	if !m.prepares {
		return append(append(effects, m.skip(e.now, StepPrepare)), m.check(e)...)
	}
	return append(effects, m.stepTo(e, StepPrepare, preparing, prepare)...)
}

// told says what the journal's mirror carried to the side; empty if there was nothing to carry.
func (c Carried) told(to Side) string {
	name := map[Side]string{Old: "old", New: "new"}[to]
	var parts []string
	if c.Writes > 0 {
		parts = append(parts, fmt.Sprintf("the mirror carried %d to %s", c.Writes, name))
	}
	if c.Left > 0 {
		parts = append(parts, fmt.Sprintf("%d are not on %s", c.Left, name))
	}
	return sentences(parts...)
}

// sentences joins what is not empty.
func sentences(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// ranOut says how many writes a drain has waited for.
func ranOut(n int) string {
	switch {
	case n <= 0:
		return ""
	case n == 1:
		return "1 write ran out"
	}
	return fmt.Sprintf("%d writes ran out", n)
}

func stepLimit(steps []Step) time.Duration {
	return time.Duration(steps[len(steps)-1].Limit * float64(time.Second))
}

// stepTo begins a step that has what is left of the hold.
func (m *model) stepTo(e event, name StepName, to stage, kind effectKind) []effect {
	left := m.holdLeft(e.now)
	if left <= 0 {
		return m.abort(e, m.usedUp(name))
	}
	m.stage = to
	m.prepared = m.prepared || kind == prepare
	m.fenced = m.fenced || kind == fence
	return []effect{m.begin(e.now, name, left), {kind: kind, epoch: m.state.Epoch, timeout: left}}
}

// usedUp says which step took the hold's time.
func (m *model) usedUp(before StepName) error {
	longest := m.longest()
	return fmt.Errorf("the hold of %s was used up before the step %s; %s took the most of it, %s", m.holdMax, before, longest.Name,
		time.Duration(longest.Seconds*float64(time.Second)).Round(time.Millisecond))
}

func (m *model) onPrepared(e event) []effect {
	if e.err != nil {
		return m.abort(e, fmt.Errorf("preparing the databases: %w", e.err))
	}
	return append(m.end(e.now, StepPrepare, nil, ""), m.check(e)...)
}

func (m *model) check(e event) []effect {
	if !m.hasStrict {
		return append([]effect{m.skip(e.now, StepChecks)}, m.raiseFence(e)...)
	}
	return m.stepTo(e, StepChecks, checking, strict)
}

func (m *model) onChecked(e event) []effect {
	switch {
	case errors.Is(e.err, ErrNoStrict):
		return append(m.passOver(e.now, StepChecks), m.raiseFence(e)...)
	case e.err != nil:
		return m.abort(e, fmt.Errorf("the strict checks did not agree while writes were held: %w", e.err))
	}
	return append(m.end(e.now, StepChecks, nil, ""), m.raiseFence(e)...)
}

func (m *model) raiseFence(e event) []effect {
	if !m.fences {
		return append([]effect{m.skip(e.now, StepFence)}, m.commit(e)...)
	}
	return m.stepTo(e, StepFence, fencing, fence)
}

func (m *model) onFenced(e event) []effect {
	if e.err != nil {
		var touched interface{ Untouched() bool }
		m.fenced = !errors.As(e.err, &touched) || !touched.Untouched()
		return m.abort(e, fmt.Errorf("old could not be fenced: %w", e.err))
	}
	return append(m.end(e.now, StepFence, nil, ""), m.commit(e)...)
}

// What is kept of the hold: for storing the commit, and for undoing and unfencing if that fails. Of a short hold half is kept.
const (
	commitReserve = 500 * time.Millisecond
	dataReserve   = time.Second
)

// holdLeft is the time that a step may take which begins now.
func (m *model) holdLeft(now time.Time) time.Duration {
	reserve := commitReserve
	if m.prepares || m.fences {
		reserve += dataReserve
	}
	return max(m.holdMax-max(now.Sub(m.heldFrom), 0)-min(reserve, m.holdMax/2), 0)
}

// commit stores live; writes stay held until it is known to be stored.
func (m *model) commit(e event) []effect {
	if m.holdLeft(e.now) <= 0 {
		return m.abort(e, m.usedUp(StepCommit))
	}
	if e.unrecordable != nil {
		return m.abort(e, fmt.Errorf("new's writes could not be recorded: %w", e.unrecordable))
	}
	next := m.moved(e.now, Live, m.flip)
	next.WindowStart, next.WindowReason, next.WritesOnNew = e.now, "the cutover", 0
	next.Prepared, next.Baseline = false, e.baseline
	if m.flip.Forced {
		next.Forced = m.flip.Reason
	}
	m.stage, m.next, m.tried = committing, next, true
	e.command = m.flip
	limit := max(m.holdMax-max(e.now.Sub(m.heldFrom), 0), commitReserve)
	effects := []effect{{kind: closeStreams, epoch: m.state.Epoch, side: Old}, m.did(e.now, StepStreams), m.begin(e.now, StepCommit, limit)}
	t := m.transition(e, "commit", Live, next.Epoch, m.flip.Reason)
	t.Evidence.Steps = m.taken()
	save := m.saving(next, t)
	save.timeout = limit
	return append(effects, save)
}

func (m *model) onCommitted(e event) []effect {
	if e.err != nil {
		m.stage = uncertain
		effects := m.remark(StepCommit, "whether it was stored is unknown: "+e.err.Error())
		return append(effects, m.reading())
	}
	return m.goLive(e)
}

func (m *model) goLive(e event) []effect {
	m.state, m.stage, m.prepared = m.next, steady, false
	m.keep(m.state)
	effects := m.end(e.now, StepCommit, nil, "")
	effects = append(effects,
		effect{kind: resetTriggers, epoch: m.state.Epoch},
		m.published(),
		effect{kind: closeStreams, epoch: m.state.Epoch, side: Old}, // once more: reads were not held, and may have begun one
		m.begin(e.now, StepRelease, 0), m.releasing(),
	)
	return append(effects, m.answered(nil)...)
}

// onReleased ends the step of the held writes' release, and says nothing where that is of a later change.
func (m *model) onReleased(e event) []effect { return m.end(e.now, StepRelease, nil, "") }

// onReadBack decides a commit whose outcome was unknown: it is live if the store says so, and unknown still if the store does
// not answer. If the store says that it is not, the flip is abandoned, and as long as that is not durable no write goes to old:
// what the store does not hold now, it may hold after a crash.
func (m *model) onReadBack(e event) []effect {
	switch {
	case e.err != nil:
		m.refusing = true
		return []effect{m.published(), m.releasing(), {kind: retryLater, epoch: m.state.Epoch}}
	case e.found.Epoch == m.next.Epoch && e.found.Phase == Live:
		return m.goLive(e)
	default:
		return m.abort(e, errors.New("the store did not take the commit"))
	}
}

// onReadAgain reads what is still unknown; the timer may be of an earlier change.
func (m *model) onReadAgain(event) []effect {
	if m.lost == nil && m.stage != uncertain {
		return nil
	}
	return []effect{m.reading()}
}

var errStopped = errors.New("paritygate was stopped")

// onStop abandons a flip that has not reached its commit.
func (m *model) onStop(e event) []effect { return m.abort(e, errStopped) }
