package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"paritygate/compare"
)

// desk knows the exchanges that somebody is asking a shadow about, so that they can be counted when there is no time to wait
// for the answers: a shadow that hangs keeps no program from ending.
type desk struct {
	hurried chan struct{} // closed by CutShort
	once    *sync.Once

	mu    *sync.Mutex
	seats map[*seat]struct{}
}

// seat is one who asks.
type seat struct {
	hurried <-chan struct{}
	at      atomic.Pointer[exchange]
}

func newDesk() desk {
	return desk{hurried: make(chan struct{}), once: new(sync.Once), mu: new(sync.Mutex), seats: map[*seat]struct{}{}}
}

// CutShort has Run end without waiting for the shadows and rechecks that are under way: they are skipped, for the shutdown. Those
// who asked are left behind, and end by their deadlines.
func (p *Proxy) CutShort() { p.mirror.desk.once.Do(func() { close(p.mirror.desk.hurried) }) }

func (d *desk) take() *seat {
	s := &seat{hurried: d.hurried}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seats[s] = struct{}{}
	return s
}

func (d *desk) leave(s *seat) {
	s.clear()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.seats, s)
}

// put says what is worked on from now on. It reports false if that is not to begin any more: whoever cuts short may have
// looked before.
func (s *seat) put(x *exchange) bool {
	s.at.Store(x)
	select {
	case <-s.hurried:
		return false
	default:
		return true
	}
}

func (s *seat) clear() { s.at.Store(nil) }

// await waits until all have ended, or until it is cut short; then it counts what they are at.
func (d *desk) await(all func()) {
	ended := make(chan struct{})
	go func() { defer close(ended); all() }()
	select {
	case <-ended:
		return
	case <-d.hurried:
	}
	d.mu.Lock()
	seats := make([]*seat, 0, len(d.seats))
	for s := range d.seats {
		seats = append(seats, s)
	}
	d.mu.Unlock()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, s := range seats {
		// One who is entering the verdict this moment is let finish: what follows closes the books.
		for x := s.at.Load(); x != nil && !x.giveUp() && s.at.Load() == x; {
			<-tick.C
		}
	}
}

// giveUp counts an exchange as skipped for the shutdown while somebody else is at work on it, and reports whether the verdict was
// still open. Only what nobody changes any more is told.
func (x *exchange) giveUp() bool {
	if x.probe {
		return x.finished.CompareAndSwap(false, true) // whoever is at work on it keeps what it holds
	}
	if !x.finished.CompareAndSwap(false, true) {
		return false
	}
	told := Exchange{
		Arrived: x.Arrived, Route: x.Route, Method: x.Method, Target: x.Target, Header: x.Header, Fingerprint: x.Fingerprint, Epoch: x.Epoch,
		Authority: x.Authority, Old: Leg{Backend: Old}, New: Leg{Backend: New},
		Result: compare.Result{Verdict: compare.Skipped, Reason: compare.Shutdown},
	}
	if told.Fingerprint == 0 {
		told.Fingerprint = fingerprint(x.in, x.body.bytes)
	}
	x.p.metrics.finished(&told, x.route)
	x.p.observer.Finish(&told)
	return true
}
