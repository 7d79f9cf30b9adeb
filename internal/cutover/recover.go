package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"
)

// recover loads the state, or makes the first one, and decides what a crash left undecided: a flip without a commit goes
// back to the phase before it, and a marker of a rollback that the store never took is that rollback.
func (m *Machine) recover(ctx context.Context) (State, error) {
	now := m.o.Now().UTC()
	state, ok, err := m.o.Store.Load(ctx)
	if err != nil {
		return State{}, fmt.Errorf("reading the run's state: %w", err)
	}
	marked, found, err := m.o.Marker.read()
	if err != nil {
		return State{}, err
	}
	before, t := state.Epoch, Transition{Time: now, Actor: "paritygate", From: state.Phase}
	switch {
	case found && marked.Run == m.o.Run && marked.Epoch > state.Epoch:
		state = marked
		t.Kind, t.Reason = "rollback", marked.Reason+" (found in the marker at the start)"
	case !ok:
		state = State{
			Run: m.o.Run, Phase: Shadow, Epoch: 1, Since: now, Reason: "the run began", Actor: "paritygate",
			WindowStart: now, WindowReason: "the run began",
			MirrorFraction: m.o.MirrorFraction, ConfiguredFraction: m.o.MirrorFraction,
			ConfigChecksum: m.o.ConfigChecksum,
		}
		t.Kind, t.Reason = "start", state.Reason
	case state.Phase == Cutover:
		back := model{state: state}
		state = back.moved(now, state.Before, Command{Actor: "paritygate", Reason: "paritygate was restarted during the flip, before its commit"})
		t.Kind, t.Reason = "abort", state.Reason
	case state.ConfiguredFraction != m.o.MirrorFraction:
		state.MirrorFraction, state.ConfiguredFraction = m.o.MirrorFraction, m.o.MirrorFraction
		t.Kind, t.Reason = "mirror", "the configuration says another fraction"
	default:
		return m.drift(ctx, state)
	}
	t.To, t.Epoch = state.Phase, state.Epoch
	if err := m.o.Store.Commit(ctx, before, state, t); err != nil {
		return State{}, fmt.Errorf("storing the run's state at the start: %w", err)
	}
	m.o.Marker.remove(m.o.Logger)
	return m.drift(ctx, state)
}

// drift compares the configuration with the one that the evidence was gathered under. What was proven under other rules
// proves nothing under these: the window begins anew. In live it needs to be allowed.
func (m *Machine) drift(ctx context.Context, state State) (State, error) {
	if state.ConfigChecksum == m.o.ConfigChecksum {
		return state, nil
	}
	if state.Phase == Live && !m.o.AllowDrift {
		return State{}, ErrDrift
	}
	now := m.o.Now().UTC()
	state.WindowStart, state.WindowReason, state.ConfigChecksum, state.Drift = now, "the configuration was edited", m.o.ConfigChecksum, true
	t := Transition{
		Time: now, Actor: "paritygate", Kind: "drift", From: state.Phase, To: state.Phase, Epoch: state.Epoch,
		Reason: "the configuration was edited: its checksum is now " + m.o.ConfigChecksum,
	}
	if err := m.o.Store.Commit(ctx, state.Epoch, state, t); err != nil {
		return State{}, fmt.Errorf("storing the drift of the configuration: %w", err)
	}
	m.o.Logger.Warn("the configuration was edited: the window of evidence begins anew")
	return state, nil
}

// Marker is the path of the file that stands in for a rollback which the store could not take.
type Marker string

func (p Marker) write(s State) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	dir := filepath.Dir(string(p))
	f, err := os.CreateTemp(dir, ".rollback-*")
	if err != nil {
		return fmt.Errorf("writing the marker of the rollback: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already where the rename worked
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), string(p))
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("writing the marker of the rollback: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (p Marker) read() (State, bool, error) {
	var s State
	data, err := os.ReadFile(string(p))
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return s, false, fmt.Errorf("reading the marker of a rollback, %s: %w; look at it, and remove it if the run is not rolled back", string(p), err)
	}
	return s, true, nil
}

func (p Marker) remove(log *zap.Logger) {
	if err := os.Remove(string(p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Error("removing the marker of a stored rollback", zap.Error(err))
	}
}
