package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ledger is a backend that notes every write and when it came.
type ledger struct {
	mu    sync.Mutex
	seen  map[string]int
	order []string
	last  time.Time
	first time.Time
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]int{}
		l.first = time.Now()
	}
	l.seen[string(body)]++
	l.order = append(l.order, string(body))
	l.last = time.Now()
	_, _ = w.Write(body)
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.order)
}

// I4: a flip under concurrent writers loses, doubles, refuses and misorders nothing.
func TestFlipUnderWriters(t *testing.T) {
	old, fresh := &ledger{}, &ledger{}
	r := start(t, shadowPlan, old, fresh)
	const writers, writes = 8, 150
	var answered atomic.Int64
	flipped := make(chan struct{})
	go func() {
		defer close(flipped)
		for range 3 { // two aborted flips, then the real one
			await(t, "some writes", func() bool { return answered.Load() > 100 })
		}
		for i := range 3 {
			r.router.change(func(p *Plan) { p.Hold = true; p.Epoch++ })
			if n, err := r.proxy.Drain(t.Context(), Old); n != 0 || err != nil {
				t.Errorf("drain: %d %v", n, err)
			}
			at := old.count()
			await(t, "held writes", func() bool { return r.proxy.Held() > 0 })
			if old.count() != at {
				t.Error("a write reached old while held and drained")
			}
			if i == 2 {
				r.router.change(func(p *Plan) { p.Hold, p.Writes, p.Reads, p.Shadow = false, New, New, Old })
			} else {
				r.router.change(func(p *Plan) { p.Hold = false })
			}
			r.proxy.Release(t.Context())
		}
	}()
	clients(writers, writes, func(c, i int) {
		id := fmt.Sprintf("%d-%d", c, i)
		resp, body, err := r.try("POST", "/orders", strings.NewReader(id))
		if err != nil || resp.StatusCode != 200 || body != id {
			t.Errorf("%s: %v %v %q", id, err, resp, body)
		}
		answered.Add(1)
	})
	<-flipped
	for c := range writers {
		for i := range writes {
			id := fmt.Sprintf("%d-%d", c, i)
			if n := old.seen[id] + fresh.seen[id]; n != 1 {
				t.Errorf("%s was written %d times", id, n)
			}
		}
	}
	if len(fresh.order) == 0 || !old.last.Before(fresh.first) {
		t.Errorf("old's last write %v, new's first %v", old.last, fresh.first)
	}
	r.account.mu.Lock()
	defer r.account.mu.Unlock()
	if len(r.account.toNew) != len(fresh.order) {
		t.Errorf("%d writes to new announced, %d made", len(r.account.toNew), len(fresh.order))
	}
}

func held(t *testing.T, r *rig, n int) {
	t.Helper()
	await(t, fmt.Sprintf("%d held writes", n), func() bool {
		r.proxy.gate.mu.Lock()
		defer r.proxy.gate.mu.Unlock()
		return r.proxy.gate.waiting.Len() == n
	})
}

func holdPlan() Plan {
	p := shadowPlan
	p.Hold = true
	return p
}

// noted is a RoundTripper that notes in which order requests are sent.
type noted struct {
	http.RoundTripper
	mu    sync.Mutex
	paths []string
}

func (n *noted) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	n.paths = append(n.paths, r.URL.RequestURI())
	n.mu.Unlock()
	return n.RoundTripper.RoundTrip(r)
}

func TestHeldWritesAreReleasedInOrderOfArrival(t *testing.T) {
	r := start(t, holdPlan(), text("x"), text("x"))
	pool := &r.proxy.backends[New].pools[Authority]
	pool.pooled = nil
	order := &noted{RoundTripper: pool.plain}
	pool.plain = order
	var wg sync.WaitGroup
	var want []string
	for i := range 30 {
		path := fmt.Sprintf("/%d", i)
		want = append(want, path)
		wg.Go(func() { _, _, _ = r.try("POST", path, strings.NewReader("body")) })
		held(t, r, i+1)
	}
	if v := metric(t, r.registry, "paritygate_held_writes", nil); v != 30 {
		t.Errorf("held_writes %v", v)
	}
	r.router.change(func(p *Plan) { p.Hold, p.Writes = false, New })
	r.proxy.Release(t.Context())
	wg.Wait()
	if got := strings.Join(order.paths, " "); got != strings.Join(want, " ") {
		t.Errorf("sent in the order %s", got)
	}
}

func TestAStallingBackendDoesNotBlockTheRest(t *testing.T) {
	t.Parallel()
	r := startAt(t, holdPlan(), serve(t, text("x")), rawBackend(t, func(int, net.Conn) { <-t.Context().Done() }), func(o *Options) {
		o.New.Timeout = 300 * time.Millisecond
	})
	var wg sync.WaitGroup
	big := strings.Repeat("x", 6<<20) // more than sockets take in, so that it is never written
	for i := range 2 {
		wg.Go(func() { _, _, _ = r.try("POST", "/", strings.NewReader(big)) })
		held(t, r, i+1)
	}
	r.router.change(func(p *Plan) { p.Hold, p.Writes = false, New })
	done := make(chan struct{})
	go func() { r.proxy.Release(context.Background()); close(done) }()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		t.Error("the release hangs")
	}
	wg.Wait()
}

func TestHoldLimits(t *testing.T) {
	t.Parallel()
	r := start(t, holdPlan(), text("x"), text("x"), func(o *Options) {
		o.Hold = HoldOptions{Max: 500 * time.Millisecond, Requests: 2, Bytes: 10000}
	})
	refused := func(body string, code string) {
		t.Helper()
		resp, text := r.do("POST", "/", strings.NewReader(body))
		if resp.StatusCode != 503 || !strings.Contains(text, code) || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s %v, want %s", resp.StatusCode, text, resp.Header, code)
		}
	}
	refused(strings.Repeat("x", 20000), "write_hold_full")
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() { refused("x", "write_hold_timeout") })
		held(t, r, i+1)
	}
	refused("x", "write_hold_full")
	wg.Wait()
	await(t, "held bytes given back", func() bool { return r.proxy.gate.budget.used.Load() == 0 })
	if n := r.proxy.Held(); n != 0 {
		t.Errorf("%d held", n)
	}
	for reason, want := range map[string]float64{"requests": 1, "bytes": 1, "timeout": 2, "client_gone": 0, "refused": 0} {
		if n := dropped(t, r, reason); n != want {
			t.Errorf("%v dropped for %s, want %v", n, reason, want)
		}
	}
}

func dropped(t *testing.T, r *rig, reason string) float64 {
	t.Helper()
	return metric(t, r.registry, "paritygate_writes_dropped_total", map[string]string{"reason": reason})
}

func TestAClientThatLeavesWhileHeldIsDropped(t *testing.T) {
	old := &ledger{}
	r := start(t, holdPlan(), old, text("x"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, _ := http.NewRequestWithContext(ctx, "POST", r.url+"/", strings.NewReader("gone"))
		if resp, err := r.client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	held(t, r, 1)
	cancel()
	<-done
	await(t, "the drop", func() bool { return dropped(t, r, "client_gone") == 1 && r.proxy.Held() == 0 })
	r.router.change(func(p *Plan) { p.Hold = false })
	r.proxy.Release(t.Context())
	if old.count() != 0 {
		t.Error("a write without a client was sent")
	}
}

func TestRefuse(t *testing.T) {
	p := shadowPlan
	p.Refuse = true
	r := start(t, p, text("x"), text("x"))
	if resp, body := r.do("POST", "/", nil); resp.StatusCode != 503 || !strings.Contains(body, "writes_refused") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if n := dropped(t, r, "refused"); n != 1 {
		t.Errorf("%v counted", n)
	}
	if resp, _ := r.do("GET", "/", nil); resp.StatusCode != 200 {
		t.Errorf("a read got %d", resp.StatusCode)
	}
}

func TestAbandonedWritesAreUnknown(t *testing.T) {
	asked := make(chan struct{})
	r := start(t, livePlan, text("x"), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(asked)
		<-r.Context().Done()
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		resp, body, err := r.try("POST", "/", strings.NewReader("x"))
		if err != nil || resp.StatusCode != 504 || !strings.Contains(body, "write_unknown") {
			t.Errorf("%v %v %s", err, resp, body)
		}
	}()
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if n, err := r.proxy.Drain(ctx, New); n != 1 || err == nil {
		t.Errorf("drain: %d %v", n, err)
	}
	if n := r.proxy.Abandon(New); n != 1 {
		t.Errorf("abandoned %d", n)
	}
	<-done
	await(t, "the write to end", func() bool { return r.proxy.Writes(New).InFlight == 0 })
	if n := r.proxy.Writes(New).Unanswered; n != 1 {
		t.Errorf("%d unanswered", n)
	}
}

func TestDrainTellsOfAWriteThatTimedOut(t *testing.T) {
	asked := make(chan struct{})
	r := start(t, shadowPlan, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(asked)
		<-r.Context().Done()
	}), text("x"), func(o *Options) { o.Old.Timeout = 200 * time.Millisecond })
	done := make(chan struct{})
	go func() { defer close(done); _, _, _ = r.try("POST", "/", strings.NewReader("x")) }()
	<-asked
	if n, err := r.proxy.Drain(t.Context(), Old); n != 0 || !errors.Is(err, ErrUnanswered) {
		t.Errorf("drain: %d %v", n, err)
	}
	<-done
	if n, err := r.proxy.Drain(t.Context(), Old); n != 0 || !errors.Is(err, ErrUnanswered) {
		t.Errorf("a drain that begins after it ended: %d %v", n, err)
	}
	r.router.change(func(p *Plan) { p.Epoch++ })
	if n, err := r.proxy.Drain(t.Context(), Old); n != 0 || err != nil {
		t.Errorf("a drain of a later epoch: %d %v", n, err)
	}
}

// A write that arrives after the hold, but before the held ones are out, goes behind them.
func TestNewWritesQueueBehindTheHeld(t *testing.T) {
	fresh := &ledger{}
	r := start(t, holdPlan(), text("x"), fresh)
	var wg sync.WaitGroup
	wg.Go(func() { _, _, _ = r.try("POST", "/", strings.NewReader("first")) })
	held(t, r, 1)
	r.router.change(func(p *Plan) { p.Hold, p.Writes = false, New })
	wg.Go(func() { _, _, _ = r.try("POST", "/", strings.NewReader("second")) })
	held(t, r, 2)
	if fresh.count() != 0 {
		t.Error("a write overtook the held ones")
	}
	r.proxy.Release(t.Context())
	wg.Wait()
	if fresh.count() != 2 {
		t.Errorf("%v", fresh.order)
	}
}
