//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// paths is how many resources the clients ask for in turn.
const paths = 1000

// load is a number of keep-alive clients of one server. Closed: each asks again as soon as it has its answer. Open: requests are
// due at a steady rate whatever becomes of those before, and a latency counts from when a request was due.
type load struct {
	loop    *loop
	target  netip.AddrPort
	body    int // bytes that every answer must have
	request []byte
	pathAt  int
	next    int // of the paths

	conns []*client
	idle  []*client     // the longest first, so that none rests until the server gives it up
	due   []int64       // requests that wait for a connection, the oldest first
	every time.Duration // between two requests of the open loop; 0 is the closed loop
	alarm *alarm
	err   error // the first, after which nothing is sent

	completed int
	latencies []int64 // nanoseconds, of the open loop
	stopped   bool
}

type client struct {
	load   *load
	fd     int
	due    int64
	head   []byte // what was read of an answer's headers, until they end
	remain int    // bytes of the body to come; -1 before the headers have ended
}

// newLoad connects the clients; start has them ask.
func newLoad(l *loop, target netip.AddrPort, connections, body int) (*load, error) {
	request := "GET /api/items/0000?sort=price HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: benchpeers\r\n" +
		"Accept: application/json\r\nAccept-Encoding: identity\r\n\r\n"
	g := &load{loop: l, target: target, body: body, request: []byte(request), pathAt: bytes.IndexByte([]byte(request), '0')}
	g.alarm = &alarm{fire: g.issue}
	for range connections {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("socket: %w", err)
		}
		g.conns = append(g.conns, &client{load: g, fd: fd, remain: -1})
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Addr: target.Addr().As4(), Port: int(target.Port())}); err != nil {
			return nil, fmt.Errorf("connecting to %s: %w", target, err)
		}
		tune(fd)
		if err := syscall.SetNonblock(fd, true); err != nil {
			return nil, fmt.Errorf("connecting to %s: %w", target, err)
		}
	}
	return g, nil
}

// start begins the load: closed, or with rate > 0 open at that many requests a second for as long as the duration.
func (g *load) start(rate int, d time.Duration) {
	if rate > 0 {
		g.every = time.Second / time.Duration(rate)
		g.latencies = make([]int64, 0, rate*int(d/time.Second+2))
	}
	g.loop.do(func() {
		g.loop.awake = true
		g.loop.alarms = append(g.loop.alarms, g.alarm)
		for _, c := range g.conns {
			g.loop.watch(c.fd, syscall.EPOLLIN, c)
		}
		if rate > 0 {
			g.idle = slices.Clone(g.conns)
			g.alarm.at = g.loop.now() + int64(g.every)
			return
		}
		for _, c := range g.conns {
			c.send(0)
		}
	})
}

// loadCounts is what the clients have seen so far.
type loadCounts struct {
	completed int
	at        time.Time
}

// counts returns the answers so far, or what went wrong.
func (g *load) counts() (c loadCounts, err error) {
	g.loop.do(func() { c, err = loadCounts{g.completed, time.Now()}, g.err })
	return c, err
}

// forget begins to gather latencies anew.
func (g *load) forget() {
	g.loop.do(func() { g.latencies = g.latencies[:0] })
}

// stop ends the load and closes the connections. What was asked and not answered is given up.
func (g *load) stop() {
	g.loop.do(func() {
		g.stopped = true
		g.loop.awake = false
		g.loop.alarms = slices.DeleteFunc(g.loop.alarms, func(a *alarm) bool { return a == g.alarm })
		for _, c := range g.conns {
			g.loop.close(c.fd)
		}
	})
}

// issue sends the requests of the open loop that are due.
func (g *load) issue(now int64) {
	for g.alarm.at <= now {
		if len(g.idle) > 0 {
			c := g.idle[0]
			g.idle = g.idle[1:]
			c.send(g.alarm.at)
		} else {
			g.due = append(g.due, g.alarm.at)
		}
		g.alarm.at += int64(g.every)
	}
}

func (g *load) fail(err error) {
	if g.err == nil {
		g.err = err
		g.alarm.at = 0
	}
}

// send asks for the next path. The time is when the request was due, for the open loop.
func (c *client) send(due int64) {
	g := c.load
	if g.err != nil || g.stopped {
		return
	}
	g.next = (g.next + 1) % paths
	for i, n := 3, g.next; i >= 0; i, n = i-1, n/10 {
		g.request[g.pathAt+i] = byte('0' + n%10)
	}
	c.due = due
	if n, err := syscall.Write(c.fd, g.request); err != nil || n < len(g.request) {
		g.fail(fmt.Errorf("sending a request: %d of %d bytes: %w", n, len(g.request), err))
	}
}

func (c *client) ready(uint32) {
	g := c.load
	n, err := syscall.Read(c.fd, g.loop.scratch)
	if n <= 0 {
		if errors.Is(err, syscall.EAGAIN) {
			return
		}
		if err == nil {
			err = errors.New("the connection was closed")
		}
		g.loop.close(c.fd)
		g.fail(fmt.Errorf("reading an answer: %w", err))
		return
	}
	data := g.loop.scratch[:n]
	if c.remain < 0 {
		if data, err = c.headers(data); err != nil {
			g.fail(err)
			return
		}
		if c.remain < 0 {
			return
		}
	}
	c.remain -= len(data)
	switch {
	case c.remain < 0:
		g.fail(errors.New("more than one answer to a request"))
	case c.remain == 0:
		c.remain = -1
		g.answered(c)
	}
}

// headers reads an answer's head and returns what follows it. While the head has not ended, remain stays -1.
func (c *client) headers(data []byte) ([]byte, error) {
	if len(c.head) > 0 {
		data = append(c.head, data...)
		c.head = nil
	}
	end := bytes.Index(data, endOfHead)
	if end < 0 {
		c.head = bytes.Clone(data)
		return nil, nil
	}
	head := data[:end+len(endOfHead)]
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		return nil, fmt.Errorf("an answer that is not 200: %.200q", head)
	}
	length, err := contentLength(head)
	if err != nil {
		return nil, err
	}
	if length != c.load.body {
		return nil, fmt.Errorf("an answer of %d bytes, want %d", length, c.load.body)
	}
	c.remain = length
	return data[len(head):], nil
}

var lengthHeader = []byte("\r\ncontent-length: ")

// contentLength finds the header in a head, however it is spelt.
func contentLength(head []byte) (int, error) {
	for rest := head; ; {
		i := bytes.IndexByte(rest, '\r')
		if i < 0 || i+len(lengthHeader) > len(rest) {
			return 0, fmt.Errorf("an answer without Content-Length: %.200q", head)
		}
		if line := rest[i:]; line[2]|0x20 == 'c' && bytes.EqualFold(line[:len(lengthHeader)], lengthHeader) {
			digits := line[len(lengthHeader):]
			n, err := strconv.Atoi(string(digits[:bytes.IndexByte(digits, '\r')]))
			if err != nil {
				return 0, fmt.Errorf("an answer's Content-Length: %w", err)
			}
			return n, nil
		}
		rest = rest[i+2:]
	}
}

// answered counts an answer and sends what comes next on its connection.
func (g *load) answered(c *client) {
	g.completed++
	if g.every == 0 {
		c.send(0)
		return
	}
	if len(g.latencies) < cap(g.latencies) {
		g.latencies = append(g.latencies, g.loop.now()-c.due)
	}
	if len(g.due) == 0 {
		g.idle = append(g.idle, c)
		return
	}
	due := g.due[0]
	g.due = g.due[1:]
	c.send(due)
}
