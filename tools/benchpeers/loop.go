//go:build linux

package main

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"
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
// others send it functions with do. While a load runs it never sleeps: whoever sends to a sleeping thread pays for waking it, in
// a virtual machine with an interrupt to the other core of several µs, which would be counted as the proxy's.
type loop struct {
	epoll    int
	start    time.Time
	handlers []handler // by descriptor
	alarms   []*alarm
	awake    bool
	calls    chan func()
	scratch  []byte // what was read last, by whoever reads
}

func newLoop() (*loop, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &loop{epoll: epoll, start: time.Now(), calls: make(chan func()), scratch: make([]byte, 256<<10)}, nil
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

// do runs f on the loop's thread and returns when it has.
func (l *loop) do(f func()) {
	done := make(chan struct{})
	l.calls <- func() { f(); close(done) }
	<-done
}

// run serves until the process ends.
func (l *loop) run() error {
	runtime.LockOSThread()
	events := make([]syscall.EpollEvent, 512)
	for {
		timeout := 1 // ms
		if l.awake {
			timeout = 0
		}
		n, err := syscall.EpollWait(l.epoll, events, timeout)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for i := range max(n, 0) {
			if h := l.handlers[events[i].Fd]; h != nil { // closed by another event of this round
				h.ready(events[i].Events)
			}
		}
		select {
		case call := <-l.calls:
			call()
		default:
		}
		now := l.now()
		for _, a := range l.alarms {
			if a.at != 0 && a.at <= now {
				a.fire(now)
			}
		}
	}
}
