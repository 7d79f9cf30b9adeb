package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"paritygate/compare"
)

type nobody struct{}

func (nobody) Begin(time.Time)   {}
func (nobody) Finish(*Exchange)  {}
func (nobody) WriteToNew(uint64) {}
func (nobody) Tripped(Trip)      {}

var sizes = map[string]int{"1KiB": 1 << 10, "32KiB": 32 << 10}

// BenchmarkForward is the plain proxy between real sockets, BenchmarkForwardMirrorCompare mirrors and compares everything.
// The CPU time covers client and backends too, which BenchmarkNaive shares.
func BenchmarkForward(b *testing.B) { benchmarkProxy(b, 0) }

func BenchmarkForwardMirrorCompare(b *testing.B) { benchmarkProxy(b, 1) }

func benchmarkProxy(b *testing.B, fraction float64) {
	for name, size := range sizes {
		b.Run(name, func(b *testing.B) {
			backend := benchBackend(b, size)
			router := &plans{}
			router.set(Plan{Epoch: 1, Reads: Old, Shadow: New, Fraction: fraction, Writes: Old})
			u := parseURL(b, backend.URL)
			p, err := NewProxy(Options{
				Run: "bench", Router: router, Observer: nobody{}, Old: BackendOptions{URL: u}, New: BackendOptions{URL: u},
				Table: Table{Comparer: comparer(b)},
			})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { _ = p.Run(ctx); close(done) }()
			defer func() { cancel(); <-done }()
			drive(b, p, size)
		})
	}
}

// BenchmarkNaive is httputil.ReverseProxy as it comes.
func BenchmarkNaive(b *testing.B) {
	for name, size := range sizes {
		b.Run(name, func(b *testing.B) {
			u := parseURL(b, benchBackend(b, size).URL)
			transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
			defer transport.CloseIdleConnections()
			drive(b, &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}, size)
		})
	}
}

// comparer is the real one, with the noise that most answers have.
func comparer(b *testing.B) *compare.Comparer {
	c, err := compare.New(compare.Options{
		Headers: []string{"content-type", "location"},
		Rules:   []compare.Rule{{Path: "$..requestId", Ignore: compare.IgnoreAll}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// benchBackend answers JSON of exactly that size, with a request id that is never the same twice.
func benchBackend(b *testing.B, size int) *httptest.Server {
	var items strings.Builder
	for i := 0; items.Len() < size; i++ {
		fmt.Fprintf(&items, `{"id":%d,"name":"item %d","price":%d.50},`, i, i, i%100)
	}
	var n atomic.Uint64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		head := fmt.Sprintf(`{"requestId":"%016x","items":[`, n.Add(1))
		list := items.String()[:size-len(head)-len(`{}],"end":""}`)]
		list = list[:strings.LastIndexByte(list, '}')+1] + ",{}"
		tail := `],"end":"`
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = io.WriteString(w, head+list+tail+strings.Repeat("x", size-len(head)-len(list)-len(tail)-2)+`"}`)
	}))
	b.Cleanup(s.Close)
	return s
}

// front serves the handler until the benchmark ends, and returns its address.
func front(b *testing.B, handler http.Handler) string {
	so := ServerOptions{Address: "127.0.0.1:0"}
	l, err := Listen(b.Context(), so)
	if err != nil {
		b.Fatal(err)
	}
	server := NewServer(so, handler)
	served := make(chan struct{})
	go func() { _ = server.Serve(l); close(served) }()
	b.Cleanup(func() { _ = server.Close(); <-served })
	return l.Addr().String()
}

func drive(b *testing.B, handler http.Handler, size int) {
	driveWith(b, handler, size, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
}

func driveWith(b *testing.B, handler http.Handler, size int, request string) {
	address := front(b, handler)
	b.ReportAllocs()
	b.SetParallelism(32)
	before := cpu()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) { drivePipe(b, pb, address, size, []byte(request)) })
	b.StopTimer()
	b.ReportMetric(float64(cpu()-before)/float64(b.N)/1e3, "µs-cpu/op")
}

// drivePipe is a client that costs next to nothing: one connection, one request after the other.
func drivePipe(b *testing.B, pb *testing.PB, address string, size int, request []byte) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	buf := make([]byte, size+4096)
	for pb.Next() {
		if _, err := conn.Write(request); err != nil {
			b.Error(err)
			return
		}
		got, want := 0, -1
		for want < 0 || got < want {
			n, err := conn.Read(buf[got:])
			if err != nil {
				b.Error(err)
				return
			}
			got += n
			if i := strings.Index(string(buf[:min(got, 2048)]), "\r\n\r\n"); want < 0 && i >= 0 {
				want = i + 4 + size
			}
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
