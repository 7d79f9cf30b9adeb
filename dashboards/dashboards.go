// Package dashboards holds a Grafana dashboard and alert rules for Prometheus, embedded in the binary. It imports nothing
// of this project: what it shares with the program are the names of the metrics.
//
//	parity.json ─┐             ┌─► Export: files for Grafana and Prometheus
//	             ├─► embedded ─┤
//	rules.yml ───┘             └─► Queries: every expression, for the tests that run them
package dashboards

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed parity.json rules.yml
var files embed.FS

// The embedded files.
const (
	Parity = "parity.json" // the Grafana dashboard
	Rules  = "rules.yml"   // the alert rules of Prometheus
)

// Names lists the embedded files.
func Names() []string { return []string{Parity, Rules} }

// Read returns an embedded file by its name. It panics on a name that is not in Names.
func Read(name string) []byte {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return data
}

// Export writes the files into a directory, which is made if it is not there, and returns the paths that it wrote. A file
// that exists is replaced whole: a reader sees the one before or the new one, never a part.
func Export(dir string) ([]string, error) {
	if dir == "" {
		return nil, errors.New("export dashboards: no directory given")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // Grafana and Prometheus, other users, read what is in it
		return nil, fmt.Errorf("export dashboards: make the directory: %w", err)
	}
	var written []string
	for _, name := range Names() {
		path := filepath.Join(dir, name)
		if err := replace(path, Read(name)); err != nil {
			return written, fmt.Errorf("export dashboards: %w", err)
		}
		written = append(written, path)
	}
	return written, nil
}

// replace writes beside the path and renames.
func replace(path string, data []byte) error {
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("write %s: it is a directory; remove it, or export to another place", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	// Grafana and Prometheus run as users of their own, who must be able to read what was exported.
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
