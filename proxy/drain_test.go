package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// drainable is a server of a rig that can be drained, beside its own.
type drainable struct {
	*Drainer
	t       *testing.T
	address string
	served  chan error
}

func (r *rig) drainable(o ServerOptions) *drainable {
	r.t.Helper()
	o.Address = "127.0.0.1:0"
	l, err := Listen(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	f := &drainable{t: r.t, Drainer: NewDrainer(NewServer(o, r.proxy), r.proxy), address: l.Addr().String(), served: make(chan error, 1)}
	go func() { f.served <- f.Serve(l) }()
	r.t.Cleanup(f.Close)
	return f
}

// drain ends the front as a program does, and returns what Drain does, later.
func (f *drainable) drain(limit, grace time.Duration) (cut <-chan int, hurry context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	out := make(chan int, 1)
	go func() {
		n := f.Drain(ctx, grace)
		if err := <-f.served; err != nil {
			f.t.Errorf("serving ended with %v", err)
		}
		out <- n
	}()
	f.t.Cleanup(cancel)
	return out, cancel
}

func (f *drainable) waitFor(what string, cut <-chan int) int {
	f.t.Helper()
	select {
	case n := <-cut:
		return n
	case <-time.After(10 * time.Second):
		f.t.Fatalf("%s: it does not end", what)
		return 0
	}
}

// session is a connection of a client that reads its answers one by one.
type session struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func (f *drainable) connect() *session {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &session{f.t, conn, bufio.NewReader(conn)}
}

func (s *session) send(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.conn, text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) answer() *http.Response {
	s.t.Helper()
	resp, err := http.ReadResponse(s.r, nil)
	if err != nil {
		s.t.Fatalf("no answer: %v", err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp
}

const oneRequest = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

// What arrives on a kept connection while the server drains is answered, and told that it was the last.
func TestDrainAnswersOnKeptConnections(t *testing.T) {
	t.Parallel()
	r := start(t, shadowPlan, text("fine"), text("fine"))
	f := r.drainable(ServerOptions{})
	kept, silent, late := f.connect(), f.connect(), f.connect()
	for _, s := range []*session{kept, silent, late} {
		s.send(oneRequest)
		if s.answer().Close {
			t.Fatal("the connection is not kept")
		}
	}
	cut, _ := f.drain(10*time.Second, 500*time.Millisecond)
	await(t, "the drain has begun", f.draining.Load)
	kept.send(oneRequest)
	if resp := kept.answer(); resp.StatusCode != 200 || !resp.Close {
		t.Errorf("%d, to be closed %v", resp.StatusCode, resp.Close)
	}
	fresh := f.connect() // within the grace new ones are served, once
	fresh.send(oneRequest)
	if resp := fresh.answer(); resp.StatusCode != 200 || !resp.Close {
		t.Errorf("a new connection: %d, to be closed %v", resp.StatusCode, resp.Close)
	}
	late.send(oneRequest[:20]) // half a request keeps the connection
	if n := f.waitFor("idle connections", cut); n != 0 {
		t.Errorf("%d cut off", n)
	}
	if _, err := silent.r.ReadByte(); err != io.EOF { // a reset would be another one
		t.Errorf("a connection without a request ends in %v", err)
	}
	if conn, err := net.Dial("tcp", f.address); err == nil {
		_ = conn.Close()
		t.Error("it still accepts")
	}
}

// A request that is there when the grace ends is answered: bytes that wait in the kernel, or were read but not looked at, keep the
// connection.
func TestDrainNeverResetsARequestThatIsThere(t *testing.T) {
	server, client := pipe(t)
	c := &clientConn{Conn: server}
	watch := &idleWatch{grace: time.Nanosecond, seen: map[*clientConn]glance{}}
	watch.see(c)
	if !c.quiet() || !watch.ripe(c) {
		t.Error("a silent connection is not closed")
	}
	watch.grace = time.Minute
	watch.seen[c] = glance{c.since.Load(), time.Now().Add(-watch.grace)}
	if _, err := client.Write([]byte("G")); err != nil {
		t.Fatal(err)
	}
	await(t, "the byte is there", func() bool { return !c.quiet() })
	if watch.ripe(c) {
		t.Error("a connection with a byte in the kernel is closed")
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if c.quiet() || watch.ripe(c) {
		t.Error("a connection whose first byte was read is closed")
	}
}

func pipe(t *testing.T) (server *net.TCPConn, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(); _ = accepted.Close() })
	return accepted.(*net.TCPConn), client //nolint:forcetypeassert // tcp
}

func TestDrainEndsRequestsInFlightAndStreams(t *testing.T) {
	entered, release := make(chan struct{}, 2), make(chan struct{})
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/slow":
			entered <- struct{}{}
			<-release
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			entered <- struct{}{}
			<-q.Context().Done()
		}
	}), text(""))
	f := r.drainable(ServerOptions{})
	slow, stream := f.connect(), f.connect()
	slow.send("POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
	stream.send("GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
	<-entered
	<-entered
	cut, _ := f.drain(10*time.Second, 50*time.Millisecond)
	if _, err := io.Copy(io.Discard, stream.r); err != nil {
		t.Errorf("the stream ends in %v", err)
	}
	select {
	case <-cut:
		t.Fatal("it does not wait for the write in flight")
	default:
	}
	close(release)
	if resp := slow.answer(); resp.StatusCode != 200 || !resp.Close {
		t.Errorf("%d, to be closed %v", resp.StatusCode, resp.Close)
	}
	if n := f.waitFor("one request", cut); n != 0 {
		t.Errorf("%d cut off", n)
	}
}

// At the end of the time, or of the patience, what is left is cut off and counted, and nothing runs on.
func TestDrainCutsOffWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		limit   time.Duration
		hurried bool
	}{{"the time is over", 100 * time.Millisecond, false}, {"a second signal", time.Minute, true}} {
		t.Run(c.name, func(t *testing.T) {
			entered := make(chan struct{}, 2)
			r := start(t, shadowPlan, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body)
				entered <- struct{}{}
				<-q.Context().Done()
			}), text(""), func(o *Options) { o.Old.Timeout = time.Minute })
			f := r.drainable(ServerOptions{})
			read, write := f.connect(), f.connect()
			read.send(oneRequest)
			write.send("POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
			<-entered
			<-entered
			cut, hurry := f.drain(c.limit, 10*time.Millisecond)
			if c.hurried {
				hurry()
			}
			if n := f.waitFor("hanging requests", cut); n != 2 {
				t.Errorf("%d cut off, want 2", n)
			}
			if resp := write.answer(); resp.StatusCode != http.StatusGatewayTimeout {
				t.Errorf("the write is told %d", resp.StatusCode)
			}
			if _, err := read.r.ReadByte(); err == nil {
				t.Error("the read got an answer")
			}
			if n := f.requests.Load(); n != 0 {
				t.Errorf("%d handlers run on", n)
			}
			if begun, finished := r.account.counts(); begun != 1 || finished != 1 {
				t.Errorf("%d begun, %d finished", begun, finished)
			}
		})
	}
}

// A client of HTTP/2 is told by GOAWAY, whether it asks once more or rests.
func TestDrainSendsGoAway(t *testing.T) {
	secure, roots := certificate(t)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	for name, c := range map[string]struct {
		options ServerOptions
		scheme  string
		client  *http.Transport
	}{
		"h2c": {ServerOptions{}, "http", &http.Transport{Protocols: protocols}},
		"TLS": {secure, "https", &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, shadowPlan, text("fine"), text("fine")).drainable(c.options) // a proxy leaves once and for all
			ask := func() string {
				resp, err := c.client.RoundTrip(mustGet(t, c.scheme+"://"+f.address+"/a"))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				_, _ = io.Copy(io.Discard, resp.Body)
				if resp.ProtoMajor != 2 {
					t.Fatalf("HTTP/%d", resp.ProtoMajor)
				}
				return resp.Header.Get("Connection")
			}
			ask()
			cut, _ := f.drain(10*time.Second, 300*time.Millisecond)
			await(t, "the drain has begun", f.draining.Load)
			ask() // on the connection that there is, and for the last time
			f.waitFor("HTTP/2", cut)
			c.client.CloseIdleConnections()
		})
	}
	t.Run("at rest", func(t *testing.T) {
		f := start(t, shadowPlan, text("fine"), text("fine")).drainable(ServerOptions{})
		s := f.connect()
		s.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		const settings, goAway = 4, 7
		next := func() byte { // the next frame's type
			head := make([]byte, 9)
			if _, err := io.ReadFull(s.r, head); err != nil {
				t.Fatalf("no GOAWAY: %v", err)
			}
			_, _ = s.r.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2]))
			return head[3]
		}
		if next() != settings {
			t.Fatal("no HTTP/2")
		}
		cut, _ := f.drain(10*time.Second, 50*time.Millisecond)
		for next() != goAway {
		}
		f.waitFor("HTTP/2 at rest", cut)
	})
}

func mustGet(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// Shadows and rechecks that are under way when there is no more time are counted, not failed.
func TestCutShortCountsShadows(t *testing.T) {
	entered := make(chan struct{}, 8)
	r := start(t, shadowPlan, text("fine"), http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		entered <- struct{}{}
		<-q.Context().Done()
	}), func(o *Options) { o.Table.ShadowTimeout = time.Minute })
	const n = 4 // as many as there are workers
	for range n {
		r.do("GET", "/a", nil)
	}
	for range n {
		<-entered
	}
	r.do("GET", "/a", nil) // waits in the queue
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	r.proxy.CutShort()
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Fatal("Run does not end")
	}
	testkit.Eventually(t, 10*time.Second, func() bool { // the last one's handler may hand it in only now
		begun, finished := r.account.counts()
		return begun == n+1 && finished == n+1
	}, "all are counted")
	for _, x := range r.account.all() {
		if x.Result.Verdict != compare.Skipped || x.Result.Reason != compare.Shutdown {
			t.Errorf("%+v", x.Result)
		}
	}
}

func TestCutShortCountsRechecks(t *testing.T) {
	var second bool
	entered := make(chan struct{}, 8)
	r := start(t, shadowPlan, text("fine"), http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if !second {
			second = true
			_, _ = io.WriteString(w, "other")
			return
		}
		entered <- struct{}{}
		<-q.Context().Done()
	}), func(o *Options) {
		o.Workers = 1
		o.Table.ShadowTimeout = time.Minute
		o.Table.Recheck = RecheckOptions{Attempts: 3, Delay: time.Millisecond, MaxDelay: time.Millisecond, MaxRPS: 1000}
	})
	r.do("GET", "/a", nil)
	<-entered
	r.proxy.CutShort()
	r.stop()
	if x := r.account.only(t); x.Result.Reason != compare.Shutdown {
		t.Errorf("%+v", x.Result)
	}
}
