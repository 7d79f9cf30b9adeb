package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

const roundConfig = `
run: {name: round, window: 2s}
backends:
  old: {url: "OLD"}
  new: {url: "NEW", timeout: 2s}
routes:
  - name: item
    match: {methods: [GET], path: "/items/{id}"}
    kind: read
mirror: {fraction: 100%, recheck: {attempts: 1, delay: 10ms, max_delay: 10ms}}
gate: {min_samples: 400, attestations: [backup-1]}
rollback: {fallback: always}
`

// One walk through the whole life of a run, through the public interfaces alone.
func TestTheWholeRun(t *testing.T) {
	older, newer := newShop(t), newShop(t)
	r := boot(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)

	t.Log("shadow: a mismatch is found and named")
	newer.misbehave(func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path != "/items/7" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"path": "/items/7", "price": 12.51}`)
		return true
	})
	r.ask(http.MethodGet, "/items/7", "")
	r.eventually("the mismatch is shown", func() bool {
		list, err := r.client.Mismatches(t.Context(), admin.MismatchQuery{Limit: 10})
		return err == nil && len(list.Groups) == 1 && list.Groups[0].Differences[0].Path == "$.price"
	})
	if code, _, errs := r.cli("cutover", "--yes"); code != exitInconclusive && code != exitGate { // 3 once the mismatch's unit closed
		t.Fatalf("a cutover without evidence exits %d: %s", code, errs)
	}

	t.Log("the fault is repaired, the window restarted, the gate passes")
	newer.misbehave(nil)
	if code, _, errs := r.cli("restart", "--reason", "price fixed", "--yes"); code != exitDone {
		t.Fatal(errs)
	}
	if code, _, errs := r.cli("attest", "backup-1", "--evidence", "restored on a second server", "--yes"); code != exitDone {
		t.Fatal(errs)
	}
	for i := range 500 {
		r.ask(http.MethodGet, fmt.Sprintf("/items/%d", i), "")
	}
	r.eventually("the gate passes", func() bool {
		report, err := r.client.Gate(t.Context())
		return err == nil && report.Verdict == cutover.Pass
	})
	if code, out, errs := r.cli("gate"); code != exitDone {
		t.Fatalf("gate exits %d: %s%s", code, out, errs)
	}

	t.Log("the flip under eight writers")
	var failed atomic.Int64
	stop := make(chan struct{})
	var sent sync.Map
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("w%d-%d", w, i)
				status, _, _, err := r.tryAsk(http.MethodPost, "/orders", id)
				if err != nil || status != http.StatusCreated {
					failed.Add(1)
					continue
				}
				sent.Store(id, true)
			}
		})
	}
	r.eventually("writes flow at old", func() bool { return len(older.written()) > 50 })
	if code, _, errs := r.cli("cutover", "--yes", "--reason", "go"); code != exitDone {
		t.Fatal(errs)
	}
	r.eventually("writes flow at new", func() bool { return len(newer.written()) > 50 })
	atOld := len(older.written())
	r.eventually("more writes flow at new", func() bool { return len(newer.written()) > 200 })
	close(stop)
	writers.Wait()
	if got := len(older.written()); got != atOld {
		t.Errorf("%d writes reached old after the first reached new", got-atOld)
	}
	noneLostNoneDoubled(t, &sent, older.written(), newer.written())
	if n := failed.Load(); n > 0 {
		t.Errorf("%d writes were refused during the flip", n)
	}
	status := r.status()
	if status.Phase != cutover.Live || status.Rollback.Safe || status.Rollback.UnreplayedWrites != int64(len(newer.written())) || !status.Rollback.Armed {
		t.Errorf("status in live: %+v, %d writes at new", status, len(newer.written()))
	}

	t.Log("in live, reads are answered by new and mirrored to old")
	before := older.Count()
	r.ask(http.MethodGet, "/items/1", "")
	r.eventually("old is asked as the shadow", func() bool { return older.Count() > before })

	t.Log("new dies: the run rolls back by itself, and no read fails")
	newer.Kill()
	deadline := time.Now().Add(20 * time.Second)
	for i := 0; r.machine.State().Phase == cutover.Live && time.Now().Before(deadline); i++ {
		if code, body, _ := r.ask(http.MethodGet, fmt.Sprintf("/items/%d", i%500), ""); code != http.StatusOK {
			t.Fatalf("a read fails while new is dead: %d %s", code, body)
		}
	}
	r.eventually("rolled back", func() bool { return r.status().Phase == cutover.RolledBack && r.status().HeldWrites == 0 })
	r.ask(http.MethodPost, "/orders", "after the rollback")
	if w := older.written(); w[len(w)-1] != "after the rollback" {
		t.Error("writes are not at old after the rollback")
	}

	t.Log("it stays there until somebody resumes, and says what is left on new")
	if code, _, errs := r.cli("resume", "--yes"); code != exitRefused || !strings.Contains(errs, "--discard") {
		t.Fatalf("resume with writes left on new exits %d: %s", code, errs)
	}
	if code, _, errs := r.cli("resume", "--discard", "--reason", "test data", "--yes"); code != exitDone {
		t.Fatal(errs)
	}
	if s := r.status(); s.Phase != cutover.Shadow || s.Rollback.UnreplayedWrites != 0 {
		t.Errorf("after resume: %+v", s)
	}
	if code, out, _ := r.cli("events"); code != exitDone || !strings.Contains(out, "trigger:error_rate") {
		t.Errorf("events: %d\n%s", code, out)
	}
}

func noneLostNoneDoubled(t *testing.T, sent *sync.Map, lists ...[]string) {
	t.Helper()
	seen := map[string]int{}
	for _, list := range lists {
		for _, id := range list {
			seen[id]++
		}
	}
	for id, n := range seen {
		if n > 1 {
			t.Errorf("write %s was done %d times", id, n)
		}
	}
	sent.Range(func(id, _ any) bool {
		if seen[id.(string)] != 1 { //nolint:forcetypeassert // the keys are strings
			t.Errorf("write %s was acknowledged and is nowhere", id)
		}
		return true
	})
}

// I1: whatever happens, eligible is the sum of the verdicts, and every sampled read is in it.
func TestTheAccountsAreExact(t *testing.T) {
	older, newer := newShop(t), newShop(t)
	r := boot(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	newer.misbehave(func(w http.ResponseWriter, req *http.Request) bool {
		switch {
		case strings.HasSuffix(req.URL.Path, "1"):
			w.WriteHeader(http.StatusNotFound)
		case strings.HasSuffix(req.URL.Path, "2"):
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		return true
	})
	const n = 200
	for i := range n {
		r.ask(http.MethodGet, fmt.Sprintf("/items/%d", i), "")
	}
	r.eventually("every exchange has its verdict", func() bool {
		routes, err := r.client.Routes(t.Context(), false)
		if err != nil {
			return false
		}
		for _, route := range routes {
			var sum int64
			for _, v := range compare.Verdicts {
				sum += route.Verdicts[v]
			}
			if sum != route.Eligible {
				t.Fatalf("%+v does not add up", route)
			}
			if route.Route == "item" && route.Eligible == n {
				return route.Verdicts[compare.Mismatch] >= n/10 && route.Verdicts[compare.Failed]+route.Verdicts[compare.Skipped] >= 1
			}
		}
		return false
	})
}
