package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReplayWaitsForABackendThatIsAway(t *testing.T) {
	for _, tt := range []struct {
		name string
		away time.Duration
		gone bool
	}{{"for a while", 10 * time.Second, false}, {"for too long", time.Hour, true}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &memory{}
				for i := range 40 {
					log.writes(fmt.Sprintf("POST /orders/%d 200", i%7))
				}
				began, tries := time.Now(), 0
				b := &backend{took: time.Millisecond}
				b.answer = func(*Write, string) (*Answer, error) {
					if since := time.Since(began); since > 20*time.Millisecond && since < tt.away {
						tries++
						return nil, fmt.Errorf("%w: connection refused", ErrNotSent)
					}
					return nil, nil //nolint:nilnil // answers as it always does
				}
				sum := log.replay(t.Context(), ReplayOptions{To: Old}, b)
				var away *Away
				if errors.As(sum.Stopped, &away) != tt.gone {
					t.Fatalf("stopped: %v", sum.Stopped)
				}
				if tries > 40 {
					t.Errorf("it was tried %d times", tries)
				}
				if took := time.Since(began); tt.gone && (took < DefaultPatience || took > DefaultPatience+5*time.Second) {
					t.Errorf("it stopped after %s", took)
				}
				if tt.gone {
					b.answer = nil
					sum = log.replay(t.Context(), ReplayOptions{To: Old}, b)
				}
				if sum.Stopped != nil || sum.Left != 0 || sum.Unknown != 0 {
					t.Errorf("%+v", sum)
				}
				for id, n := range b.keys {
					if tries == 0 || n < 1 {
						t.Errorf("%s came %d times", id, n)
					}
				}
				if len(b.keys) != 40 {
					t.Errorf("%d of 40 came", len(b.keys))
				}
			})
		})
	}
}

// TestReplayKilledAtEveryMark dies before and after each mark of a replay, and replays what is left, as the next process would: nothing is
// sent twice that must not be, and what is not sent is known to be unknown.
func TestReplayKilledAtEveryMark(t *testing.T) {
	for at := 1; ; at++ {
		reached := false
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				log := &memory{diesAt: at, after: after}
				history := []string{"POST /a 201", "PUT /b 200", "POST /c 200", "DELETE /d 204", "PATCH /e 200", "POST /f 200", "PUT /b 200"}
				log.writes(history...)
				b := &backend{took: time.Millisecond}
				b.answer = func(w *Write, _ string) (*Answer, error) {
					if w.Target == "/a" {
						return &Answer{Status: 201}, nil
					}
					return nil, nil //nolint:nilnil // answers as it always does
				}
				first := log.replay(t.Context(), ReplayOptions{To: Old, Concurrency: 2}, b)
				reached = reached || log.marks >= at
				log.diesAt = 0
				sum := log.replay(t.Context(), ReplayOptions{To: Old, Concurrency: 2}, b)
				if sum.Stopped != nil || sum.Left != 0 {
					t.Fatalf("killed at mark %d (after: %t; %v), and then %+v", at, after, first.Stopped, sum)
				}
				unknown := int64(0)
				for i, line := range history {
					n := b.keys[WriteID("0badcafe", uint64(2*i+1))]
					repeatable := strings.HasPrefix(line, "PUT") || strings.HasPrefix(line, "DELETE")
					switch {
					case n > 1 && !repeatable:
						t.Errorf("killed at mark %d (after: %t): %s came %d times", at, after, line, n)
					case n == 0 && repeatable:
						t.Errorf("killed at mark %d (after: %t): %s never came", at, after, line)
					case n == 0:
						unknown++
					}
				}
				if sum.Unknown < unknown || sum.Unknown > 2 {
					t.Errorf("killed at mark %d (after: %t): %d never came, and %d are unknown", at, after, unknown, sum.Unknown)
				}
			})
		}
		if !reached {
			return
		}
	}
}

// TestReplayKeepsTheOrderOfTheFacts replays random histories and looks at what the backend saw.
func TestReplayKeepsTheOrderOfTheFacts(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			log, byTarget := &memory{}, map[string]*task{}
			clients := 1 + r.IntN(8)
			history := randomHistory(r, 50, clients, 12)
			records := make([]*Record, 100)
			for i, w := range history {
				target := fmt.Sprintf("%s?%d", w.line, i)
				records[w.intent-1] = intent(w.intent, New, 5, "POST", target)
				records[w.outcome-1] = outcome(w.outcome, w.intent, 200, "", "")
				byTarget["POST "+target] = w
			}
			log.add(records...)
			running := map[*task]bool{}
			done := map[*task]bool{}
			b := &watched{backend: backend{}}
			b.began = func(what string) {
				w := byTarget[what]
				for _, a := range history {
					if mustWait(a, w) && !done[a] {
						t.Errorf("seed %d: %s starts before what was answered before it", seed, what)
					}
				}
				running[w] = true
			}
			b.ended = func(what string) { done[byTarget[what]] = true }
			b.pause = func() time.Duration { return time.Duration(1+r.IntN(20)) * time.Millisecond }
			if sum := log.replay(t.Context(), ReplayOptions{To: Old, Concurrency: 1 + r.IntN(8)}, b); sum.Stopped != nil || sum.Sent != 50 {
				t.Errorf("seed %d: %+v", seed, sum)
			}
		})
	}
}

// watched tells of each write when it comes and when it ends.
type watched struct {
	backend
	began, ended func(what string)
	pause        func() time.Duration
}

func (b *watched) Send(_ context.Context, _ Side, w *Write, _ string) (*Answer, error) {
	b.mu.Lock()
	b.began(w.Method + " " + w.Target)
	pause := b.pause()
	b.mu.Unlock()
	<-time.After(pause)
	b.mu.Lock()
	b.ended(w.Method + " " + w.Target)
	b.mu.Unlock()
	return &Answer{Status: 200}, nil
}

func TestReplayGoesAtItsRateAndWidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		for i := range uint64(100) {
			log.add(intent(i+1, New, 5, "POST", fmt.Sprint("/", i)))
		}
		for i := range uint64(100) {
			log.add(outcome(i+101, i+1, 200, "", ""))
		}
		b := &backend{took: 100 * time.Millisecond}
		began := time.Now()
		log.replay(t.Context(), ReplayOptions{To: Old, Concurrency: 10}, b)
		if took := time.Since(began); b.most != 10 || took != time.Second {
			t.Errorf("%d at once, %s in all; want 10 and 1s", b.most, took)
		}
	})
	for _, rate := range []float64{5, 500} {
		synctest.Test(t, func(t *testing.T) {
			log := &memory{}
			for i := range 100 {
				log.writes(fmt.Sprintf("POST /%d 200", i))
			}
			began := time.Now()
			log.replay(t.Context(), ReplayOptions{To: Old, Rate: rate}, &backend{})
			want := time.Duration(100 / rate * float64(time.Second))
			if took := time.Since(began); took < want-want/10-2*burst || took > want+want/10 {
				t.Errorf("%v a second: 100 took %s", rate, took)
			}
		})
	}
}

func TestReplayStops(t *testing.T) {
	answers := func(target string, a *Answer, err error) func(*Write, string) (*Answer, error) {
		return func(w *Write, _ string) (*Answer, error) {
			if w.Target == target {
				return a, err
			}
			return nil, nil //nolint:nilnil // answers as it always does
		}
	}
	for _, tt := range []struct {
		name    string
		history []string
		old     string // a write of old since
		answer  func(*Write, string) (*Answer, error)
		o       ReplayOptions
		want    string // in what stopped it; empty: nothing did
		sent    int
		left    int64
		unknown int64
	}{
		{
			name: "at another class of status", history: []string{"POST /a 200", "POST /b 200", "POST /c 200"},
			answer: answers("/b", &Answer{Status: 409}, nil), want: "POST /b): old answers 409, 200 was recorded", sent: 2, left: 2,
		},
		{
			name: "not at one to continue on", history: []string{"POST /a 200", "POST /b 200", "POST /c 200"},
			answer: answers("/b", &Answer{Status: 409}, nil), o: ReplayOptions{ContinueOn: []int{409}}, sent: 3,
		},
		{
			name: "at a failure, which leaves it unknown", history: []string{"POST /a 200", "POST /b 200", "POST /c 200"},
			answer: answers("/b", &Answer{Status: 500}, nil), want: "resolve", sent: 2, left: 1, unknown: 1,
		},
		{
			name: "where no answer comes", history: []string{"POST /a 200", "POST /b 200", "POST /c 200"},
			answer: answers("/b", nil, errors.New("timeout")), want: "there is no answer", sent: 2, left: 1, unknown: 1,
		},
		{
			name: "at a conflict", history: []string{"POST /a 200", "PUT /b 200", "POST /c 200"}, old: "PATCH /b 200",
			want: "PUT /b) of 1970-01-01 00:00:03.000 UTC was not sent, because old has written since: 0badcafe-7", sent: 1, left: 2,
		},
		{
			name: "not at a conflict that is sent all the same", history: []string{"POST /a 200", "PUT /b 200", "POST /c 200"}, old: "PATCH /b 200",
			o: ReplayOptions{Conflicts: true}, sent: 3,
		},
		{
			name: "for nothing before the first one that is wanted", history: []string{"POST /a 200", "POST /b 200", "POST /c 200"},
			o: ReplayOptions{From: WriteID("0badcafe", 3)}, sent: 2, left: 1,
		},
		{
			name: "at a first one that is none", history: []string{"POST /a 200"}, o: ReplayOptions{From: "0badcafe-9"}, want: "no write", left: 0,
		},
		{
			name: "when the run goes on", history: []string{"POST /a 200"}, o: ReplayOptions{Allowed: func() error { return errors.New("shadow") }}, want: "shadow", left: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := &memory{}
			log.writes(tt.history...)
			if tt.old != "" {
				log.oldWrites(tt.old)
			}
			b := &backend{answer: tt.answer}
			tt.o.To = Old
			sum := log.replay(t.Context(), tt.o, b)
			if got := fmt.Sprint(sum.Stopped); tt.want == "" && sum.Stopped != nil || !strings.Contains(got, tt.want) {
				t.Fatalf("stopped by %q, want %q", got, tt.want)
			}
			if len(b.got) != tt.sent || sum.Left != tt.left {
				t.Errorf("sent %q, left %d; want %d and %d", b.got, sum.Left, tt.sent, tt.left)
			}
			b.answer, tt.o.To = nil, Old
			if next := log.replay(t.Context(), ReplayOptions{To: Old, Conflicts: true}, b); next.Unknown != tt.unknown || next.Left != 0 {
				t.Errorf("and then %+v", next)
			}
		})
	}
}

func TestReplayStopsAtAWriteThatComesMeanwhile(t *testing.T) {
	log := &memory{}
	log.writes("POST /a 200", "PUT /b 200")
	b := &backend{}
	b.answer = func(w *Write, _ string) (*Answer, error) {
		if w.Target == "/a" {
			log.oldWrites("PUT /b 200")
		}
		return nil, nil //nolint:nilnil // answers as it always does
	}
	sum := log.replay(t.Context(), ReplayOptions{To: Old}, b)
	var c *Conflict
	if !errors.As(sum.Stopped, &c) || sum.Sent != 1 {
		t.Errorf("%+v", sum)
	}
}

// TestReplayStopsAtAWriteThatComesWhileItMarks has old write to a resource while the mark before the same write becomes durable.
func TestReplayStopsAtAWriteThatComesWhileItMarks(t *testing.T) {
	log := &memory{}
	log.writes("PUT /b 200")
	log.marking = func() { log.oldWrites("PUT /b 200") }
	b := &backend{}
	sum := log.replay(t.Context(), ReplayOptions{To: Old}, b)
	var c *Conflict
	if last := log.records[len(log.records)-1]; !errors.As(sum.Stopped, &c) || len(b.got) != 0 || last.Type != SentRecord || last.Answer.Outcome != NotSent {
		t.Errorf("%+v, sent %q, the mark %+v", sum, b.got, last)
	}
}

// TestReplayTellsWhatWasWrittenWhileItSent has old write to a resource while it is sent the same one: either may have come last.
func TestReplayTellsWhatWasWrittenWhileItSent(t *testing.T) {
	log := &memory{}
	log.writes("PUT /b 200", "PUT /c 200")
	b := &backend{}
	b.answer = func(w *Write, _ string) (*Answer, error) {
		if b.keys["0badcafe-1"] == 1 && w.Target == "/b" {
			log.oldWrites("PUT /b 200")
		}
		return nil, nil //nolint:nilnil // answers as it always does
	}
	sum := log.replay(t.Context(), ReplayOptions{To: Old, Concurrency: 1}, b)
	var c *Crossed
	if !errors.As(sum.Stopped, &c) || c.With.ID != "0badcafe-1" || c.With.OtherID != "0badcafe-6" || sum.Unknown != 1 || sum.Sent != 0 || sum.Left != 1 {
		t.Errorf("%+v", sum)
	}
	log.add(&Record{Seq: log.last() + 1, Type: ResolvedRecord, ID: "0badcafe-1", Mark: &Mark{To: Old}})
	sum = log.replay(t.Context(), ReplayOptions{To: Old}, b)
	if sum.Stopped != nil || sum.Sent != 2 || sum.Unknown != 0 || b.keys["0badcafe-1"] != 2 {
		t.Errorf("said to be sent once more: %+v, %v", sum, b.keys)
	}
}

// TestReplaySendsNothingOverLaterWrites leaves out the first writes, and sends them after the rest: what was written later stands.
func TestReplaySendsNothingOverLaterWrites(t *testing.T) {
	log := &memory{}
	log.writes("PUT /a 200", "PUT /b 200", "POST /c 200", "PUT /a/ 200")
	b := &backend{}
	if sum := log.replay(t.Context(), ReplayOptions{To: Old, From: "0badcafe-5"}, b); sum.Stopped != nil || sum.Sent != 2 || sum.Left != 2 {
		t.Fatalf("%+v", sum)
	}
	var o *Overtaken
	if sum := log.replay(t.Context(), ReplayOptions{To: Old}, b); !errors.As(sum.Stopped, &o) || o.ID != "0badcafe-1" || o.By != "0badcafe-7" || sum.Sent != 0 || sum.Conflicts != 1 {
		t.Errorf("%+v", sum)
	}
	log.add(&Record{Seq: log.last() + 1, Type: ResolvedRecord, ID: "0badcafe-1", Mark: &Mark{To: Old, Sent: true}})
	if sum := log.replay(t.Context(), ReplayOptions{To: Old}, b); sum.Stopped != nil || sum.Sent != 1 || b.got[len(b.got)-1] != "PUT /b" {
		t.Errorf("%+v %q", sum, b.got)
	}
}

// TestReplayKnowsItsOwnDeletes sends a DELETE again that was about to be sent when a process died: that nothing is there is what it was for.
func TestReplayKnowsItsOwnDeletes(t *testing.T) {
	for _, before := range []bool{true, false} {
		log := &memory{}
		log.writes("DELETE /a 204")
		if before {
			log.add(&Record{Seq: 3, Type: SendingRecord, ID: "0badcafe-1", Mark: &Mark{To: Old, Repeatable: true}})
		}
		sum := log.replay(t.Context(), ReplayOptions{To: Old}, &backend{status: 404})
		if (sum.Stopped == nil) != before || (sum.Sent == 1) != before {
			t.Errorf("sent before %t: %+v", before, sum)
		}
		if sum = log.replay(t.Context(), ReplayOptions{To: Old}, &backend{status: 404}); (sum.Stopped == nil) != before {
			t.Errorf("sent before %t, the next replay: %+v", before, sum)
		}
	}
}

func TestReplayInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		for i := range 20 {
			log.writes(fmt.Sprintf("POST /%d 200", i))
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		time.AfterFunc(55*time.Millisecond, func() { cancel(why) })
		b := &backend{took: 10 * time.Millisecond}
		sum := log.replay(ctx, ReplayOptions{To: Old}, b)
		if !errors.Is(sum.Stopped, why) || sum.Sent != 6 || len(b.got) != 6 {
			t.Fatalf("%+v", sum)
		}
		if sum = log.replay(t.Context(), ReplayOptions{To: Old}, b); sum.Sent != 14 || sum.Unknown != 0 {
			t.Errorf("and then %+v", sum)
		}
	})
}

func TestReplaySendsNothingThatCannotBeMarked(t *testing.T) {
	log := &memory{full: true}
	log.writes("PUT /a 200")
	b := &backend{}
	if sum := log.replay(t.Context(), ReplayOptions{To: Old}, b); !errors.Is(sum.Stopped, ErrUnavailable) || len(b.got) != 0 {
		t.Errorf("sent %q: %+v", b.got, sum)
	}
}

func TestReplayTellsOfOtherIDs(t *testing.T) {
	for _, tt := range []struct {
		name     string
		recorded *Record
		made     *Answer
		later    string // a write after it
		body     string
		stops    bool
	}{
		{"in Location", outcome(2, 1, 201, "/orders/17", ""), &Answer{Status: 201, Header: http.Header{"Location": {"http://old/orders/23"}}}, "PUT /orders/17", "", true},
		{"in JSON", outcome(2, 1, 201, "", `{"id":17}`), &Answer{Status: 201, Body: []byte(`{"id":23}`)}, "PUT /orders/17/lines/1", "", true},
		{"in an array", outcome(2, 1, 201, "", `[{"id":"17"}]`), &Answer{Status: 201, Body: []byte(`[{"id":"23"}]`)}, "PATCH /orders?id=eq.17", "", true},
		{"in data", outcome(2, 1, 201, "", `{"data":{"id":17}}`), &Answer{Status: 201, Body: []byte(`{"data":{"id":23}}`)}, "DELETE /orders/17", "", true},
		{"of another collection", outcome(2, 1, 201, "", `{"id":17}`), &Answer{Status: 201, Body: []byte(`{"id":23}`)}, "PUT /users/17", "", false},
		{"long, in a body", outcome(2, 1, 201, "", `{"uuid":"c0ffee00-1111-4222-8333-444444444444"}`), &Answer{Status: 201, Body: []byte(`{"uuid":"c0ffee00-1111-4222-8333-555555555555"}`)}, "POST /lines", `{"order":"c0ffee00-1111-4222-8333-444444444444"}`, true},
		{"the same", outcome(2, 1, 201, "", `{"id":17}`), &Answer{Status: 201, Body: []byte(`{"id":17}`)}, "PUT /orders/17", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := &memory{}
			log.add(intent(1, New, 5, "POST", "/orders"), tt.recorded)
			log.writes(tt.later + " 200")
			log.records[2].Write.Body = []byte(tt.body)
			b := &backend{answer: func(w *Write, _ string) (*Answer, error) {
				if w.Target == "/orders" && w.Method == http.MethodPost {
					return tt.made, nil
				}
				return nil, nil //nolint:nilnil // answers as it always does
			}}
			for run := range 2 { // the second one knows it from the journal
				sum := log.replay(t.Context(), ReplayOptions{To: Old}, b)
				var r *Renamed
				if errors.As(sum.Stopped, &r) != tt.stops {
					t.Fatalf("run %d: stopped by %v", run, sum.Stopped)
				}
				if tt.stops && (!strings.Contains(r.Error(), r.MadeBy) || !strings.Contains(r.Differs, " became ")) {
					t.Errorf("run %d: %v", run, r)
				}
				if changes := tt.name != "the same"; run == 0 && (sum.IDsChanged == 1) != changes {
					t.Errorf("%d ids changed", sum.IDsChanged)
				}
			}
		})
	}
}

func TestDryRun(t *testing.T) {
	log := &memory{}
	log.writes("POST /a 200", "POST /b 200", "PUT /c 200", "PUT /d 502", "PUT /e 404")
	log.oldWrites("PUT /c 200")
	log.records[0].Write.Withheld = []string{"Authorization"}
	b := &backend{}
	sum := log.replay(t.Context(), ReplayOptions{To: Old, DryRun: true}, b)
	if len(b.got) != 0 || log.marks != 0 {
		t.Fatalf("sent %q, %d marks", b.got, log.marks)
	}
	routes := []RouteCount{{Method: "POST", Count: 2}, {Method: "PUT", Count: 1}}
	if sum.Total != 3 || sum.Sent != 2 || sum.Conflicts != 1 || sum.Unknown != 1 || sum.Withheld != 1 || !slices.Equal(sum.Routes, routes) {
		t.Errorf("%+v", sum)
	}
}

// TestReplayKeepsASequence replays what was made side by side: one by one while the target counts as was recorded, side by side once it does not.
func TestReplayKeepsASequence(t *testing.T) {
	for _, tt := range []struct {
		name   string
		begins int // the target's sequence
		most   int
	}{{"that counts alike", 0, 1}, {"that counts on elsewhere", 1000, 8}} {
		synctest.Test(t, func(t *testing.T) {
			log := &memory{}
			for i := range uint64(400) {
				log.add(intent(i+1, New, 5, "POST", "/orders"))
			}
			for i := range uint64(400) {
				log.add(outcome(i+401, i+1, 201, "", fmt.Sprintf(`{"id":%d}`, i+1)))
			}
			b, next := &backend{took: time.Millisecond}, tt.begins
			b.answer = func(*Write, string) (*Answer, error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				next++
				return &Answer{Status: 201, Body: fmt.Appendf(nil, `{"id":%d}`, next)}, nil
			}
			sum := log.replay(t.Context(), ReplayOptions{To: Old, Concurrency: 8}, b)
			if sum.Sent != 400 || b.most != tt.most || (sum.IDsChanged == 0) != (tt.most == 1) {
				t.Errorf("%s: %d at once, %+v", tt.name, b.most, sum)
			}
		})
	}
}
