package proxy

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// What the twelve rules of the design demand and no older test says; the others are named TestRuleNN where they stand.

// broken are all the ways in which a shadow may break; it would take each of them longer than a test may last.
func broken(t *testing.T, faults ...testkit.Fault) map[string]*httptest.Server {
	t.Helper()
	servers := map[string]*httptest.Server{}
	for _, f := range faults {
		s := testkit.Faulty(t, f)
		servers[f.Name] = &httptest.Server{URL: s.URL, Config: &http.Server{}}
	}
	return servers
}

// Rule 1: however the shadow breaks, the requests on one client connection are answered at once, whole, over few connections to
// the authority, and without memory that stays.
func TestRule01_ABrokenShadowChangesNothing(t *testing.T) {
	t.Parallel()
	const size, requests = 20000, 40
	body := strings.Repeat("0123456789", size/10)
	for name, shadow := range broken(t, testkit.Faults()...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int64
			old := httptest.NewUnstartedServer(text(body))
			old.Config.ConnState = func(_ net.Conn, s http.ConnState) {
				if s == http.StateNew {
					connections.Add(1)
				}
			}
			old.Start()
			t.Cleanup(old.Close)
			r := startAt(t, shadowPlan, old, shadow, func(o *Options) {
				o.Workers, o.Queue, o.Memory, o.Table.ShadowTimeout = 2, 8, 1<<20, 3*time.Second
			})
			client := r.connect()
			_ = client.SetDeadline(time.Now().Add(2500 * time.Millisecond)) // all of them, before one shadow has given up
			in := bufio.NewReader(client)
			for i := range requests {
				_, _ = io.WriteString(client, get)
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || string(got) != body {
					t.Fatalf("request %d: %d bytes, %v", i, len(got), err)
				}
				if used := r.proxy.memory.used.Load(); used > 1<<20 {
					t.Fatalf("%d bytes are captured", used)
				}
			}
			if n := connections.Load(); n > 3 {
				t.Errorf("%d connections to the authority for one client", n)
			}
			r.new.CloseClientConnections()
		})
	}
}

// descriptors counts what the process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("the system does not show descriptors")
	}
	return len(entries)
}

// Rule 2: goroutines, heap and descriptors stop growing while the shadow is a black hole and the load goes on.
func TestRule02_NothingGrowsUnderFullLoad(t *testing.T) {
	body := strings.Repeat("x", 16<<10)
	shadow := testkit.Faulty(t, testkit.BlackHole())
	r := startAt(t, shadowPlan, serve(t, text(body)), &httptest.Server{URL: shadow.URL, Config: &http.Server{}}, func(o *Options) {
		o.Workers, o.Queue, o.Memory, o.Table.ShadowTimeout = 8, 64, 4<<20, 300*time.Millisecond
		o.Observer = nobody{} // the usual one keeps every body
	})
	transport := &http.Transport{MaxIdleConnsPerHost: 32, MaxConnsPerHost: 32}
	defer transport.CloseIdleConnections()
	load := testkit.Load{
		Client: &http.Client{Transport: transport}, Request: testkit.GET(r.url + "/"), Concurrency: 32, Duration: 400 * time.Millisecond,
	}
	measure := func() (goroutines, open int, heap int64) {
		for _, s := range load.Run(t.Context()) {
			if s.Err != nil || s.Size != int64(len(body)) {
				t.Fatalf("%d bytes, %v", s.Size, s.Err)
			}
		}
		return runtime.NumGoroutine(), descriptors(t), heapInUse()
	}
	measure() // fills pools and queue
	goroutines, open, heap := measure()
	for range 2 {
		g, o, h := measure()
		if g > goroutines+32 {
			t.Errorf("goroutines grew from %d to %d", goroutines, g)
		}
		if o > open+32 {
			t.Errorf("descriptors grew from %d to %d", open, o)
		}
		if h > heap+16<<20 {
			t.Errorf("the heap grew from %d to %d bytes", heap, h)
		}
	}
	if used := r.proxy.memory.used.Load(); used > 4<<20 {
		t.Errorf("%d bytes are captured", used)
	}
}

// Rule 3, and I2: status, headers and bytes that clients get are those without any mirror, whatever the shadow answers.
func TestRule03_AnswersAreIdenticalWithMirroringOnAndOff(t *testing.T) {
	bodies := make([][]byte, 50)
	for i := range bodies {
		bodies[i] = make([]byte, 1<<(i%18)+i)
		_, _ = rand.Read(bodies[i])
	}
	old := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &i)
		h := w.Header()
		h.Set("Date", "Sat, 21 Nov 2026 00:00:00 GMT")
		h.Add("Set-Cookie", "a=1")
		h.Add("Set-Cookie", fmt.Sprintf("b=%d", i))
		if i%3 == 0 {
			h.Set("Content-Length", fmt.Sprint(len(bodies[i])))
		}
		if i%5 == 0 {
			h.Set("Trailer", "X-Sum")
		}
		w.WriteHeader([]int{200, 201, 203, 404, 500}[i%5])
		_, _ = w.Write(bodies[i])
		if i%5 == 0 {
			h.Set("X-Sum", "7")
		}
	})
	fresh := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch len(r.URL.Path) % 3 {
		case 0:
			panic(http.ErrAbortHandler)
		case 1:
			w.Header().Set("Set-Cookie", "from=new")
			_, _ = w.Write(bodies[49])
		default:
			old.ServeHTTP(w, r)
		}
	})
	r := start(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, old, fresh, func(o *Options) { o.Table.MaxBody = 64 << 10 })
	ask := func(i int) string {
		resp, body, err := r.try("GET", fmt.Sprintf("/%d", i), nil)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(resp.Status, resp.Proto, resp.Header, resp.ContentLength, resp.TransferEncoding, resp.Trailer, body)
	}
	off := make([]string, len(bodies))
	for i := range off {
		off[i] = ask(i)
	}
	r.router.set(shadowPlan)
	clients(50, 8, func(i, _ int) {
		if on := ask(i); on != off[i] {
			t.Errorf("answer %d: %d bytes with mirroring, %d without", i, len(on), len(off[i]))
		}
	})
	await(t, "every verdict", func() bool { b, n := r.account.counts(); return b == n && n == 400 })
	await(t, "all memory back", func() bool { return r.proxy.memory.used.Load() == 0 })
}

// Rule 5: a client that leaves after its answer does not cancel the shadow that is under way.
func TestRule05_AShadowUnderWayOutlivesItsClient(t *testing.T) {
	asked, finish := make(chan struct{}), make(chan struct{})
	r := start(t, shadowPlan, text("a"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-finish
		_, _ = io.WriteString(w, "a")
	}))
	r.raw("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	<-asked
	close(finish)
	if x := r.account.only(t); x.Result.Verdict != compare.Match {
		t.Errorf("%+v, %v", x.Result, x.New.Err)
	}
}

// Rule 9: what a client may disguise a write as never reaches the backend without authority, over a real connection.
func TestRule09_DisguisedWritesReachTheAuthorityAlone(t *testing.T) {
	old, fresh := testkit.Backend(t, nil), testkit.Backend(t, nil)
	r := startAt(t, shadowPlan, &httptest.Server{URL: old.URL, Config: &http.Server{}}, &httptest.Server{URL: fresh.URL, Config: &http.Server{}}, func(o *Options) {
		o.Table.Routes = []Route{
			{Name: "purge", Methods: []string{"GET"}, Path: "/admin/purge", Kind: Write},
			{Name: "graphql", Methods: []string{"POST"}, Path: "/graphql"},
		}
	})
	disguises := []string{
		"GET /x HTTP/1.1\r\nX-HTTP-Method-Override: DELETE\r\n",
		"GET /x HTTP/1.1\r\nX_HTTP_METHOD_OVERRIDE: DELETE\r\n",
		"GET /x?_method=DELETE HTTP/1.1\r\n",
		"GET /admin/purge HTTP/1.1\r\n",
		"GET /admin%2Fpurge HTTP/1.1\r\n",
		"GET /ADMIN/purge/ HTTP/1.1\r\n",
		"GET /admin\\purge HTTP/1.1\r\n",
		"GET http://x/admin/purge HTTP/1.1\r\n",
		"POST /x HTTP/1.1\r\nContent-Length: 0\r\n",
		"get /x HTTP/1.1\r\n",
		"GET /graphql?query=mutation%7Ba%7D HTTP/1.1\r\n",
	}
	for _, d := range disguises {
		r.raw(d + "Host: x\r\nConnection: close\r\n\r\n")
	}
	for _, body := range []string{`{"query":"mutation{a}"}`, `{"id":"7"}`, `{"_method":"DELETE","query":"{a}"}`} {
		r.raw(fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	}
	if n := old.Count(); n != len(disguises)+3 {
		t.Errorf("old was asked %d times of %d", n, len(disguises)+3)
	}
	r.stop()
	for _, got := range fresh.Requests() {
		t.Errorf("new was asked %s %s %q", got.Method, got.Target, got.Body)
	}
	if begun, _ := r.account.counts(); begun != 0 {
		t.Errorf("%d are eligible", begun)
	}
}

// Rule 10: what reaches a backend is framed by the proxy, once, without what concerned the connection to the client alone.
func TestRule10_BodiesAreFramedAnew(t *testing.T) {
	heads := make(chan string, 64)
	backend := rawBackend(t, func(_ int, c net.Conn) {
		in := bufio.NewReader(c)
		var head strings.Builder
		for !strings.HasSuffix(head.String(), "\r\n\r\n") {
			b, err := in.ReadByte()
			if err != nil {
				return
			}
			head.WriteByte(b)
		}
		req, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head.String()), in)))
		if err != nil {
			heads <- "malformed: " + head.String()
			return
		}
		body, _ := io.ReadAll(req.Body)
		heads <- head.String() + string(body)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	r := startAt(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, backend, deadServer(t))
	for _, c := range []struct {
		name, request string
		reaches       int
	}{
		{"chunks with extensions", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\n\r\n", 1},
		{"hop by hop", "POST / HTTP/1.1\r\nHost: x\r\nConnection: close, X-Hop, Content-Length\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nTE: gzip\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello", 1},
		{"length and chunks", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", -1},
		{"chunks of another name", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\nhello", 0},
		{"two codings", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 0},
		{"space before the colon", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\nhello", 0},
		{"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 0},
		{"length with a sign", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello", 0},
		{"folded header", "POST / HTTP/1.1\r\nHost: x\r\nX: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := r.connect()
			_, _ = io.WriteString(conn, c.request)
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			var got []string
			for len(heads) > 0 {
				got = append(got, <-heads)
			}
			if c.reaches >= 0 && len(got) != c.reaches {
				t.Errorf("the backend got %d requests: %q", len(got), got)
			}
			for _, request := range got {
				head, body, _ := strings.Cut(request, "\r\n\r\n")
				lower := strings.ToLower(head)
				framings := strings.Count(lower, "\r\ncontent-length:") + strings.Count(lower, "\r\ntransfer-encoding:")
				if framings != 1 || body != "hello" || strings.Contains(request, "smuggled") {
					t.Errorf("framed %d times, body %q: %q", framings, body, request)
				}
				for _, gone := range []string{"x-hop", "keep-alive", "te:", "proxy-connection", "upgrade", "h2c"} {
					if strings.Contains(lower, "\r\n"+gone) {
						t.Errorf("%s passed: %q", gone, head)
					}
				}
			}
		})
	}
}

// Rule 12: an answer that its client left in the middle is not compared.
func TestRule12_AnAbandonedAnswerIsNotCompared(t *testing.T) {
	left := make(chan struct{})
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half ")
		_ = http.NewResponseController(w).Flush()
		<-left
		<-r.Context().Done()
	}), text("half whole"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", r.url, nil)
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.ReadFull(resp.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	cancel()
	close(left)
	if x := r.account.only(t); x.Result.Reason != compare.ClientGone {
		t.Errorf("%+v", x.Result)
	}
}

// Every rule has its test.
func TestEveryRuleHasATest(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_test.go") {
			text, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	var missing []int
	for rule := 1; rule <= 12; rule++ {
		if !strings.Contains(source.String(), fmt.Sprintf("\nfunc TestRule%02d_", rule)) {
			missing = append(missing, rule)
		}
	}
	if len(missing) > 0 {
		t.Errorf("rules without a test: %v", slices.Sorted(slices.Values(missing)))
	}
}
