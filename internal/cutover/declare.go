package cutover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// Recovery is what an operator says is true of a run whose store was emptied, is older than the databases, or is lost.
type Recovery struct {
	Phase  Phase // one of Recoverable
	Reason string
	Actor  string
}

// Recoverable lists the phases that a Recovery may name.
var Recoverable = []Phase{Shadow, Canary, Live, RolledBack}

// ErrNothingToRecover refuses a Recovery of a run whose store, journal and fence agree.
var ErrNothingToRecover = errors.New("the store agrees with the journal and the fence, so there is nothing to recover: start without --recover-phase")

// declared is the state that an operator says is true, beyond any epoch that is known; the transition has no kind if nobody
// says anything, or if an earlier start took it already. The fence is brought to match when the machine runs.
func (m *Machine) declared(ctx context.Context, stored State, ok bool, marked State, found bool) (State, Transition, error) {
	r := m.o.Recover
	if r == nil {
		return State{}, Transition{}, nil
	}
	if !slices.Contains(Recoverable, r.Phase) || strings.TrimSpace(r.Reason) == "" {
		return State{}, Transition{}, fmt.Errorf("recovering needs a reason and one of the phases %v, not %q", Recoverable, r.Phase)
	}
	name := string(r.Phase) + ": " + r.Reason
	if ok && stored.Recovered == name {
		m.o.Logger.Warn("--recover-phase was taken by an earlier start already, and is passed over: start without it", zap.Uint64("epoch", stored.Epoch))
		return State{}, Transition{}, nil
	}
	w := m.o.Witness
	if ok && !found && !w.beyond(stored) && w.disputes(stored) == "" && m.agrees(ctx, stored) {
		return State{}, Transition{}, fmt.Errorf("%w (phase %s, epoch %d)", ErrNothingToRecover, stored.Phase, stored.Epoch)
	}
	now := m.o.Now().UTC()
	t := Transition{Time: now, Actor: r.Actor, Kind: "recover", From: stored.Phase, Reason: r.Reason}
	next := stored
	if !ok {
		next = m.began(now, "the run was recovered")
	}
	if found {
		next.WritesOnNew = max(next.WritesOnNew, marked.WritesOnNew)
		next.Epoch = max(next.Epoch, marked.Epoch)
		next.Prepared = next.Prepared || marked.Prepared
	}
	next.Epoch = max(next.Epoch, w.Epoch)
	if r.Phase == Live || r.Phase == RolledBack {
		next.WritesOnNew = max(next.WritesOnNew, m.o.WritesOnNew) + w.Lost
	}
	from := model{state: next}
	next = from.moved(now, r.Phase, Command{Actor: r.Actor, Reason: r.Reason})
	next.WindowStart, next.WindowReason, next.Recovered = now, "the run was recovered", name
	next.Fenced = m.o.Data != nil && m.o.Data.Fences()
	next.Unsecured = next.Fenced && r.Phase == Live
	next.Prepared = next.Prepared && r.Phase != Live && m.o.Data != nil && m.o.Data.Prepares()
	if r.Phase == Live && ok && stored.Phase != Live && next.Forced == "" {
		next.Forced = "declared live at a start: " + r.Reason
	}
	if err := m.declaredCanary(&next); err != nil {
		return State{}, Transition{}, err
	}
	return next, t, nil
}

// declaredCanary gives the phase its fraction.
func (m *Machine) declaredCanary(next *State) error {
	next.ConfiguredCanary = m.o.CanaryFraction
	if next.Phase != Canary {
		next.CanaryFraction = 0
		return nil
	}
	if next.CanaryFraction == 0 {
		next.CanaryFraction = m.o.CanaryFraction
	}
	if next.CanaryFraction == 0 {
		return errors.New("recovering the phase canary needs a canary.fraction; recover shadow, and say `paritygate canary FRACTION`")
	}
	return nil
}

// agrees reports whether the fence is known to be as the store says, or will be once the machine runs.
func (m *Machine) agrees(ctx context.Context, stored State) bool {
	if stored.Phase == Complete {
		return true
	}
	if m.o.Data == nil || !m.o.Data.Fences() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, dataFor)
	defer cancel()
	standing, err := m.o.Data.Standing(ctx)
	switch {
	case err != nil:
		return false
	case stored.Phase == Live:
		return standing || !stored.Fenced
	}
	return !standing || stored.Fenced
}
