package cutover

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrDrift says that the configuration was edited while the run is live.
var ErrDrift = errors.New("the configuration is not the one that the cutover was decided on, and the run is live: restore it, or start with --allow-drift")

// Edit is the evidence of a drift: what was edited.
type Edit struct {
	// Diff is a unified diff of the part of the configuration that decides about evidence, without secrets; empty where the text before is not known.
	Diff string `json:"diff"`
}

// maxConfigText bounds the text of the configuration that is kept with the state, in bytes.
const maxConfigText = 256 << 10

func keptText(text string) string {
	if len(text) > maxConfigText {
		return ""
	}
	return text
}

func edited(before, after string) Edit {
	if before == "" || keptText(after) == "" {
		return Edit{}
	}
	return Edit{Diff: unified(before, after)}
}

// drifted is the state under another configuration. What was proven under other rules proves nothing under these: the window begins anew.
func drifted(s State, now time.Time, reason, checksum, text string) State {
	s.WindowStart, s.WindowReason = now, reason
	s.ConfigChecksum, s.ConfigText, s.Drift = checksum, keptText(text), true
	return s
}

// drift compares the configuration with the one that the evidence was gathered under. In live an edit needs to be allowed.
func (m *Machine) drift(ctx context.Context, state State) (State, error) {
	if state.ConfigChecksum == m.o.ConfigChecksum {
		state.ConfigText = keptText(m.o.ConfigText) // a version before this one did not keep it
		return state, nil
	}
	edit := edited(state.ConfigText, m.o.ConfigText)
	if state.Phase == Live && !m.o.AllowDrift {
		if edit.Diff == "" {
			return State{}, ErrDrift
		}
		return State{}, fmt.Errorf("%w; this was edited:\n%s", ErrDrift, edit.Diff)
	}
	now := m.o.Now().UTC()
	state = drifted(state, now, "the configuration was edited", m.o.ConfigChecksum, m.o.ConfigText)
	t := Transition{
		Time: now, Actor: "paritygate", Kind: string(Drift), From: state.Phase, To: state.Phase, Epoch: state.Epoch,
		Reason: "the configuration was edited: its checksum is now " + m.o.ConfigChecksum, Evidence: Evidence{Facts: edit},
	}
	if err := m.o.Store.Commit(ctx, state.Epoch, state, t); err != nil {
		return State{}, fmt.Errorf("storing the drift of the configuration: %w", err)
	}
	m.o.Logger.Warn("the configuration was edited: the window of evidence begins anew")
	return state, nil
}
