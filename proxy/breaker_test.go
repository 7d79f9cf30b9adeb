package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// From the first failure to the trip: well under half a second at 200 requests/s, after a long time of health.
func TestTripIsFast(t *testing.T) {
	var ill atomic.Bool
	r := start(t, livePlan, text("a"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if ill.Load() {
			w.WriteHeader(500)
		}
	}))
	var failures atomic.Int64
	clients(8, 250, func(int, int) { r.do("GET", "/", nil) }) // the window is full of successes
	ill.Store(true)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			r.do("GET", fmt.Sprintf("/%d", i), nil)
			failures.Add(1)
		}
	})
	trip := <-r.account.trips
	close(stop)
	wg.Wait()
	if n := failures.Load(); n > 60 { // at 200 a second: 0.3 s
		t.Errorf("it took %d failures", n)
	}
	if trip.Epoch != 2 || trip.Backend != New || trip.Failures < 10 || !strings.Contains(trip.Reason, "new failed") {
		t.Errorf("%+v", trip)
	}
	clients(1, 100, func(_, i int) { r.do("GET", fmt.Sprintf("/more/%d", i), nil) })
	select {
	case trip := <-r.account.trips:
		t.Errorf("a second trip in one epoch: %+v", trip)
	default:
	}
	if resp, _ := r.do("GET", "/", nil); resp.StatusCode != 500 {
		t.Errorf("the open breaker routes: %d", resp.StatusCode)
	}
	r.router.change(func(p *Plan) { p.Epoch++ })
	r.proxy.ResetBreakers()
	clients(1, 60, func(_, i int) { r.do("GET", fmt.Sprintf("/again/%d", i), nil) })
	if trip := <-r.account.trips; trip.Epoch != 3 {
		t.Errorf("%+v", trip)
	}
}

func TestTripNeedsDistinctRequestsUnlessConnectionsFail(t *testing.T) {
	outcome := func(b *breaker, n int, key func(int) uint64, err error) {
		for i := range n {
			b.record(1, func() uint64 { return key(i) }, err)
		}
	}
	same := func(int) uint64 { return 7 }
	each := func(i int) uint64 { return uint64(i) }
	for _, c := range []struct {
		name string
		run  func(b *breaker)
		want int
	}{
		{"one poison request", func(b *breaker) { outcome(b, 100, same, errFailure) }, 0},
		{"many requests", func(b *breaker) { outcome(b, 100, each, errFailure) }, 1},
		{"one poison request, and a connection that failed", func(b *breaker) { outcome(b, 1, same, errConnect); outcome(b, 100, same, errFailure) }, 0},
		{"no connection", func(b *breaker) { outcome(b, 100, same, errConnect) }, 1},
		{"too few", func(b *breaker) { outcome(b, 9, each, errFailure); outcome(b, 30, each, nil) }, 0},
		{"below the rate", func(b *breaker) { outcome(b, 1000, each, nil); outcome(b, 15, each, errFailure) }, 0},
		{"clients that leave", func(b *breaker) { outcome(b, 100, each, errNoBlame) }, 0},
		{"an earlier epoch", func(b *breaker) { b.restart(2); outcome(b, 100, each, errFailure) }, 0},
	} {
		trips := 0
		o := Options{}.withDefaults().Trip
		b := newAuthorityBreaker(New, o, func(Trip) { trips++ })
		if c.run(b); trips != c.want {
			t.Errorf("%s: %d trips", c.name, trips)
		}
	}
}

func TestFallback(t *testing.T) {
	p := livePlan
	p.Fallback, p.Shadow, p.Stale = true, None, true
	body := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "old %s", text)
	})
	ill := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/404":
			w.WriteHeader(404)
		case "/half":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		default:
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(500)
		}
	})
	r := start(t, p, body, ill, func(o *Options) {
		o.Table.Routes = []Route{{Name: "query", Methods: []string{"POST"}, Path: "/query"}}
	})
	if resp, text := r.do("GET", "/x", nil); resp.StatusCode != 200 || text != "old " ||
		resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Paritygate-Fallback") != "old" {
		t.Errorf("5xx: %d %q %v", resp.StatusCode, text, resp.Header)
	}
	if _, text := r.do("POST", "/query", strings.NewReader("q")); text != "old q" {
		t.Errorf("POST read: %q", text)
	}
	if resp, _ := r.do("POST", "/x", strings.NewReader("w")); resp.StatusCode != 500 {
		t.Errorf("a write fell back: %d", resp.StatusCode)
	}
	if resp, _ := r.do("GET", "/404", nil); resp.StatusCode != 404 {
		t.Errorf("404 fell back: %d", resp.StatusCode)
	}
	if _, _, err := r.try("GET", "/half", nil); err == nil {
		t.Error("an answer fell back after its first byte")
	}
	if c := r.proxy.breakers[New][Authority].circuit.Counts(); c.TotalFailures != 4 {
		t.Errorf("new's failures: %+v", c)
	}
	dead := startAt(t, p, serve(t, body), deadServer(t))
	if resp, text := dead.do("GET", "/x", nil); resp.StatusCode != 200 || text != "old " {
		t.Errorf("dead new: %d %q", resp.StatusCode, text)
	}
	both := startAt(t, p, deadServer(t), serve(t, ill))
	if resp, _ := both.do("GET", "/x", nil); resp.StatusCode != 500 || resp.Header.Get("Paritygate-Fallback") != "" {
		t.Errorf("old dead: %d, want new's own answer", resp.StatusCode)
	}
}
