package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/journal"
	"paritygate/proxy"
)

func TestExitCodesOfReplays(t *testing.T) {
	stop := func(code string) *admin.ReplayStop { return &admin.ReplayStop{Code: code, Message: "why"} }
	for _, tt := range []struct {
		name string
		s    admin.ReplaySummary
		want int
	}{
		{"all are sent", admin.ReplaySummary{Total: 3, Sent: 3}, exitDone},
		{"nothing was lacking", admin.ReplaySummary{}, exitDone},
		{"unknown ones remain", admin.ReplaySummary{Total: 3, Sent: 3, Unknown: 1}, exitInconclusive},
		{"some are left out", admin.ReplaySummary{Total: 3, Sent: 3, Left: 2, Skipped: 2}, exitInconclusive},
		{"it stopped, and unknown ones remain", admin.ReplaySummary{Total: 3, Sent: 2, Left: 1, Unknown: 1, Stopped: stop("conflict")}, exitFailed},
		{"damage", admin.ReplaySummary{Stopped: stop("damage")}, exitFailed},
		{"the run went on", admin.ReplaySummary{Stopped: stop("phase")}, exitRefused},
		{"a dry run", admin.ReplaySummary{DryRun: true, Total: 3, Sent: 3, Left: 3}, exitDone},
		{"a dry run with conflicts", admin.ReplaySummary{DryRun: true, Total: 3, Conflicts: 1, Unknown: 1}, exitFailed},
		{"a dry run with unknown ones", admin.ReplaySummary{DryRun: true, Total: 3, Unknown: 1}, exitInconclusive},
	} {
		code := exitDone
		if err := replayVerdict(tt.s); err != nil {
			code = exitCode(err)
		}
		if code != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, code, tt.want)
		}
	}
}

// BenchmarkReplay replays BENCH_WRITES (10,000) writes of 64 clients to a backend on the loopback interface, 16 at once: writes a second, and
// the heap while it runs.
func BenchmarkReplay(b *testing.B) {
	writes := 10000
	if n, err := strconv.Atoi(os.Getenv("BENCH_WRITES")); err == nil {
		writes = n
	}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"id":17}`))
	}))
	defer backend.Close()
	at, err := url.Parse(backend.URL)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		if err := recordWrites(dir, writes, 64); err != nil {
			b.Fatal(err)
		}
		j, err := journal.Open(context.Background(), journal.Options{Directory: dir, Run: "run"})
		if err != nil {
			b.Fatal(err)
		}
		s, err := proxy.NewSender(proxy.SenderOptions{Run: "run", Old: proxy.BackendOptions{URL: at}, New: proxy.BackendOptions{URL: at}})
		if err != nil {
			b.Fatal(err)
		}
		var peak uint64
		b.StartTimer()
		sum, err := j.Replay(context.Background(), journal.ReplayOptions{To: journal.Old}, carrying{s}, func(journal.Progress) {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		})
		if err != nil || sum.Stopped != nil || sum.Sent != int64(writes) {
			b.Fatal(sum, err)
		}
		b.ReportMetric(float64(writes)/sum.Took.Seconds(), "writes/s")
		b.ReportMetric(float64(peak)/(1<<20), "heap-MiB")
		s.Close()
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// recordWrites has new accept writes, so many of them under way at once.
func recordWrites(dir string, writes, wide int) (err error) {
	j, err := journal.Open(context.Background(), journal.Options{Directory: dir, Run: "run", Interval: time.Hour})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	open := make([]*journal.Entry, wide)
	for i := range writes + wide {
		if e := open[i%wide]; e != nil {
			e.AnsweredSoon(&journal.Answer{
				Outcome: journal.Acknowledged, Status: http.StatusCreated, Whole: true, Body: []byte(`{"id":17}`),
				Header: http.Header{"Content-Type": {"application/json"}},
			})
			open[i%wide] = nil
		}
		if i >= writes {
			continue
		}
		var err error
		open[i%wide], err = j.Begin(context.Background(), &journal.Write{
			At: journal.New, Epoch: 4, Time: time.Now(), Route: "orders", Method: http.MethodPost, Target: "/orders", Host: "shop.example", Scheme: "https",
			Client: "192.0.2.7", Header: http.Header{"Content-Type": {"application/json"}}, Body: fmt.Appendf(nil, `{"sku":"a-%d","quantity":3}`, i),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
