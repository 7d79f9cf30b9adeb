package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// lockName is the file whose lock says that a process writes the journal. It stays: removing it would let two processes lock two files of
// one name.
const lockName = "lock"

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
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		owner := "another process"
		if pid, err := io.ReadAll(io.NewSectionReader(f, 0, 32)); err == nil && len(pid) > 0 {
			owner = "process " + strings.TrimSpace(string(pid))
		}
		return fmt.Errorf("%w: by %s (lock %s): stop that one, or give this one another journal.directory", ErrInUse, owner, name)
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

var segmentPattern = regexp.MustCompile(`^([0-9]{8,})\.jsonl(\.zst)?$`)

// segmentName is the name of a segment that is not compressed.
func segmentName(number int) string { return fmt.Sprintf("%08d.jsonl", number) }

// listing is what lies in the directory.
type listing struct {
	plain, compressed []int // numbers of segments, ascending
	spools            []string
	leftovers         []string // of what a crash cut short
}

func (l *listing) last() int {
	n := 0
	for _, list := range [][]int{l.plain, l.compressed} {
		if len(list) > 0 {
			n = max(n, list[len(list)-1])
		}
	}
	return n
}

func listDirectory(path string) (*listing, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var l listing
	for _, e := range entries {
		name := e.Name()
		if m := segmentPattern.FindStringSubmatch(name); m != nil {
			n, err := strconv.Atoi(m[1])
			switch {
			case err != nil || n == 0 || segmentName(n)+m[2] != name:
			case m[2] == "":
				l.plain = append(l.plain, n)
			default:
				l.compressed = append(l.compressed, n)
			}
			continue
		}
		switch {
		case strings.HasSuffix(name, ".jsonl.zst.tmp"), strings.HasSuffix(name, ".body.tmp"):
			l.leftovers = append(l.leftovers, name)
		case strings.HasSuffix(name, ".body"):
			l.spools = append(l.spools, name)
		}
	}
	slices.Sort(l.plain)
	slices.Sort(l.compressed)
	return &l, nil
}
