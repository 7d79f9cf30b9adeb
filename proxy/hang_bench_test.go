package proxy

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"time"

	"paritygate/internal/testkit"
)

// BenchmarkShadowThatHangs sends 500 requests/s for 10 s over one client's connections while every read is mirrored to a
// backend that does not answer, and without any mirror beside it. What counts is the reported metrics, not ns/op: the
// median, p99 and worst latency of old's answers, and what goroutines and heap grew by.
func BenchmarkShadowThatHangs(b *testing.B) {
	b.Run("no mirror", func(b *testing.B) { benchmarkHang(b, 0, testkit.BlackHole()) })
	b.Run("black hole", func(b *testing.B) { benchmarkHang(b, 1, testkit.BlackHole()) })
	b.Run("hangs before headers", func(b *testing.B) { benchmarkHang(b, 1, testkit.HangBeforeHeaders()) })
	b.Run("resets in the body", func(b *testing.B) { benchmarkHang(b, 1, testkit.ResetMidBody()) })
}

func benchmarkHang(b *testing.B, fraction float64, fault testkit.Fault) {
	old, shadow := benchBackend(b, 1<<10), testkit.Faulty(b, fault)
	router := &plans{}
	router.set(Plan{Epoch: 1, Reads: Old, Shadow: New, Fraction: fraction, Writes: Old})
	p, err := NewProxy(Options{
		Run: "bench", Router: router, Observer: nobody{}, Old: BackendOptions{URL: parseURL(b, old.URL)},
		New: BackendOptions{URL: parseURL(b, shadow.URL)}, Table: Table{Comparer: comparer(b), ShadowTimeout: 2 * time.Second},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = p.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	load := testkit.Load{Request: testkit.GET("http://" + front(b, p) + "/items"), Rate: 500, Duration: 2 * time.Second}
	load.Run(b.Context()) // until the pools and the queue are full
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	for b.Loop() {
		load.Duration = 10 * time.Second
		samples := load.Run(b.Context())
		for _, s := range samples {
			if s.Err != nil || s.Status != http.StatusOK {
				b.Fatalf("a client's request failed: %d %v", s.Status, s.Err)
			}
		}
		b.ReportMetric(float64(testkit.Quantile(samples, .5).Microseconds()), "p50-µs")
		b.ReportMetric(float64(testkit.Quantile(samples, .99).Microseconds()), "p99-µs")
		b.ReportMetric(float64(testkit.Quantile(samples, 1).Microseconds()), "worst-µs")
	}
	b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines-grown")
	b.ReportMetric(float64(heapInUse()-heap)/(1<<20), "heap-grown-MiB")
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}
