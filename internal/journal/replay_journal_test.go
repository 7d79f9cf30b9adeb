package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// accepted has a side accept writes, one after the other.
func accepted(t *testing.T, j *Journal, at Side, epoch uint64, lines ...string) {
	t.Helper()
	for _, line := range lines {
		method, target, _ := strings.Cut(line, " ")
		w := put(at, target)
		w.Method, w.Epoch = method, epoch
		if err := mustBegin(t, j, w).Answered(&Answer{Outcome: Acknowledged, Status: 200, Whole: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReplayOfAJournalOnTheDisk replays with a key and a spool, over segments that are rotated meanwhile, and goes on after a restart.
func TestReplayOfAJournalOnTheDisk(t *testing.T) {
	t.Parallel() // it waits for the disk
	dir := filepath.Join(t.TempDir(), "journal")
	o := Options{Directory: dir, Run: "run", Segment: 4 << 10, Body: 64, Key: []byte("a key of more than thirty-two bytes"), Secret: func(name string) bool { return name == "Authorization" }}
	j, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("0123456789", 100)
	for i := range 30 {
		w := put(New, fmt.Sprintf("/orders/%d", i))
		w.Header.Set("Authorization", "Bearer very-secret")
		if i%10 == 0 {
			if w.Body, w.Spool, err = nil, nil, nil; err == nil {
				w.Spool, err = j.NewSpool()
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w.Spool, large); err != nil {
				t.Fatal(err)
			}
		}
		if err := mustBegin(t, j, w).Answered(&Answer{Outcome: Acknowledged, Status: 200}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	got := map[string]string{}
	ctx, stop := context.WithCancel(t.Context())
	send := sendFunc(func(_ context.Context, to Side, w *Write, key string) (*Answer, error) {
		body := string(w.Body)
		if w.Spool != nil {
			r, err := w.Spool.Open()
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
			}
			all, err := io.ReadAll(r)
			if err = errors.Join(err, r.Close()); err != nil {
				return nil, err
			}
			body = string(all)
		}
		mu.Lock()
		defer mu.Unlock()
		if got[key] != "" || to != Old || w.Header.Get("Authorization") != "Bearer very-secret" {
			t.Errorf("%s to %s, again or without its credentials: %v", key, to, w.Header)
		}
		if got[key] = w.Target + " " + body; len(got) == 12 {
			stop()
		}
		return &Answer{Status: http.StatusOK}, nil
	})
	first, err := j.Replay(ctx, ReplayOptions{To: Old, Concurrency: 4}, send, nil)
	if err != nil || !errors.Is(first.Stopped, context.Canceled) || first.Sent < 12 || first.Sent+first.Left != 30 {
		t.Fatalf("%+v, %v", first, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, o)
	second, err := j.Replay(t.Context(), ReplayOptions{To: Old}, send, nil)
	if err != nil || second.Stopped != nil || second.Sent != first.Left || len(got) != 30 {
		t.Fatalf("%+v, %v", second, err)
	}
	if s := j.Status(); s.Synced != s.Seq {
		t.Errorf("what was sent is told before the marks are durable: %+v", s)
	}
	for id, what := range got {
		target, body, _ := strings.Cut(what, " ")
		if want := "body of " + target; body != want && body != large {
			t.Errorf("%s %s: %q", id, target, body)
		}
	}
	if b := j.Backlog(Old); b.Unreplayed() != 0 {
		t.Errorf("old lacks %+v", b)
	}
}

// TestReplayStopsAtDamage damages the third of five segments.
func TestReplayStopsAtDamage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		behind []string // what new takes behind the damaged segment
		sent   bool     // whether what is before it is sent
	}{
		{"that lies among new's writes", []string{"PUT /f", "PUT /g"}, true},
		{"behind which anything may have been sent", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			o := Options{Directory: dir, Run: "run", Segment: 1}
			j, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			accepted(t, j, New, 5, "PUT /a", "PUT /b", "PUT /c", "PUT /d", "PUT /e")
			accepted(t, j, New, 5, tt.behind...)
			accepted(t, j, Old, 6, "PUT /x", "PUT /y")
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			name := segmentHolding(t, dir, "PUT", "/e")
			text, err := os.ReadFile(name)
			if err == nil {
				err = os.WriteFile(name, []byte(strings.Replace(string(text), `"/e"`, `"/E"`, 1)), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			j = open(t, o)
			b := &backend{}
			sum, err := j.Replay(t.Context(), ReplayOptions{To: Old}, b, nil)
			var d *Damage
			if err != nil || !errors.As(sum.Stopped, &d) || d.Segment != filepath.Base(name) || d.Offset == 0 {
				t.Fatalf("%+v, %v", sum, err)
			}
			want := ""
			if tt.sent {
				want = "PUT /a PUT /b PUT /c PUT /d"
			}
			if got := strings.Join(b.got, " "); got != want {
				t.Errorf("sent %q, want %q", got, want)
			}
		})
	}
}

// segmentHolding is the plain segment that has the intent of a write.
func segmentHolding(t *testing.T, dir, method, target string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"method":"`+method+`","path":"`+target+`"`) {
			return name
		}
	}
	t.Fatalf("no segment has %s %s", method, target)
	return ""
}
