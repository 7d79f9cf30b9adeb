package journal

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// fill fills a journal with writes at new, so many of them under way at once.
func fill(t testing.TB, j *Journal, writes, wide int) {
	t.Helper()
	open := make([]*Entry, wide)
	for i := range writes + wide {
		at := i % wide
		if e := open[at]; e != nil {
			e.AnsweredSoon(&Answer{Outcome: Acknowledged, Status: 201, Whole: true, Body: []byte(`{"id":` + strconv.Itoa(i-wide) + `}`), Header: http.Header{"Content-Type": {"application/json"}}})
			open[at] = nil
		}
		if i < writes {
			w := put(New, "/orders")
			w.Method, w.Body = "POST", []byte(`{"sku":"a-`+strconv.Itoa(i)+`","quantity":3,"note":"as discussed"}`)
			open[at] = mustBegin(t, j, w)
		}
	}
}

// BenchmarkReplay replays BENCH_WRITES (10,000) to a backend that answers at once: what the journal itself can do on this disk.
func BenchmarkReplay(b *testing.B) {
	writes := 10000
	if n, err := strconv.Atoi(os.Getenv("BENCH_WRITES")); err == nil {
		writes = n
	}
	for b.Loop() {
		b.StopTimer()
		j, err := Open(context.Background(), Options{Directory: b.TempDir(), Run: "run"})
		if err != nil {
			b.Fatal(err)
		}
		fill(b, j, writes, 64)
		var n atomic.Int64
		var peak uint64
		began := time.Now()
		b.StartTimer()
		sum, err := j.Replay(context.Background(), ReplayOptions{To: Old}, sendFunc(func(context.Context, Side, *Write, string) (*Answer, error) {
			if n.Add(1)%5000 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
			return &Answer{Status: 201}, nil
		}), nil)
		if err != nil || sum.Sent != int64(writes) {
			b.Fatal(fmt.Errorf("%+v: %w", sum, err))
		}
		b.ReportMetric(float64(writes)/time.Since(began).Seconds(), "writes/s")
		b.ReportMetric(float64(peak)/(1<<20), "heap-MiB")
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

type sendFunc func(context.Context, Side, *Write, string) (*Answer, error)

func (f sendFunc) Send(ctx context.Context, to Side, w *Write, key string) (*Answer, error) {
	return f(ctx, to, w, key)
}
