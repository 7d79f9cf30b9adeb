package evidence

import (
	"path/filepath"
	"testing"
	"time"

	"paritygate/compare"
)

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.Context(), Options{Path: filepath.Join(b.TempDir(), "paritygate.db"), Run: "move"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkFinish is Begin and Finish of one exchange, from all processors at once.
func BenchmarkFinish(b *testing.B) {
	for _, bc := range []struct {
		name    string
		verdict compare.Verdict
		body    int
	}{{"match", compare.Match, 0}, {"mismatch 1 KiB", compare.Mismatch, 1 << 10}, {"mismatch 32 KiB", compare.Mismatch, 32 << 10}} {
		b.Run(bc.name, func(b *testing.B) {
			s := openBench(b)
			now := time.Now()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				x := exchange(now, 0, bc.verdict)
				x.Old.Body, x.New.Body = make([]byte, bc.body), make([]byte, bc.body)
				for pb.Next() {
					x.Fingerprint++
					s.Begin(x.Time)
					s.Finish(x)
				}
			})
		})
	}
}

// BenchmarkFlush writes 100 routes that all have changed.
func BenchmarkFlush(b *testing.B) {
	s := openBench(b)
	for b.Loop() {
		b.StopTimer()
		now := time.Now()
		for i := range 100 {
			for f := range 20 {
				x := exchange(now, uint64(f), compare.Match)
				x.Route = "route" + itoa(i)
				x.New.Duration = time.Duration(f+1) * time.Millisecond
				see(s, x)
			}
		}
		b.StartTimer()
		if err := s.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommit is a durable change of state with its event.
func BenchmarkCommit(b *testing.B) {
	s := openBench(b)
	for epoch := uint64(0); b.Loop(); epoch++ {
		if _, err := s.Commit(b.Context(), epoch, State{Run: "move", Epoch: epoch + 1, Body: []byte("{}")}, Event{Kind: "phase"}); err != nil {
			b.Fatal(err)
		}
	}
}
