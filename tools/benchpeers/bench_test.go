//go:build linux

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testLoop(t *testing.T) *loop {
	t.Helper()
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	go func() { t.Error(l.run()) }() // until the test's process ends
	return l
}

func testBackend(t *testing.T, l *loop) *backend {
	t.Helper()
	b, err := newBackend(l, 1<<60)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// eventually waits for a count that others make.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("not within 10s: " + what)
		}
	}
}

func TestBackendAnswersExactSizes(t *testing.T) {
	b := testBackend(t, testLoop(t))
	for _, kib := range []int{1, 32} {
		b.set(newResponse(kib<<10, true), 0, false)
		seen := map[string]bool{}
		for range 3 {
			response, err := http.Get(b.url() + "/api/items/0001")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			var document struct {
				ID string `json:"request_id"`
			}
			if err != nil || len(body) != kib<<10 || json.Unmarshal(body, &document) != nil {
				t.Fatalf("%d KiB: %d bytes, %v: %.100s", kib, len(body), err, body)
			}
			seen[document.ID] = true
		}
		if len(seen) != 3 || b.counts().requests != 3 {
			t.Errorf("%d KiB: ids %v, counts %+v; want 3 ids of 3 requests", kib, seen, b.counts())
		}
	}
}

func TestLoadCountsAnswers(t *testing.T) {
	l := testLoop(t)
	b := testBackend(t, l)
	for name, rate := range map[string]int{"closed": 0, "open": 1000} {
		t.Run(name, func(t *testing.T) {
			b.set(newResponse(32<<10, false), 0, false)
			g, err := newLoad(l, b.addr, 4, 32<<10)
			if err != nil {
				t.Fatal(err)
			}
			g.start(rate, 10*time.Second)
			eventually(t, "100 answers", func() bool {
				c, err := g.counts()
				if err != nil {
					t.Fatal(err)
				}
				return c.completed >= 100
			})
			g.stop()
			c, err := g.counts()
			if asked := b.counts(); err != nil || asked.requests < c.completed || asked.requests > c.completed+4 || asked.mostOpen < 4 {
				t.Errorf("%+v at the load, %+v at the backend, %v", c, asked, err)
			}
			if rate > 0 && len(g.latencies) != c.completed {
				t.Errorf("%d latencies of %d answers", len(g.latencies), c.completed)
			}
		})
	}
}

func TestLoadRefusesAnotherLength(t *testing.T) {
	l := testLoop(t)
	b := testBackend(t, l)
	b.set(newResponse(2<<10, false), 0, false)
	g, err := newLoad(l, b.addr, 1, 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	g.start(0, 0)
	eventually(t, "the load fails", func() bool { _, err = g.counts(); return err != nil })
	if !strings.Contains(err.Error(), "an answer of 2048 bytes, want 1024") {
		t.Error(err)
	}
}

// TestLatencyCountsFromTheDueTime holds every answer back longer than the requests are apart, on one connection.
func TestLatencyCountsFromTheDueTime(t *testing.T) {
	l := testLoop(t)
	b := testBackend(t, l)
	b.set(newResponse(1<<10, false), 20*time.Millisecond, false)
	g, err := newLoad(l, b.addr, 1, 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	g.start(1000, 10*time.Second)
	var latencies []int64
	eventually(t, "5 answers", func() bool {
		l.do(func() { latencies = g.latencies })
		return len(latencies) >= 5
	})
	g.stop()
	for i, ns := range latencies[:5] {
		if least := time.Duration(i+1) * 19 * time.Millisecond; time.Duration(ns) < least {
			t.Errorf("answer %d after %v, want %v at least: it waited for those before it", i, time.Duration(ns), least)
		}
	}
}

func TestClaims(t *testing.T) {
	c := claim{"of it", "left", "right", false, map[int][]float64{1: {0.42, 0.33}}}
	samples := func(left time.Duration) map[cell][]sample {
		return map[cell][]sample{{"left", 1}: {{perRequest: left}}, {"right", 1}: {{perRequest: 100 * time.Microsecond}}}
	}
	for left, want := range map[time.Duration]string{
		30 * time.Microsecond: "| × of it | 0.30 | ≤ 0.42: **pass**; stretch 0.33: reached |",
		42 * time.Microsecond: "| × of it | 0.42 | ≤ 0.42: **pass**; stretch 0.33: not reached |",
		43 * time.Microsecond: "| × of it | 0.43 | ≤ 0.42: **fail**; stretch 0.33: not reached |",
	} {
		if got, ok := c.row([]int{1}, samples(left)); !ok || got != want {
			t.Errorf("%v: %q, want %q", left, got, want)
		}
	}
	if line, ok := c.row([]int{32}, samples(1)); ok {
		t.Errorf("a claim about what was not measured: %q", line)
	}
}

func TestPublishReplacesItsSection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	for _, section := range []string{"one\n", "two\n"} {
		if err := os.WriteFile(file, []byte("before\n"+beginMark+"\nolder\n"+endMark+"after\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := publish(file, section); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if want := "before\n" + beginMark + "\n" + section + endMark + "after\n"; err != nil || string(data) != want {
			t.Errorf("%q (%v), want %q", data, err, want)
		}
	}
}
