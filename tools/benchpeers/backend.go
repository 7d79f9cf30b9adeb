//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// backend answers every GET with the same bytes, but for an id. Only the loop's thread touches it.
type backend struct {
	loop   *loop
	addr   netip.AddrPort
	fd     int
	answer *response
	ids    uint64
	delay  time.Duration // before each answer
	hole   bool          // accepts and never reads
	late   []late        // in the order in which they are due
	alarm  *alarm
	backendCounts
}

// backendCounts is what a backend saw.
type backendCounts struct {
	requests, accepted int
	open, mostOpen     int // connections
}

// late is an answer that has its time.
type late struct {
	conn *backendConn
	at   int64
}

type backendConn struct {
	backend *backend
	fd      int
	partial []byte // of a request
	unsent  []byte
	closed  bool
}

// newBackend listens on the loopback. Its ids begin with the given one, so that two backends never give the same.
func newBackend(l *loop, ids uint64) (*backend, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	if err := syscall.Listen(fd, 4096); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return nil, fmt.Errorf("getsockname: %w", err)
	}
	local, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		return nil, errors.New("getsockname: no IPv4 address")
	}
	b := &backend{loop: l, fd: fd, addr: netip.AddrPortFrom(netip.AddrFrom4(local.Addr), uint16(local.Port)), ids: ids}
	b.alarm = &alarm{fire: b.sendLate}
	l.do(func() {
		l.alarms = append(l.alarms, b.alarm)
		l.watch(fd, syscall.EPOLLIN, b)
	})
	return b, nil
}

// set has the backend answer so from now on, and begins to count anew. Connections stay.
func (b *backend) set(answer *response, delay time.Duration, hole bool) {
	b.loop.do(func() {
		b.answer, b.delay, b.hole = answer, delay, hole
		b.backendCounts = backendCounts{open: b.open, mostOpen: b.open}
	})
}

// counts is what it has seen since set.
func (b *backend) counts() (c backendCounts) {
	b.loop.do(func() { c = b.backendCounts })
	return c
}

// ready accepts a connection; more of them ring again.
func (b *backend) ready(uint32) {
	fd, _, err := syscall.Accept4(b.fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
	if err != nil {
		return
	}
	b.accepted++
	b.open++
	b.mostOpen = max(b.mostOpen, b.open)
	tune(fd)
	c := &backendConn{backend: b, fd: fd}
	if b.hole {
		b.loop.watch(fd, syscall.EPOLLRDHUP, c)
		return
	}
	b.loop.watch(fd, syscall.EPOLLIN, c)
}

// tune makes a socket that sends at once and takes a whole answer in one call.
func tune(fd int) {
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, 256<<10)
}

func (c *backendConn) ready(events uint32) {
	if events&(syscall.EPOLLERR|syscall.EPOLLHUP|syscall.EPOLLRDHUP) != 0 && events&syscall.EPOLLIN == 0 {
		c.close()
		return
	}
	if events&syscall.EPOLLOUT != 0 {
		c.flush()
	}
	if c.closed || events&syscall.EPOLLIN == 0 {
		return
	}
	n, err := syscall.Read(c.fd, c.backend.loop.scratch)
	if n <= 0 {
		if !errors.Is(err, syscall.EAGAIN) {
			c.close()
		}
		return
	}
	c.take(c.backend.loop.scratch[:n])
}

var endOfHead = []byte("\r\n\r\n")

// take answers every whole request in what was read. Requests have no bodies.
func (c *backendConn) take(data []byte) {
	if len(c.partial) > 0 {
		data = append(c.partial, data...)
		c.partial = nil
	}
	for !c.closed {
		end := bytes.Index(data, endOfHead)
		if end < 0 {
			break
		}
		data = data[end+len(endOfHead):]
		b := c.backend
		b.requests++
		if b.delay == 0 {
			c.respond()
			continue
		}
		at := b.loop.now() + int64(b.delay)
		b.late = append(b.late, late{c, at})
		if b.alarm.at == 0 {
			b.alarm.at = at
		}
	}
	if len(data) > 0 {
		c.partial = bytes.Clone(data)
	}
}

// sendLate sends the answers that are due.
func (b *backend) sendLate(now int64) {
	b.alarm.at = 0
	for len(b.late) > 0 {
		if next := b.late[0]; next.at > now {
			b.alarm.at = next.at
			return
		} else if !next.conn.closed {
			next.conn.respond()
		}
		b.late = b.late[1:]
	}
}

func (c *backendConn) respond() {
	b := c.backend
	b.ids++
	b.answer.stamp(b.ids)
	if len(c.unsent) > 0 {
		c.unsent = append(c.unsent, b.answer.bytes...)
		return
	}
	n, err := syscall.Write(c.fd, b.answer.bytes)
	switch {
	case err != nil && !errors.Is(err, syscall.EAGAIN):
		c.close()
	case n < len(b.answer.bytes):
		c.unsent = bytes.Clone(b.answer.bytes[max(n, 0):])
		b.loop.watch(c.fd, syscall.EPOLLIN|syscall.EPOLLOUT, c)
	}
}

func (c *backendConn) flush() {
	n, err := syscall.Write(c.fd, c.unsent)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		c.close()
		return
	}
	c.unsent = c.unsent[max(n, 0):]
	if len(c.unsent) == 0 {
		c.backend.loop.watch(c.fd, syscall.EPOLLIN, c)
	}
}

func (c *backendConn) close() {
	if !c.closed {
		c.closed = true
		c.backend.open--
		c.backend.loop.close(c.fd)
	}
}

// url is where the proxies find it.
func (b *backend) url() string {
	return "http://" + net.JoinHostPort(b.addr.Addr().String(), fmt.Sprint(b.addr.Port()))
}
