package throwaway

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// ErrNotInstalled is returned by Find and Start when this machine has no PostgreSQL server.
var ErrNotInstalled = errors.New("no PostgreSQL server binaries (initdb, postgres) found; on Debian: apt-get install postgresql")

// Find returns the directory with the newest PostgreSQL server binaries: those of Debian's layout
// (/usr/lib/postgresql/VERSION/bin) first, then those on the PATH.
func Find() (string, error) {
	return find("/usr/lib/postgresql")
}

func find(root string) (string, error) {
	candidates, err := filepath.Glob(filepath.Join(root, "*", "bin"))
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL in %s: %w", root, err)
	}
	best, newest := "", -1.0
	for _, dir := range candidates {
		version, err := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64)
		if err == nil && version > newest && complete(dir) {
			best, newest = dir, version
		}
	}
	if best != "" {
		return best, nil
	}
	// initdb and postgres lie beside each other; a lone one on the PATH may be a wrapper of a client package.
	for _, name := range []string{"initdb", "postgres"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if path, err = filepath.EvalSymlinks(path); err == nil && complete(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	return "", ErrNotInstalled
}

func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() {
			return false
		}
	}
	return true
}
