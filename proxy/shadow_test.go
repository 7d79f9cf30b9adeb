package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
)

// Rules 1 and 2: a black-holed shadow adds nothing, and what it takes stays bounded.
func TestRule02_AShadowThatHangsAddsNothing(t *testing.T) {
	for name, shadow := range map[string]func(t *testing.T) func(n int, c net.Conn){
		"hangs": func(*testing.T) func(int, net.Conn) { return func(_ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) } },
		"resets": func(*testing.T) func(int, net.Conn) {
			return func(_ int, c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }
		},
		"never reads": func(t *testing.T) func(int, net.Conn) {
			return func(int, net.Conn) { <-t.Context().Done() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := startAt(t, shadowPlan, serve(t, text("fine")), rawBackend(t, shadow(t)), func(o *Options) {
				o.Workers, o.Queue, o.Table.ShadowTimeout = 4, 16, 300*time.Millisecond
			})
			warm := func(n int) {
				clients(8, n/8, func(int, int) {
					if resp, body, err := r.try("GET", "/", nil); err != nil || resp.StatusCode != 200 || body != "fine" {
						t.Errorf("%v %q", err, body)
					}
				})
			}
			warm(400)
			before := runtime.NumGoroutine()
			started := time.Now()
			warm(2000)
			if d := time.Since(started); d > 8*time.Second {
				t.Errorf("2000 requests took %v", d)
			}
			if after := runtime.NumGoroutine(); after > before+60 {
				t.Errorf("goroutines grew from %d to %d", before, after)
			}
			if used := r.proxy.memory.used.Load(); used > (4+16+8)*smallest*2 {
				t.Errorf("%d bytes captured", used)
			}
			await(t, "every verdict", func() bool { b, n := r.account.counts(); return b == n && b == 2400 })
		})
	}
}

// Rule 1: the second request on the same client connection is served while the first one's shadow still hangs.
func TestRule01_TheShadowDoesNotHoldTheClientsConnection(t *testing.T) {
	hanging := make(chan struct{}, 1)
	r := start(t, shadowPlan, text("fine"), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case hanging <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	}), func(o *Options) { o.Table.ShadowTimeout = 2 * time.Second })
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	for i := range 5 {
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(1500 * time.Millisecond)) // below the shadow's timeout
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if i == 0 {
			<-hanging
		}
	}
	r.new.CloseClientConnections()
}

func TestQueueFullIsCountedNotWaitedFor(t *testing.T) {
	r := start(t, shadowPlan, text("a"), hang(), func(o *Options) { o.Workers, o.Queue = 1, 2 })
	for range 20 {
		r.do("GET", "/", nil)
	}
	await(t, "the overflow", func() bool { _, n := r.account.counts(); return n >= 17 })
	for _, x := range r.account.all() {
		if x.Result.Reason != compare.QueueFull {
			t.Errorf("%+v", x.Result)
		}
	}
}

func TestWaitInTheQueueCountsAgainstTheDeadline(t *testing.T) {
	asked := make(chan struct{}, 8)
	r := start(t, shadowPlan, text("a"), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}), func(o *Options) { o.Workers, o.Queue, o.Table.ShadowTimeout = 1, 8, 400*time.Millisecond })
	r.do("GET", "/", nil)
	<-asked
	if err := r.proxy.Reload(Table{Comparer: plain{}, ShadowTimeout: 20 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.do("GET", "/", nil)
	}
	await(t, "every verdict", func() bool { _, n := r.account.counts(); return n == 4 })
	if v := r.account.all()[0].Result.Verdict; v != compare.Failed {
		t.Errorf("the first: %s", v)
	}
	for _, x := range r.account.all()[1:] {
		if x.Result.Reason != compare.QueueExpired {
			t.Errorf("%+v", x.Result)
		}
	}
	if len(asked) != 0 {
		t.Error("the shadow was asked after the deadline")
	}
}

// I1: on shutdown everything is counted once.
func TestShutdownCountsWhatIsQueued(t *testing.T) {
	r := start(t, shadowPlan, text("a"), hang(), func(o *Options) {
		o.Workers, o.Queue, o.Table.ShadowTimeout = 1, 16, 300*time.Millisecond
	})
	for range 10 {
		r.do("GET", "/", nil)
	}
	r.stop()
	r.do("GET", "/", nil)
	await(t, "the last verdict, which may come after the answer", func() bool { _, n := r.account.counts(); return n >= 11 })
	if begun, finished := r.account.counts(); begun != 11 || finished != 11 {
		t.Fatalf("%d begun, %d finished", begun, finished)
	}
	reasons := map[compare.Reason]int{}
	for _, x := range r.account.all() {
		reasons[x.Result.Reason]++
	}
	if reasons[compare.Shutdown] < 9 {
		t.Errorf("%v", reasons)
	}
}

// Rule 7: nothing is repeated on the shadow, redirects are not followed, connections are reused.
func TestRule07_TheShadowIsAskedOnceAndFollowsNothing(t *testing.T) {
	var asked atomic.Int64
	drop := rawBackend(t, func(_ int, c net.Conn) {
		reader := bufio.NewReader(c)
		for i := range 2 {
			if _, err := http.ReadRequest(reader); err != nil {
				return
			}
			asked.Add(1)
			if i == 0 {
				_, _ = io.WriteString(c, "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
			} // the second one on a reused connection is dropped without an answer
		}
	})
	r := startAt(t, shadowPlan, serve(t, text("a")), drop)
	r.do("GET", "/1", nil)
	await(t, "the first", func() bool { _, n := r.account.counts(); return n == 1 })
	r.do("GET", "/2", nil, "Idempotency-Key", "k")
	await(t, "the second", func() bool { _, n := r.account.counts(); return n == 2 })
	if n := asked.Load(); n != 2 {
		t.Errorf("the shadow was asked %d times", n)
	}
	if x := r.account.all()[1]; x.Result.Verdict != compare.Failed {
		t.Errorf("%+v", x.Result)
	}
}

// A write is never sent twice, though net/http repeats what it takes for idempotent.
func TestWriteIsNeverSentTwice(t *testing.T) {
	for _, c := range []struct{ name, method, header, value string }{
		{"POST with a key", "POST", "Idempotency-Key", "k"},
		{"POST with another key", "POST", "X-Idempotency-Key", "k"},
		{"GET that writes", "GET", "X-HTTP-Method-Override", "DELETE"},
	} {
		var asked atomic.Int64
		var key atomic.Value
		drop := rawBackend(t, func(_ int, conn net.Conn) {
			reader := bufio.NewReader(conn)
			for i := range 2 {
				req, err := http.ReadRequest(reader)
				if err != nil {
					return
				}
				asked.Add(1)
				key.Store(req.Header.Get(c.header))
				if i == 0 {
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}
		})
		r := startAt(t, shadowPlan, drop, serve(t, text("a")))
		r.do(c.method, "/", nil, c.header, c.value)
		if resp, _ := r.do(c.method, "/", nil, c.header, c.value); resp.StatusCode != 502 {
			t.Errorf("%s: %d", c.name, resp.StatusCode)
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("%s: sent %d times", c.name, n-1)
		}
		if key.Load() != c.value {
			t.Errorf("%s: %s is %v", c.name, c.header, key.Load())
		}
	}
}

func TestRule07_ConnectionsAreReused(t *testing.T) {
	var opened [2]atomic.Int64
	counting := func(i int, body string) http.Handler {
		seen := sync.Map{}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, known := seen.LoadOrStore(r.RemoteAddr, true); !known {
				opened[i].Add(1)
			}
			_, _ = io.WriteString(w, body)
		})
	}
	r := start(t, shadowPlan, counting(0, "a"), counting(1, strings.Repeat("large", 10000)), func(o *Options) { o.Table.MaxBody = 100; o.Workers = 1 })
	for i := range 30 {
		r.do("GET", "/", nil)
		await(t, "the verdict", func() bool { _, n := r.account.counts(); return n == i+1 })
	}
	if o, n := opened[0].Load(), opened[1].Load(); o > 2 || n > 2 {
		t.Errorf("%d connections to old, %d to new", o, n)
	}
}

func TestSampling(t *testing.T) {
	s, err := parseKey("cookie:sid")
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for i := range 10000 {
		h := http.Header{"Cookie": {fmt.Sprintf("sid=%d", i)}}
		in := &inbound{header: h}
		first := s.takes(in, 0.1)
		if first != s.takes(in, 0.1) || first && !s.takes(in, 0.2) {
			t.Fatal("one key is sampled now and then")
		}
		if first {
			taken++
		}
	}
	if taken < 900 || taken > 1100 {
		t.Errorf("%d of 10000 at 10%%", taken)
	}
	for _, bad := range []string{"x", "header:", "query:a"} {
		if _, err := parseKey(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	off := 0.0
	r := start(t, shadowPlan, text("a"), text("a"), func(o *Options) {
		o.Table.Routes = []Route{{Name: "off", Path: "/off", Mirror: &off}}
		o.Table.MaxRPS = 0.001
	})
	r.do("GET", "/off", nil)
	r.do("GET", "/1", nil)
	r.do("GET", "/2", nil)
	if x := r.account.only(t); x.Target != "/1" {
		t.Errorf("%s is eligible", x.Target)
	}
}

func TestShadowBreakerOpensAndHeals(t *testing.T) {
	var well atomic.Bool
	r := start(t, shadowPlan, text("a"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "a")
	}))
	b := newShadowBreaker(New, time.Second)
	b.settings.Timeout = 50 * time.Millisecond
	b.reset(1)
	r.proxy.breakers[New][ShadowRole] = b
	sent := 0
	last := func() Exchange {
		r.do("GET", "/", nil)
		sent++
		await(t, "the verdict", func() bool { _, n := r.account.counts(); return n == sent })
		return r.account.all()[sent-1]
	}
	for last().Result.Reason != compare.BreakerOpen {
		if sent > 50 {
			t.Fatal("it never opens")
		}
	}
	if v := metric(t, r.registry, "paritygate_breaker_state", map[string]string{"backend": "new", "role": "shadow"}); v != 2 {
		t.Errorf("breaker_state %v", v)
	}
	well.Store(true)
	await(t, "the breaker to heal", func() bool { return last().Result.Verdict == compare.Match })
}

func TestRecheck(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers string // of new, one byte each; the last one repeats
		want    compare.Verdict
	}{
		{"lag", "xaa", compare.Lagged},
		{"lag of two", "xxaa", compare.Lagged},
		{"half the time", "xaxa", compare.Mismatch},
		{"for good", "x", compare.Mismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n, marked, asked atomic.Int64
			r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if r.Header.Get("Paritygate-Shadow") != "" {
					marked.Add(1)
				}
				_, _ = io.WriteString(w, "a")
			}), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				i := min(int(n.Add(1)), len(c.answers)) - 1
				_, _ = io.WriteString(w, c.answers[i:i+1])
			}), func(o *Options) {
				o.Table.Recheck = RecheckOptions{Attempts: 3, Delay: time.Millisecond, MaxDelay: 4 * time.Millisecond, MaxRPS: 100}
			})
			r.do("GET", "/", nil)
			if x := r.account.only(t); x.Result.Verdict != c.want || len(x.Result.Differences) != 1 {
				t.Errorf("%+v", x.Result)
			}
			if marked.Load() != 0 || asked.Load() < 3 {
				t.Errorf("old was asked %d times, %d marked as shadow", asked.Load(), marked.Load())
			}
			labels := map[string]string{"backend": "old", "role": "authority", "code": "2xx"}
			if n := metric(t, r.registry, "paritygate_requests_total", labels); n != 1 {
				t.Errorf("%v answers of the authority to one client's request: rechecks count among them", n)
			}
			await(t, "memory given back", func() bool { return r.proxy.memory.used.Load() == 0 })
		})
	}
}

func TestRecheckHasABudgetAndBlocksNoWorker(t *testing.T) {
	r := start(t, shadowPlan, text("a"), text("b"), func(o *Options) {
		o.Workers = 1
		o.Table.Recheck = RecheckOptions{Attempts: 3, Delay: time.Hour, MaxDelay: time.Hour, MaxRPS: 2}
	})
	for range 10 {
		r.do("GET", "/", nil)
	}
	await(t, "those without a budget", func() bool { _, n := r.account.counts(); return n == 8 })
	for _, x := range r.account.all() {
		if x.Result.Verdict != compare.Mismatch {
			t.Errorf("%+v", x.Result)
		}
	}
	r.stop()
	if begun, finished := r.account.counts(); begun != 10 || finished != 10 {
		t.Errorf("%d begun, %d finished", begun, finished)
	}
}

func TestReloadSwapsTheTable(t *testing.T) {
	r := start(t, shadowPlan, text("a"), text("a"))
	if err := r.proxy.Reload(Table{Comparer: plain{}, Routes: []Route{{Name: "bad", Path: "x"}}}); err == nil || !strings.Contains(err.Error(), "route 0 (bad)") {
		t.Errorf("%v", err)
	}
	if err := r.proxy.Reload(Table{Comparer: plain{}, Routes: []Route{{Name: "fresh", Path: "/"}}}); err != nil {
		t.Fatal(err)
	}
	if n := metric(t, r.registry, "paritygate_comparisons_total", map[string]string{"route": "fresh", "verdict": "match"}); n != 0 {
		t.Errorf("%v", n)
	}
	r.do("GET", "/", nil)
	if x := r.account.only(t); x.Route != "fresh" {
		t.Errorf("route %s", x.Route)
	}
	if err := r.proxy.Run(canceled()); err != nil {
		t.Error(err)
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
