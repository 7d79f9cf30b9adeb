package throwaway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Directory is a temporary directory that lives as long as its owner. One whose owner was killed is removed when the next
// of its kind is made: the owner's lock tells, since the kernel gives it up when a process dies.
type Directory struct {
	Path string
	lock *os.File
}

const (
	ownerLock = "owner.lock"
	// settling is how old a lock must be before its owner may be thought dead: there is a moment between making and taking it.
	settling = 10 * time.Second
)

// MakeDirectory makes a directory in parent (empty: the system's for temporary files) whose name begins with prefix, and
// removes those that dead owners left behind.
func MakeDirectory(parent, prefix string) (*Directory, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	sweep(parent, prefix)
	path, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	d := &Directory{Path: path}
	if d.lock, err = os.OpenFile(filepath.Join(path, ownerLock), os.O_CREATE|os.O_RDWR, 0o600); err == nil {
		err = syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock a temporary directory: %w", err), d.Remove())
	}
	return d, nil
}

// Remove removes the directory and all that is in it.
func (d *Directory) Remove() error {
	err := os.RemoveAll(d.Path)
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// sweep removes what dead owners left behind, as far as this user may; what it may not is somebody else's.
func sweep(parent, prefix string) {
	locks, _ := filepath.Glob(filepath.Join(parent, prefix+"*", ownerLock)) // the pattern is well-formed
	for _, path := range locks {
		if abandoned(path) {
			_ = os.RemoveAll(filepath.Dir(path)) // another sweep may be at it
		}
	}
}

func abandoned(path string) bool {
	lock, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer func() { _ = lock.Close() }() // nothing was written
	info, err := lock.Stat()
	if err != nil || time.Since(info.ModTime()) < settling {
		return false
	}
	return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
