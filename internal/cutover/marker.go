package cutover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"
)

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
