package proxy

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
)

// skippedFor counts the finished exchanges that were skipped for a reason, and those of them that had been captured.
func (a *account) skippedFor(why compare.Reason) (n, captured int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, x := range a.finished {
		if x.Result.Reason == why {
			n++
			if a.oldBodies[i] != "" {
				captured++
			}
		}
	}
	return n, captured
}

func TestNothingIsCapturedForAShadowWhoseBreakerIsOpen(t *testing.T) {
	var well atomic.Bool
	r := start(t, shadowPlan, text("answer"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte("answer"))
	}), func(o *Options) { o.Table.Recheck.Attempts = 0 })
	b := r.proxy.breakers[New][ShadowRole]
	b.settings.Timeout = 200 * time.Millisecond
	b.restart(1)
	sent := 0
	read := func() {
		sent++
		if _, body, err := r.try(http.MethodGet, "/", nil); err != nil || body != "answer" {
			t.Fatalf("%q, %v", body, err)
		}
	}
	await(t, "an exchange that is skipped because the breaker is open", func() bool {
		read()
		n, captured := r.account.skippedFor(compare.BreakerOpen)
		return n > captured // those that waited when it opened had been
	})
	well.Store(true)
	await(t, "a match, once the breaker lets one through", func() bool {
		read()
		r.account.mu.Lock()
		defer r.account.mu.Unlock()
		last := r.account.finished[len(r.account.finished)-1]
		return last.Result.Verdict == compare.Match
	})
	await(t, "every exchange in the accounts", func() bool {
		begun, finished := r.account.counts()
		return begun == sent && finished == sent
	})
}

func TestNothingIsCapturedForAFullQueue(t *testing.T) {
	release := make(chan struct{})
	body := strings.Repeat("x", 8<<10)
	r := start(t, shadowPlan, text(body), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), func(o *Options) {
		o.Workers, o.Queue, o.Table.Recheck.Attempts = 1, 2, 0
	})
	await(t, "ten exchanges that the full queue turns away", func() bool {
		if _, got, err := r.try(http.MethodGet, "/", nil); err != nil || got != body {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		n, captured := r.account.skippedFor(compare.QueueFull)
		if captured > 1 { // it met the queue full at its end
			t.Fatalf("%d of %d were captured", captured, n)
		}
		return n >= 10
	})
	// One at the worker, two in the queue.
	if used := r.proxy.memory.used.Load(); used > 3*(int64(len(body))+4<<10) {
		t.Errorf("%d bytes are captured", used)
	}
	close(release)
	await(t, "every exchange in the accounts", func() bool {
		begun, finished := r.account.counts()
		return begun == finished
	})
}

// What has been taken from the queue waits no longer: many exchanges, one after the other, find the room that is for a few.
func TestTheRoomForThoseThatWaitIsGivenBack(t *testing.T) {
	body := strings.Repeat("x", 4<<10)
	r := start(t, shadowPlan, text(body), text(body), func(o *Options) { o.Memory = 128 << 10 })
	for i := range 20 {
		if _, _, err := r.try(http.MethodGet, "/", nil); err != nil {
			t.Fatal(err)
		}
		await(t, "its verdict", func() bool { _, n := r.account.counts(); return n == i+1 })
	}
	r.account.mu.Lock()
	defer r.account.mu.Unlock()
	for i, x := range r.account.finished {
		if x.Result.Verdict != compare.Match {
			t.Fatalf("exchange %d: %+v", i, x.Result)
		}
	}
}
