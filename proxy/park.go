package proxy

import (
	"sync"
	"time"
)

// While a handler runs, net/http's server reads one byte of an HTTP/1 connection in the background, to see the client leave, and
// interrupts that read by a deadline in the past when the handler has returned. Most handlers return within milliseconds: for them
// the attempt to read and both deadlines are in vain. So such a read is parked first, and done only after a while.
//
// Nothing depends on the server's habit but speed: a read of one byte, whoever asks for it while a request is served, comes later by
// two parkTimes at most.
const parkTime = 10 * time.Millisecond

// lot is where a listener's connections park. Its timer runs only while there are any.
type lot struct {
	mu    sync.Mutex
	head  *clientConn // the one that came first
	tail  *clientConn
	tick  int64 // of the timer
	timer *time.Timer
	armed bool
}

// parking is a connection's part of it, guarded by the lot's mutex.
type parking struct {
	parked     bool
	since      int64 // tick
	next, prev *clientConn
	wake       chan bool // what park returns
	past       bool      // a deadline of long ago interrupts reads
	set        bool      // the socket has a deadline for reading
}

// park waits, and reports whether the read was interrupted meanwhile. Otherwise it is to be done now.
func (c *clientConn) park() bool {
	l := &c.listener.lot
	l.mu.Lock()
	if c.parking.past {
		l.mu.Unlock()
		return true
	}
	if c.parking.wake == nil {
		c.parking.wake = make(chan bool, 1)
	}
	c.parking.parked, c.parking.since, c.parking.prev = true, l.tick, l.tail
	if l.tail == nil {
		l.head = c
	} else {
		l.tail.parking.next = c
	}
	l.tail = c
	if !l.armed {
		l.arm()
	}
	l.mu.Unlock()
	return <-c.parking.wake
}

// leave takes the connection out of the lot. The caller has the lock.
func (l *lot) leave(c *clientConn, interrupted bool) {
	k := &c.parking
	if k.prev == nil {
		l.head = k.next
	} else {
		k.prev.parking.next = k.next
	}
	if k.next == nil {
		l.tail = k.prev
	} else {
		k.next.parking.prev = k.prev
	}
	k.parked, k.next, k.prev = false, nil, nil
	k.wake <- interrupted
}

// arm starts the timer. The caller has the lock.
func (l *lot) arm() {
	l.armed = true
	if l.timer == nil {
		l.timer = time.AfterFunc(parkTime, l.look)
		return
	}
	l.timer.Reset(parkTime)
}

// look lets those read that have parked for a whole parkTime.
func (l *lot) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.head != nil && l.head.parking.since < l.tick {
		l.leave(l.head, false)
	}
	l.tick++
	l.armed = false
	if l.head != nil {
		l.arm()
	}
}

// longAgo is after every deadline that means to interrupt a read, and before every other.
var longAgo = time.Unix(1<<24, 0)

// SetReadDeadline implements net.Conn.
func (c *clientConn) SetReadDeadline(t time.Time) error {
	l, k := &c.listener.lot, &c.parking
	l.mu.Lock()
	k.past = !t.IsZero() && t.Before(longAgo)
	if k.past && !k.set {
		if k.parked {
			l.leave(c, true)
			l.mu.Unlock()
			return nil
		}
	}
	if t.IsZero() && !k.set {
		l.mu.Unlock()
		return nil
	}
	k.set = !t.IsZero()
	l.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}
