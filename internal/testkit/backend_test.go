package testkit_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/internal/testkit"
)

func TestBackendRecords(t *testing.T) {
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/read":
			_, _ = io.Copy(w, r.Body)
		case "/abort":
			panic(http.ErrAbortHandler)
		}
	})
	b := testkit.Backend(t, answers)
	for _, path := range []string{"/read?a=;&a", "/unread", "/abort"} {
		status, body, err := ask(t, b.URL+path, 5*time.Second, strings.NewReader("the body"))
		if path == "/abort" {
			if err == nil {
				t.Error("abort: no error")
			}
			continue
		}
		if err != nil || status != 200 {
			t.Errorf("%s: %d, %v", path, status, err)
		}
		if path != "/unread" && body != "the body" {
			t.Errorf("%s: body %q", path, body)
		}
	}
	testkit.Eventually(t, 5*time.Second, func() bool { return b.Count() == 3 }, "recorded %d", b.Count())
	for i, r := range b.Requests() {
		if want := []string{"/read?a=;&a", "/unread", "/abort"}[i]; r.Target != want || string(r.Body) != "the body" || r.Method != "POST" {
			t.Errorf("recorded %s %s with %q, want %s", r.Method, r.Target, r.Body, want)
		}
	}
	b.Forget()
	if b.Count() != 0 {
		t.Error("not forgotten")
	}
}

func TestBackendKeepsABoundedBody(t *testing.T) {
	b := testkit.Backend(t, nil)
	if _, _, err := ask(t, b.URL, 5*time.Second, bytes.NewReader(make([]byte, 3<<20))); err != nil {
		t.Fatal(err)
	}
	if n := len(b.Requests()[0].Body); n != 1<<20 {
		t.Errorf("kept %d bytes", n)
	}
}

func TestBackendKilledAndRevived(t *testing.T) {
	entered := make(chan struct{})
	var left atomic.Bool
	b := testkit.Backend(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			close(entered)
			<-r.Context().Done()
			left.Store(true)
		}
	}))
	failed := make(chan error, 1)
	go func() {
		_, _, err := ask(t, b.URL+"/hang", time.Minute, nil)
		failed <- err
	}()
	<-entered
	b.Kill()
	if !left.Load() {
		t.Error("Kill did not wait for the handler")
	}
	if err := <-failed; err == nil {
		t.Error("the request in flight survived")
	}
	if _, _, err := ask(t, b.URL, time.Second, nil); err == nil {
		t.Error("a dead backend answered")
	}
	b.Revive(t)
	if status, _, err := ask(t, b.URL, 5*time.Second, nil); status != 200 || err != nil {
		t.Errorf("revived: %d, %v", status, err)
	}
}

func TestLoad(t *testing.T) {
	b := testkit.Backend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path)
	}))
	tests := []struct {
		name string
		load testkit.Load
		want int
	}{
		{"closed", testkit.Load{Requests: 50, Concurrency: 4}, 50},
		{"closed, by time", testkit.Load{Duration: 100 * time.Millisecond}, -1},
		{"open", testkit.Load{Rate: 500, Requests: 50}, 50},
		{"open, by time", testkit.Load{Rate: 200, Duration: 100 * time.Millisecond}, 20},
		{"nothing", testkit.Load{}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.load.Request, test.load.KeepBody = testkit.GET(b.URL+"/a", b.URL+"/b"), true
			samples := test.load.Run(t.Context())
			if test.want >= 0 && len(samples) != test.want || test.want < 0 && len(samples) == 0 {
				t.Errorf("%d samples, want %d", len(samples), test.want)
			}
			for i, s := range samples {
				if want := []string{"/a", "/b"}[i%2]; s.Index != i || s.Status != 200 || s.Err != nil || string(s.Body) != want || s.Latency <= 0 {
					t.Fatalf("sample %d: %+v", i, s)
				}
			}
		})
	}
}

func TestOpenLoopCountsFromWhenARequestWasDue(t *testing.T) {
	b := testkit.Backend(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-r.Context().Done():
		}
	}))
	// One at a time at 50 ms each, due every 10 ms: the tenth waits for the nine before it.
	samples := testkit.Load{Request: testkit.GET(b.URL), Rate: 100, Requests: 10, Concurrency: 1}.Run(t.Context())
	if last := samples[9].Latency; last < 400*time.Millisecond {
		t.Errorf("the last took %s, want its wait included", last)
	}
	if q := testkit.Quantile(samples, 0.99); q != samples[9].Latency {
		t.Errorf("p99 %s", q)
	}
}

func TestLoadStopsWithItsContext(t *testing.T) {
	s := testkit.Faulty(t, testkit.BlackHole())
	for _, rate := range []float64{0, 1000} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		samples := testkit.Load{Request: testkit.GET(s.URL), Rate: rate, Requests: 1 << 20}.Run(ctx)
		cancel()
		if len(samples) == 0 || samples[0].Err == nil {
			t.Errorf("rate %v: %d samples", rate, len(samples))
		}
	}
}
