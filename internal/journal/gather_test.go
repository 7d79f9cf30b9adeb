package journal

import (
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSyncsPerWrite has writers go round, each as soon as it is answered: with many of them one sync does for all, and nobody waits much longer
// than a sync.
func TestSyncsPerWrite(t *testing.T) {
	const (
		rounds = 30
		ms     = time.Millisecond
	)
	for _, tt := range []struct {
		name    string
		writers int
		sync    time.Duration
		backend time.Duration
		spread  time.Duration // by which it differs from the first writer to the last
		syncs   float64       // for as many writes as there are writers, at most
		longest float64       // syncs that a write waits for a durable point on average, at most
	}{
		{"one", 1, 5 * ms, ms, 0, 2, 1},
		{"two", 2, 5 * ms, ms, ms, 2.5, 1.5},
		{"sixteen", 16, 5 * ms, ms, ms, 2.2, 1.5},
		{"sixty-four", 64, 5 * ms, ms, ms, 2.2, 1.5},
		{"sixty-four that take turns on the processor", 64, ms / 5, ms / 10, 3 * ms, 2.3, 16},
		{"two at a slow backend", 2, 5 * ms, 200 * ms, 20 * ms, 4, 1.2},
		{"two on a fast disk", 2, ms / 5, ms / 2, ms / 2, 4, 1.5},
		{"seven on a fast disk", 7, ms / 5, ms / 2, 3 * ms, 14, 1.6},
		{"sixty-four at a slow backend", 64, 5 * ms, 2000 * ms, 200 * ms, 128, 1.5},
		{"sixty-four at a slow backend on a fast disk", 64, ms / 5, 200 * ms, 200 * ms, 128, 1.6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var syncs atomic.Int64
				d := unsynced
				d.sync = func(*os.File) error {
					syncs.Add(1)
					<-time.After(tt.sync)
					return nil
				}
				j := open(t, Options{Directory: t.TempDir(), disk: d})
				mustBegin(t, j, put(New, "/first")).AnsweredSoon(&Answer{Outcome: Acknowledged})
				before := syncs.Load()
				var waited atomic.Int64
				var all sync.WaitGroup
				for i := range tt.writers {
					all.Go(func() {
						for range rounds {
							began := time.Now()
							e := mustBegin(t, j, put(New, "/"))
							waited.Add(int64(time.Since(began)))
							<-time.After(tt.backend + tt.spread*time.Duration(i)/time.Duration(tt.writers))
							began = time.Now()
							acknowledge(t, e, "")
							waited.Add(int64(time.Since(began)))
						}
					})
				}
				all.Wait()
				per := float64(syncs.Load()-before) / rounds
				each := float64(waited.Load()) / float64(2*rounds*tt.writers) / float64(tt.sync)
				if per > tt.syncs || each > tt.longest {
					t.Errorf("%.2f syncs for %d writes, at most %.1f; %.2f syncs for a durable point, at most %.1f", per, tt.writers, tt.syncs, each, tt.longest)
				}
				t.Logf("%.2f syncs for %d writes, %.2f for a durable point", per, tt.writers, each)
			})
		})
	}
}
