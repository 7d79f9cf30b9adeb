package evidence

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"paritygate/compare"
)

func TestCounters(t *testing.T) {
	at := newClock().Now()
	leg := func(status int, d time.Duration, err string) Leg { return Leg{Status: status, Duration: d, Error: err} }
	ms := time.Millisecond
	type want struct{ asked, errors, samples, distinct int64 }
	tests := []struct {
		name     string
		x        Exchange
		want     want
		measured bool // both latencies
	}{
		{"match", Exchange{Verdict: compare.Match, Old: leg(200, ms, ""), New: leg(200, ms, "")}, want{1, 0, 1, 1}, true},
		{"new gives a 500", Exchange{Verdict: compare.Mismatch, Old: leg(200, ms, ""), New: leg(500, ms, "")}, want{1, 1, 1, 1}, true},
		{"new gives nothing", Exchange{Verdict: compare.Failed, Old: leg(200, ms, ""), New: leg(0, ms, "refused")}, want{1, 1, 1, 1}, false},
		{"new's answer is cut off", Exchange{Verdict: compare.Failed, Old: leg(200, ms, ""), New: leg(200, ms, "unexpected EOF")}, want{1, 1, 1, 1}, true},
		{"not asked", Exchange{Verdict: compare.Skipped, Reason: compare.QueueFull, Old: leg(200, ms, "")}, want{}, false},
		{"skipped though asked", Exchange{Verdict: compare.Skipped, Reason: compare.TooLarge, Old: leg(200, ms, ""), New: leg(200, ms, "")}, want{1, 0, 0, 0}, true},
		{"both refuse", Exchange{Verdict: compare.Match, Old: leg(401, ms, ""), New: leg(401, ms, "")}, want{1, 0, 0, 0}, true},
		{"the client left new", Exchange{Verdict: compare.Skipped, Reason: compare.ClientGone, Authority: AuthorityNew, New: leg(0, ms, "canceled")}, want{}, false},
		{"new as authority fails", Exchange{Verdict: compare.Skipped, Reason: compare.AuthorityError, Authority: AuthorityNew, New: leg(502, ms, "")}, want{1, 1, 0, 0}, false},
		{"new as authority", Exchange{Verdict: compare.Tolerated, Authority: AuthorityNew, Old: leg(404, ms, ""), New: leg(204, ms, "")}, want{1, 0, 1, 1}, true},
		{"an unknown verdict", Exchange{Verdict: "?", Old: leg(200, ms, ""), New: leg(200, ms, "")}, want{1, 0, 0, 0}, true},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s := mustOpen(t, options(t, newClock()))
			tc.x.Time, tc.x.Route = at, "product"
			see(s, &tc.x)
			got := s.Total()
			if (want{got.NewAsked, got.NewErrors, got.Samples, got.Distinct}) != tc.want {
				t.Errorf("asked %d, errors %d, samples %d, distinct %d, want %+v", got.NewAsked, got.NewErrors, got.Samples, got.Distinct, tc.want)
			}
			if got.Eligible() != 1 {
				t.Errorf("%d eligible, want 1", got.Eligible())
			}
			if (got.Old.P50 > 0 && got.New.P50 > 0) != tc.measured {
				t.Errorf("latencies %+v and %+v, want both: %v", got.Old, got.New, tc.measured)
			}
			checkConsistent(t, got)
		})
	}
}

func TestQuantilesSurviveARestart(t *testing.T) {
	c := newClock()
	o := options(t, c)
	o.Quantile = 0.9
	s := mustOpen(t, o)
	for i := range 1000 {
		x := exchange(c.Now(), uint64(i), compare.Match)
		x.Old.Duration, x.New.Duration = time.Duration(i+1)*time.Millisecond, time.Duration(2*(i+1))*time.Millisecond
		if i%2 == 1 {
			x.Route = "other"
		}
		see(s, x)
		if i == 500 {
			mustFlush(t, s)
			s = reopen(t, s)
		}
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.015*want {
			t.Errorf("%s is %v s, want %v", what, got, want)
		}
	}
	got := s.Total()
	near("old p50", got.Old.P50, 0.5)
	near("old p99", got.Old.P99, 0.99)
	near("new p99", got.New.P99, 1.98)
	near("old at 0.9", got.OldAt, 0.9)
	near("new at 0.9", got.NewAt, 1.8)
	if got.Route != AllRoutes {
		t.Errorf("route %q", got.Route)
	}
}

func TestRoutesListsTheDeclared(t *testing.T) {
	c := newClock()
	o := options(t, c)
	o.Routes = []RouteInfo{{Name: "zoo", Kind: "read"}, {Name: "product", Kind: "read", Wildcard: true}, {Name: "write", Kind: "write"}}
	s := mustOpen(t, o)
	see(s, exchange(c.Now(), 1, compare.Match))
	other := exchange(c.Now(), 1, compare.Match)
	other.Route = "before-reload"
	see(s, other)
	var names []string
	for _, r := range s.Routes() {
		names = append(names, r.Route+"/"+r.Kind)
		if len(r.Verdicts) != len(compare.Verdicts) || r.Skipped == nil {
			t.Errorf("route %s lacks zeros: %+v", r.Route, r)
		}
	}
	if got, want := names, []string{"zoo/read", "product/read", "write/write", "before-reload/"}; !slices.Equal(got, want) {
		t.Errorf("routes %v, want %v", got, want)
	}
	if r := route(t, s.Routes(), "product"); !r.Wildcard || r.Eligible() != 1 {
		t.Errorf("%+v", r)
	}
	s.SetRoutes([]RouteInfo{{Name: "before-reload", Kind: "read"}})
	if list := s.Routes(); len(list) != 2 || list[0].Route != "before-reload" {
		t.Errorf("after SetRoutes: %v", list)
	}
}

func TestDistinctIsBoundedAndKept(t *testing.T) {
	c := newClock()
	o := options(t, c)
	o.DistinctLimit = 5
	s := mustOpen(t, o)
	for _, f := range []uint64{1, 2, 2, 1, 3} {
		see(s, exchange(c.Now(), f, compare.Match))
	}
	mustFlush(t, s)
	s = reopen(t, s)
	see(s, exchange(c.Now(), 3, compare.Match), exchange(c.Now(), 4, compare.Match))
	if got := s.Total(); got.Distinct != 4 {
		t.Errorf("%d distinct, want 4", got.Distinct)
	}
	for f := range uint64(20) {
		see(s, exchange(c.Now(), f, compare.Match))
	}
	if got := route(t, s.Routes(), "product"); got.Distinct != 5 {
		t.Errorf("%d distinct, want the bound of 5", got.Distinct)
	}
}

func TestRestartWindow(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	first := c.Now()
	see(s, exchange(first, 1, compare.Match))
	s.Begin(first)
	c.advance(5 * time.Second)
	if err := s.RestartWindow(t.Context(), c.Now()); err != nil {
		t.Fatal(err)
	}
	id, start := s.Window()
	if id != 2 || !start.Equal(c.Now()) {
		t.Errorf("window %d since %v", id, start)
	}
	if got := s.Total(); got.Eligible() != 0 || got.Units != 0 || got.Distinct != 0 || got.Old.P99 != 0 {
		t.Errorf("the new window holds %+v", got)
	}
	mustFlush(t, s) // the earlier window must not leave the memory before what is pending in it
	s.Finish(exchange(first, 2, compare.Mismatch))
	see(s, exchange(c.Now(), 3, compare.Match))
	c.advance(time.Minute)
	check := func(when string) {
		t.Helper()
		if got := s.Total(); got.Eligible() != 1 || got.Units != 1 || got.BadUnits != 0 {
			t.Errorf("%s: the window holds %+v, want the one exchange that arrived in it", when, got)
		}
		all, err := s.RoutesAll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := route(t, all, "product")
		if got.Eligible() != 3 || got.Units != 3 || got.BadUnits != 1 || got.Distinct != 3 || got.Old.P50 == 0 {
			t.Errorf("%s: the run holds %+v", when, got)
		}
	}
	check("in memory")
	mustFlush(t, s)
	mustFlush(t, s)
	if n := len(s.ledger.windows); n != 1 {
		t.Errorf("%d windows in memory, want 1", n)
	}
	check("flushed")
	s = reopen(t, s)
	check("reopened")
	if id, start := s.Window(); id != 2 || !start.Equal(first.Add(5*time.Second)) {
		t.Errorf("after reopening: window %d since %v", id, start)
	}
}

func TestConcurrentAccounting(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	const workers, each = 8, 600
	ctx, cancel := context.WithCancel(t.Context())
	var background, traffic sync.WaitGroup
	background.Go(func() {
		for ctx.Err() == nil {
			if err := s.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			c.advance(7 * time.Second)
			for _, r := range s.Routes() {
				checkConsistent(t, r)
			}
			if s.Pending() > workers {
				t.Errorf("%d pending", s.Pending())
			}
		}
	})
	for w := range workers {
		traffic.Go(func() {
			for i := range each {
				arrived := c.Now()
				s.Begin(arrived)
				x := exchange(arrived, uint64(i%50), compare.Verdicts[(w+i)%len(compare.Verdicts)])
				x.Route = []string{"a", "b", "c"}[i%3]
				s.Finish(x)
				if w == 0 && i%100 == 50 {
					if err := s.RestartWindow(t.Context(), c.Now()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	traffic.Wait()
	cancel()
	background.Wait()
	check := func() {
		t.Helper()
		var eligible int64
		verdicts := map[compare.Verdict]int64{}
		all, err := s.RoutesAll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			eligible += r.Eligible()
			for v, n := range r.Verdicts {
				verdicts[v] += n
			}
		}
		if eligible != workers*each {
			t.Errorf("%d eligible, want %d", eligible, workers*each)
		}
		for _, v := range compare.Verdicts {
			if verdicts[v] != workers*each/int64(len(compare.Verdicts)) {
				t.Errorf("%d %s, want %d", verdicts[v], v, workers*each/len(compare.Verdicts))
			}
		}
	}
	check()
	mustFlush(t, s)
	s = reopen(t, s)
	check()
	if s.Pending() != 0 {
		t.Errorf("%d pending", s.Pending())
	}
}

func TestLastArmed(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	if !s.LastArmed().IsZero() {
		t.Errorf("a new store was armed at %v", s.LastArmed())
	}
	armed := c.Now()
	s.Alive(armed, true)
	c.advance(time.Minute)
	s.Alive(c.Now(), false)
	mustFlush(t, s)
	s = reopen(t, s)
	if got := s.LastArmed(); !got.Equal(armed) {
		t.Errorf("last armed %v, want %v", got, armed)
	}
}

func TestWritesOnNewSurviveARestart(t *testing.T) {
	s := mustOpen(t, options(t, newClock()))
	if got := s.WritesOnNew(); got != 0 {
		t.Errorf("a new store says %d writes", got)
	}
	s.SetWritesOnNew(17)
	mustFlush(t, s)
	s = reopen(t, s)
	if got := s.WritesOnNew(); got != 17 {
		t.Errorf("%d writes, want 17", got)
	}
	s.SetWritesOnNew(0)
	mustFlush(t, s)
	s = reopen(t, s)
	if got := s.WritesOnNew(); got != 0 {
		t.Errorf("%d writes after the count was cleared", got)
	}
}
