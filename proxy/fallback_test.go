package proxy

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"paritygate/compare"
)

func TestPatience(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		old, fresh     time.Duration
		first, reserve time.Duration
	}{
		{30 * s, 30 * s, 25 * s, 5 * s},
		{2 * s, 2 * s, 1500 * time.Millisecond, 500 * time.Millisecond},
		{30 * s, 2 * s, 2 * s, 5 * s},
		{s, 30 * s, 29 * s, s},
	} {
		p := newPatience(c.old, c.fresh)
		if p.first != c.first || p.reserve != c.reserve {
			t.Errorf("old %s, new %s: new gets %s, and leaves %s", c.old, c.fresh, p.first, p.reserve)
		}
		for elapsed := time.Duration(0); elapsed <= p.first; elapsed += p.first / 10 {
			if rest := p.rest(c.old, elapsed); rest < p.reserve || rest > c.old || elapsed+rest > max(c.old, c.fresh) {
				t.Errorf("old %s, new %s: after %s old gets %s", c.old, c.fresh, elapsed, rest)
			}
		}
		if rest := p.rest(c.old, time.Hour); rest != p.reserve {
			t.Errorf("after a long upload old gets %s", rest)
		}
	}
}

// Each way in which new fails a read, and what the client then gets. That new's own timeout is a minute would be noticed.
func TestFallbackByKindOfFailure(t *testing.T) {
	status := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	served := func(h http.Handler) func(*testing.T) *httptest.Server {
		return func(t *testing.T) *httptest.Server { return serve(t, h) }
	}
	dropping := func(answer string) func(*testing.T) *httptest.Server {
		return func(t *testing.T) *httptest.Server {
			return rawBackend(t, func(_ int, c net.Conn) {
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, answer)
				_ = c.(*net.TCPConn).SetLinger(0)
			})
		}
	}
	for _, c := range []struct {
		name     string
		standard bool
		new, old func(*testing.T) *httptest.Server
		method   string
		code     int // 0: the answer is cut off
		body     string
		fellBack bool
	}{
		{name: "connection refused", new: deadServer, code: 200, body: "old", fellBack: true},
		{name: "reset before the first byte", new: dropping(""), code: 200, body: "old", fellBack: true},
		{name: "cut in the headers", new: dropping("HTTP/1.1 200 OK\r\nContent-"), code: 200, body: "old", fellBack: true},
		{name: "no answer in time", new: served(hang()), code: 200, body: "old", fellBack: true},
		{name: "no answer in time, by the standard client", standard: true, new: served(hang()), code: 200, body: "old", fellBack: true},
		{name: "500", new: served(status(500)), code: 200, body: "old", fellBack: true},
		{name: "503", new: served(status(503)), code: 200, body: "old", fellBack: true},
		{name: "404 is an answer", new: served(status(404)), code: 404},
		{name: "cut off after the first byte", new: dropping("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), code: 0, body: "half"},
		{name: "a POST that is a read", method: "POST", new: served(status(500)), code: 200, body: "old", fellBack: true},
		{name: "old is gone as well", new: served(status(502)), old: deadServer, code: 502},
		{name: "old fails as well", new: served(status(502)), old: served(status(500)), code: 502},
		{name: "old fails where new says nothing", new: deadServer, old: served(status(500)), code: 500, fellBack: true},
		{name: "both are gone", new: deadServer, old: deadServer, code: 502},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.old == nil {
				c.old = served(text("old"))
			}
			plan := canaryPlan
			plan.Fallback = true
			r := startAt(t, plan, c.old(t), c.new(t), func(o *Options) {
				o.Old.Timeout, o.New.Timeout, o.New.Standard = time.Minute, time.Minute, c.standard
				o.Table.Routes = []Route{{Name: "query", Methods: []string{"POST"}, Path: "/query"}, {Name: "rest"}}
			})
			r.proxy.patience = patience{first: 50 * time.Millisecond, reserve: 20 * time.Second}
			method, path, route, body := "GET", "/", "rest", io.Reader(nil)
			if c.method != "" {
				method, path, route, body = c.method, "/query", "query", strings.NewReader("q")
			}
			begun := time.Now()
			resp, got, err := r.try(method, path, body)
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("a backend got its whole minute: %s", took)
			}
			switch {
			case c.code == 0 && err == nil:
				t.Fatalf("the answer is not cut off: %d %q", resp.StatusCode, got)
			case c.code != 0 && (err != nil || resp.StatusCode != c.code || c.body != "" && got != c.body):
				t.Fatalf("%v %q, %v", resp, got, err)
			}
			if c.code != 0 && (resp.Header.Get("Paritygate-Fallback") != "" || c.fellBack && resp.Header.Get("Cache-Control") != "") {
				t.Errorf("old is not stale in a canary: %v", resp.Header)
			}
			want := map[bool]float64{true: 1}[c.fellBack]
			if n := metric(t, r.registry, "paritygate_fallbacks_total", map[string]string{"route": route}); n != want {
				t.Errorf("%v fallbacks are counted", n)
			}
			x := r.account.only(t)
			if c.code != 404 && (x.Result.Reason != compare.AuthorityError || x.New.Err == nil && x.New.Status < 500) {
				t.Errorf("%+v, new %+v", x.Result, x.New)
			}
			failures := map[bool]uint32{true: 1}[c.code != 404]
			if n := r.proxy.breakers[New][Authority].circuit.Counts().TotalFailures; n != failures {
				t.Errorf("new is blamed for %d failures", n)
			}
		})
	}
}

// A read that old could not answer in what was left of the time says nothing against old, which would hold up a rollback.
func TestOldIsNotBlamedForTooLittleTime(t *testing.T) {
	plan := canaryPlan
	plan.Fallback = true
	r := start(t, plan, hang(), hang(), func(o *Options) { o.Old.Timeout, o.New.Timeout = time.Minute, time.Minute })
	r.proxy.patience = patience{first: 20 * time.Millisecond, reserve: 20 * time.Millisecond}
	begun := time.Now()
	if resp, _ := r.do("GET", "/", nil); resp.StatusCode != http.StatusGatewayTimeout || time.Since(begun) > 30*time.Second {
		t.Errorf("%d after %s", resp.StatusCode, time.Since(begun))
	}
	if n := r.proxy.breakers[Old][Authority].circuit.Counts().TotalFailures; n != 0 {
		t.Errorf("old is blamed for %d failures", n)
	}
	if n := r.proxy.breakers[New][Authority].circuit.Counts().TotalFailures; n != 1 {
		t.Errorf("new is blamed for %d failures", n)
	}
}

// Of a body that is not kept whole old would get a part.
func TestNoPartOfABodyFallsBack(t *testing.T) {
	plan := canaryPlan
	plan.Fallback, plan.Shadow = true, None
	r := start(t, plan, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("old is asked") }),
		http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			w.WriteHeader(http.StatusInternalServerError)
		}), func(o *Options) {
			o.Table.MaxBody = 1 << 10
			o.Table.Routes = []Route{{Name: "query", Methods: []string{"POST"}, Path: "/query"}}
		})
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/query", strings.NewReader(strings.Repeat("q", 4<<10)))
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("the client got %d", resp.StatusCode)
	}
}
