package evidence

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// acquireLock takes the store's lock: a file beside it, which the kernel unlocks when the process ends, however it ends.
// The file stays: removing it would let two processes lock two files of one name.
func acquireLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the store is not writable, its lock file cannot be opened: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = writePID(f)
		if err == nil {
			return f, nil
		}
		return nil, errors.Join(fmt.Errorf("the lock file %s cannot be written: %w", path, err), f.Close())
	}
	owner := "another process"
	if pid := readPID(f); pid != "" {
		owner = "process " + pid
	}
	if closeErr := f.Close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w by %s (lock %s): stop that process, or give this one another store.path", ErrInUse, owner, path)
	}
	return nil, fmt.Errorf("the lock file %s cannot be locked: %w", path, err)
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(fmt.Sprintf("%d\n", os.Getpid())), 0)
	return err
}

// readPID returns the process id in the file, or "" if the owner has not written it yet.
func readPID(f *os.File) string {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
