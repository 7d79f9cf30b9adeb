package aggregate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// scripted makes a runner whose old side gives 1, and whose new side gives what the script says, one after the other: a
// number, or the words of an error. open tells how many transactions are open.
func scripted(t *testing.T, c Check, recheck []time.Duration, script ...string) (r *Runner, begun *[]time.Duration, open *int) {
	t.Helper()
	r, err := New(Options{Old: Database{DSN: "host=a"}, New: Database{DSN: "host=b"}, Checks: []Check{c}, Recheck: recheck})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	begun, open = new([]time.Duration), new(int)
	r.open = func(context.Context, *plan) ([2]source, func(), error) {
		n := len(*begun)
		*begun = append(*begun, time.Since(begin))
		*open++
		said := script[min(n, len(script)-1)]
		return [2]source{
			asked(func(context.Context, string) (*answer, error) { return one, nil }),
			asked(func(context.Context, string) (*answer, error) {
				if strings.Contains(said, " ") {
					return nil, errors.New(said)
				}
				return &answer{columns: []column{{name: "one"}}, rows: [][]value{{{text: said, number: true}}}}, nil
			}),
		}, func() { *open-- }, nil
	}
	return r, begun, open
}

func TestRecheck(t *testing.T) {
	delays := []time.Duration{250 * time.Millisecond, time.Second, 4 * time.Second}
	tests := []struct {
		name     string
		script   []string
		verdict  Verdict
		attempts int
		reason   string
		lasted   time.Duration
	}{
		{"agrees at once", []string{"1"}, Pass, 1, "Old gave 1 and new gave 1: no difference.", 0},
		{"agrees at the second", []string{"2", "1"}, Pass, 2, "no difference; they agreed at the second asking, after 0.2 s.", 250 * time.Millisecond},
		{"agrees at the third", []string{"3", "2", "1"}, Pass, 3, "they agreed at the third asking, after 1.2 s.", 1250 * time.Millisecond},
		{"agrees at the last", []string{"3", "3", "3", "1"}, Pass, 4, "they agreed at the fourth asking, after 5.2 s.", 5250 * time.Millisecond},
		{"never agrees", []string{"4", "3", "2", "2"}, Fail, 4, "Old gave 1 and new gave 2", 5250 * time.Millisecond},
		{"an error refutes nothing", []string{"2", "went away"}, Fail, 4, "Old gave 1 and new gave 2", 5250 * time.Millisecond},
		{"an error, and then it agrees", []string{"2", "went away", "1"}, Pass, 3, "at the third asking", 1250 * time.Millisecond},
		{"inconclusive is not asked again", []string{"went away", "1"}, Inconclusive, 1, "went away", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, begun, open := scripted(t, every("a", time.Minute), delays, test.script...)
				defer r.Close()
				got, err := r.RunNow(t.Context(), "a", Mode{})
				if err != nil || got.Verdict != test.verdict || !strings.Contains(got.Reason, test.reason) {
					t.Errorf("%s: %s, %v", got.Verdict, got.Reason, err)
				}
				if got.Attempts != test.attempts || len(*begun) != test.attempts || got.Duration != test.lasted || *open != 0 {
					t.Errorf("%d attempts, %d seen, in %s, %d open", got.Attempts, len(*begun), got.Duration, *open)
				}
				if got.Lagged != (got.Verdict == Pass && got.Attempts > 1) {
					t.Errorf("lagged: %v", got.Lagged)
				}
			})
		})
	}
}

func TestNoConnectionIsHeldWhileACheckWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, begun, open := scripted(t, every("a", time.Minute), []time.Duration{time.Hour}, "2")
		ended := make(chan error, 1)
		go func() {
			_, err := r.RunNow(t.Context(), "a", Mode{})
			ended <- err
		}()
		synctest.Wait()
		if len(*begun) != 1 || *open != 0 {
			t.Errorf("asked %d times, %d transactions are open", len(*begun), *open)
		}
		at := time.Now()
		r.Close()
		if err := <-ended; !errors.Is(err, ErrClosed) || time.Since(at) != 0 {
			t.Errorf("%v, after %s", err, time.Since(at))
		}
	})
}

func TestSeveralThatFailWaitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := []Check{every("a", time.Minute), every("b", time.Minute), every("c", time.Minute)}
		r, seen := scheduled(t, Options{Checks: checks, Recheck: []time.Duration{time.Hour}}, time.Second)
		defer r.Close()
		inner := r.open
		r.open = func(ctx context.Context, p *plan) ([2]source, func(), error) {
			both, end, err := inner(ctx, p)
			both[1] = asked(func(context.Context, string) (*answer, error) {
				return &answer{columns: one.columns, rows: [][]value{{{text: "2", number: true}}}}, nil
			})
			return both, end, err
		}
		begin := time.Now()
		results, err := r.RunAll(t.Context(), nil, Mode{})
		if err != nil || Worst(results) != Fail || results[2].Name != "c" || results[2].Attempts != 2 {
			t.Errorf("%+v, %v", results, err)
		}
		if took := time.Since(begin); took > time.Hour+6*time.Second || seen.most != 1 {
			t.Errorf("it took %s, and %d were asked at once", took, seen.most)
		}
	})
}
