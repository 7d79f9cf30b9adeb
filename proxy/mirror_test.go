package proxy

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
)

func TestVerdicts(t *testing.T) {
	status := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	for _, c := range []struct {
		name     string
		old, new http.Handler
		verdict  compare.Verdict
		reason   compare.Reason
		change   func(*Options)
	}{
		{name: "match", old: text("a"), new: text("a"), verdict: compare.Match},
		{name: "mismatch", old: text("a"), new: text("b"), verdict: compare.Mismatch},
		{name: "hangs", old: text("a"), new: hang(), verdict: compare.Failed, change: func(o *Options) { o.Table.ShadowTimeout = 50 * time.Millisecond }},
		{name: "shadow 5xx is an answer", old: text("a"), new: status(500), verdict: compare.Mismatch},
		{name: "authority 5xx", old: status(503), new: text("a"), verdict: compare.Skipped, reason: compare.AuthorityError},
		{name: "304", old: status(304), new: text("a"), verdict: compare.Skipped, reason: compare.Conditional},
		{name: "206", old: status(206), new: text("a"), verdict: compare.Skipped, reason: compare.Conditional},
		{name: "panic", old: text("panic please"), new: text("a"), verdict: compare.Skipped, reason: compare.Panic},
		{name: "no memory", old: text("a"), new: text("a"), verdict: compare.Skipped, reason: compare.Memory, change: func(o *Options) { o.Memory = 1 }},
		{name: "memory for one side", old: text("a"), new: text("a"), verdict: compare.Skipped, reason: compare.Memory, change: func(o *Options) { o.Memory = smallest }},
		{name: "large, by hash", old: text(strings.Repeat("a", 9999)), new: text(strings.Repeat("a", 9999)), verdict: compare.Match, change: func(o *Options) { o.Table.MaxBody = 100 }},
		{name: "large, differs at the end", old: text(strings.Repeat("a", 9999) + "b"), new: text(strings.Repeat("a", 9999) + "c"), verdict: compare.Mismatch, change: func(o *Options) { o.Table.MaxBody = 100 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*Options) {}
			}
			r := start(t, shadowPlan, c.old, c.new, change)
			r.do("GET", "/x?q=1", nil, "X-A", "b")
			x := r.account.only(t)
			if x.Result.Verdict != c.verdict || x.Result.Reason != c.reason {
				t.Fatalf("%s %s, want %s %s (%v)", x.Result.Verdict, x.Result.Reason, c.verdict, c.reason, x.New.Err)
			}
			if x.Target != "/x?q=1" || x.Header.Get("X-A") != "b" || x.Route != "read" || x.Fingerprint == 0 || x.Epoch != 1 {
				t.Errorf("%+v", x)
			}
			if (c.verdict == compare.Failed) != (x.New.Err != nil) {
				t.Errorf("new's error: %v", x.New.Err)
			}
			if n := metric(t, r.registry, "paritygate_comparisons_total", map[string]string{"route": "read", "verdict": string(c.verdict)}); n != 1 {
				t.Errorf("comparisons_total %v", n)
			}
			if n := metric(t, r.registry, "paritygate_pending", nil); n != 0 {
				t.Errorf("pending %v", n)
			}
			await(t, "memory given back", func() bool { return r.proxy.memory.used.Load() == 0 })
		})
	}
}

func TestStaleShadowIsAskedButNotCompared(t *testing.T) {
	r := start(t, Plan{Epoch: 3, Reads: New, Shadow: Old, Fraction: 1, Writes: New, Stale: true}, text("a"), text("b"))
	r.do("GET", "/", nil)
	if x := r.account.only(t); x.Result.Reason != compare.Stale || x.Old.Status != 200 || x.New.Status != 200 {
		t.Errorf("%+v", x)
	}
}

// behind is a router in live whose shadow lacks writes for the next so many looks.
type behind struct{ looks atomic.Int64 }

func (b *behind) Plan() Plan {
	plan := livePlan
	plan.Stale = b.looks.Add(-1) >= 0
	return plan
}

func TestAShadowThatIsBehindForAMomentIsNotJudged(t *testing.T) {
	const forGood = 1000
	for _, c := range []struct {
		name    string
		answers string        // of old, one byte each; new's is always a. The last one repeats
		looks   map[int]int64 // for how many looks old is behind, from which of its answers on
		once    bool          // it is not asked again
		verdict compare.Verdict
		reason  compare.Reason
	}{
		{name: "a write came in before old answered, and nobody asks again", answers: "x", looks: map[int]int64{1: forGood}, once: true, verdict: compare.Skipped, reason: compare.Stale},
		{name: "a write came in before old answered", answers: "x", looks: map[int]int64{1: forGood}, verdict: compare.Skipped, reason: compare.Stale},
		{name: "behind during the recheck, and then as new", answers: "xxa", looks: map[int]int64{2: 3}, verdict: compare.Lagged},
		{name: "behind during the recheck, and different for good", answers: "x", looks: map[int]int64{2: 3}, verdict: compare.Mismatch},
		{name: "behind from the recheck on", answers: "x", looks: map[int]int64{2: forGood}, verdict: compare.Skipped, reason: compare.Stale},
		{name: "an agreement counts though old is behind again", answers: "xa", looks: map[int]int64{2: 1}, verdict: compare.Lagged},
	} {
		t.Run(c.name, func(t *testing.T) {
			router := &behind{}
			router.looks.Store(0)
			var n atomic.Int64
			old := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				i := int(n.Add(1))
				if looks := c.looks[i]; looks > 0 {
					router.looks.Store(looks)
				}
				at := min(i, len(c.answers))
				_, _ = io.WriteString(w, c.answers[at-1:at])
			})
			r := start(t, livePlan, old, text("a"), func(o *Options) {
				o.Router = router
				o.Table.Recheck = RecheckOptions{Attempts: 3, Delay: time.Millisecond, MaxDelay: time.Millisecond, MaxRPS: 1e6}
				if c.once {
					o.Table.Recheck.Attempts = 0
				}
			})
			r.do("GET", "/", nil)
			if x := r.account.only(t); x.Result.Verdict != c.verdict || x.Result.Reason != c.reason {
				t.Errorf("%s %s, want %s %s", x.Result.Verdict, x.Result.Reason, c.verdict, c.reason)
			}
		})
	}
}

func TestOldIsAlwaysComparedFirst(t *testing.T) {
	r := start(t, livePlan, text("from old"), text("from new"))
	if _, body := r.do("GET", "/", nil); body != "from new" {
		t.Fatalf("the client got %q", body)
	}
	x := r.account.only(t)
	if d := x.Result.Differences; len(d) != 1 || d[0].Old != "from old" || d[0].New != "from new" {
		t.Errorf("%+v", d)
	}
	if r.account.oldBodies[0] != "from old" || r.account.newBodies[0] != "from new" {
		t.Error("the legs are swapped")
	}
}

func TestShadowHeaderIsOnTheShadowLegAlone(t *testing.T) {
	var old, fresh atomic.Pointer[http.Header]
	keep := func(p *atomic.Pointer[http.Header]) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { p.Store(&r.Header) })
	}
	r := start(t, shadowPlan, keep(&old), keep(&fresh))
	r.do("GET", "/", nil, "Paritygate-Shadow", "1")
	r.account.only(t)
	if old.Load().Get("Paritygate-Shadow") != "" || fresh.Load().Get("Paritygate-Shadow") != "1" {
		t.Errorf("old %q, new %q", old.Load().Get("Paritygate-Shadow"), fresh.Load().Get("Paritygate-Shadow"))
	}
}

// Rule 4.
func TestRule04_TheShadowGetsTheWholeBodyOrNone(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]string{}
	keep := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/early" && name == "old" {
				_, _ = io.WriteString(w, "no need to read")
				return
			}
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			got[name+r.URL.Path] = string(body)
			mu.Unlock()
		})
	}
	r := start(t, shadowPlan, keep("old"), keep("new"), func(o *Options) {
		o.Table.MaxBody = 1000
		o.Table.Routes = []Route{{Name: "query", Methods: []string{"POST"}}}
	})
	for i, c := range []struct {
		path, contentType string
		size              int
		chunked, mirrored bool
		reason            compare.Reason
	}{
		{"/small", "application/octet-stream", 999, false, true, ""},
		{"/chunked", "application/octet-stream", 999, true, true, ""},
		{"/json", "application/json", 999, true, true, ""},
		{"/large", "application/octet-stream", 5000, false, false, compare.RequestBody},
		{"/large-chunked", "application/octet-stream", 5000, true, false, compare.RequestBody},
		{"/large-json", "application/json", 5000, true, false, compare.RequestBody},
		{"/early", "application/octet-stream", 8 << 20, false, false, compare.RequestBody},
	} {
		body := strings.Repeat("x", c.size)
		var reader io.Reader = strings.NewReader(body)
		if c.chunked {
			reader = io.MultiReader(reader)
		}
		_, _, _ = r.try("POST", c.path, reader, "Content-Type", c.contentType)
		await(t, "the verdict of "+c.path, func() bool { _, n := r.account.counts(); return n == i+1 })
		mu.Lock()
		if b, asked := got["new"+c.path]; asked != c.mirrored || asked && b != body {
			t.Errorf("%s: new was asked: %v, with %d bytes", c.path, asked, len(b))
		}
		if c.path != "/early" && got["old"+c.path] != body {
			t.Errorf("%s: old got %d bytes of %d", c.path, len(got["old"+c.path]), len(body))
		}
		mu.Unlock()
		if reason := r.account.all()[i].Result.Reason; reason != c.reason && c.path != "/early" {
			t.Errorf("%s: skipped for %q, want %q", c.path, reason, c.reason)
		}
	}
	await(t, "memory given back", func() bool { return r.proxy.memory.used.Load() == 0 })
}

// Rule 9 and I3: no write is ever mirrored.
func TestRule09_WritesAreNeverMirrored(t *testing.T) {
	var asked atomic.Int64
	r := start(t, shadowPlan, text("a"), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }), func(o *Options) {
		o.Table.Routes = []Route{{Name: "graphql", Methods: []string{"POST"}, Path: "/graphql"}}
	})
	r.do("POST", "/x", strings.NewReader("x"))
	r.do("DELETE", "/x", nil)
	r.do("GET", "/x", nil, "X-HTTP-Method-Override", "DELETE")
	r.do("POST", "/graphql", strings.NewReader(`{"query":"mutation{a}"}`), "Content-Type", "application/json")
	r.do("GET", "/graphql?query=mutation%7Ba%7D", nil)
	r.stop()
	if n := asked.Load(); n != 0 {
		t.Errorf("new was asked %d times", n)
	}
	if begun, _ := r.account.counts(); begun != 0 {
		t.Errorf("%d writes are eligible", begun)
	}
}

func TestAnExchangeIsFinishedOnce(t *testing.T) {
	r := start(t, shadowPlan, text("a"), text("a"))
	in := &inbound{method: "GET", target: "/", header: http.Header{}}
	table := r.proxy.table.Load()
	x := r.proxy.sample(in, table.read, table, shadowPlan)
	clients(8, 1, func(int, int) { x.skip(compare.Panic) })
	x.abandon()
	r.account.only(t)
}
