package proxy

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// accessBook is an AccessLog that keeps everything, or nothing.
type accessBook struct {
	mu      sync.Mutex
	off     bool
	records []Access
}

func (b *accessBook) Sampled() bool { return !b.off }

func (b *accessBook) Log(a Access) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, a)
}

func (b *accessBook) last(t *testing.T, n int) Access {
	t.Helper()
	var out Access
	await(t, "the record", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.records) == n {
			out = b.records[n-1]
		}
		return len(b.records) >= n
	})
	return out
}

func TestAccessRecords(t *testing.T) {
	book := &accessBook{}
	old := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, "twelve bytes")
		}
	})
	r := start(t, shadowPlan, old, text("x"), func(o *Options) {
		o.Access = book
		o.Table.Routes = []Route{{Name: "items", Path: "/items/{id}", Kind: Read}}
	})
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for i, c := range []struct {
		method, target string
		header         []string
		want           Access
	}{
		{"GET", "/items/1?token=secret&a%5B%5D=secret&secret&b=secret;c=secret", []string{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}, Access{
			Method: "GET", Target: "/items/1?token&a%5B%5D&…&b&c", Route: "items", Backend: Old, Status: 200, Bytes: 12, Trace: trace, Mirrored: true,
		}},
		{"POST", "/orders", []string{"traceparent", "00-secret-x-y"}, Access{Method: "POST", Target: "/orders", Route: "write", Kind: Write, Backend: Old, Status: 200, Bytes: 12}},
		{"DELETE", "/teapot?", nil, Access{Method: "DELETE", Target: "/teapot", Route: "write", Kind: Write, Backend: Old, Status: 418}},
		{"GET", "/a;jsessionid=secret;v=secret/b", nil, Access{
			Method: "GET", Target: "/a;jsessionid;v/b", Route: "read", Backend: Old, Status: 200, Bytes: 12, Mirrored: true,
		}},
		{"GET", "/cut", nil, Access{Method: "GET", Target: "/cut", Route: "read", Backend: Old, Status: 200, Bytes: 5, Mirrored: true, Cut: true}},
		{"TRACE", "/items/2", nil, Access{Method: "TRACE", Target: "/items/2", Status: 405, Bytes: 80}},
	} {
		before := time.Now()
		_, _, _ = r.try(c.method, c.target, strings.NewReader(""), c.header...) // one is cut off on purpose
		got := book.last(t, i+1)
		if got.Arrived.Before(before) || got.Duration <= 0 || got.Duration > time.Since(before) || got.Overhead < 0 || got.Overhead > got.Duration {
			t.Errorf("%s: arrived %s, %s, overhead %s", c.target, got.Arrived, got.Duration, got.Overhead)
		}
		got.Arrived, got.Duration, got.Overhead = time.Time{}, 0, 0
		if c.want.Backend == None && got.Bytes > 0 {
			got.Bytes = c.want.Bytes // of the proxy's own words
		}
		if got != c.want {
			t.Errorf("%s %s\n got %+v\nwant %+v", c.method, c.target, got, c.want)
		}
	}
	book.off = true
	r.do("GET", "/items/1", nil)
	if len(book.records) != 6 {
		t.Errorf("%d records", len(book.records))
	}
}

// A fallback is recorded with the backend whose answer the client got, an upgrade with its status, and both work as they do unrecorded.
func TestAccessRecordsFallbackAndUpgrade(t *testing.T) {
	book := &accessBook{}
	plan := livePlan
	plan.Fallback = true
	r := start(t, plan, text("old"), http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") == "" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello")
		_ = buffered.Flush()
		_ = conn.Close()
	}), func(o *Options) { o.Access = book })
	if resp, body := r.do("GET", "/a", nil); resp.StatusCode != 200 || body != "old" {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if got := book.last(t, 1); got.Backend != Old || got.Status != 200 || got.Bytes != 3 {
		t.Errorf("the fallback: %+v", got)
	}
	if got := r.raw("GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"); !strings.HasSuffix(got, "hello") {
		t.Fatalf("%q", got)
	}
	if got := book.last(t, 2); got.Backend != New || got.Status != 101 || got.Cut {
		t.Errorf("the upgrade: %+v", got)
	}
}

// A recorded request whose body was not read to its end costs its connection, as an unrecorded one does: what the client sends later
// would be taken for a request.
func TestAccessRecordsLeaveNoBodyBehind(t *testing.T) {
	t.Parallel() // it waits more than it works
	book := &accessBook{}
	r := bounded(t, shadowPlan, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
	}), text("x"), ServerOptions{BodyTimeout: 50 * time.Millisecond}, func(o *Options) { o.Access = book })
	conn := r.connect()
	_, _ = io.WriteString(conn, "POST /orders HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")
	if got := book.last(t, 1); got.Status != http.StatusRequestTimeout {
		t.Fatalf("%+v", got)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	got, err := io.ReadAll(conn)
	if err != nil || strings.Count(string(got), "HTTP/1.1 ") != 1 {
		t.Errorf("%v: %q", err, got)
	}
}
