//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// handler is told what epoll says of its descriptor.
type handler interface {
	ready(events uint32)
}

// alarm is called when its time has come; at 0 it rests. Times are the loop's, in nanoseconds.
type alarm struct {
	at   int64
	fire func(now int64)
}

// loop is one thread that serves every socket of the load and of the backends. What it owns is touched by its thread alone:
// others send it functions with do.
type loop struct {
	epoll, wakeup, timer int
	start                time.Time
	handlers             []handler // by descriptor
	alarms               []*alarm
	armed                int64 // when the timer rings, or 0
	calls                chan func()
	scratch              []byte // what was read last, by whoever reads
}

// clockMonotonic is CLOCK_MONOTONIC of Linux.
const clockMonotonic = 1

func newLoop() (*loop, error) {
	l := &loop{start: time.Now(), calls: make(chan func()), scratch: make([]byte, 256<<10)}
	var err error
	if l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	if l.wakeup, err = descriptor(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	if l.timer, err = descriptor(syscall.SYS_TIMERFD_CREATE, clockMonotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	l.watch(l.wakeup, syscall.EPOLLIN, drained(l.wakeup))
	l.watch(l.timer, syscall.EPOLLIN, drained(l.timer))
	return l, nil
}

func descriptor(call uintptr, a, b uintptr) (int, error) {
	fd, _, errno := syscall.RawSyscall(call, a, b, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// drained empties the descriptor that woke the loop; what it woke for is done at the end of each round.
type drained int

func (d drained) ready(uint32) {
	var count [8]byte
	_, _ = syscall.Read(int(d), count[:])
}

// watch has the descriptor's events go to the handler, level-triggered.
func (l *loop) watch(fd int, events uint32, h handler) {
	for len(l.handlers) <= fd {
		l.handlers = append(l.handlers, nil)
	}
	operation := syscall.EPOLL_CTL_ADD
	if l.handlers[fd] != nil {
		operation = syscall.EPOLL_CTL_MOD
	}
	l.handlers[fd] = h
	if err := syscall.EpollCtl(l.epoll, operation, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		panic(fmt.Sprintf("benchpeers: epoll_ctl of descriptor %d: %v", fd, err)) // a fault of this program
	}
}

// close closes the descriptor, which takes it out of the epoll.
func (l *loop) close(fd int) {
	l.handlers[fd] = nil
	_ = syscall.Close(fd)
}

// now is the loop's time in nanoseconds.
func (l *loop) now() int64 { return int64(time.Since(l.start)) }

// do runs f on the loop's thread and returns when it has. One goroutine at a time may call it.
func (l *loop) do(f func()) {
	done := make(chan struct{})
	one := [8]byte{1}
	_, _ = syscall.Write(l.wakeup, one[:])
	l.calls <- func() { f(); close(done) }
	<-done
}

// run serves until the process ends.
func (l *loop) run() error {
	runtime.LockOSThread()
	events := make([]syscall.EpollEvent, 512)
	for {
		n, err := syscall.EpollWait(l.epoll, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		woken := false
		for i := range max(n, 0) {
			fd := int(events[i].Fd)
			woken = woken || fd == l.wakeup
			if h := l.handlers[fd]; h != nil { // closed by another event of this round
				h.ready(events[i].Events)
			}
		}
		if woken {
			call := <-l.calls
			call()
		}
		l.ring()
	}
}

// ring calls the alarms that are due and sets the timer for the next.
func (l *loop) ring() {
	if len(l.alarms) == 0 {
		return
	}
	now, next := l.now(), int64(0)
	for _, a := range l.alarms {
		if a.at != 0 && a.at <= now {
			a.fire(now)
		}
		if a.at != 0 && (next == 0 || a.at < next) {
			next = a.at
		}
	}
	if next == l.armed {
		return
	}
	l.armed = next
	var spec [2]syscall.Timespec // interval, value; zero disarms
	if next != 0 {
		spec[1] = syscall.NsecToTimespec(max(next-l.now(), 1))
	}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_TIMERFD_SETTIME, uintptr(l.timer), 0,
		uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != 0 {
		panic(os.NewSyscallError("timerfd_settime", errno))
	}
}
