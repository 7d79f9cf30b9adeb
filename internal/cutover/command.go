package cutover

import (
	"fmt"
	"slices"
	"time"
)

// CommandKind says what an operator asks for.
type CommandKind string

// The commands.
const (
	Flip      CommandKind = "cutover"
	Rollback  CommandKind = "rollback"
	Resume    CommandKind = "resume"
	Restart   CommandKind = "restart"
	Drift     CommandKind = "drift" // another configuration comes into force
	Mirror    CommandKind = "mirror"
	SetCanary CommandKind = "canary"
	Finish    CommandKind = "complete"
)

// Command is a change that somebody asks for.
type Command struct {
	Kind   CommandKind
	Actor  string
	Reason string
	// Epoch, if not 0, must be the run's.
	Epoch uint64
	// Fraction is Mirror's or SetCanary's, 0 to 1. Configured says that the configuration asks for it; a Drift takes it then as the mirror's.
	Fraction   float64
	Configured bool
	// Event is what the audit log calls a Restart that no operator asked for, such as `gap`.
	Event string
	// Checksum and ConfigText are those of the configuration of a Drift; see State.
	Checksum, ConfigText string
	// Window, if not zero, must be when the window of evidence began: what the gate judged.
	Window time.Time
	// Forced says that a Flip goes past a gate that does not pass; Reason is kept for ever then.
	Forced bool
	// Done are the steps of a Flip that were taken before the machine was asked: the gate was judged.
	Done []Step
	// Evidence is kept in the audit log: the gate's report that a Flip was decided on, or a trigger's figures.
	Evidence any
}

// legal lists the phases in which each command is possible, and what to say in the others.
var legal = map[CommandKind]struct {
	in    []Phase
	other string
}{
	Flip:      {[]Phase{Shadow, Canary}, "the cutover starts in phase shadow or canary; after a rollback, `resume` comes first"},
	Rollback:  {[]Phase{Canary, Cutover, Live, RolledBack}, "there is nothing to roll back in shadow, where old answers everything already, and no way back from complete"},
	Resume:    {[]Phase{RolledBack}, "`resume` leaves the phase rolled_back"},
	Restart:   {[]Phase{Shadow, Canary, Live, RolledBack}, "the window can be restarted neither during a flip nor once the run is complete"},
	Drift:     {[]Phase{Shadow, Canary, RolledBack, Complete}, "rules, routes, tolerances and checks cannot change during a flip, nor while the run is live; restart with --allow-drift if they must"},
	Mirror:    {[]Phase{Shadow, Canary, Live, RolledBack}, "the mirror can be changed neither during a flip nor once the run is complete"},
	SetCanary: {[]Phase{Shadow, Canary}, "the canary is part of the phases shadow and canary; after a rollback, `resume` comes first"},
	Finish:    {[]Phase{Live}, "`complete` ends the phase live"},
}

func (m *model) onCommand(e event) []effect {
	c := e.command
	if c.Epoch != 0 && c.Epoch != m.state.Epoch {
		return m.answer(e.waiter, fmt.Errorf("%w: it is %d, not %d; look at `paritygate status` and decide again", ErrEpoch, m.state.Epoch, c.Epoch))
	}
	if !c.Window.IsZero() && !c.Window.Equal(m.state.WindowStart) {
		return m.answer(e.waiter, fmt.Errorf("%w: the window of evidence began anew meanwhile (%s)", ErrBusy, m.state.WindowReason))
	}
	if m.closing && c.Kind == Flip {
		return m.answer(e.waiter, fmt.Errorf("%w: paritygate is stopping", ErrBusy))
	}
	if m.unsaved != nil && c.Kind != Rollback {
		return m.answer(e.waiter, fmt.Errorf("%w: the store has not taken the rollback yet; `paritygate status` says why", ErrBusy))
	}
	rule := legal[c.Kind]
	if c.Kind == SetCanary && c.Configured {
		rule = legal[Mirror] // what the configuration says is noted where it has no effect
	}
	if slices.Contains(rule.in, m.state.Phase) {
		return m.change(e)
	}
	return m.answer(e.waiter, misplaced(m.state.Phase, rule.other))
}

// Misplaced says that a command is not possible in a phase, and what is.
func Misplaced(kind CommandKind, phase Phase) error { return misplaced(phase, legal[kind].other) }

func misplaced(phase Phase, other string) error {
	return fmt.Errorf("%w, %s: %s", ErrPhase, phase, other)
}

func (m *model) change(e event) []effect {
	switch e.command.Kind {
	case Flip:
		return m.beginFlip(e)
	case Rollback:
		return m.beginRollback(e, "rollback", e.command.Reason)
	case Resume:
		next := m.moved(e.now, Shadow, e.command)
		next.WindowStart, next.WindowReason, next.WritesOnNew, next.UnknownWrites = e.now, "resumed after a rollback", 0, 0
		return m.record(e, "resume", next)
	case Restart:
		next := m.state
		next.WindowStart, next.WindowReason = e.now, e.command.Reason
		return m.record(e, restartKind(e.command), next)
	case Drift:
		next := drifted(m.state, e.now, e.command.Reason, e.command.Checksum, e.command.ConfigText)
		if e.command.Configured {
			next.MirrorFraction, next.ConfiguredFraction = e.command.Fraction, e.command.Fraction
		}
		e.command.Evidence = edited(m.state.ConfigText, next.ConfigText)
		return m.record(e, string(Drift), next)
	case SetCanary:
		return m.record(e, "canary", m.canaried(e.now, e.command))
	case Finish:
		return m.record(e, "complete", m.moved(e.now, Complete, e.command))
	case Mirror:
		next := m.state
		next.MirrorFraction = e.command.Fraction
		if e.command.Configured {
			next.ConfiguredFraction = e.command.Fraction
		}
		return m.record(e, "mirror", next)
	}
	return nil
}

// canaried is the state with another fraction of the canary: more than 0 is the phase canary, 0 is shadow. In the other phases it is
// noted what the configuration says, so that only another edit counts as one.
func (m *model) canaried(now time.Time, c Command) State {
	to := Canary
	if c.Fraction == 0 {
		to = Shadow
	}
	next, noted := m.state, c.Configured && m.state.Phase != Shadow && m.state.Phase != Canary
	if to != m.state.Phase && !noted {
		next = m.moved(now, to, c)
	}
	if !noted {
		next.CanaryFraction = c.Fraction
	}
	if c.Configured {
		next.ConfiguredCanary = c.Fraction
	}
	return next
}

func restartKind(c Command) string {
	if c.Event != "" {
		return c.Event
	}
	return "restart"
}

// record stores a change that takes effect once it is stored.
func (m *model) record(e event, kind string, next State) []effect {
	m.stage, m.next, m.waiting = recording, next, e.waiter
	return []effect{m.saving(next, m.transition(e, kind, next.Phase, next.Epoch, e.command.Reason))}
}

func (m *model) onRecorded(e event) []effect {
	if e.err != nil {
		return m.doubt(e.err)
	}
	return m.recorded(e)
}

// recorded puts the change that was stored into force.
func (m *model) recorded(e event) []effect {
	before := m.state.Epoch
	m.stage, m.lost, m.state = steady, nil, m.next
	m.keep(m.state)
	effects := []effect{m.published()}
	if m.state.Epoch != before {
		effects = append(effects, effect{kind: resetTriggers, epoch: m.state.Epoch})
	}
	return append(append(effects, m.answered(nil)...), m.tidy(e)...)
}

// doubt reads the store back: an error does not say that it did not take the change.
func (m *model) doubt(err error) []effect {
	m.lost = err
	return []effect{m.reading()}
}

// onRecordReadBack decides a change whose outcome was unknown. Until the store answers no other is taken, for it could not be
// said on top of what.
func (m *model) onRecordReadBack(e event) []effect {
	if e.err != nil {
		return m.stillLost(ErrStore)
	}
	if m.holds(e.found) {
		return m.recorded(e)
	}
	return m.dropped(fmt.Errorf("%w, so nothing changed: %w", ErrStore, m.lost))
}

// stillLost tells the caller that the outcome is unknown, and tries again later.
func (m *model) stillLost(kind error) []effect {
	effects := m.answered(fmt.Errorf("%w: whether it did is unknown until it can be read again: %w", kind, m.lost))
	return append(effects, effect{kind: retryLater, epoch: m.state.Epoch})
}

// dropped goes back to where the change began.
func (m *model) dropped(err error) []effect {
	m.stage, m.lost = steady, nil
	return m.answered(err)
}

// holds reports whether what the store holds is the change that was being stored.
func (m *model) holds(found State) bool {
	n := m.next
	return found.Epoch == n.Epoch && found.Phase == n.Phase && found.WindowStart.Equal(n.WindowStart) && found.Drift == n.Drift &&
		found.MirrorFraction == n.MirrorFraction && found.ConfiguredFraction == n.ConfiguredFraction &&
		found.CanaryFraction == n.CanaryFraction && found.ConfiguredCanary == n.ConfiguredCanary && found.ConfigChecksum == n.ConfigChecksum
}

// onBusy refuses a command while another change is under way; a rollback is never refused for that.
func (m *model) onBusy(e event) []effect {
	if e.command.Kind == Rollback {
		if m.stage == intending || m.stage == recording && m.next.Phase != m.state.Phase {
			return m.beginRollback(e, "rollback", e.command.Reason) // it overtakes what is being stored
		}
		return m.onCommand(e)
	}
	return m.answer(e.waiter, fmt.Errorf("%w: another change is under way, %s in phase %s; try again when it has ended", ErrBusy, m.stage, m.state.Phase))
}
