package aggregate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// rowsInOrder is a side whose keys are 1 to n, and whose statements take too long when they sum up more than most of them.
type rowsInOrder struct {
	n, most int64
	sums    []int64 // rows of each statement that came to its end
}

func (s *rowsInOrder) ask(_ context.Context, sql string, _ int) (*answer, error) {
	var lo, hi, offset int64
	hi = s.n
	if _, after, found := strings.Cut(sql, `(t."id") > (`); found {
		_, _ = fmt.Sscanf(after, "'%d'", &lo)
	}
	if _, after, found := strings.Cut(sql, `(t."id") <= (`); found {
		_, _ = fmt.Sscanf(after, "'%d'", &hi)
	}
	if _, after, found := strings.Cut(sql, "OFFSET "); found {
		_, _ = fmt.Sscanf(after, "%d", &offset)
		if lo+offset+1 > s.n {
			return &answer{}, nil
		}
		return &answer{rows: [][]value{{{text: fmt.Sprint(lo + offset + 1)}}}}, nil
	}
	if hi-lo > s.most {
		return nil, &refusal{code: canceled, text: "ask: the statement was cancelled"}
	}
	<-time.After(time.Duration(hi-lo) * 10 * time.Microsecond)
	s.sums = append(s.sums, hi-lo)
	return &answer{rows: [][]value{{{text: fmt.Sprint(hi - lo)}, {text: "7"}}}}, nil
}

// walked runs a walk over such sides.
func walked(t *testing.T, old, new *rowsInOrder, ranged bool, pace float64) (*walk, error) {
	t.Helper()
	key := keyColumn{column: `t."id"`, order: `t."id"`, equal: `t."id"`, text: `t."id"::text`, cast: "bigint"}
	side := checksumSide{name: "t", hash: "h", keys: []keyColumn{key}}
	w := &walk{
		both:   &pair{sides: [2]source{old, new}},
		tables: &checksumTables{sides: [2]checksumSide{side, side}, names: []string{"id"}, ranged: ranged},
		pace:   pace,
	}
	w.both.renew = func(_ context.Context, pause time.Duration) error {
		<-time.After(pause)
		return nil
	}
	w.resume(t.Context(), time.Now())
	return w, w.run(t.Context())
}

func TestChunksThatTakeTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, new := &rowsInOrder{n: 100_000, most: 3_000}, &rowsInOrder{n: 100_000, most: 1 << 60}
		w, err := walked(t, old, new, true, 1)
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, n := range old.sums {
			sum += n
		}
		if sum != 100_000 || w.state.Rows != [2]int64{100_000, 100_000} {
			t.Errorf("%d rows were looked at, and %v counted", sum, w.state.Rows)
		}
		_, err = walked(t, &rowsInOrder{n: 100_000, most: 10}, new, true, 1)
		if err == nil || !strings.Contains(err.Error(), "57014") {
			t.Errorf("the least chunk takes too long: %v", err)
		}
		_, err = walked(t, &rowsInOrder{n: 100_000, most: 10}, new, false, 1)
		if err == nil || !strings.Contains(err.Error(), "create one, or raise statement_timeout") {
			t.Errorf("the table takes too long: %v", err)
		}
	})
}

func TestChecksumKeepsItsPace(t *testing.T) {
	for _, pace := range []float64{1, 0.25} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			old, new := &rowsInOrder{n: 1_000_000, most: 1 << 60}, &rowsInOrder{n: 1_000_000, most: 1 << 60}
			if _, err := walked(t, old, new, true, pace); err != nil {
				t.Fatal(err)
			}
			const busy = 10 * time.Second
			// The last chunk is followed by no pause.
			if took, least := time.Since(began), time.Duration(float64(busy-time.Second)/pace); took < least || took > time.Duration(float64(busy)/pace) {
				t.Errorf("pace %g: took %s, want between %s and its part of the time", pace, took, least)
			}
			if most := slices.Max(old.sums[3:]); most < 40_000 || most > 60_000 {
				t.Errorf("chunks of half a second are 50,000 rows; the largest has %d", most)
			}
		})
	}
}

// longInquiry is a check that takes as many chunks.
type longInquiry struct{ chunks int }

func (l longInquiry) measure(ctx context.Context, both *pair, r *Result) error {
	for range l.chunks {
		if err := both.renew(ctx, time.Second); err != nil {
			return err
		}
	}
	r.Verdict = Pass
	return nil
}

func TestScheduleDoesNotWaitForALongCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var reported []string
		names := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(reported)
		}
		long := Check{Name: "long", Type: Checksum, Old: Side{Table: "t"}, New: Side{Table: "t"}, Every: 5 * time.Second}
		other := long
		other.Name = "other"
		r, seen := scheduled(t, Options{
			Checks: []Check{long, other, every("a", 10*time.Second)},
			Report: func(result Result) {
				mu.Lock()
				defer mu.Unlock()
				reported = append(reported, result.Name)
			},
		}, time.Millisecond)
		r.plans[0].inquiry, r.plans[1].inquiry = longInquiry{60}, longInquiry{60}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		r.mu.Lock()
		short := len(seen.starts["a"])
		r.mu.Unlock()
		if ran := names(); short < 5 || slices.Contains(ran, "long") {
			t.Errorf("the short check ran %d times beside the long one; reported: %v", short, ran)
		}
		time.Sleep(63 * time.Second)
		synctest.Wait()
		ran := names()
		if at := slices.Index(ran, "long"); at < 0 || !slices.Contains(ran[at:], "other") {
			t.Errorf("the long ones ran one after the other: %v", ran)
		}
		time.Sleep(30 * time.Second) // the next is under way
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		r.Close()
	})
}
