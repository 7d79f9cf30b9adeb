package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"paritygate/internal/cutover"
)

// anyRoom is the limit of a disk that has room.
const anyRoom = ^uint64(0)

// room bounds what the running program may write to any file, in bytes from its beginning: at 0 every write fails, as on a
// full disk, whether it would overwrite or add.
func (p *process) room(bytes uint64) {
	p.t.Helper()
	limit := struct{ soft, hard uint64 }{bytes, anyRoom}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(p.cmd.Process.Pid), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		p.t.Fatal(errno)
	}
}

// The disk is full, and then gone: a rollback is in force all the same, and what is durable is said of it.
func TestARollbackWithoutADisk(t *testing.T) {
	t.Parallel()
	s := newSite(t, "diskless", "rollback: {fallback: always}\n")
	s.start()
	flip := func() {
		t.Helper()
		if err := s.flip(); err != nil {
			t.Fatal(err)
		}
		s.authority("flipped", "new")
	}
	back := func(when string) {
		t.Helper()
		if code, out := s.command("rollback", "--reason", when, "--yes"); code != exitDone {
			t.Errorf("%s: rollback exits %d: %s", when, code, out)
		}
		s.authority("rolled back with "+when, "old")
		if phase := s.status().Phase; phase != cutover.RolledBack {
			t.Errorf("%s: %s", when, phase)
		}
	}

	t.Log("full, and then not: the store takes the rollback when it can")
	flip()
	s.room(0)
	back("the disk full")
	s.eventually("it says so", func() bool { return s.unwell("the store has not taken the rollback") })
	s.room(anyRoom)
	s.eventually("the store takes it", func() bool { return !s.unwell("the store has not taken the rollback") })
	s.signal(syscall.SIGKILL)
	if phase := s.storedPhase(); phase != cutover.RolledBack {
		t.Errorf("the store says %s", phase)
	}
	s.start()
	s.home()

	t.Log("the store's file moved away: the marker stands in for it")
	flip()
	s.move(s.store(), s.store()+".away")
	back("the store's file gone")
	s.signal(syscall.SIGKILL)
	s.move(s.store()+".away", s.store())
	if phase := s.storedPhase(); phase != cutover.Live {
		t.Errorf("the store that was away says %s", phase)
	}
	s.start()
	s.authority("after the kill", "old")
	if phase := s.status().Phase; phase != cutover.RolledBack {
		t.Errorf("with a marker beside a store that says live: %s", phase)
	}
	s.home()

	t.Log("its directory gone: nothing is durable, and clients are at old")
	flip()
	dir := filepath.Dir(s.config)
	s.move(dir, dir+".away")
	back("the directory gone")
	s.move(dir+".away", dir)
	s.eventually("the store takes it", func() bool { return !s.unwell("the store has not taken the rollback") })
	s.home()
	s.authority("home", "old")
	if code := s.signal(syscall.SIGTERM); code != exitDone {
		t.Errorf("the program ends in %d", code)
	}
	s.settle()
}

// move renames a file of the store with those that SQLite keeps beside it, or a directory.
func (s *site) move(from, to string) {
	s.t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(from+suffix, to+suffix); err != nil && suffix == "" {
			s.t.Fatal(err)
		}
	}
}

// command runs the command line against the program.
func (p *process) command(args ...string) (code int, out string) {
	p.t.Helper()
	code, out, errs := command(p.t, append(args, "--admin", p.admin)...)
	return code, out + errs
}

// unwell reports whether the status says this of some part.
func (p *process) unwell(text string) bool {
	p.t.Helper()
	for _, u := range p.status().Unwell {
		if strings.Contains(u.Message, text) {
			return true
		}
	}
	return false
}
