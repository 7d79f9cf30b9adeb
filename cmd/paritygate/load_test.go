package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

// The size of the load; `make load` has the large one.
const (
	loadRate  = "PARITYGATE_LOAD_RATE"  // requests a second, a quarter of which are writes
	loadFlips = "PARITYGATE_LOAD_FLIPS" // after each of which new fails; for four of them there is one more that an operator takes back
)

// storm is traffic through the sockets of the built program, flip upon flip.
type storm struct {
	*site
	some int // writes, what a quarter of a second brings

	mu          sync.Mutex
	failing     bool
	firstFailed time.Time // when new's first failure since it began to fail was sent
	lastAtNew   time.Time // when the latest request of a client reached new
	writes      []heldWrite
	reads       int64
	badReads    []string
	abandoned   int // flips
	others      int // ways back by another trigger, before new failed

	flips, holds, left, back, byOperator []time.Duration
}

// heldWrite is a write that new acknowledged: one that was sent before the first one arrived there was held.
type heldWrite struct {
	sent time.Time
	took time.Duration
}

// outOfOrder is the answer of a new that fails.
const outOfOrder = "out of order"

// instead makes new fail when it is told to, and notes who comes there.
func (s *storm) instead(side string, w http.ResponseWriter, r *http.Request) bool {
	if side != "new" || r.Header.Get("Paritygate-Shadow") != "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastAtNew = time.Now()
	if !s.failing {
		return false
	}
	if s.firstFailed.IsZero() {
		s.firstFailed = s.lastAtNew
	}
	http.Error(w, outOfOrder, http.StatusInternalServerError)
	return true
}

func (s *storm) fail(failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing, s.firstFailed = failing, time.Time{}
}

// isWrite says of the i-th request whether it writes.
func isWrite(i int) bool { return i%4 == 0 }

func (s *storm) request(_ context.Context, i int) (*http.Request, error) {
	if isWrite(i) {
		return s.writing(strconv.Itoa(i))
	}
	return http.NewRequestWithContext(s.t.Context(), http.MethodGet, fmt.Sprintf("%s/items/%d", s.process.proxy, i%1000), nil)
}

func (s *storm) observe(a testkit.Sample) {
	if isWrite(a.Index) {
		s.ledger.Told(strconv.Itoa(a.Index), a.Status, string(a.Body), a.Err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case isWrite(a.Index):
		if string(a.Body) == "new" {
			s.writes = append(s.writes, heldWrite{a.Start, a.Latency})
		}
	default:
		s.reads++
		if want := fmt.Sprintf("/items/%d", a.Index%1000); a.Err != nil || a.Status != http.StatusOK || string(a.Body) != want {
			s.badReads = append(s.badReads, fmt.Sprintf("read %d: %d %s %v", a.Index, a.Status, a.Body, a.Err))
		}
	}
}

// round flips, and goes back because new fails or because an operator says so.
func (s *storm) round(operator bool) {
	s.t.Helper()
	s.moreWrites("old", s.some)
	began := time.Now()
	for err := s.flip(); err != nil; err = s.flip() { // on a machine that is busy the hold may be too short
		if s.abandoned++; s.abandoned > 10 {
			s.t.Fatal(err)
		}
		began = time.Now()
	}
	s.flips = append(s.flips, time.Since(began))
	s.moreWrites("new", 2*s.some)
	first, _ := s.ledger.FirstSince("new", began)
	if operator {
		asked := time.Now()
		if err := s.site.back(); err != nil {
			s.t.Fatal(err)
		}
		s.byOperator = append(s.byOperator, time.Since(asked))
		s.moreWrites("old", s.some)
	} else {
		s.fail(true)
		s.eventually("rolled back", func() bool { return s.status().Phase == cutover.RolledBack })
		s.moreWrites("old", s.some)
		s.mu.Lock()
		failed, last := s.firstFailed, s.lastAtNew
		s.mu.Unlock()
		if again, _ := s.ledger.FirstSince("old", failed); failed.IsZero() {
			s.others++ // a busy machine can be too slow for the trigger on latency
		} else {
			s.left, s.back = append(s.left, last.Sub(failed)), append(s.back, again.Sub(failed))
		}
		s.fail(false)
	}
	s.mu.Lock()
	for _, w := range s.writes {
		if w.sent.Before(first) {
			s.holds = append(s.holds, w.took)
		}
	}
	s.writes = nil
	s.mu.Unlock()
	s.home()
}

// moreWrites waits until a side has taken so many more.
func (s *storm) moreWrites(side string, n int) {
	s.t.Helper()
	before := s.ledger.Count(side)
	s.eventually("writes flow at "+side, func() bool {
		return s.ledger.Count(side) >= before+n
	})
}

// Flip upon flip under a load of reads and writes through real sockets, back because new fails, and sometimes because an operator
// says so: no write is lost, doubled or misdirected, none is refused but by a new that fails, and no read fails.
func TestFlipsUnderLoad(t *testing.T) {
	rate, flips := numberOf(t, loadRate, 300), numberOf(t, loadFlips, 2)
	s := &storm{site: newSite(t, "load", "rollback: {fallback: always}\nmirror: {fraction: 10%}\n")}
	s.site.instead, s.some = s.instead, max(rate/16, 20)
	s.start()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		testkit.Load{Rate: float64(rate), Requests: 1 << 30, KeepBody: true, Request: s.request, Observe: s.observe}.Run(ctx)
	}()
	rounds := 0
	for flip := range flips {
		s.round(false)
		rounds++
		if flip%4 == 1 {
			s.round(true)
			rounds++
		}
	}
	cancel()
	<-ended
	took := time.Since(began)
	s.signal(syscall.SIGTERM)
	s.settle()
	if turns, want := strings.Join(s.ledger.Turns(0), " "), "old"+strings.Repeat(" new old", rounds); turns != want {
		t.Errorf("%d flips, and writes went to %s", rounds, turns)
	}
	for why, n := range s.ledger.Failures() {
		// What a new that is left is still at work on after rollback.drain is unknown, and its client is told so.
		if why != "500 "+outOfOrder && !strings.Contains(why, "write_unknown") {
			t.Errorf("%d writes failed: %s", n, why)
		}
	}
	for _, bad := range s.badReads[:min(len(s.badReads), 10)] {
		t.Error(bad)
	}
	old, atNew := s.ledger.Count("old"), s.ledger.Count("new")
	t.Logf("%d flips, %d abandoned and %d left by another trigger, at %.0f requests/s: %d reads, %d failed; %d writes taken by old and %d by new, %v failed", rounds, s.abandoned, s.others,
		float64(s.reads+int64(old+atNew))/took.Seconds(), s.reads, len(s.badReads), old, atNew, s.ledger.Failures())
	for _, figure := range []struct {
		name string
		took []time.Duration
	}{
		{"a flip, from the command to its answer", s.flips},
		{"held writes, from when each was due to its answer", s.holds},
		{"way back by trigger: first failure of new to the last client's request there", s.left},
		{"way back by trigger: first failure of new to the first write at old", s.back},
		{"way back by command, to its answer", s.byOperator},
	} {
		if len(figure.took) == 0 {
			continue
		}
		slices.Sort(figure.took)
		at := func(q float64) time.Duration {
			return figure.took[min(int(q*float64(len(figure.took))), len(figure.took)-1)].Round(100 * time.Microsecond)
		}
		t.Logf("%-80s n %5d, p50 %8s, p99 %8s, max %8s", figure.name, len(figure.took), at(0.5), at(0.99), at(1))
	}
}

func numberOf(t *testing.T, variable string, preset int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv(variable), strconv.Itoa(preset)))
	if err != nil || n < 1 {
		t.Fatalf("%s=%s must be a whole number from 1", variable, os.Getenv(variable))
	}
	return n
}
