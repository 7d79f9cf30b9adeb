package evidence

import (
	"testing"
	"time"

	"paritygate/compare"
)

func TestUnits(t *testing.T) {
	type units struct{ all, bad, lagged int64 }
	with := func(x *Exchange, change func(*Exchange)) *Exchange { change(x); return x }
	status := func(code int) func(*Exchange) {
		return func(x *Exchange) { x.Old.Status, x.New.Status = code, code }
	}
	newAnswers := func(oldStatus, newStatus int) func(*Exchange) {
		return func(x *Exchange) { x.Authority, x.Old.Status, x.New.Status = AuthorityNew, oldStatus, newStatus }
	}
	at := newClock().Now()
	tests := []struct {
		name string
		seen []*Exchange
		want units
	}{
		{"nothing", nil, units{}},
		{"one", []*Exchange{exchange(at, 1, compare.Match)}, units{all: 1}},
		{"repeats are one", []*Exchange{exchange(at, 1, compare.Match), exchange(at, 1, compare.Tolerated), exchange(at, 1, compare.Match)}, units{all: 1}},
		{"different requests", []*Exchange{exchange(at, 1, compare.Match), exchange(at, 2, compare.Match)}, units{all: 2}},
		{"repeats in different minutes", []*Exchange{exchange(at, 1, compare.Match), exchange(at.Add(time.Minute), 1, compare.Match)}, units{all: 2}},
		{"one request on two routes", []*Exchange{
			exchange(at, 1, compare.Match), with(exchange(at, 1, compare.Match), func(x *Exchange) { x.Route = "other" }),
		}, units{all: 2}},
		{"bad if any is", []*Exchange{exchange(at, 1, compare.Match), exchange(at, 1, compare.Mismatch), exchange(at, 1, compare.Match)}, units{all: 1, bad: 1}},
		{"failed is bad", []*Exchange{exchange(at, 1, compare.Failed)}, units{all: 1, bad: 1}},
		{"lagged", []*Exchange{exchange(at, 1, compare.Match), exchange(at, 1, compare.Lagged)}, units{all: 1, lagged: 1}},
		{"bad outweighs lagged", []*Exchange{exchange(at, 1, compare.Lagged), exchange(at, 1, compare.Mismatch), exchange(at, 1, compare.Lagged)}, units{all: 1, bad: 1}},
		{"skipped is nothing", []*Exchange{exchange(at, 1, compare.Skipped)}, units{}},
		{"401 = 401 is nothing", []*Exchange{with(exchange(at, 1, compare.Match), status(401))}, units{}},
		{"a lagged 404 is nothing", []*Exchange{with(exchange(at, 1, compare.Lagged), status(404))}, units{}},
		{"a wrong 404 is bad", []*Exchange{with(exchange(at, 1, compare.Mismatch), status(404))}, units{all: 1, bad: 1}},
		{"the authority's status counts", []*Exchange{with(exchange(at, 1, compare.Tolerated), newAnswers(404, 200))}, units{all: 1}},
		{"and not the shadow's", []*Exchange{with(exchange(at, 1, compare.Tolerated), newAnswers(200, 404))}, units{}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c := newClock()
			s := mustOpen(t, options(t, c))
			see(s, tc.seen...)
			if got := s.Total(); got.Units != 0 {
				t.Errorf("%d units before their time is over", got.Units)
			}
			c.advance(5 * time.Minute)
			got := s.Total()
			if (units{got.Units, got.BadUnits, got.LaggedUnits}) != tc.want {
				t.Errorf("got %d units, %d bad, %d lagged, want %+v", got.Units, got.BadUnits, got.LaggedUnits, tc.want)
			}
			if again := s.Total(); again.Units != got.Units {
				t.Errorf("added twice: %d, then %d", got.Units, again.Units)
			}
		})
	}
}

func TestUnitWaitsForPending(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	arrived := c.Now()
	see(s, exchange(arrived, 1, compare.Match))
	s.Begin(arrived)
	c.advance(time.Minute)
	see(s, exchange(c.Now(), 1, compare.Match)) // of the next minute, which closes before the first
	c.advance(time.Minute)
	if got := s.Total(); got.Units != 1 || s.Pending() != 1 {
		t.Fatalf("%d units and %d pending, want the second minute's one and 1 pending", got.Units, s.Pending())
	}
	s.Finish(exchange(arrived, 1, compare.Mismatch))
	if got := s.Total(); got.Units != 2 || got.BadUnits != 1 || s.Pending() != 0 {
		t.Fatalf("got %d units, %d bad, want 2 and 1", got.Units, got.BadUnits)
	}
}

func TestLateExchangesOfAClosedUnit(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	arrived := c.Now()
	see(s, exchange(arrived, 1, compare.Match))
	c.advance(time.Minute)
	if got := s.Total(); got.Units != 1 {
		t.Fatalf("%d units, want 1", got.Units)
	}
	see(s, exchange(arrived, 1, compare.Match), exchange(arrived, 2, compare.Mismatch))
	if got := s.Total(); got.Units != 2 || got.BadUnits != 1 {
		t.Errorf("got %d units, %d bad: a repeat counted again, or a late mismatch did not", got.Units, got.BadUnits)
	}
}

func TestClockSetBackDoesNotStopEvidence(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	c.advance(24 * time.Hour)
	see(s, exchange(c.Now(), 1, compare.Match))
	c.advance(time.Minute)
	s.Total()
	c.advance(-24 * time.Hour)
	s.Total()
	c.advance(time.Minute)
	see(s, exchange(c.Now(), 1, compare.Match))
	c.advance(time.Minute)
	if got := s.Total(); got.Units != 2 {
		t.Errorf("%d units, want 2", got.Units)
	}
}

func TestUnitsAreBounded(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	const extra = 1000
	for i := range maxUnitsPerRoute + extra {
		see(s, exchange(c.Now(), uint64(i), compare.Match))
	}
	see(s, exchange(c.Now(), 7, compare.Mismatch))                        // a known one turns bad by itself
	see(s, exchange(c.Now(), maxUnitsPerRoute+extra+1, compare.Mismatch)) // one for which there is no room
	bad := exchange(c.Now(), 1, compare.Match)
	bad.Route = "other"
	see(s, bad)
	c.advance(time.Minute)
	list := s.Routes()
	if got := route(t, list, "product"); got.Units != maxUnitsPerRoute+1 || got.BadUnits != 2 {
		t.Errorf("got %d units, %d bad, want %d and 2", got.Units, got.BadUnits, maxUnitsPerRoute+1)
	}
	if got := route(t, list, "other"); got.Units != 1 {
		t.Errorf("the other route has %d units, want 1", got.Units)
	}
}

func TestUnitsOverARestart(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	see(s, exchange(c.Now(), 1, compare.Match), exchange(c.Now(), 2, compare.Mismatch), exchange(c.Now(), 3, compare.Lagged))
	mustFlush(t, s)
	see(s, exchange(c.Now(), 4, compare.Match)) // lost, as by a crash: it was not flushed
	s = reopen(t, s)
	want := func(all, bad, lagged int64) {
		t.Helper()
		if got := s.Total(); got.Units != all || got.BadUnits != bad || got.LaggedUnits != lagged {
			t.Errorf("got %d units, %d bad, %d lagged, want %d, %d, %d", got.Units, got.BadUnits, got.LaggedUnits, all, bad, lagged)
		}
	}
	want(3, 1, 1)
	// The same minute goes on: a good one may be a repeat, a bad one counts.
	c.advance(10 * time.Second)
	see(s, exchange(c.Now(), 1, compare.Match), exchange(c.Now(), 5, compare.Mismatch))
	c.advance(time.Minute)
	want(4, 2, 1)
	see(s, exchange(c.Now(), 1, compare.Match))
	c.advance(time.Minute)
	want(5, 2, 1)
	mustFlush(t, s)
	s = reopen(t, s)
	want(5, 2, 1)
	s = reopen(t, s) // without anything new
	want(5, 2, 1)
}
