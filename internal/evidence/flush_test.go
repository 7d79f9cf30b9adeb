package evidence

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"paritygate/compare"
)

func TestFailingFlush(t *testing.T) {
	tests := []struct {
		name   string
		broken func(t *testing.T, path string) (repair func())
		want   string
	}{
		{"locked", func(t *testing.T, path string) func() {
			db, err := sql.Open("sqlite", dataSource(path, "_txlock=immediate"))
			if err != nil {
				t.Fatal(err)
			}
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := tx.Rollback(); err != nil {
					t.Error(err)
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}
		}, "locked"},
		{"moved away", func(t *testing.T, path string) func() {
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := os.Rename(path+".away", path); err != nil {
					t.Error(err)
				}
			}
		}, "the file is gone"},
		{"another file in its place", func(t *testing.T, path string) func() {
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := os.Rename(path+".away", path); err != nil {
					t.Error(err)
				}
			}
		}, "another file"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c := newClock()
			o := options(t, c)
			registry := prometheus.NewRegistry()
			core, logs := observer.New(zap.InfoLevel)
			o.Registerer, o.Logger = registry, zap.New(core)
			s := mustOpen(t, o)
			repair := tc.broken(t, o.Path)
			for range 2 {
				see(s, exchange(c.Now(), 1, compare.Mismatch))
				if err := s.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), o.Path) {
					t.Fatalf("flush: %v, want %q and the path", err, tc.want)
				}
			}
			if s.Healthy() == nil {
				t.Error("the store says that it is healthy")
			}
			want := "# HELP paritygate_store_errors_total Reads and writes of the store that failed.\n# TYPE paritygate_store_errors_total counter\nparitygate_store_errors_total 2\n"
			if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "paritygate_store_errors_total"); err != nil {
				t.Error(err)
			}
			repair()
			mustFlush(t, s)
			if err := s.Healthy(); err != nil {
				t.Errorf("not healthy after the repair: %v", err)
			}
			if logs.Len() != 2 {
				t.Errorf("%d lines in the log, want one for the failure and one for its end: %v", logs.Len(), logs.All())
			}
			s = reopen(t, s)
			if got := s.Total(); got.Verdicts[compare.Mismatch] != 2 {
				t.Errorf("%d mismatches, want 2", got.Verdicts[compare.Mismatch])
			}
			groups, samples, err := s.Mismatches(t.Context(), Filter{})
			if err != nil || len(groups) != 1 || len(samples) != 2 {
				t.Errorf("%d groups, %d samples, %v", len(groups), len(samples), err)
			}
		})
	}
}

func TestRunFlushesEverySecondAndAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, newClock())
		s := mustOpen(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		stored := func() (n int) {
			err := s.read.QueryRowContext(t.Context(), "SELECT coalesce(sum(match), 0) FROM accounts").Scan(&n)
			if err != nil {
				t.Error(err)
			}
			return n
		}
		see(s, exchange(o.Now(), 1, compare.Match))
		if n := stored(); n != 0 {
			t.Errorf("%d stored before the first flush", n)
		}
		synctest.Wait()
		<-time.After(time.Second + time.Millisecond)
		synctest.Wait()
		if n := stored(); n != 1 {
			t.Errorf("%d stored after a second, want 1", n)
		}
		see(s, exchange(o.Now(), 1, compare.Match))
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := stored(); n != 2 {
			t.Errorf("%d stored after the end, want 2", n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestRegisterTwice(t *testing.T) {
	registry := prometheus.NewRegistry()
	o := options(t, newClock())
	o.Registerer = registry
	s := mustOpen(t, o)
	second := options(t, newClock())
	second.Registerer = registry
	if _, err := Open(t.Context(), second); err == nil {
		t.Error("two stores have one metric")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, second) // the one that was refused has let go of its lock, and the closed one of the metric
}
