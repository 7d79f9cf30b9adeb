package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestLatencyBuckets(t *testing.T) {
	before := -1
	for d := time.Duration(0); d < 10*time.Minute; d += d/40 + time.Microsecond {
		i := latencyBucket(d)
		if i < before || i >= latencyBuckets {
			t.Fatalf("%s is in bucket %d, after %d", d, i, before)
		}
		before = i
		if from := latencyFrom(i); from > d {
			t.Fatalf("%s is in the bucket from %s on", d, from)
		}
		if i == 0 || i == latencyBuckets-1 {
			continue
		}
		if next := latencyFrom(i + 1); next <= d || float64(next) > float64(latencyFrom(i))*(1+1./16)+1 {
			t.Fatalf("%s is in the bucket from %s to %s", d, latencyFrom(i), next)
		}
	}
	if latencyBucket(-time.Second) != 0 {
		t.Error("a negative latency")
	}
}

func TestQuantilesOfLatencies(t *testing.T) {
	var c counter = *newCounter()
	for i := range 1000 {
		c.took(time.Duration(i+1) * time.Millisecond)
	}
	_, all := c.read()
	for q, want := range map[float64]time.Duration{.5: 501 * time.Millisecond, .99: 991 * time.Millisecond, 1: time.Second} {
		if got := all.Quantile(q); got < want || float64(got) > float64(want)*(1+1./8) {
			t.Errorf("%g: %s, want %s", q, got, want)
		}
	}
	if n := all.Over(512 * time.Millisecond); n < 1000-600 || n > 1000-511 {
		t.Errorf("%d took 512ms or longer", n)
	}
	if n := all.Timed(); n != 1000 {
		t.Errorf("%d", n)
	}
	c.took(2 * time.Second)
	_, more := c.read()
	since := more.Minus(all)
	if since.Timed() != 1 || since.Over(time.Second) != 1 {
		t.Errorf("%d since then", since.Timed())
	}
	var again Latencies
	again.Add(all.List())
	if again != all {
		t.Error("what is listed is not what is added")
	}
	var none Latencies
	if none.Quantile(.99) != 0 || none.Timed() != 0 {
		t.Error("a quantile of nothing")
	}
}

func TestDistinct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d distinct
		for i := range 500 {
			d.see(uint64(i % 5))
		}
		if n := d.within(time.Second); n != 5 {
			t.Errorf("%d of 5", n)
		}
		time.Sleep(2 * time.Second)
		d.see(1)
		if n := d.within(time.Second); n != 1 {
			t.Errorf("%d of 1, the others are older", n)
		}
		for i := range uint64(600) {
			d.see(i * 0x9e3779b97f4a7c15 >> 20)
		}
		if n := d.within(time.Second); n < 500 || n > 700 {
			t.Errorf("%d of 600", n)
		}
		if d.forget(); d.within(time.Hour) != 0 {
			t.Error("not forgotten")
		}
	})
}

// slowAt is what the tests call slow.
const slowAt = 100 * time.Millisecond

// late counts the reads of new that took longer.
func (r *rig) late() (late, all int64) {
	r.proxy.Inspect(slowAt, slowAt)
	_, took := r.proxy.Figures(New, Authority, false)
	return took.Over(slowAt), took.Timed()
}

// A request that hangs neither fails nor ends: it counts as slow while it hangs, once, and no second time when its client has left.
func TestRequestsThatHangCountAsSlow(t *testing.T) {
	p := livePlan
	p.Shadow = None
	r := start(t, p, text("old"), http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/hangs" {
			hang().ServeHTTP(w, req)
		}
	}))
	r.late() // says what is slow
	r.do(http.MethodGet, "/", nil)
	const n = 5
	var left []func()
	for range n {
		left = append(left, r.begin("GET /hangs HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	await(t, "all of them are late", func() bool { late, _ := r.late(); return late == n })
	if late, all := r.late(); late != n || all != n+1 {
		t.Errorf("looked at again: %d late of %d", late, all)
	}
	if d := r.proxy.Different(false, time.Minute, time.Minute, time.Minute); d.Slow != 1 {
		t.Errorf("%+v", d)
	}
	if reads, writes := r.proxy.Hanging(false), r.proxy.Hanging(true); reads != n || writes != 0 {
		t.Errorf("%d reads and %d writes hang", reads, writes)
	}
	for _, leave := range left {
		leave()
	}
	await(t, "nobody is in flight", func() bool { return r.flying(New) == 0 })
	if late, all := r.late(); late != n || all != n+1 || r.proxy.Hanging(false) != 0 {
		t.Errorf("after the clients left: %d late of %d", late, all)
	}
	if a, _ := r.proxy.Figures(New, Authority, false); a.Failed != 0 || a.Succeeded != 1 {
		t.Errorf("a client that left is a failure: %+v", a)
	}
	r.begin("GET /hangs HTTP/1.1\r\nHost: x\r\n\r\n")() // at once
	await(t, "nobody is in flight", func() bool { return r.flying(New) == 0 })
	if _, all := r.late(); all != n+1 {
		t.Errorf("a client that left early says something of new: %d", all)
	}
}

// begin sends a request on a connection of its own, waits until a backend has it, and returns what closes the connection.
func (r *rig) begin(request string) (leave func()) {
	r.t.Helper()
	before := r.flying(New)
	conn := dial(r.t, r.address)
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	await(r.t, "the request in flight", func() bool { return r.flying(New) > before })
	return func() { _ = conn.Close() }
}

// flying counts the requests in flight at a backend as the authority.
func (r *rig) flying(b Backend) (n int) {
	r.proxy.figures.flights[b][Authority].each(func(*flight) { n++ })
	return n
}

// The time for which a client sends its body is not new's.
func TestASlowUploadIsNotSlow(t *testing.T) {
	p := livePlan
	p.Shadow = None
	r := start(t, p, text("old"), text("new"))
	r.late()
	conn := dial(t, r.address)
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "POST /w HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
	await(t, "the request in flight", func() bool { return r.flying(New) == 1 })
	began := time.Now()
	await(t, "a client that is slow", func() bool { r.late(); return time.Since(began) > 3*slowAt })
	_, _ = io.WriteString(conn, "cd")
	await(t, "the answer", func() bool { a, _ := r.proxy.Figures(New, Authority, true); return a.Succeeded == 1 })
	if _, took := r.proxy.Figures(New, Authority, true); took.Timed() != 1 || took.Over(slowAt) != 0 {
		t.Errorf("%d of %d are slow", took.Over(slowAt), took.Timed())
	}
}

// An answer that stops in the middle is a failure once it stood still for the backend's timeout; it is not ended, and counts once.
func TestAnAnswerThatStallsIsAFailure(t *testing.T) {
	p := livePlan
	p.Shadow = None
	goOn := make(chan struct{})
	r := start(t, p, text("old"), http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/known" {
			w.Header().Set("Content-Length", "8")
		}
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		<-goOn
		_, _ = io.WriteString(w, "half")
	}), func(o *Options) { o.New.Timeout = slowAt })
	end := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(end)
	answers := make(chan string, 2)
	for _, path := range []string{"/known", "/stream"} {
		go func() {
			_, body, err := r.try(http.MethodGet, path, nil)
			answers <- fmt.Sprint(body, err)
		}()
	}
	failed := func() uint32 {
		r.proxy.Inspect(0, 0)
		a, _ := r.proxy.Figures(New, Authority, false)
		return a.Failed
	}
	await(t, "one failure", func() bool { return failed() == 1 })
	began := time.Now()
	await(t, "time to pass", func() bool { return failed() == 1 && time.Since(began) > 2*slowAt })
	end()
	for range 2 {
		if got := <-answers; got != "halfhalf<nil>" {
			t.Errorf("the client got %s", got)
		}
	}
	await(t, "the stream's end", func() bool { a, _ := r.proxy.Figures(New, Authority, false); return a.Succeeded == 1 })
	if n := failed(); n != 1 || r.proxy.breakers[New][Authority].circuit.Counts().TotalFailures != 1 {
		t.Errorf("%d failures", n)
	}
}

// What new did in an earlier epoch, or does for a request of one, says nothing in this one. Old is the same in all.
func TestFiguresOfAnotherEpoch(t *testing.T) {
	goOn := make(chan struct{})
	p := livePlan
	p.Fraction = 0
	r := start(t, p, text("old"), http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/late" {
			<-goOn
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	leave := r.begin("GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
	defer leave()
	r.do(http.MethodGet, "/", nil)
	before, _ := r.proxy.Figures(New, Authority, false)
	if before.Answered != 1 || before.ClientErrors != 1 || before.Succeeded != 1 {
		t.Errorf("%+v", before)
	}
	r.proxy.BeginFigures(3)
	if d := r.proxy.Different(false, time.Minute, time.Minute, time.Minute); d.ClientErrors != 0 {
		t.Errorf("%+v", d)
	}
	close(goOn)
	await(t, "the late one's end", func() bool { return r.flying(New) == 0 })
	if after, took := r.proxy.Figures(New, Authority, false); after != before || took.Timed() != 1 {
		t.Errorf("%+v %d", after, took.Timed())
	}
	r.router.change(func(p *Plan) { p.Epoch = 3 })
	r.do(http.MethodGet, "/", nil)
	if after, _ := r.proxy.Figures(New, Authority, false); after.Answered != 2 {
		t.Errorf("%+v", after)
	}
	r.router.change(func(p *Plan) { p.Reads = Old; p.Epoch = 1 })
	r.do(http.MethodGet, "/", nil)
	if a, _ := r.proxy.Figures(Old, Authority, false); a.Answered != 1 {
		t.Errorf("old: %+v", a)
	}
}

// Old is asked for what new failed, though nothing is mirrored: in no account, a few at a time, and only for what can be asked again.
func TestOldIsAskedForWhatNewFails(t *testing.T) {
	var most, now atomic.Int64
	goOn := make(chan struct{})
	old := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get(shadowHeader) == "" || req.Method != http.MethodGet {
			t.Errorf("old is asked %s %s", req.Method, req.URL)
		}
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		if req.URL.Path == "/hangs" {
			<-goOn
		}
		w.WriteHeader(http.StatusBadGateway)
	})
	p := livePlan
	p.Fraction = 0
	r := start(t, p, old, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/well" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}), func(o *Options) {
		o.Workers = 32
		o.Table.Routes = []Route{{Name: "query", Methods: []string{"POST"}, Path: "/query"}}
	})
	end := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(end)
	r.do(http.MethodGet, "/well", nil)
	r.do(http.MethodPost, "/query", strings.NewReader("q"))
	r.do(http.MethodPost, "/write", strings.NewReader("w"))
	r.do(http.MethodGet, "/fails", nil)
	await(t, "what old did", func() bool {
		a, _ := r.proxy.Figures(Old, ShadowRole, false)
		return a.Failed == 1 && r.proxy.Probing() == 0
	})
	for range 3 * maxProbes {
		r.do(http.MethodGet, "/hangs", nil)
	}
	await(t, "as many as may be", func() bool { return now.Load() == maxProbes })
	if n := r.proxy.Probing(); n != maxProbes || most.Load() != maxProbes {
		t.Errorf("%d are asked, %d at most", n, most.Load())
	}
	end()
	await(t, "their end", func() bool { return r.proxy.Probing() == 0 })
	if begun, finished := r.account.counts(); begun != 0 || finished != 0 {
		t.Errorf("%d, %d in the accounts", begun, finished)
	}
}

func TestClientErrorsArePairedWithOlds(t *testing.T) {
	old := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/both" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	fresh := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/both", "/new":
			w.WriteHeader(http.StatusNotFound)
		}
	})
	p := livePlan
	p.Stale = true // it is asked all the same
	r := start(t, p, old, fresh)
	for _, path := range []string{"/both", "/both", "/new", "/well"} {
		r.do(http.MethodGet, path, nil)
	}
	await(t, "all pairs", func() bool { _, n := r.account.counts(); return n == 4 })
	a, _ := r.proxy.Figures(Old, ShadowRole, false)
	if a.Answered != 4 || a.Paired != 3 || a.Alike != 2 || a.ClientErrors != 2 {
		t.Errorf("%+v", a)
	}
	if d := r.proxy.Different(false, time.Minute, time.Minute, time.Minute); d.ClientErrors != 2 {
		t.Errorf("%+v", d)
	}
	r.router.change(func(p *Plan) { p.Fraction = 0 }) // and where it is not mirrored, in no account
	for _, path := range []string{"/both", "/new", "/well"} {
		r.do(http.MethodGet, path, nil)
	}
	r.do(http.MethodPost, "/both", nil)
	await(t, "two pairs more", func() bool {
		b, _ := r.proxy.Figures(Old, ShadowRole, false)
		return b.Paired == 5 && r.proxy.Probing() == 0 && b.Alike == 3 && b.Answered == a.Answered
	})
	if _, n := r.account.counts(); n != 4 {
		t.Errorf("%d in the accounts", n)
	}
}

// BenchmarkFigures is what the figures cost a request.
func BenchmarkFigures(b *testing.B) {
	g := newFigures()
	backend := &backend{id: New}
	in := &inbound{arrived: time.Now(), method: http.MethodGet, target: "/"}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := &call{}
		for pb.Next() {
			c.backend, c.in, c.epoch, c.err = backend, in, 1, nil
			g.depart(c, &asking{in: in}, 0)
			c.took = time.Millisecond
			g.headers(c, http.StatusOK)
			g.ended(c, in, nil)
			c.flight.timed.Store(false)
		}
	})
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
