//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// pin keeps the calling thread, and what it starts, on one core.
func pin(core int) error {
	var set [16]uint64
	set[core/64] = 1 << (core % 64)
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(set),
		uintptr(unsafe.Pointer(&set)))
	if errno != 0 {
		return fmt.Errorf("sched_setaffinity to core %d: %w", core, errno)
	}
	return nil
}

// pinned says in the environment of this program that its threads are on the load's core.
const pinned = "BENCHPEERS_PINNED"

// onCore starts this program again on one core, so that all threads of the runtime are there, and becomes it.
func onCore(core int) error {
	runtime.LockOSThread()
	if err := pin(core); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}

	return fmt.Errorf("starting again on core %d: %w", core, syscall.Exec(self, os.Args, append(os.Environ(), pinned+"=1")))
}

// process is a proxy that runs.
type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer // read only after it has ended
	done   chan struct{}
}

// startOn starts a command on one core. Its children inherit that.
func startOn(core, back int, dir, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(context.Background(), name, args...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=")
	started := make(chan error)
	go func() { // the thread that starts it must live as long as it, for Pdeathsig
		runtime.LockOSThread()
		err := pin(core)
		if err == nil {
			err = p.cmd.Start()
			err = errors.Join(err, pin(back))
		}
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// stop ends the process and returns what it wrote.
func (p *process) stop() string {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	return p.output.String()
}

// running is an error once the process has ended.
func (p *process) running() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %s", filepath.Base(p.cmd.Path), strings.TrimSpace(p.output.String()))
	default:
		return nil
	}
}

// family lists a process and its children, as nginx's worker is one.
func family(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, list := range lists {
			data, _ := os.ReadFile(list)
			for _, field := range strings.Fields(string(data)) {
				if pid, err := strconv.Atoi(field); err == nil {
					all = append(all, pid)
				}
			}
		}
	}
	return all
}

// cpuTime is what all threads of the process and its children have run.
func (p *process) cpuTime() (time.Duration, error) { return cpuTime(p.cmd.Process.Pid) }

// cpuTime is what all threads of a process and its children have run, to the nanosecond.
func cpuTime(pid int) (time.Duration, error) {
	var total time.Duration
	for _, pid := range family(pid) {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if len(threads) == 0 {
			return 0, fmt.Errorf("no threads of process %d: has it ended, or is this kernel without schedstat?", pid)
		}
		for _, thread := range threads {
			data, err := os.ReadFile(thread)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
				continue // the thread has just ended
			}
			if err != nil {
				return 0, fmt.Errorf("the CPU time: %w", err)
			}
			on, _, _ := strings.Cut(string(data), " ")
			ns, err := strconv.ParseInt(on, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("the CPU time in %s: %w", thread, err)
			}
			total += time.Duration(ns)
		}
	}
	return total, nil
}

// resident is the memory that the process has in RAM, in KiB.
func (p *process) resident() (int, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("the resident memory: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(value, "kB")))
		}
	}
	return 0, errors.New("no VmRSS in the process's status: has it ended?")
}

// idleTime is for how long nobody has used a core, as far as the kernel's clock ticks tell.
func idleTime(core int) time.Duration {
	data, _ := os.ReadFile("/proc/stat")
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line) // cpuN user nice system idle iowait …
		if len(fields) < 6 || fields[0] != fmt.Sprint("cpu", core) {
			continue
		}
		idle, _ := strconv.Atoi(fields[4])
		waiting, _ := strconv.Atoi(fields[5])
		return time.Duration(idle+waiting) * time.Second / 100 // USER_HZ
	}
	return 0
}
