package proxy

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
)

// Rule 11.
func TestRequestLineArrivesAsSent(t *testing.T) {
	var got atomic.Value
	echo := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r.RequestURI) })
	r := start(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, echo, echo)
	for _, target := range []string{
		"/", "/?", "/a?b", "/a//b", "//a/b", "//a%2Fb//", "/a%2Fb", "/a%2fb%20c", "/%E4%BD%A0", "/a/../b/./c", "/a;b=c", "/a?x=1;y=2",
		"/a?x=&x=&y", "/a?&&", "/a?x=a+b%20c", "/ü?ü=ü", "/a?q=%zz", "/a?x=/y//z?w", "/'()*!$,:@", "/a|b^c`{}\"<>", "/search?q=a#b", "/%41%2e%2E",
	} {
		answer := r.raw("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 200") {
			t.Errorf("%s: %q", target, answer)
		} else if got.Load() != target {
			t.Errorf("%s arrived as %s", target, got.Load())
		}
	}
	r.raw("GET http://elsewhere/a//b?c=%2F HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if got.Load() != "/a//b?c=%2F" {
		t.Errorf("absolute form arrived as %s", got.Load())
	}
}

func TestRewriteForNew(t *testing.T) {
	var got atomic.Value
	echo := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r.RequestURI) })
	r := start(t, livePlan, text(""), echo, func(o *Options) {
		o.New.URL.Path = "/base/"
		o.Table.Routes = []Route{{Name: "p", Methods: []string{"GET"}, Path: "/api/products/{id}", NewPath: "/v2/artifacts/{id}/x",
			NewQuery: map[string]string{"include": "all", "b c": "&"}}}
	})
	for target, want := range map[string]string{
		"/api/products/a%2Fb":                 "/base/v2/artifacts/a%2Fb/x?b+c=%26&include=all",
		"/api/products/1?z=%20&include=1&z=2": "/base/v2/artifacts/1/x?z=%20&z=2&b+c=%26&include=all",
		"/other?a":                            "/base/other?a",
	} {
		r.do("GET", target, nil)
		if got.Load() != want {
			t.Errorf("%s: got %s, want %s", target, got.Load(), want)
		}
	}
}

func TestHeaders(t *testing.T) {
	var got atomic.Pointer[http.Request]
	backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r)
		w.Header()["Connection"] = []string{"X-Secret-Hop"}
		w.Header().Set("X-Secret-Hop", "1")
		w.Header().Set("Via", "1.0 inner")
		w.Header().Set("X-Pass", "1")
	})
	r := start(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, backend, text(""), func(o *Options) {
		o.Old.Set = http.Header{"Apikey": {"k"}}
		o.Old.Remove = []string{"cf-connecting-ip"}
	})
	resp, _ := r.do("GET", "/", nil, "Connection", "X-Hop, keep-alive", "X-Hop", "1", "Keep-Alive", "5", "Te", "trailers, gzip", "Via", "1.1 front",
		"X-Forwarded-For", "6.6.6.6", "X-Forwarded-Proto", "https", "X-Forwarded-Prefix", "/x", "Paritygate-Shadow", "1", "Cf-Connecting-Ip", "1", "Traceparent", "00-a-b-01")
	h := got.Load().Header
	for name, want := range map[string]string{
		"X-Hop": "", "Keep-Alive": "", "Connection": "", "Te": "trailers", "Via": "1.1 front|1.1 paritygate-test", "X-Forwarded-For": "127.0.0.1",
		"X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "", "X-Forwarded-Host": r.address, "Paritygate-Shadow": "", "Cf-Connecting-Ip": "",
		"Apikey": "k", "Traceparent": "00-a-b-01", "Accept-Encoding": "",
	} {
		if v := strings.Join(h[name], "|"); v != want {
			t.Errorf("request header %s: %q, want %q", name, v, want)
		}
	}
	if got.Load().Host != strings.TrimPrefix(r.old.URL, "http://") {
		t.Errorf("Host %s", got.Load().Host)
	}
	for name, want := range map[string]string{"X-Secret-Hop": "", "Via": "1.0 inner|1.1 paritygate-test", "X-Pass": "1", "Content-Type": ""} {
		if v := strings.Join(resp.Header[name], "|"); v != want {
			t.Errorf("response header %s: %q, want %q", name, v, want)
		}
	}
}

func TestTrustedProxyIsBelieved(t *testing.T) {
	var got atomic.Pointer[http.Request]
	backend := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r) })
	r := start(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, backend, text(""), func(o *Options) {
		o.Table.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		o.Old.ClientHost = true
	})
	r.do("GET", "/", nil, "X-Forwarded-For", "6.6.6.6", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example")
	h := got.Load().Header
	if h.Get("X-Forwarded-For") != "6.6.6.6, 127.0.0.1" || h.Get("X-Forwarded-Proto") != "https" || h.Get("X-Forwarded-Host") != "shop.example" {
		t.Errorf("%v", h)
	}
	if got.Load().Host != r.address {
		t.Errorf("Host %s, want the client's", got.Load().Host)
	}
}

func TestRefusals(t *testing.T) {
	r := start(t, shadowPlan, text("ok"), text("ok"))
	for _, c := range []struct{ name, request, status, code string }{
		{"loop", "GET / HTTP/1.1\r\nHost: x\r\nVia: 1.1 a, 1.1 paritygate-test (x)\r\nConnection: close\r\n\r\n", "508", "loop_detected"},
		{"CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n", "405", "method_not_allowed"},
		{"TRACE", "TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "405", "method_not_allowed"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400", ""},
		{"bad chunk", "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", "501", ""},
		{"half a body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", "", ""},
	} {
		if c.name == "half a body" {
			continue // has a test of its own
		}
		answer := r.raw(c.request)
		if !strings.HasPrefix(answer, "HTTP/1.1 "+c.status) || !strings.Contains(answer, c.code) {
			t.Errorf("%s: %q", c.name, answer)
		}
	}
	if begun, _ := r.account.counts(); begun != 0 {
		t.Errorf("%d refused requests are eligible", begun)
	}
}

func TestTenMebibytesOfHeadersAreRefusedCleanly(t *testing.T) {
	r := start(t, shadowPlan, text("ok"), text("ok"))
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Big: "+strings.Repeat("a", 10<<20)+"\r\n\r\n")
	if err != nil {
		t.Fatalf("the client could not send everything: %v", err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 431") {
		t.Fatalf("%q, %v", answer, err)
	}
	if _, body := r.do("GET", "/", nil); body != "ok" {
		t.Errorf("afterwards: %q", body)
	}
}

func TestBodyLimit(t *testing.T) {
	r := start(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, text("ok"), text("ok"))
	server := NewServer(ServerOptions{Body: 1000}, r.proxy)
	l, err := Listen(t.Context(), ServerOptions{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()
	r.url = "http://" + l.Addr().String()
	big := strings.Repeat("x", 1<<20)
	if resp, body := r.do("POST", "/", strings.NewReader(big)); resp.StatusCode != 413 || !strings.Contains(body, "body_too_large") {
		t.Errorf("announced: %d %s", resp.StatusCode, body)
	}
	slurp := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	r.proxy.backends[Old].options.URL = parseURL(t, slurp.URL)
	if resp, body := r.do("POST", "/", io.MultiReader(strings.NewReader(big))); resp.StatusCode != 413 {
		t.Errorf("chunked: %d %s", resp.StatusCode, body)
	}
	if resp, _ := r.do("POST", "/", strings.NewReader(big[:1000])); resp.StatusCode != 200 {
		t.Errorf("at the limit: %d", resp.StatusCode)
	}
}

// Rule 5.
func TestAuthorityFailures(t *testing.T) {
	hung := start(t, shadowPlan, hang(), text("x"), func(o *Options) { o.Old.Timeout = 50 * time.Millisecond })
	for _, c := range []struct {
		name   string
		rig    *rig
		status int
		code   string
	}{
		{"refused", startAt(t, shadowPlan, deadServer(t), serve(t, text("x"))), 502, "bad_gateway"},
		{"garbage", startAt(t, shadowPlan, rawBackend(t, func(_ int, c net.Conn) { _, _ = io.WriteString(c, "garbage\r\n\r\n") }), serve(t, text("x"))), 502, "bad_gateway"},
		{"reset", startAt(t, shadowPlan, rawBackend(t, func(_ int, c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }), serve(t, text("x"))), 502, "bad_gateway"},
		{"timeout", hung, 504, "gateway_timeout"},
	} {
		for _, method := range []string{"GET", "POST"} {
			resp, body := c.rig.do(method, "/secret-path", strings.NewReader(""))
			if resp.StatusCode != c.status || !strings.Contains(body, `"code":"`+c.code+`"`) || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s: %d %s", c.name, method, resp.StatusCode, body)
			}
			if strings.Contains(body, "127.0.0.1") {
				t.Errorf("%s: tells an internal address: %s", c.name, body)
			}
		}
		if x := c.rig.account.only(t); x.Result.Reason != compare.AuthorityError || x.Old.Err == nil {
			t.Errorf("%s: %+v", c.name, x.Result)
		}
	}
}

func TestPassesStatusesAndRedirectsAsTheyAre(t *testing.T) {
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(map[string]int{"/301": 301, "/404": 404, "/500": 500, "/204": 204, "/304": 304}[r.URL.Path])
	}), text(""))
	for _, status := range []int{301, 404, 500, 204, 304} {
		if resp, _ := r.do("GET", fmt.Sprintf("/%d", status), nil); resp.StatusCode != status || resp.Header.Get("Location") != "/elsewhere" {
			t.Errorf("%d became %d %v", status, resp.StatusCode, resp.Header)
		}
	}
}

// Rule 12: an answer that breaks off never looks complete, and is not compared.
func TestCutAnswerAbortsTheClient(t *testing.T) {
	for name, head := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			cut := rawBackend(t, func(_ int, c net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, head)
			})
			r := startAt(t, shadowPlan, cut, serve(t, text("half")))
			_, body, err := r.try("GET", "/", nil)
			if err == nil {
				t.Errorf("the cut answer %q looks complete", body)
			}
			if x := r.account.only(t); x.Result.Verdict != compare.Skipped || x.Result.Reason != compare.AuthorityError {
				t.Errorf("%+v", x.Result)
			}
		})
	}
}

// Rule 5: a client that leaves cancels a read at the authority.
func TestClientGoneCancelsTheRead(t *testing.T) {
	canceled := make(chan struct{})
	asked := make(chan struct{})
	r := start(t, shadowPlan, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(canceled)
	}), text("x"))
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", r.url+"/", nil)
	go func() { <-asked; cancel() }()
	if resp, err := r.client.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Fatal("answered")
	}
	<-canceled
	if x := r.account.only(t); x.Result.Reason != compare.ClientGone {
		t.Errorf("%+v", x.Result)
	}
	if c := r.proxy.breakers[Old][Authority].circuit.Counts(); c.TotalFailures+c.TotalSuccesses != 0 {
		t.Errorf("the backend is judged: %+v", c)
	}
}

// Rule 5: a write runs to its end without its client, and is in flight until then.
func TestWriteIsDetachedFromItsClient(t *testing.T) {
	asked, finish, finished := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(asked)
		<-finish
		finished <- r.Context().Err()
	}), text("x"))
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "POST", r.url+"/", strings.NewReader("body"))
	go func() { <-asked; cancel() }()
	if resp, err := r.client.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Fatal("answered")
	}
	short, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if n, err := r.proxy.Drain(short, Old); n != 1 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("drain: %d, %v", n, err)
	}
	close(finish)
	if err := <-finished; err != nil {
		t.Errorf("the write was cancelled: %v", err)
	}
	if n, err := r.proxy.Drain(t.Context(), Old); n != 0 || err != nil {
		t.Errorf("drain: %d, %v", n, err)
	}
}

func TestHalfSentBodyReachesNoEnd(t *testing.T) {
	result := make(chan error, 1)
	r := start(t, shadowPlan, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		result <- err
	}), text("x"))
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	_ = conn.Close()
	if err := <-result; err == nil {
		t.Error("half a body looks whole to the backend")
	}
	if n, err := r.proxy.Drain(t.Context(), Old); n != 0 || err != nil {
		t.Errorf("drain: %d, %v", n, err)
	}
}

// Rule 6: what flows passes as it comes.
func TestStreamsPassUnbuffered(t *testing.T) {
	for _, kind := range []string{"text/event-stream", "text/plain"} {
		next := make(chan struct{})
		r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			for range 3 {
				_, _ = io.WriteString(w, "data: x\n\n")
				_ = http.NewResponseController(w).Flush()
				<-next
			}
		}), text("x"))
		resp, err := r.client.Get(r.url + "/")
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 9)
		for range 3 { // the backend waits for each piece to be read
			if _, err := io.ReadFull(resp.Body, buf); err != nil {
				t.Fatal(err)
			}
			next <- struct{}{}
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		x := r.account.only(t)
		if kind == "text/event-stream" && x.Result.Reason != compare.Stream {
			t.Errorf("%+v", x.Result)
		}
	}
}

func TestInformationalAnswersAndContinue(t *testing.T) {
	r := start(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}), text("x"))
	var codes []int
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		codes = append(codes, code)
		if code == 103 && h.Get("Link") == "" {
			t.Error("103 lost its header")
		}
		return nil
	}}
	req, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "POST", r.url+"/", strings.NewReader("hello"))
	req.Header.Set("Expect", "100-continue")
	transport := &http.Transport{ExpectContinueTimeout: 5 * time.Second}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != "hello" || fmt.Sprint(codes) != "[103 100]" && fmt.Sprint(codes) != "[100 103]" {
		t.Errorf("%q after %v", body, codes)
	}
	answer := r.raw("POST /refuse HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 417") {
		t.Errorf("%q", answer)
	}
}

func TestTrailersAndHead(t *testing.T) {
	sent := make(chan string, 1)
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == "POST" {
			sent <- r.Trailer.Get("X-Sum")
		}
		w.Header().Set("Trailer", "X-Declared")
		if r.Method == "HEAD" {
			w.Header().Set("Content-Length", "12345")
			return
		}
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Declared", "1")
		w.Header().Set(http.TrailerPrefix+"X-Late", "2")
	}), text("x"))
	req, _ := http.NewRequestWithContext(t.Context(), "POST", r.url+"/", io.MultiReader(strings.NewReader("x")))
	req.Trailer = http.Header{"X-Sum": {"7"}}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.Trailer.Get("X-Declared") != "1" || resp.Trailer.Get("X-Late") != "2" {
		t.Errorf("trailers %v", resp.Trailer)
	}
	if v := <-sent; v != "7" {
		t.Errorf("the request's trailer arrived as %q", v)
	}
	if resp, _ := r.do("HEAD", "/", nil); resp.ContentLength != 12345 {
		t.Errorf("HEAD has the length %d", resp.ContentLength)
	}
}

func TestUpgradePassesAndIsClosedByTheGate(t *testing.T) {
	backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" {
			w.WriteHeader(400)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi ")
		_, _ = io.Copy(conn, rw)
	})
	r := start(t, shadowPlan, backend, text("x"))
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n")
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "echo" || !strings.Contains(resp.Header.Get("Via"), "paritygate-test") {
		t.Fatalf("%v %v", resp, err)
	}
	_, _ = io.WriteString(conn, "there")
	got := make([]byte, 8)
	if _, err := io.ReadFull(reader, got); err != nil || string(got) != "hi there" {
		t.Fatalf("%q %v", got, err)
	}
	if n, err := r.proxy.Drain(t.Context(), Old); n != 0 || err != nil {
		t.Errorf("a drain waits for streams: %d %v", n, err)
	}
	if n := r.proxy.CloseStreams(Old); n != 1 {
		t.Errorf("closed %d streams", n)
	}
	if _, err := reader.ReadByte(); err == nil {
		t.Error("the stream lives on")
	}
	if begun, _ := r.account.counts(); begun != 0 {
		t.Error("an upgrade is eligible")
	}
	answer := r.raw("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 400") {
		t.Errorf("h2c was passed on: %q", answer)
	}
}

// Rule 6: gRPC passes with its trailers, over h2c on both sides, and unary calls compare.
func TestGRPC(t *testing.T) {
	backend := func() http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" {
				w.WriteHeader(400)
				return
			}
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = w.Write(body)
			w.Header().Set("Grpc-Status", "0")
		})
	}
	h2 := func() *http.Protocols {
		p := new(http.Protocols)
		p.SetUnencryptedHTTP2(true)
		return p
	}
	grpc := func() *http.Server { return &http.Server{Handler: backend(), Protocols: h2()} }
	r := startAt(t, shadowPlan, serveH2C(t, grpc()), serveH2C(t, grpc()), func(o *Options) {
		o.Table.Routes = []Route{{Name: "call", Methods: []string{"POST"}, Path: "/shop.Products/"}}
	})
	transport := &http.Transport{Protocols: h2()}
	defer transport.CloseIdleConnections()
	for i, message := range []string{"\x00\x00\x00\x00\x02hi", "\x00\x00\x00\x00\x02hi\x00\x00\x00\x00\x02ho"} {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", r.url+"/shop.Products/Get", io.MultiReader(strings.NewReader(message)))
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Te", "trailers")
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != message || resp.Trailer.Get("Grpc-Status") != "0" {
			t.Errorf("%q, trailers %v", body, resp.Trailer)
		}
		await(t, "the verdict", func() bool { _, n := r.account.counts(); return n == i+1 })
	}
	if v := r.account.finished[0].Result.Verdict; v != compare.Match {
		t.Errorf("unary: %s (%v)", v, r.account.finished[0].New.Err)
	}
	if v := r.account.finished[1].Result.Reason; v != compare.Stream {
		t.Errorf("streaming: %s", v)
	}
}

// Rule 3, and I2.
func TestBytesAreIdenticalWithMirroringOnAndOff(t *testing.T) {
	bodies := make([][]byte, 50)
	for i := range bodies {
		bodies[i] = make([]byte, 1<<(i%18)+i)
		_, _ = rand.Read(bodies[i])
	}
	backend := func(w http.ResponseWriter, r *http.Request) {
		var i int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &i)
		if i%3 == 0 {
			w.Header().Set("Content-Length", fmt.Sprint(len(bodies[i])))
		}
		_, _ = w.Write(bodies[i])
	}
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path > "/3" {
			_, _ = io.WriteString(w, "something else")
			return
		}
		backend(w, r)
	})
	r := start(t, shadowPlan, http.HandlerFunc(backend), slow, func(o *Options) { o.Table.MaxBody = 64 << 10 })
	clients(50, 10, func(i, round int) {
		if round == 5 && i == 0 {
			r.router.change(func(p *Plan) { p.Shadow = None })
		}
		_, body, err := r.try("GET", fmt.Sprintf("/%d", i), nil)
		if err != nil || body != string(bodies[i]) {
			t.Errorf("client %d, round %d: %d bytes, want %d, %v", i, round, len(body), len(bodies[i]), err)
		}
	})
	await(t, "every verdict", func() bool { b, n := r.account.counts(); return b == n })
	await(t, "all memory back", func() bool { return r.proxy.memory.used.Load() == 0 })
}
