package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func appendEvents(t *testing.T, s *Store, n int) []Event {
	t.Helper()
	var events []Event
	for i := range n {
		ev, err := s.Append(t.Context(), Event{
			Time: time.Date(2026, 1, 2, 3, 4, i, 123456789, time.FixedZone("", 3600)), Actor: "alice", Kind: "phase",
			From: "shadow", To: "live", Epoch: uint64(i), Reason: "<because> \u2028 & so", Evidence: json.RawMessage(`{ "b": 1.0, "a": [ "<x>" ] }`),
		})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, ev)
	}
	return events
}

func TestLastEvent(t *testing.T) {
	s := mustOpen(t, options(t, newClock()))
	events := appendEvents(t, s, 3)
	second := func(ev Event) bool { return ev.Seq == 2 }
	for _, row := range []struct {
		name  string
		since time.Time
		match func(Event) bool
		kinds []string
		want  int64 // its number
	}{
		{"the newest", time.Time{}, nil, []string{"drift", "phase"}, 3},
		{"one of another kind", time.Time{}, nil, []string{"drift"}, 0},
		{"one that matches", time.Time{}, second, []string{"phase"}, 2},
		{"one that is later", events[1].Time, second, []string{"phase"}, 0},
		{"one that is just later", events[1].Time.Add(-1), second, []string{"phase"}, 2},
		{"of no kind", time.Time{}, nil, nil, 0},
	} {
		if got, err := s.LastEvent(t.Context(), row.since, row.match, row.kinds...); err != nil || got.Seq != row.want {
			t.Errorf("%s: %v, %v; want number %d", row.name, got, err, row.want)
		}
	}
}

func TestEvents(t *testing.T) {
	s := mustOpen(t, options(t, newClock()))
	want := appendEvents(t, s, 6)
	if got := string(want[0].Evidence); got != `{"b":1.0,"a":["<x>"]}` {
		t.Errorf("evidence %s", got)
	}
	s = reopen(t, s)
	tests := []struct {
		name  string
		after int64
		limit int
		want  []Event
	}{
		{"all", 0, 0, want},
		{"page", 2, 2, want[2:4]},
		{"past the end", 6, 10, nil},
		{"newest", -1, 2, want[4:]},
		{"newest, more than there are", -1, 10, want},
		{"negative without a limit", -1, 0, want},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := s.Events(t.Context(), tc.after, tc.limit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if err := s.VerifyEvents(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.Append(t.Context(), Event{Evidence: json.RawMessage("{")}); err == nil {
		t.Error("evidence that is no JSON was taken")
	}
}

func TestVerifyEventsFindsTheFirstChange(t *testing.T) {
	tests := []struct {
		name      string
		statement string
		want      string
		atOpen    bool // seen without reading the whole log
	}{
		{"reason", "UPDATE events SET reason = 'x' WHERE seq = 3", "event 3 does not match", false},
		{"time", "UPDATE events SET time = time + 1 WHERE seq = 4", "event 4 does not match", false},
		{"hash", "UPDATE events SET hash = 'x' WHERE seq = 2", "event 2 does not match", false},
		{"evidence of the first", "UPDATE events SET evidence = '{}' WHERE seq = 1", "event 1 does not match", false},
		{"epoch of the last", "UPDATE events SET epoch = 77 WHERE seq = 8", "event 8 does not match", true},
		{"one missing", "DELETE FROM events WHERE seq = 5", "event 5 is missing", false},
		{"first missing", "DELETE FROM events WHERE seq = 1", "event 1 is missing", false},
		{"end cut off", "DELETE FROM events WHERE seq > 6", "event 7 is missing", true},
		{"all cut off", "DELETE FROM events", "event 1 is missing", true},
		{"one added", "INSERT INTO events SELECT 9, time, actor, kind, from_, to_, epoch, reason, evidence, hash FROM events WHERE seq = 8", "event 9 does not match", true},
		{"head", "UPDATE meta SET value = 'x' WHERE key = 'events_hash'", "event 8 is not the one", true},
		{"two swapped", "UPDATE events SET seq = CASE seq WHEN 3 THEN -4 ELSE -3 END WHERE seq IN (3, 4); UPDATE events SET seq = -seq WHERE seq < 0", "event 3 does not match", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			o := options(t, newClock())
			core, logs := observer.New(zap.ErrorLevel)
			o.Logger = zap.New(core)
			s := mustOpen(t, o)
			appendEvents(t, s, 8)
			execute(t, o.Path, tc.statement)
			check := func(s *Store) {
				t.Helper()
				err := s.VerifyEvents(t.Context())
				if !errors.Is(err, ErrChain) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %v, want %q", err, tc.want)
				}
			}
			check(s)
			s = reopen(t, s)
			if (s.ChainErr() != nil) != tc.atOpen || (logs.Len() > 0) != tc.atOpen {
				t.Errorf("at open: %v, %d lines in the log, want seen: %v", s.ChainErr(), logs.Len(), tc.atOpen)
			}
			switch tc.name {
			case "one added": // its number is taken: nothing can be appended
				return
			case "head": // what follows it is chained to what it was changed to
				tc.want = "event 9 does not match"
			}
			appendEvents(t, s, 3) // what goes on must not cover it up
			check(s)
		})
	}
}

func TestChainOfAnyLengthIsWholeAtOpen(t *testing.T) {
	s := mustOpen(t, options(t, newClock()))
	for n := range 5 {
		if s = reopen(t, s); s.ChainErr() != nil {
			t.Errorf("%d events: %v", n, s.ChainErr())
		}
		appendEvents(t, s, 1)
	}
}

func ExampleErrChain() {
	fmt.Println((&Chain{Head{5, "bb"}}).End(Head{7, "aa"}))
	// Output: the audit log was tampered with: event 6 is missing
}
