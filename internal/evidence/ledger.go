package evidence

import (
	"errors"
	"strings"
	"sync"
	"time"

	"paritygate/compare"
)

// ledger is the store's memory: what Begin and Finish change, and flush copies out. Everything in it is guarded by mu.
type ledger struct {
	options *Options

	mu      sync.Mutex
	pending int
	windows []*window // ascending by start; the last is the current one. Never empty.
	buckets map[int64]*bucket
	// closedThrough is the last time whose units were added: only bad ones are still added up to it.
	closedThrough int64
	declared      []RouteInfo
	samples       sampleBuffer
	lastArmed     time.Time
	writesOnNew   int64
	journal       string // a JournalSeen as JSON; empty: none was seen
	fault         error  // of latencies that no sketch takes; the next flush logs it
}

// window is one span of evidence.
type window struct {
	id        int64
	start     time.Time
	rules     map[string][]string // of the routes, as they were declared when the window began
	accounts  map[string]*account
	groups    map[groupKey]*group
	noise     map[string]*noiseBook // by route
	ungrouped int64
	changed   change
}

// change tells a flush what it has to write: what was changed after the version that was written last.
type change struct{ version, written uint64 }

func (c *change) mark()       { c.version++ }
func (c *change) dirty() bool { return c.version != c.written }

// account is what was counted on one route in one window.
type account struct {
	changed             change
	verdicts            map[compare.Verdict]int64 // but Skipped, which is the sum of skipped
	skipped             map[compare.Reason]int64
	newAsked, newErrors int64
	samples             int64
	units               tally
	requests            map[uint64]struct{}
	old, new            sketch
	suppressed          map[string]Suppression
}

func newAccount() *account {
	return &account{
		verdicts:   map[compare.Verdict]int64{},
		skipped:    map[compare.Reason]int64{},
		requests:   map[uint64]struct{}{},
		suppressed: map[string]Suppression{},
	}
}

func newWindow(id int64, start time.Time, declared []RouteInfo) *window {
	w := &window{id: id, start: start.UTC(), rules: rulesOf(declared), accounts: map[string]*account{}, groups: map[groupKey]*group{}, noise: map[string]*noiseBook{}}
	w.changed.mark()
	return w
}

func (l *ledger) current() *window { return l.windows[len(l.windows)-1] }

// windowAt returns the window in which an exchange arrived. One that came before all that are in memory goes to the oldest.
func (l *ledger) windowAt(arrived time.Time) *window {
	for i := len(l.windows) - 1; i > 0; i-- {
		if !arrived.Before(l.windows[i].start) {
			return l.windows[i]
		}
	}
	return l.windows[0]
}

func (w *window) account(route string) *account {
	a := w.accounts[route]
	if a == nil {
		a = newAccount()
		w.accounts[route] = a
	}
	return a
}

// Begin notes that an exchange which arrived at that time is pending: the unit of evidence that it belongs to stays open until
// Finish. Call it when the request arrives. It is safe to call from many goroutines and does no I/O.
func (s *Store) Begin(arrived time.Time) {
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending++
	l.bucket(arrived).pending++
}

// Finish enters an exchange with its final verdict into the accounts; its Time is what Begin was given. It copies what it
// keeps, is safe to call from many goroutines and does no I/O.
func (s *Store) Finish(x *Exchange) {
	raw := copySample(x) // outside the lock: bodies may be long
	places := x.Pair.note()
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending--
	w := l.windowAt(x.Time)
	a := w.account(x.Route)
	a.changed.mark()
	if err := a.count(x, w.rules[x.Route], l.options.DistinctLimit); err != nil && l.fault == nil {
		l.fault = err
	}
	b := l.bucket(x.Time)
	b.pending--
	l.addUnit(b, w, x)
	w.noteNoise(x, places)
	if raw != nil {
		l.addSample(w, raw)
	}
}

// Pending is the number of exchanges between Begin and Finish.
func (s *Store) Pending() int {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.pending
}

// compared reports whether the exchange counts for or against parity. What has no verdict known here was not compared.
func (x *Exchange) compared() bool {
	switch x.Verdict {
	case compare.Match, compare.Tolerated, compare.Lagged, compare.Mismatch, compare.Failed:
		return true
	case compare.Skipped:
	}
	return false
}

// Whole reports whether all of the body was kept, perhaps decoded.
func (l *Leg) Whole() bool {
	return !strings.Contains(l.Note, "shortened") && !strings.Contains(l.Note, "withheld")
}

func (l *Leg) success() bool { return l.Status >= 200 && l.Status < 300 }

// asked reports whether the backend was asked: Error is set only for one that was.
func (l *Leg) asked() bool { return l.Duration > 0 || l.Status != 0 || l.Error != "" }

// count enters the exchange into the counters. The error is about latencies alone.
func (a *account) count(x *Exchange, rules []string, distinctLimit int) error {
	if x.compared() {
		a.verdicts[x.Verdict]++
		a.suppress(x.Suppressed, rules)
	} else {
		a.skipped[x.Reason]++
	}
	if x.compared() && x.authority().success() {
		a.samples++
		if len(a.requests) < distinctLimit {
			a.requests[x.Fingerprint] = struct{}{}
		}
	}
	// An answer that the client or the shutdown cut off says nothing about new.
	cutOff := x.Reason == compare.ClientGone || x.Reason == compare.Shutdown
	if x.New.asked() && (!cutOff || x.New.Error == "") {
		a.newAsked++
		if x.New.Error != "" || x.New.Status == 0 || x.New.Status >= 500 {
			a.newErrors++
		}
	}
	if !x.Old.asked() || !x.New.asked() {
		return nil
	}
	var errs [2]error
	if x.Old.Status != 0 && x.Old.Duration > 0 {
		errs[0] = a.old.add(x.Old.Duration.Seconds())
	}
	if x.New.Status != 0 && x.New.Duration > 0 {
		errs[1] = a.new.add(x.New.Duration.Seconds())
	}
	return errors.Join(errs[:]...)
}

// Alive notes that the proxy is up at that time, and with armed that it gathers evidence: reads are mirrored and the breaker
// lets them through. Call it at least once a second.
func (s *Store) Alive(now time.Time, armed bool) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	if armed {
		s.ledger.lastArmed = now.UTC()
	}
}

// SetWritesOnNew notes how many writes new may have taken since the flip; the next flush writes it.
func (s *Store) SetWritesOnNew(n int64) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.writesOnNew = n
}

// WritesOnNew is what SetWritesOnNew was last told, by this process or (but for up to FlushInterval) the one before it.
func (s *Store) WritesOnNew() int64 {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.writesOnNew
}

// LastArmed is when Alive was last told that evidence is gathered, by this process or (but for up to FlushInterval) the one
// before it; zero if never. A gap since then breaks the window.
func (s *Store) LastArmed() time.Time {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.lastArmed
}
