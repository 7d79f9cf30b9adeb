package upstream

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// roundTripper is what both clients are.
type roundTripper interface {
	http.RoundTripper
	CloseIdleConnections()
}

// BenchmarkRoundTrip sets this client beside http.Transport: 64 goroutines, a backend in another process would be fairer, so the
// CPU that counts is what differs. cpu-ns/op is the whole process, backend included.
func BenchmarkRoundTrip(b *testing.B) {
	for _, size := range []int{0, 1 << 10, 32 << 10} {
		payload := bytes.Repeat([]byte("x"), size)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(payload)))
			_, _ = w.Write(payload)
		}))
		u, err := url.Parse(server.URL)
		if err != nil {
			b.Fatal(err)
		}
		for name, rt := range map[string]roundTripper{
			"upstream":  New(Options{URL: u, HeaderTimeout: time.Minute, IdleTimeout: time.Minute}),
			"transport": &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute},
		} {
			b.Run(name+"/"+strconv.Itoa(size>>10)+"KiB", func(b *testing.B) { benchmarkRoundTrip(b, rt, u, size) })
			rt.CloseIdleConnections()
		}
		server.Close()
	}
}

func benchmarkRoundTrip(b *testing.B, rt http.RoundTripper, u *url.URL, size int) {
	const workers = 64
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	before := processTime(b)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			buf := make([]byte, size+1)
			req := &http.Request{
				Method: http.MethodGet, URL: &url.URL{Scheme: u.Scheme, Host: u.Host, Opaque: "/api/products/42", RawQuery: "a=1"}, Host: "shop.example",
				Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
				Header: http.Header{
					"Accept": {"application/json"}, "User-Agent": {"bench/1.0"}, "Accept-Encoding": {"gzip"},
					"X-Forwarded-For": {"10.1.2.3"}, "X-Forwarded-Host": {"shop.example"}, "X-Forwarded-Proto": {"https"}, "Via": {"1.1 paritygate-run"},
					"Authorization": {"Bearer abcdefghijklmnopqrstuvwxyz"},
				},
			}
			for left.Add(-1) >= 0 {
				resp, err := rt.RoundTrip(req)
				if err != nil {
					b.Error(err)
					return
				}
				n := 0
				for err == nil {
					var m int
					m, err = resp.Body.Read(buf[n:])
					n += m
				}
				if !errors.Is(err, io.EOF) || n != size {
					b.Errorf("%d bytes, %v", n, err)
					return
				}
				_ = resp.Body.Close()
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(processTime(b)-before)/float64(b.N), "cpu-ns/op")
	runtime.KeepAlive(rt)
}

// processTime is the CPU time that the process has used, in nanoseconds.
func processTime(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
