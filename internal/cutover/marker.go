package cutover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"go.uber.org/zap"
)

// Marker is the path of the file that stands in for a rollback which the store could not take. The store may not have taken it
// because the disk is full; so a spare of the file lies beside it from the start, whose blocks are there already.
type Marker string

// spareSize is how many bytes the spare has room for. A state without the configuration's text has a few hundred, and old's figures.
const spareSize = 64 << 10

func (p Marker) spare() string { return string(p) + ".spare" }

// reserve makes the spare, if there is none.
func (p Marker) reserve() error {
	if info, err := os.Stat(p.spare()); err == nil && info.Size() == spareSize {
		return nil
	}
	f, err := os.OpenFile(p.spare(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("reserving room for the marker of a rollback: %w", err)
	}
	_, err = f.Write(bytes.Repeat([]byte{' '}, spareSize))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("reserving room for the marker of a rollback: %w", err)
	}
	return nil
}

// write leaves the marker: as a new file, or by the spare where there is no room for one.
func (p Marker) write(s State) error {
	err := p.create(s)
	if err == nil {
		return nil
	}
	if spared := p.overwrite(s); spared != nil {
		return errors.Join(err, spared)
	}
	return nil
}

// overwrite writes into the spare, and makes it the marker.
func (p Marker) overwrite(s State) error {
	s.ConfigText = "" // it may be long; a start takes it from the configuration
	data, err := json.Marshal(s)
	switch {
	case err != nil:
		return err
	case len(data) > spareSize:
		return fmt.Errorf("writing the marker of the rollback into its spare: %d bytes are more than it has room for", len(data))
	}
	f, err := os.OpenFile(p.spare(), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("writing the marker of the rollback into its spare: %w", err)
	}
	_, err = f.WriteAt(data, 0) // what follows are blanks
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(p.spare(), string(p))
	}
	if err == nil {
		err = syncDir(filepath.Dir(string(p)))
	}
	if err != nil {
		return fmt.Errorf("writing the marker of the rollback into its spare: %w", err)
	}
	return nil
}

func (p Marker) create(s State) error {
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

// errOutOfReach says that nobody knows whether there is a marker.
var errOutOfReach = errors.New("whether a rollback is marked cannot be seen")

func (p Marker) read() (State, bool, error) {
	var s State
	data, err := os.ReadFile(string(p))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return s, false, nil
	case err != nil:
		return s, false, fmt.Errorf("%w: %w", errOutOfReach, err)
	default:
		err = json.Unmarshal(data, &s)
	}
	if err == nil && s.Phase != RolledBack {
		err = fmt.Errorf("it says phase %q, and stands for nothing but %s", s.Phase, RolledBack)
	}
	if err != nil {
		return s, false, fmt.Errorf("reading the marker of a rollback, %s: %w; look at it, and remove it if the run is not rolled back", string(p), err)
	}
	return s, true, nil
}

// remove takes the marker away, and makes a spare for the next one.
func (p Marker) remove(log *zap.Logger) {
	if err := os.Remove(string(p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Error("removing the marker of a stored rollback", zap.Error(err))
	}
	if err := p.reserve(); err != nil {
		log.Warn("a rollback on a full disk would leave no marker", zap.Error(err))
	}
}
