package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// SetAside moves the journal of another run, which is complete, into a directory of its own within its directory: RUN-IDENTITY. The next
// run begins a journal in its place, and nothing is lost. It returns the new directory. A crash in between is made good by another call.
func SetAside(directory, run string) (to string, err error) {
	dir, err := openDirectory(directory, disk{}.withDefaults())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, dir.close()) }()
	files, err := listFiles(directory)
	if err != nil || len(files) == 0 {
		return "", err
	}
	h, err := files[0].header(directory)
	if err != nil {
		return "", err
	}
	if h.Run != run {
		return "", fmt.Errorf("%w: %s is that of %q, not of %q", ErrOtherRun, directory, h.Run, run)
	}
	to = dir.file(h.Run + "-" + h.Identity)
	if err := os.MkdirAll(to, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if !ofJournal(e.Name()) {
			continue
		}
		if err := os.Rename(dir.file(e.Name()), filepath.Join(to, e.Name())); err != nil {
			return "", fmt.Errorf("setting the journal of %q aside: %w", run, err)
		}
	}
	return to, dir.sync()
}

// ofJournal reports whether a file of that name belongs to a journal's records.
func ofJournal(name string) bool {
	_, _, segment := segmentNumber(name)
	return segment || strings.HasSuffix(name, ".body") || strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".torn")
}
