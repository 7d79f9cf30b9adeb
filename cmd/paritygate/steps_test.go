package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

// stepsOf is a flip as it stood at some moments: each step of names with its outcome.
func stepsOf(names ...string) []cutover.Step {
	var steps []cutover.Step
	for i, text := range names {
		name, outcome, _ := strings.Cut(text, " ")
		steps = append(steps, cutover.Step{
			Name: cutover.StepName(name), Began: time.Unix(int64(i), 0), Seconds: .125, Limit: 5, Outcome: cutover.Outcome(outcome),
		})
	}
	return steps
}

func TestStepLine(t *testing.T) {
	for want, step := range map[string]cutover.Step{
		"drain    0.12s of 5s    done: 3 writes ran out": {
			Name: cutover.StepDrain, Seconds: .123, Limit: 5, Outcome: cutover.Done, Detail: "3 writes ran out",
		},
		"checks   3.40s of 9.5s  under way":     {Name: cutover.StepChecks, Seconds: 3.4, Limit: 9.5, Outcome: cutover.UnderWay},
		"prepare  0.00s          skipped":       {Name: cutover.StepPrepare, Outcome: cutover.Skipped},
		"fence    1.00s of 1s    failed: a\\nb": {Name: cutover.StepFence, Seconds: 1, Limit: 1, Outcome: cutover.Failed, Detail: "a\nb"},
	} {
		if got := stepLine(step); got != want {
			t.Errorf("%q\nwant %q", got, want)
		}
	}
}

func TestStepsAreShownOnceTheyEnded(t *testing.T) {
	looks := [][]cutover.Step{
		stepsOf("gate done", "intent done"), // of the flip before: told to nobody
		stepsOf("gate done", "intent done", "hold done", "drain under_way"),
		stepsOf("gate done", "intent done", "hold done", "drain done", "checks under_way"),
		stepsOf("gate done", "intent done", "hold done", "drain done", "checks failed", "abort done"),
	}
	for name, c := range map[string]struct {
		terminal bool
		want     string
	}{
		"in a log":      {false, "hold\ndrain\nchecks\nabort\n"},
		"on a terminal": {true, "hold\ndrain…←drain\nchecks…←checks\nabort\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := newStepDisplay(system{err: &out, lookup: func(string) (string, bool) { return "", false }}, looks[0])
			p.terminal = c.terminal
			for _, steps := range looks {
				p.show(steps)
				p.show(steps) // as often as one looks
			}
			p.end()
			got := out.String()
			for _, s := range looks[3] {
				got = strings.ReplaceAll(got, stepLine(s)+"\n", string(s.Name)+"\n")
				s.Outcome = cutover.UnderWay
				got = strings.ReplaceAll(got, stepLine(s)+"\r\x1b[K"+stepLine(s), stepLine(s))
				got = strings.ReplaceAll(got, stepLine(s)+"\r\x1b[K", string(s.Name)+"…←")
			}
			if got != c.want {
				t.Errorf("%q\nwant %q", got, c.want)
			}
		})
	}
}

// transcript collects what a process prints, and can be read meanwhile.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// flipping is an admin API whose flip ends when it is told to, and goes step by step until then.
func flipping(t *testing.T, end <-chan struct{}, abandoned bool) (url string, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	status := func(ended bool) admin.Status {
		s := admin.Status{Run: "r", Phase: cutover.Shadow, Epoch: 1, Warnings: []string{"there is no fence"}}
		if n := asked.Load(); n > 1 || ended {
			s.Cutover.Steps = stepsOf("intent done", "hold done", "drain under_way")
		}
		if ended {
			s.Cutover.Steps = stepsOf("intent done", "hold done", "drain done", "commit done")
		}
		return s
	}
	var over atomic.Bool
	send := func(w http.ResponseWriter, code int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		send(w, http.StatusOK, status(over.Load()))
	})
	mux.HandleFunc("POST /v1/cutover", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-end:
		case <-r.Context().Done():
			t.Error("the command left before the flip ended")
		}
		over.Store(true)
		if abandoned {
			send(w, http.StatusConflict, map[string]any{"error": map[string]string{"code": "conflict", "message": "the flip was abandoned"}})
			return
		}
		send(w, http.StatusOK, admin.CutoverResult{Status: status(true)})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestCutoverShowsItsSteps(t *testing.T) {
	for name, c := range map[string]struct {
		abandoned bool
		output    string
		code      int
	}{
		"done": {false, "table", exitDone}, "as JSON": {false, "json", exitDone}, "abandoned": {true, "table", exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			end := make(chan struct{})
			url, asked := flipping(t, end, c.abandoned)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			var out, errs transcript
			go func() {
				testkit.Eventually(t, 10*time.Second, func() bool { return asked.Load() > 1 }, "the command looks at the steps")
				interrupt()
				testkit.Eventually(t, 10*time.Second, func() bool { return strings.Contains(errs.String(), "abandons it") }, "it says that the flip goes on")
				close(end)
			}()
			code := run(ctx, []string{"cutover", "--yes", "--admin", url, "--output", c.output}, system{
				in: strings.NewReader(""), out: &out, err: &errs, lookup: func(string) (string, bool) { return "", false },
			})
			if code != c.code {
				t.Errorf("ended in %d: %s", code, errs.String())
			}
			last := 0
			for _, want := range []string{"warning: there is no fence\n", "`paritygate rollback --reason TEXT` abandons it", "drain    0.12s of 5s    done\n", "commit   0.12s of 5s    done\n"} {
				at := strings.Index(errs.String(), want)
				if at < last {
					t.Errorf("no %q, or not in its place, in\n%s", want, errs.String())
				}
				last = at
			}
			if n := strings.Count(errs.String(), "intent "); n != 1 {
				t.Errorf("a step was told %d times", n)
			}
			if c.output == "json" && !json.Valid([]byte(out.String())) {
				t.Errorf("no JSON: %s", out.String())
			}
		})
	}
}
