package evidence

import (
	"encoding/json"
	"fmt"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"paritygate/compare"
)

func itoa(n int) string { return strconv.Itoa(n) }

// helperProcess is the main function of a process that tests kill or starve.
func helperProcess(mode, path string) int {
	s, err := Open(background(), Options{Path: path, Run: "move", FlushInterval: 5 * time.Millisecond, UnitLength: 50 * time.Millisecond})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("open")
	switch mode {
	case "hold":
		select {}
	case "traffic":
		return helperTraffic(s)
	case "full":
		return helperFull(s)
	}
	return 2
}

// helperTraffic sees exchanges, commits states and reports what is on disk for certain, until it is killed.
func helperTraffic(s *Store) int {
	go func() { _ = s.Run(background()) }()
	var done atomic.Int64
	verdicts := []compare.Verdict{compare.Match, compare.Tolerated, compare.Lagged, compare.Mismatch, compare.Failed, compare.Skipped}
	for range 4 {
		go func() {
			for range time.Tick(200 * time.Microsecond) {
				n := done.Add(1)
				see(s, exchange(time.Now(), uint64(n)%100, verdicts[int(n)%len(verdicts)]))
			}
		}()
	}
	st, _, err := s.State(background())
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	for epoch := st.Epoch + 1; ; epoch++ {
		seen := s.Total()
		if err := s.Flush(background()); err != nil {
			fmt.Println("error", err)
			return 1
		}
		_, err := s.Commit(background(), epoch-1, State{Run: "move", Phase: "shadow", Epoch: epoch, Body: json.RawMessage("{}")}, Event{Kind: "phase", Epoch: epoch})
		if err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println("durable", seen.Eligible(), seen.Units, epoch)
	}
}

func TestKillLosesOnlyWhatWasNotFlushed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paritygate.db")
	var last RouteStats
	for round := range 3 {
		h := startHelper(t, "traffic", path)
		for range 5 + 5*round {
			h.wait(t, "durable")
		}
		line := h.wait(t, "durable")
		h.kill(t)
		for h.out.Scan() { // what it still said before it was killed
			line = h.out.Text()
		}
		var eligible, units, epoch int64
		if _, err := fmt.Sscanf(line, "durable %d %d %d", &eligible, &units, &epoch); err != nil {
			t.Fatalf("%q: %v", line, err)
		}

		s := mustOpen(t, Options{Path: path, Run: "move"})
		got := s.Total()
		if got.Eligible() < eligible || got.Units < units || got.Eligible() < last.Eligible() {
			t.Errorf("round %d: %d eligible in %d units, of which %d and %d were on disk", round, got.Eligible(), got.Units, eligible, units)
		}
		checkConsistent(t, got)
		if got.BadUnits == 0 {
			t.Error("no bad unit after a kill")
		}
		st, ok, err := s.State(t.Context())
		if err != nil || !ok || int64(st.Epoch) < epoch {
			t.Errorf("state %+v %v %v, want at least epoch %d", st, ok, err, epoch)
		}
		if err := s.VerifyEvents(t.Context()); err != nil {
			t.Error(err)
		}
		events, err := s.Events(t.Context(), 0, 0)
		if err != nil || uint64(len(events)) != st.Epoch {
			t.Errorf("%d events (%v) for epoch %d: the state and its event are not one", len(events), err, st.Epoch)
		}
		last = got
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// checkConsistent checks what must be true between the counters at any moment.
func checkConsistent(t *testing.T, r RouteStats) {
	t.Helper()
	var reasons int64
	for _, n := range r.Skipped {
		reasons += n
	}
	v := r.Verdicts
	if v[compare.Skipped] != reasons {
		t.Errorf("%d skipped, but %d reasons", v[compare.Skipped], reasons)
	}
	compared := r.Eligible() - reasons
	if r.Samples > compared || r.Units > compared || r.BadUnits+r.LaggedUnits > r.Units || r.NewErrors > r.NewAsked || r.NewAsked > r.Eligible() {
		t.Errorf("contradiction: %+v", r)
	}
	if r.BadUnits > v[compare.Mismatch]+v[compare.Failed] {
		t.Errorf("more bad units than bad exchanges: %+v", r)
	}
}

// helperFull fills its disk, says so, gets room again, and says what it has.
func helperFull(s *Store) int {
	signal.Ignore(syscall.SIGXFSZ)
	const limit = 400 << 10
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		fmt.Println("error", err)
		return 1
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: before.Max}); err != nil {
		fmt.Println("error", err)
		return 1
	}
	failed := 0
	for i := range 400 {
		x := exchange(time.Now(), uint64(i), compare.Mismatch)
		x.Route = fmt.Sprint("route", i%10)
		x.Old.Body = make([]byte, 16<<10)
		see(s, x)
		if i%50 == 0 && s.Flush(background()) != nil {
			failed++
		}
	}
	body := json.RawMessage(`"` + strings.Repeat("x", 2*limit) + `"`)
	_, commitErr := s.Commit(background(), 0, State{Run: "move", Phase: "shadow", Epoch: 1, Body: body}, Event{})
	fmt.Printf("full %d %v %v\n", failed, commitErr != nil, s.Healthy() != nil)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("room", s.Flush(background()), s.Healthy())
	if err := s.Close(); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

func TestFullDiskLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paritygate.db")
	h := startHelper(t, "full", path)
	var failed int
	var commitFailed, unhealthy bool
	line := h.wait(t, "full")
	if _, err := fmt.Sscanf(line, "full %d %t %t", &failed, &commitFailed, &unhealthy); err != nil || failed == 0 || !commitFailed || !unhealthy {
		t.Fatalf("%q (%v): want failed flushes, a failed commit and a store that is not healthy", line, err)
	}
	if line := h.wait(t, "room"); line != "room <nil> <nil>" {
		t.Fatal(line)
	}
	if err := h.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Options{Path: path, Run: "move"})
	if got := s.Total(); got.Verdicts[compare.Mismatch] != 400 {
		t.Errorf("%d mismatches, want 400", got.Verdicts[compare.Mismatch])
	}
	if _, ok, err := s.State(t.Context()); ok || err != nil {
		t.Errorf("the commit that failed is there: %v %v", ok, err)
	}
}
