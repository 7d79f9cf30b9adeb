package proxy

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"paritygate/compare"
)

// Rule 6: what flows passes as it comes.
func TestRule06_StreamsPassUnbuffered(t *testing.T) {
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

func TestRule06_InformationalAnswersAndContinue(t *testing.T) {
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

func TestRule06_TrailersAndHead(t *testing.T) {
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

func TestRule06_UpgradesPassAndAreClosedByTheGate(t *testing.T) {
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
func TestRule06_GRPC(t *testing.T) {
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
	if v := r.account.all()[0].Result.Verdict; v != compare.Match {
		t.Errorf("unary: %s (%v)", v, r.account.all()[0].New.Err)
	}
	if v := r.account.all()[1].Result.Reason; v != compare.Stream {
		t.Errorf("streaming: %s", v)
	}
}

// Rule 3, and I2.
func TestRule03_BytesAreIdenticalWithMirroringOnAndOff(t *testing.T) {
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
