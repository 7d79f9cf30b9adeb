package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/journal"
)

// BenchmarkJournaledWrites has the built program take writes from so many clients, in shadow without a journal and in live with one, side by
// side on one disk. It says what the journal costs: fsyncs for each write, and how many fsyncs long a write takes longer.
func BenchmarkJournaledWrites(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprint(clients, " clients"), func(b *testing.B) {
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusCreated)
			}))
			defer backend.Close()
			plain, journaled := benched(b, backend.URL), benched(b, backend.URL)
			if _, err := journaled.client.Cutover(b.Context(), admin.Change{Reason: "bench"}, false, true); err != nil {
				b.Fatal(err)
			}
			each := max(b.N/8, clients) // in turn, so that both meet the same neighbours
			var took [2]time.Duration
			var writes int
			before, waited := journaled.syncs(b)
			b.ResetTimer()
			for writes < b.N {
				took[0] += plain.post(b, clients, each)
				took[1] += journaled.post(b, clients, each)
				writes += each
			}
			b.StopTimer()
			after, all := journaled.syncs(b)
			n, sync := float64(writes), (all-waited)/(after-before)
			b.ReportMetric(n/took[0].Seconds(), "plain/s")
			b.ReportMetric(n/took[1].Seconds(), "journaled/s")
			b.ReportMetric((after-before)/n*64, "fsyncs/64writes")
			b.ReportMetric(sync*1e6, "µs/fsync")
			b.ReportMetric((took[1]-took[0]).Seconds()/n*float64(clients)/sync, "fsyncs-longer")
		})
	}
}

// benched starts the program with a journal on the disk of the test's directory.
func benched(b *testing.B, backend string) *process {
	b.Helper()
	p := newProcess(b, bankConfig, "OLD", strings.Replace(backend, "127.0.0.1", "localhost", 1), "NEW", backend, "JOURNAL", filepath.Join(b.TempDir(), "journal"), "segment: 96KiB, body: 2KiB", "segment: 64MiB")
	p.start()
	return p
}

// post sends so many writes and returns how long that took.
func (p *process) post(b *testing.B, clients, writes int) time.Duration {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	left := make(chan struct{}, writes)
	for range writes {
		left <- struct{}{}
	}
	close(left)
	body := strings.Repeat("x", 512)
	began := time.Now()
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range left {
				r, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, p.proxy+"/orders", strings.NewReader(body))
				response, err := transport.RoundTrip(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		})
	}
	all.Wait()
	return time.Since(began)
}

var syncFigure = regexp.MustCompile(`(?m)^paritygate_journal_sync_seconds_(count|sum) (\S+)$`)

// syncs returns how many fsyncs there were, and how long they took together, in seconds.
func (p *process) syncs(b *testing.B) (count, sum float64) {
	b.Helper()
	for _, m := range syncFigure.FindAllStringSubmatch(p.metrics(), 2) {
		n, _ := strconv.ParseFloat(m[2], 64)
		if m[1] == "count" {
			count = n
		} else {
			sum = n
		}
	}
	return count, sum
}

// BenchmarkJournalStart opens a journal of PARITYGATE_BENCH_WRITES writes (20,000), as a start of the program does.
func BenchmarkJournalStart(b *testing.B) {
	writes := 20_000
	if n, err := strconv.Atoi(os.Getenv("PARITYGATE_BENCH_WRITES")); err == nil {
		writes = n
	}
	dir := b.TempDir()
	j, err := journal.Open(b.Context(), journal.Options{Directory: dir, Run: "bench", Interval: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	body := []byte(strings.Repeat("x", 256))
	for i := range writes {
		e, err := j.Begin(ctx, &journal.Write{At: journal.New, Epoch: 3, Time: time.Now(), Method: http.MethodPost, Target: "/orders/" + strconv.Itoa(i), Body: body})
		if err != nil {
			b.Fatal(err)
		}
		e.AnsweredSoon(&journal.Answer{Outcome: journal.Acknowledged, Status: http.StatusCreated})
	}
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		again, err := journal.Open(b.Context(), journal.Options{Directory: dir, Run: "bench"})
		if err != nil {
			b.Fatal(err)
		}
		if n := again.Backlog(journal.Old).Acknowledged; n != int64(writes) {
			b.Fatalf("%d of %d writes", n, writes)
		}
		if err := again.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
