package proxy

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
)

// canaryPlan gives new all reads that take part, and mirrors everything.
var canaryPlan = Plan{Epoch: 1, Reads: Old, Shadow: New, Fraction: 1, Canary: 1, Writes: Old}

// inCanary asks the proxy alone, without any traffic.
func inCanary(t testing.TB, o CanaryOptions) (p *Proxy, takes func(in *inbound, fraction float64) bool) {
	t.Helper()
	router := &plans{}
	router.set(canaryPlan)
	u := parseURL(t, "http://127.0.0.1:1")
	p, err := NewProxy(Options{
		Run: "test", Router: router, Observer: nobody{}, Old: BackendOptions{URL: u}, New: BackendOptions{URL: u},
		Table: Table{Comparer: plain{}, Canary: o, Key: o.Key, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, func(in *inbound, fraction float64) bool {
		plan, table := canaryPlan, p.table.Load()
		plan.Canary = fraction
		got := p.assigned(in, table.read, table, plan)
		if (got.Reads == New) != (got.Shadow == Old) {
			t.Fatalf("%s answers and %s is its shadow", got.Reads, got.Shadow)
		}
		return got.Reads == New
	}
}

func keyed(name, value string) *inbound {
	return &inbound{header: http.Header{name: {value}}, remote: "192.0.2.1"}
}

// The share is the fraction's, whoever is in stays in, and the mirror's choice by the same key is independent of it.
func TestTheCanaryIsStickyByKey(t *testing.T) {
	p, takes := inCanary(t, CanaryOptions{Key: "header:X-User-Id"})
	const users = 20000
	fractions := []float64{0, 0.01, 0.05, 0.3, 0.9, 1}
	counts := make([]int, len(fractions))
	both := 0
	for i := range users {
		in, before := keyed("X-User-Id", fmt.Sprint("user-", i)), false
		for j, fraction := range fractions {
			now := takes(in, fraction)
			if before && !now {
				t.Fatalf("user %d leaves when the fraction grows to %g", i, fraction)
			}
			if before = now; now {
				counts[j]++
			}
		}
		if takes(in, 0.3) && p.table.Load().sampleBy.takes(in, 0.3) {
			both++
		}
	}
	for j, f := range fractions {
		if off := math.Abs(float64(counts[j]) - f*users); off > 4*math.Sqrt(users*f*(1-f)) {
			t.Errorf("%d of %d users in the canary of %g", counts[j], users, f)
		}
	}
	if want := 0.09 * users; math.Abs(float64(both)-want) > 4*math.Sqrt(want) {
		t.Errorf("%d users are in the canary and mirrored, want about %g", both, want)
	}
}

func TestWhatTheCanaryGoesBy(t *testing.T) {
	p, _ := inCanary(t, CanaryOptions{Key: "cookie:sid"})
	table := p.table.Load()
	from := func(remote string, forwarded ...string) *inbound {
		addr, _ := netip.ParseAddr(remote)
		return &inbound{remote: remote, trusted: inAny(table.TrustedProxies, addr), header: http.Header{"X-Forwarded-For": forwarded}}
	}
	cookie := func(lines ...string) *inbound {
		return &inbound{remote: "192.0.2.9", header: http.Header{"Cookie": lines}}
	}
	for _, c := range []struct {
		name string
		a, b *inbound
		same bool
	}{
		{"one cookie", cookie("sid=1; x=2"), cookie("y=3", "x=3 ; sid=1"), true},
		{"a quoted cookie", cookie(`sid="1"`), cookie("sid=1"), true},
		{"two cookies", cookie("sid=1"), cookie("sid=2"), false},
		{"a longer name", cookie("sid=1"), cookie("xsid=2; sid=1"), true},
		{"no cookie: the address", cookie("x=1"), from("192.0.2.9"), true},
		{"an empty cookie: the address", cookie("sid="), from("192.0.2.9"), true},
		{"two addresses", from("192.0.2.1"), from("192.0.2.2"), false},
		{"IPv4 in IPv6", from("::ffff:192.0.2.1"), from("192.0.2.1"), true},
		{"one network of IPv6", from("2001:db8::1"), from("2001:db8::ffff:2"), true},
		{"two networks of IPv6", from("2001:db8:0:1::1"), from("2001:db8:0:2::1"), false},
		{"behind a trusted proxy", from("10.0.0.1", "192.0.2.1"), from("192.0.2.1"), true},
		{"behind two", from("10.0.0.1", "192.0.2.1, 10.0.0.2"), from("192.0.2.1"), true},
		{"behind two, in two lines", from("10.0.0.1", "192.0.2.1", "10.0.0.2"), from("192.0.2.1"), true},
		{"with a port", from("10.0.0.1", "192.0.2.1:4711"), from("192.0.2.1"), true},
		{"in brackets", from("10.0.0.1", "[2001:db8::1]"), from("2001:db8::1"), true},
		{"what the client has put there", from("10.0.0.1", "203.0.113.7, 192.0.2.1"), from("192.0.2.1"), true},
		{"a proxy that is not trusted", from("192.0.2.1", "203.0.113.7"), from("192.0.2.1"), true},
		{"nonsense", from("10.0.0.1", "unknown"), from("10.0.0.1"), true},
		{"proxies alone", from("10.0.0.1", "10.0.0.3, 10.0.0.2"), from("10.0.0.3"), true},
	} {
		if same := table.canaryKey(c.a) == table.canaryKey(c.b); same != c.same {
			t.Errorf("%s: one key: %v", c.name, same)
		}
	}
}

// Another hash would move everybody to another side in the middle of a run.
func TestTheCanarysHashStaysAsItIs(t *testing.T) {
	p, _ := inCanary(t, CanaryOptions{Key: "header:X-User-Id"})
	table := p.table.Load()
	if key, address := table.canaryKey(keyed("X-User-Id", "user-1")), table.canaryKey(keyed("X-User-Id", "")); key != 0x9bf5f2f09cd51c7 || address != 0xe8ba6e72fb0ed39c {
		t.Errorf("%#x for user-1, %#x for 192.0.2.1", key, address)
	}
}

func TestTheCanaryAllocatesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		key string
		in  *inbound
	}{
		"header":  {"header:X-User-Id", keyed("X-User-Id", "user-1")},
		"cookie":  {"cookie:sid", keyed("Cookie", "a=b; sid=1")},
		"address": {"", &inbound{remote: "10.0.0.1", trusted: true, header: http.Header{"X-Forwarded-For": {"2001:db8::1, 10.0.0.2"}}}},
	} {
		p, takes := inCanary(t, CanaryOptions{Key: c.key, AfterWrite: time.Minute})
		p.recent.end(p.recent.begin(7, time.Minute))
		if n := testing.AllocsPerRun(100, func() { takes(c.in, 1) }); n > 0 {
			t.Errorf("%s: %g allocations", name, n)
		}
	}
}

// Whoever answers, old's answer is compared as old's and new's as new's; the share of old is asked by the plan as before.
func TestTheCanaryMirrorsTheOtherOne(t *testing.T) {
	from := func(name string) (http.Handler, *atomic.Int64) {
		shadows := &atomic.Int64{}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get(shadowHeader) != "" {
				shadows.Add(1)
			}
			_, _ = io.WriteString(w, "from "+name)
		}), shadows
	}
	old, oldShadows := from("old")
	fresh, newShadows := from("new")
	plan := canaryPlan
	plan.Canary = 0.5
	r := start(t, plan, old, fresh, func(o *Options) {
		o.Table.Canary = CanaryOptions{Key: "header:X-User-Id"}
		o.Table.Routes = []Route{{Name: "reshaped", Path: "/reshaped", Withheld: true}}
	})
	const users = 60
	byNew := 0
	for i := range users {
		user := fmt.Sprint("user-", i)
		_, first := r.do("GET", "/x", nil, "X-User-Id", user)
		if _, again := r.do("GET", "/y", nil, "X-User-Id", user); again != first {
			t.Fatalf("%s is answered %s and %s", user, first, again)
		}
		if _, other := r.do("GET", "/reshaped", nil, "X-User-Id", user); other != "from old" {
			t.Fatalf("a withheld route is answered %s", other)
		}
		if first == "from new" {
			byNew++
		}
	}
	await(t, "every verdict", func() bool { _, n := r.account.counts(); return n == 3*users })
	counted := 0
	for _, x := range r.account.all() {
		if x.Authority == New {
			counted++
		}
		if d := x.Result.Differences; len(d) != 1 || d[0].Old != "from old" || d[0].New != "from new" || x.Old.Duration <= 0 || x.New.Duration <= 0 {
			t.Fatalf("authority %s: %+v, old %+v, new %+v", x.Authority, d, x.Old, x.New)
		}
	}
	if byNew == 0 || byNew == users || counted != 2*byNew || oldShadows.Load() != int64(2*byNew) || newShadows.Load() != int64(3*users-2*byNew) {
		t.Errorf("new answered %d users, %d exchanges; old was the shadow of %d, new of %d", byNew, counted, oldShadows.Load(), newShadows.Load())
	}
}

// What failed and what agreed later is told of the right side, and the right one is asked again.
func TestVerdictsWhereNewIsTheAuthority(t *testing.T) {
	once := func(first, then string) (http.Handler, *atomic.Int64) {
		n := &atomic.Int64{}
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1) == 1 {
				_, _ = io.WriteString(w, first)
				return
			}
			_, _ = io.WriteString(w, then)
		}), n
	}
	quick := func(o *Options) {
		o.Table.Recheck = RecheckOptions{Attempts: 3, Delay: time.Millisecond, MaxDelay: time.Millisecond, MaxRPS: 1e6}
	}
	t.Run("new lags", func(t *testing.T) {
		old, askedOld := once("a", "a")
		fresh, askedNew := once("stale", "a")
		r := start(t, canaryPlan, old, fresh, quick)
		if _, body := r.do("GET", "/", nil); body != "stale" {
			t.Fatalf("the client got %q", body)
		}
		if x := r.account.only(t); x.Result.Verdict != compare.Lagged || askedOld.Load() != 3 || askedNew.Load() != 3 {
			t.Errorf("%s; old was asked %d times, new %d times", x.Result.Verdict, askedOld.Load(), askedNew.Load())
		}
	})
	t.Run("the phase changes during the recheck", func(t *testing.T) {
		fresh, _ := once("stale", "a")
		r := start(t, shadowPlan, text("a"), fresh, quick, func(o *Options) { o.Table.Recheck.Delay = 5 * time.Millisecond })
		r.do("GET", "/", nil)
		canary := canaryPlan
		canary.Epoch++
		r.router.set(canary)
		if x := r.account.only(t); x.Result.Verdict != compare.Lagged {
			t.Errorf("%s: the canary makes a lag a mismatch", x.Result.Verdict)
		}
	})
	t.Run("new fails", func(t *testing.T) {
		r := start(t, canaryPlan, text("a"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
		r.do("GET", "/", nil)
		if x := r.account.only(t); x.Result.Reason != compare.AuthorityError || x.New.Status != 500 || x.Old.Status != 0 {
			t.Errorf("%+v, old %+v, new %+v", x.Result, x.Old, x.New)
		}
	})
	t.Run("old fails as the shadow", func(t *testing.T) {
		r := startAt(t, canaryPlan, deadServer(t), serve(t, text("a")))
		r.do("GET", "/", nil)
		if x := r.account.only(t); x.Result.Verdict != compare.Failed || x.Old.Err == nil || x.New.Err != nil {
			t.Errorf("%+v, old %v, new %v", x.Result, x.Old.Err, x.New.Err)
		}
	})
	t.Run("no second read of new", func(t *testing.T) {
		fresh, asked := once("a", "b")
		r := start(t, canaryPlan, text("a"), fresh, noisy(t))
		r.do("GET", "/", nil)
		if x := r.account.only(t); x.Pair != nil || asked.Load() != 1 {
			t.Errorf("%+v; new was asked %d times", x.Pair, asked.Load())
		}
	})
}

// A rollback is one plan: the next read is old's, and one that is under way at new ends there.
func TestTheCanaryEndsAtOnce(t *testing.T) {
	asked, finish := make(chan struct{}), make(chan struct{})
	r := start(t, canaryPlan, text("from old"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(asked)
			<-finish
		}
		_, _ = io.WriteString(w, "from new")
	}))
	slow := make(chan string, 1)
	go func() { _, body, _ := r.try("GET", "/slow", nil); slow <- body }()
	<-asked
	r.router.set(Plan{Epoch: 2, Reads: Old, Shadow: New, Fraction: 1, Writes: Old})
	if _, body := r.do("GET", "/", nil); body != "from old" {
		t.Errorf("after the rollback: %q", body)
	}
	close(finish)
	if body := <-slow; body != "from new" {
		t.Errorf("what was under way got %q", body)
	}
}

// I2: status, headers, bytes and trailers from new are those that old's would have been, with 50 clients at a time and the other one mirrored.
func TestNewsAnswersPassAsOldsDo(t *testing.T) {
	backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &i)
		body := strings.Repeat(fmt.Sprintf("%d,", i), 1<<(i%14))
		h := w.Header()
		h.Set("Date", "Sat, 21 Nov 2026 00:00:00 GMT")
		h.Add("Set-Cookie", "a=1")
		h.Add("Set-Cookie", fmt.Sprintf("b=%d", i))
		if i%3 == 0 {
			h.Set("Content-Length", fmt.Sprint(len(body)))
		}
		if i%5 == 0 {
			h.Set("Trailer", "X-Sum")
		}
		w.WriteHeader([]int{200, 201, 203, 404, 410}[i%5])
		_, _ = io.WriteString(w, body)
		if i%5 == 0 {
			h.Set("X-Sum", "7")
		}
	})
	r := start(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, backend, backend, func(o *Options) { o.Queue, o.Table.MaxBody = 256, 8<<10 })
	ask := func(i int) string {
		resp, body, err := r.try("GET", fmt.Sprintf("/%d", i), nil)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(resp.Status, resp.Proto, resp.Header, resp.ContentLength, resp.TransferEncoding, resp.Trailer, body)
	}
	olds := make([]string, 50)
	for i := range olds {
		olds[i] = ask(i)
	}
	plan := canaryPlan
	plan.Fallback = true
	r.router.set(plan)
	clients(50, 4, func(i, _ int) {
		if got := ask(i); got != olds[i] {
			t.Errorf("answer %d: %d bytes from new, %d from old", i, len(got), len(olds[i]))
		}
	})
	await(t, "every verdict", func() bool { b, n := r.account.counts(); return b == n && n == 200 })
	for _, x := range r.account.all() {
		if x.Authority != New || x.Result.Verdict != compare.Match {
			t.Fatalf("%s %s is %s", x.Authority, x.Target, x.Result.Verdict)
		}
	}
}

// I3, and streams: no write reaches new, and a stream that new began in the canary goes on until new has lost the reads.
func TestWritesAndStreamsInTheCanary(t *testing.T) {
	var writes atomic.Int64
	r := start(t, canaryPlan, text("from old"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			writes.Add(1)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "PURGE"} {
		if _, body := r.do(method, "/", strings.NewReader("x")); body != "from old" {
			t.Errorf("%s is answered %q", method, body)
		}
	}
	resp, err := r.client.Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got := make([]byte, 9)
	if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != "data: 1\n\n" {
		t.Fatalf("%q, %v", got, err)
	}
	r.proxy.CloseStrayed()
	if n := r.proxy.Writes(New).Streams; n != 1 {
		t.Errorf("%d streams at new in the canary", n)
	}
	r.router.set(shadowPlan)
	r.proxy.CloseStrayed()
	if _, err := resp.Body.Read(got); err == nil {
		t.Error("the stream goes on without the canary")
	}
	if writes.Load() > 0 {
		t.Errorf("%d writes reached new", writes.Load())
	}
}

// BenchmarkCanaryChoice is what a canary costs a read before it is asked, by what it goes.
func BenchmarkCanaryChoice(b *testing.B) {
	for name, c := range map[string]struct {
		key string
		in  *inbound
	}{
		"header":  {"header:X-User-Id", keyed("X-User-Id", "user-1")},
		"cookie":  {"cookie:sid", keyed("Cookie", "theme=dark; sid=5f3c9e")},
		"address": {"", &inbound{remote: "192.0.2.1", header: http.Header{}}},
	} {
		b.Run(name, func(b *testing.B) {
			p, takes := inCanary(b, CanaryOptions{Key: c.key, AfterWrite: time.Minute})
			p.recent.end(p.recent.begin(7, time.Minute))
			b.ReportAllocs()
			for b.Loop() {
				takes(c.in, 1)
			}
		})
	}
}
