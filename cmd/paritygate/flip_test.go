package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

// writer sends writes one after another, each with its name and number: the next one once the one before was answered.
type writer struct {
	name    string
	sent    []string // acknowledged
	refused int
}

func (w *writer) run(r *running, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		id := fmt.Sprintf("%s-%d", w.name, i)
		if status, _, _, err := r.tryAsk(http.MethodPost, "/orders", id); err != nil || status != http.StatusCreated {
			w.refused++
			continue
		}
		w.sent = append(w.sent, id)
	}
}

// numbers lists a writer's numbers in the order in which they are in the list.
func numbers(list []string, name string) []int {
	var out []int
	for _, id := range list {
		if number, ok := strings.CutPrefix(id, name+"-"); ok {
			n, _ := strconv.Atoi(number)
			out = append(out, n)
		}
	}
	return out
}

// Ten flips, and the ways back, under eight writers that never pause: no write is lost, none is doubled, none is refused,
// none comes to old after the first came to new, and each writer's come in its order.
func TestTenFlipsUnderEightWriters(t *testing.T) {
	older, newer := newShop(t), newShop(t)
	r := boot(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	var all int
	var back atomic.Bool // the writes went back to old
	var late atomic.Int64
	older.misbehave(func(_ http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPost {
			<-time.After(20 * time.Millisecond) // so that some are in flight when the flip begins
			if !back.Load() && len(newer.written()) > 0 {
				late.Add(1)
			}
		}
		return false
	})
	for round := range 10 {
		back.Store(false)
		older.forget()
		newer.forget()
		stop := make(chan struct{})
		var group sync.WaitGroup
		writers := make([]*writer, 8)
		for i := range writers {
			writers[i] = &writer{name: fmt.Sprintf("r%d.w%d", round, i)}
			group.Go(func() { writers[i].run(r, stop) })
		}
		r.eventually("writes flow at old", func() bool { return len(older.written()) > 50 })
		if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
			t.Fatal(err)
		}
		r.eventually("writes flow at new", func() bool { return len(newer.written()) > 50 })
		atOld := older.written()
		r.eventually("more writes flow at new", func() bool { return len(newer.written()) > 150 })
		if n := late.Swap(0); n > 0 || len(older.written()) > len(atOld) {
			t.Errorf("round %d: %d writes came to old after the first came to new", round, max(n, int64(len(older.written())-len(atOld))))
		}
		back.Store(true)
		if _, err := r.client.Rollback(t.Context(), admin.Change{Reason: "test"}); err != nil {
			t.Fatal(err)
		}
		atNew, before := len(newer.written()), len(older.written())
		r.eventually("writes flow at old again", func() bool { return len(older.written()) > before+50 })
		close(stop)
		group.Wait()
		if n := len(newer.written()) - atNew; n > 0 {
			t.Errorf("round %d: %d writes came to new after the rollback", round, n)
		}
		for _, w := range writers {
			checkWriter(t, w, atOld, newer.written(), older.written()[len(atOld):])
			all += len(w.sent)
		}
		if n := r.status().Rollback.UnreplayedWrites; n != int64(len(newer.written())) {
			t.Errorf("round %d: %d writes are said to be on new, %d are", round, n, len(newer.written()))
		}
		if _, err := r.client.Resume(t.Context(), admin.Change{Reason: "test"}, true); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d writes over ten flips and ten rollbacks", all)
}

// checkWriter holds what one writer was told against what the backends took: at old, then at new, then at old again.
func checkWriter(t *testing.T, w *writer, took ...[]string) {
	t.Helper()
	if w.refused > 0 {
		t.Errorf("%s: %d writes were refused", w.name, w.refused)
	}
	var got []int
	for _, list := range took {
		got = append(got, numbers(list, w.name)...)
	}
	for i, n := range got {
		if n != i {
			t.Errorf("%s: the write in place %d is number %d: lost, doubled or out of order", w.name, i, n)
			return
		}
	}
	if len(got) != len(w.sent) {
		t.Errorf("%s: %d writes were acknowledged, %d were taken", w.name, len(w.sent), len(got))
	}
}

func (s *shop) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = nil
}

// From the first failing answer of new in live to the last client request sent to it, at more than 200 requests a second; no
// read fails for a client.
func TestHowFastANewThatFailsIsLeft(t *testing.T) {
	older, newer := newShop(t), newShop(t)
	r := boot(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	var failing atomic.Bool
	var mu sync.Mutex
	var first, last time.Time
	var failed int
	newer.misbehave(func(w http.ResponseWriter, req *http.Request) bool {
		if !failing.Load() || req.Header.Get("Paritygate-Shadow") != "" {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		last = time.Now()
		if first.IsZero() {
			first = last
		}
		failed++
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	done := make(chan []testkit.Sample)
	go func() {
		done <- testkit.Load{Rate: 300, Duration: 4 * time.Second, Request: r.read}.Run(t.Context())
	}()
	r.eventually("reads are answered by new", func() bool { return newer.Count() > 200 })
	failing.Store(true)
	r.eventually("rolled back", func() bool { return r.machine.State().Phase == cutover.RolledBack })
	samples := <-done
	for _, s := range samples {
		if s.Err != nil || s.Status != http.StatusOK {
			t.Fatalf("read %d: %d %v", s.Index, s.Status, s.Err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	took := last.Sub(first)
	t.Logf("%d reads at 300/s: %d client requests were sent to new in the %s from its first failing answer to the last", len(samples), failed, took)
	if took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if failed == 0 || failed > 300 {
		t.Errorf("%d client requests were sent to a new that fails", failed)
	}
}
