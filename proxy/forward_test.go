package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
)

// Rule 11.
func TestRule11_TheRequestLineArrivesAsSent(t *testing.T) {
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
		o.Table.Routes = []Route{{
			Name: "p", Methods: []string{"GET"}, Path: "/api/products/{id}", NewPath: "/v2/artifacts/{id}/x",
			NewQuery: map[string]string{"include": "all", "b c": "&"},
		}}
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
func TestRule05_AuthorityFailuresAreToldAsSuch(t *testing.T) {
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
func TestRule12_ACutAnswerIsNeitherWholeNorCompared(t *testing.T) {
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
func TestRule05_AClientThatLeavesCancelsItsRead(t *testing.T) {
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
func TestRule05_AWriteIsDetachedFromItsClient(t *testing.T) {
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

func TestNoContentTypeIsGuessed(t *testing.T) {
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "<html>")
	}), text("x"))
	if resp, _ := r.do("GET", "/", nil); len(resp.Header["Content-Type"]) != 0 {
		t.Errorf("%v", resp.Header)
	}
}
