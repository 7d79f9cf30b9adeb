package aggregate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// every is a check whose statement is its name.
func every(name string, interval time.Duration) Check {
	return Check{Name: name, Type: Scalar, Old: Side{SQL: "SELECT " + name}, New: Side{SQL: "SELECT " + name}, Every: interval}
}

// record is what a scheduled runner did: which check started, and when since the beginning.
type record struct {
	begin  time.Time
	starts map[string][]time.Duration
	active int
	most   int
}

// asked is a side that is a function.
type asked func(ctx context.Context, sql string) (*answer, error)

func (f asked) ask(ctx context.Context, sql string, _ int) (*answer, error) { return f(ctx, sql) }

// one is the answer 1.
var one = &answer{columns: []column{{name: "one"}}, rows: [][]value{{{text: "1", number: true}}}}

// scheduled makes a runner whose databases answer after a time, and records when they are asked.
func scheduled(t *testing.T, o Options, answers time.Duration) (*Runner, *record) {
	t.Helper()
	o.Old.DSN, o.New.DSN = "host=old", "host=new"
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	seen := &record{begin: time.Now(), starts: map[string][]time.Duration{}}
	pace := func(ctx context.Context, sql string) (*answer, error) {
		r.mu.Lock()
		name := strings.TrimPrefix(sql, "SELECT ")
		seen.starts[name] = append(seen.starts[name], time.Since(seen.begin))
		seen.active++
		seen.most = max(seen.most, seen.active)
		r.mu.Unlock()
		defer func() {
			r.mu.Lock()
			seen.active--
			r.mu.Unlock()
		}()
		select {
		case <-time.After(answers):
			return one, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	r.open = func(context.Context, *plan) ([2]source, func(), error) {
		return [2]source{asked(pace), asked(func(context.Context, string) (*answer, error) { return one, nil })}, func() {}, nil
	}
	return r, seen
}

func TestScheduleRunsAtOnceAndThenEverySoOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported []string
		r, seen := scheduled(t, Options{
			Checks: []Check{every("a", time.Minute), every("b", 10*time.Minute)},
			Report: func(result Result) { reported = append(reported, result.Name+" "+string(result.Verdict)) },
		}, time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(30*time.Minute + 30*time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		// 30 minutes in steps of 1 and 10 minutes, a tenth earlier or later each, and the first at 0.
		if n := len(seen.starts["a"]); n < 28 || n > 34 {
			t.Errorf("a ran %d times", n)
		}
		if n := len(seen.starts["b"]); n < 3 || n > 4 {
			t.Errorf("b ran %d times", n)
		}
		if seen.starts["a"][0] != 0 || seen.starts["b"][0] != time.Second {
			t.Errorf("the first runs began after %s and %s", seen.starts["a"][0], seen.starts["b"][0])
		}
		if seen.most != 1 {
			t.Errorf("%d checks ran at once", seen.most)
		}
		if len(reported) != len(seen.starts["a"])+len(seen.starts["b"]) || reported[0] != "a pass" {
			t.Errorf("reported %d: %v", len(reported), reported)
		}
		steps := map[time.Duration]bool{}
		for i, at := range seen.starts["a"][1:] {
			steps[at-seen.starts["a"][i]] = true
		}
		if len(steps) < 5 {
			t.Errorf("no jitter: %v", steps)
		}
	})
}

func TestScheduleNeverStarvesACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, seen := scheduled(t, Options{Checks: []Check{every("a", time.Second), every("b", time.Second), every("c", time.Second)}}, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
		defer cancel()
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
		for _, name := range []string{"a", "b", "c"} {
			if n := len(seen.starts[name]); n < 9 || n > 11 {
				t.Errorf("%s ran %d times", name, n)
			}
		}
	})
}

func TestSetChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		r, seen := scheduled(t, Options{Checks: []Check{every("kept", time.Hour), every("changed", time.Hour), every("gone", time.Hour)}, Registerer: reg}, 0)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(time.Minute)
		if n := testutil.CollectAndCount(r.metrics.verdict); n != 3 {
			t.Errorf("%d series", n)
		}
		bad := every("bad", time.Hour)
		bad.Tolerance.Relative = "NaN"
		if err := r.SetChecks([]Check{bad}); err == nil || len(r.Checks()) != 3 {
			t.Errorf("error %v, %d checks", err, len(r.Checks()))
		}
		if err := r.SetChecks([]Check{every("added", time.Hour), every("kept", time.Hour), every("changed", 30*time.Minute)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for name, want := range map[string]int{"kept": 1, "changed": 2, "gone": 1, "added": 1} {
			if n := len(seen.starts[name]); n != want {
				t.Errorf("%s ran %d times, want %d", name, n, want)
			}
		}
		if n := testutil.CollectAndCount(r.metrics.verdict); n != 3 {
			t.Errorf("%d series after the change", n)
		}
		if err := r.SetChecks(nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Hour)
		if n := len(seen.starts["kept"]); n != 1 {
			t.Errorf("a removed check ran %d times", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestARunThatWasOvertakenIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reported := 0
		r, _ := scheduled(t, Options{Checks: []Check{every("a", time.Hour)}, Report: func(Result) { reported++ }}, time.Minute)
		go func() { _, _ = r.RunNow(t.Context(), "a", Mode{}) }()
		synctest.Wait()
		if err := r.SetChecks([]Check{every("a", 2*time.Hour)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if reported != 0 {
			t.Error("reported")
		}
	})
}

func TestStrictRunsGoPastTheTurnAndAreNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported []Result
		a := every("a", time.Hour)
		a.Strict, a.Tolerance = true, Tolerance{Relative: "0.1"}
		r, seen := scheduled(t, Options{Checks: []Check{a, every("slow", time.Hour)}, Report: func(r Result) { reported = append(reported, r) }}, time.Minute)
		go func() { _, _ = r.RunNow(t.Context(), "slow", Mode{}) }()
		synctest.Wait()
		result, err := r.RunNow(t.Context(), "a", Mode{Strict: true})
		if err != nil || time.Since(seen.begin) != time.Minute {
			t.Errorf("after %s: %v", time.Since(seen.begin), err)
		}
		if !result.Strict || result.Tolerance != (Tolerance{}) {
			t.Errorf("%+v", result)
		}
		if _, err = r.RunNow(t.Context(), "a", Mode{}); err != nil {
			t.Error(err)
		}
		if len(reported) != 2 || reported[0].Name != "slow" || reported[1].Strict || reported[1].Tolerance.Relative != "0.1" {
			t.Errorf("reported %+v", reported)
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reported := 0
		r, _ := scheduled(t, Options{Checks: []Check{every("a", time.Hour)}, Report: func(Result) { reported++ }}, time.Hour)
		ended := make(chan error, 2)
		go func() { ended <- r.Run(t.Context()) }()
		synctest.Wait()
		go func() {
			_, err := r.RunNow(t.Context(), "a", Mode{}) // waits for its turn
			ended <- err
		}()
		synctest.Wait()
		r.Close()
		r.Close()
		errs := []error{<-ended, <-ended}
		if !slices.Contains(errs, nil) || !errors.Is(errors.Join(errs...), ErrClosed) {
			t.Errorf("errors %v", errs)
		}
		if _, err := r.RunNow(t.Context(), "a", Mode{}); !errors.Is(err, ErrClosed) {
			t.Errorf("error %v", err)
		}
		if old, new := r.Probe(t.Context()); !errors.Is(old, ErrClosed) || !errors.Is(new, ErrClosed) {
			t.Errorf("errors %v, %v", old, new)
		}
		if err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if reported != 0 {
			t.Error("a cancelled run was reported")
		}
	})
}

func TestScheduleRestsAndIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var resting atomic.Bool
		r, seen := scheduled(t, Options{Checks: []Check{every("a", time.Hour)}, Resting: resting.Load}, time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		runs := func(after time.Duration) int {
			time.Sleep(after)
			synctest.Wait()
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(seen.starts["a"])
		}
		if n := runs(10 * time.Minute); n != 1 {
			t.Errorf("%d runs at the start", n)
		}
		r.RunSoon()
		if n := runs(10 * time.Minute); n != 2 {
			t.Errorf("%d runs after it was made due", n)
		}
		resting.Store(true)
		if n := runs(10 * time.Hour); n != 2 {
			t.Errorf("%d runs while the checks rest", n)
		}
		resting.Store(false)
		if n := runs(10 * time.Second); n != 3 {
			t.Errorf("%d runs after the rest", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
