package proxy

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
)

// What gobreaker does, and what must not come of it.

func fail(b *breaker, from, n int) {
	for i := range n {
		b.record(1, func() uint64 { return uint64(from + i) }, errFailure)
	}
}

func succeed(b *breaker, n int) {
	for range n {
		b.record(1, func() uint64 { return 0 }, nil)
	}
}

// tripping counts the trips of a breaker with the defaults.
func tripping() (*breaker, *[]Trip) {
	trips := &[]Trip{}
	return newAuthorityBreaker(New, Options{}.withDefaults().Trip, func(t Trip) { *trips = append(*trips, t) }), trips
}

func TestTheTripIsTellableOutsideOfEveryLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where a lock that is held for ever ends the test
		told := 0
		var b *breaker
		b = newAuthorityBreaker(New, Options{}.withDefaults().Trip, func(Trip) {
			told++
			succeed(b, 1)
			_ = b.state()
			b.restart(2)
		})
		fail(b, 0, 40)
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	})
}

func TestAnOpenCircuitLetsNothingThroughAndBreaksNothing(t *testing.T) {
	b := newShadowBreaker(New, 10*time.Second)
	for range 10 {
		b.allow()(errFailure)
	}
	if done := b.allow(); done != nil || !b.open() {
		t.Error("an open circuit lets a shadow through")
	}
	authority, trips := tripping()
	fail(authority, 0, 20)
	fail(authority, 0, 20) // Allow has no done for these
	succeed(authority, 20)
	if len(*trips) != 1 || authority.state() != gobreaker.StateOpen {
		t.Errorf("%d trips, %v", len(*trips), authority.state())
	}
}

// The circuit heals by itself. It has no say in where traffic goes, and what it forgets raises no second trip.
func TestAHealedCircuitTripsNoSecondTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, trips := tripping()
		fail(b, 0, 20)
		time.Sleep(11 * time.Second) // fake
		if s := b.state(); s != gobreaker.StateHalfOpen {
			t.Fatalf("%v after its timeout", s)
		}
		succeed(b, 100)
		if s := b.state(); s != gobreaker.StateClosed {
			t.Fatalf("%v after successes", s)
		}
		fail(b, 0, 100)
		if len(*trips) != 1 {
			t.Errorf("%d trips in one epoch", len(*trips))
		}
		b.record(2, func() uint64 { return 1 }, nil)
		for i := range 30 {
			b.record(2, func() uint64 { return uint64(i) }, errFailure)
		}
		if len(*trips) != 2 || (*trips)[1].Epoch != 2 {
			t.Errorf("%+v in the next epoch", *trips)
		}
	})
}

// gobreaker counts a request when it begins: those that hang would make the share of failures small.
func TestWhatIsInFlightIsNotCounted(t *testing.T) {
	b, trips := tripping()
	b.restart(1)
	for range 10_000 {
		if _, err := b.circuit.Allow(); err != nil {
			t.Fatal(err)
		}
	}
	fail(b, 0, 10)
	succeed(b, 1) // no row
	fail(b, 10, 10)
	if len(*trips) != 1 {
		t.Errorf("%d trips", len(*trips))
	}
}

// Without a bucket period the window would be emptied at its end, and failures on both sides of that never be added up.
func TestTheWindowRolls(t *testing.T) {
	for _, c := range []struct {
		name  string
		apart time.Duration
		trips int
	}{
		{"within one window", 6 * time.Second, 1},
		{"further apart", 12 * time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, trips := tripping()
				b.restart(1)
				time.Sleep(6 * time.Second) // a window that does not roll ends between the two
				succeed(b, 10)
				fail(b, 0, 8)
				succeed(b, 1)
				time.Sleep(c.apart)
				succeed(b, 10)
				fail(b, 100, 8)
				if len(*trips) != c.trips {
					t.Errorf("%d trips", len(*trips))
				}
			})
		})
	}
}

// A backend that takes longer to fail than the window is long, and is seldom asked, has never more than one failure in it.
func TestFailuresSlowerThanTheWindowTripInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, trips := tripping()
		succeed(b, 1000)
		for i := range 19 {
			time.Sleep(30 * time.Second)
			fail(b, i%3, 1)
		}
		if len(*trips) != 0 {
			t.Fatalf("%+v", *trips)
		}
		time.Sleep(30 * time.Second)
		fail(b, 0, 1)
		if len(*trips) != 1 || (*trips)[0].Reason != "new failed 20 requests in a row (3 different ones)" || (*trips)[0].Rate != 1 {
			t.Fatalf("%+v", *trips)
		}
		one, oneTrips := tripping()
		for range 50 {
			time.Sleep(30 * time.Second)
			fail(one, 7, 1)
		}
		if len(*oneTrips) != 0 {
			t.Errorf("one poisoned request tripped: %+v", *oneTrips)
		}
		fail(one, 0, 1)
		succeed(one, 1)
		if one.row.failures != 0 || len(one.row.different) != 0 {
			t.Errorf("a success leaves %+v of the row", one.row)
		}
	})
}

// Each answer is told once, whatever becomes of the exchange: a panic, a shadow that dies, one that is compared.
func TestEachShadowIsToldOnce(t *testing.T) {
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/panic" {
			_, _ = w.Write([]byte("panic please"))
		}
	}), http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/dies" {
			panic(http.ErrAbortHandler)
		}
	}), func(o *Options) { o.Table.Recheck.Attempts = 0 })
	const each = 4
	for range each {
		for _, path := range []string{"/", "/panic", "/dies"} {
			r.do(http.MethodGet, path, nil)
		}
	}
	await(t, "every exchange to end", func() bool { _, n := r.account.counts(); return n == 3*each })
	shadows, answers := r.proxy.breakers[New][ShadowRole].circuit.Counts(), r.proxy.breakers[Old][Authority].circuit.Counts()
	if shadows.Requests != 3*each || shadows.TotalSuccesses+shadows.TotalFailures+shadows.TotalExclusions != 3*each || shadows.TotalFailures != each {
		t.Errorf("shadows: %+v", shadows)
	}
	if answers.Requests != 3*each || answers.TotalSuccesses != 3*each {
		t.Errorf("answers: %+v", answers)
	}
}
