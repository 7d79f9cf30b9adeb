package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lockName is the file whose lock says that a process writes the journal. It stays: removing it would let two processes lock two files of
// one name.
const lockName = "lock"

// glance is longer than Held has the lock.
const glance = 50 * time.Millisecond

// directory is the journal's, locked.
type directory struct {
	path string
	lock *os.File
	disk disk
}

// openDirectory makes the directory if it is not there, and locks it.
func openDirectory(path string, d disk) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the journal's directory: %w", err)
	}
	name := filepath.Join(path, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the journal's lock cannot be opened: %w", err)
	}
	if err := lockFile(f, name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &directory{path: path, lock: f, disk: d}, nil
}

func lockFile(f *os.File, name string) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		time.Sleep(glance) // somebody may only be looking whether it is taken: Held
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return fmt.Errorf("%w: by %s (lock %s): stop that one, or give this one another journal.directory", ErrInUse, lockOwner(f), name)
	case err != nil:
		return fmt.Errorf("the journal's lock %s cannot be taken: %w", name, err)
	}
	// The number is a courtesy to whoever finds the lock taken; a full disk does not take it, and must not stop a start.
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return nil
}

func (d *directory) file(name string) string { return filepath.Join(d.path, name) }

// sync makes the directory's entries durable.
func (d *directory) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(d.disk.syncDir(f), f.Close())
}

// present reports whether the directory is still where others will look for it: its lock is the one that is held.
func (d *directory) present() error {
	held, err := d.lock.Stat()
	if err != nil {
		return err
	}
	found, err := os.Stat(d.lock.Name())
	if err != nil {
		return err
	}
	if !os.SameFile(held, found) {
		return errors.New(d.path + " is another directory than the one that is written")
	}
	return nil
}

func (d *directory) close() error { return d.lock.Close() }

// segmentName is the name of a segment that is not compressed.
func segmentName(number int) string { return segmentBase(number) + plainEnding }

// listSpools lists what lies beside the segments: bodies that were spooled, and what a crash cut short.
func listSpools(path string) (spools, leftovers []string, err error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the journal's directory: %w", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasSuffix(name, compressedEnding+".tmp"), strings.HasSuffix(name, ".body.tmp"), name == probeName:
			leftovers = append(leftovers, name)
		case strings.HasSuffix(name, ".body"):
			spools = append(spools, name)
		}
	}
	return spools, leftovers, nil
}

// Held returns an error that wraps ErrInUse, and says who, if a process writes to the journal in a directory.
func Held(dir string) error {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return nil //nolint:nilerr // without a lock nobody has it
	}
	defer f.Close() //nolint:errcheck // it was only read
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%w: by %s", ErrInUse, lockOwner(f))
	}
	return nil
}

// lockOwner names who wrote itself into a lock.
func lockOwner(f *os.File) string {
	if pid, err := io.ReadAll(io.NewSectionReader(f, 0, 32)); err == nil && len(pid) > 0 {
		return "process " + strings.TrimSpace(string(pid))
	}
	return "another process"
}
