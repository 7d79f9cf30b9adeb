package proxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// A connection that the server closes while its client may still be sending lingers for half a second after the test.
func TestMain(m *testing.M) {
	testkit.Overlap(8)
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// plans is a Router whose plan a test sets.
type plans struct{ p atomic.Pointer[Plan] }

func (r *plans) Plan() Plan {
	p := *r.p.Load()
	if p.Journal == NotJournaled {
		p.Journal = journaling
	}
	return p
}

// journaling has every test of this package done again with its writes recorded: PARITYGATE_TEST_JOURNAL=first or possible.
var journaling = map[string]JournalMode{"first": JournalFirst, "possible": JournalIfPossible}[os.Getenv("PARITYGATE_TEST_JOURNAL")]

func (r *plans) set(p Plan) { r.p.Store(&p) }

// change derives the next plan from the current one.
func (r *plans) change(f func(*Plan)) {
	p := r.Plan()
	f(&p)
	r.set(p)
}

var (
	shadowPlan = Plan{Epoch: 1, Reads: Old, Shadow: New, Fraction: 1, Writes: Old}
	livePlan   = Plan{Epoch: 2, Reads: New, Shadow: Old, Fraction: 1, Writes: New}
)

// account is an Observer that keeps the books.
type account struct {
	mu        sync.Mutex
	begun     int
	finished  []Exchange
	oldBodies []string
	newBodies []string
	toNew     []uint64
	trips     chan Trip
}

func (a *account) Begin(time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begun++
}

func (a *account) Finish(x *Exchange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.finished = append(a.finished, *x)
	text := func(l Leg) string {
		if l.Answer == nil {
			return ""
		}
		return string(l.Answer.Body)
	}
	a.oldBodies = append(a.oldBodies, text(x.Old))
	a.newBodies = append(a.newBodies, text(x.New))
}

func (a *account) WriteToNew(epoch uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.toNew = append(a.toNew, epoch)
}

func (a *account) Tripped(t Trip) { a.trips <- t }

func (a *account) counts() (begun, finished int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.begun, len(a.finished)
}

// only waits for the one exchange of a test and returns it.
func (a *account) only(t *testing.T) Exchange {
	t.Helper()
	await(t, "one finished exchange", func() bool { _, n := a.counts(); return n >= 1 })
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begun != 1 || len(a.finished) != 1 {
		t.Fatalf("%d begun, %d finished, want 1 and 1", a.begun, len(a.finished))
	}
	return a.finished[0]
}

// plain compares status and bytes, and panics where a test asks for it.
type plain struct{}

func (plain) Compare(old, new *compare.Answer) compare.Result {
	if bytes.Contains(old.Body, []byte("panic please")) {
		panic("as asked")
	}
	if old.Status == new.Status && old.Size == new.Size && old.Digest == new.Digest && bytes.Equal(old.Body, new.Body) {
		return compare.Result{Verdict: compare.Match}
	}
	return compare.Result{Verdict: compare.Mismatch, Differences: []compare.Difference{
		{Location: compare.InBody, Path: "$", Kind: compare.KindValue, Old: string(old.Body), New: string(new.Body)},
	}}
}

// rig is a proxy between two real backends.
type rig struct {
	t        *testing.T
	proxy    *Proxy
	router   *plans
	account  *account
	registry *prometheus.Registry
	url      string
	address  string
	client   *http.Client
	old, new *httptest.Server
	stop     func() // ends Run and waits for it
}

// start builds a rig; change may alter the options.
func start(t *testing.T, plan Plan, old, new http.Handler, change ...func(*Options)) *rig {
	t.Helper()
	return startAt(t, plan, serve(t, old), serve(t, new), change...)
}

func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = nil
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func startAt(t *testing.T, plan Plan, old, new *httptest.Server, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, router: &plans{}, account: &account{trips: make(chan Trip, 16)}, registry: prometheus.NewRegistry(), old: old, new: new}
	r.router.set(plan)
	o := Options{
		Run: "test", Router: r.router, Observer: r.account, Registerer: r.registry, Workers: 4, Queue: 64,
		Old: BackendOptions{URL: parseURL(t, old.URL), Timeout: 5 * time.Second}, New: BackendOptions{URL: parseURL(t, new.URL), Timeout: 5 * time.Second},
		Table: Table{Comparer: plain{}, ShadowTimeout: 5 * time.Second},
	}
	if journaling != NotJournaled {
		o.Journal, o.JournalBody = &notebook{}, 1<<10
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	if r.proxy, err = NewProxy(o); err != nil {
		t.Fatal(err)
	}
	so := ServerOptions{Address: "127.0.0.1:0"}
	l, err := Listen(t.Context(), so)
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(so, r.proxy)
	served := make(chan struct{})
	go func() { _ = server.Serve(l); close(served) }()
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { _ = r.proxy.Run(ctx); close(ran) }()
	r.stop = func() { cancel(); <-ran }
	r.address, r.url = l.Addr().String(), "http://"+l.Addr().String()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	r.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
		r.old.CloseClientConnections()
		r.new.CloseClientConnections()
		r.stop()
	})
	return r
}

func parseURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// do sends a request and returns the answer and its body.
func (r *rig) do(method, path string, body io.Reader, header ...string) (*http.Response, string) {
	r.t.Helper()
	resp, text, err := r.try(method, path, body, header...)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, text
}

func (r *rig) try(method, path string, body io.Reader, header ...string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, body)
	if err != nil {
		return nil, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

// raw sends bytes on a connection of its own, half-closes it if asked to, and returns what comes back until the end.
func (r *rig) raw(request string) string {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
}

// hang answers nothing until the other side leaves.
func hang() http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
}

// rawBackend accepts connections and gives each to serve, with its number.
func rawBackend(t *testing.T, serve func(n int, c net.Conn)) *httptest.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() { defer func() { _ = c.Close() }(); serve(n, c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return &httptest.Server{URL: "http://" + l.Addr().String(), Listener: l, Config: &http.Server{}}
}

// await waits for a condition, by polling, up to ten seconds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-tick.C
	}
}

func metric(t *testing.T, g prometheus.Gatherer, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	next:
		for _, m := range f.GetMetric() {
			have := map[string]string{}
			for _, l := range m.GetLabel() {
				have[l.GetName()] = l.GetValue()
			}
			for k, v := range labels {
				if have[k] != v {
					continue next
				}
			}
			if m.Counter != nil {
				return m.GetCounter().GetValue()
			}
			return m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s%v", name, labels)
	return 0
}

// all returns what is finished so far.
func (a *account) all() []Exchange {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Exchange(nil), a.finished...)
}
