package cutover

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"paritygate/internal/testkit"
)

func TestUpperBoundMatchesThePublishedTable(t *testing.T) {
	bound := Bound{Confidence: 0.95}
	for _, row := range []struct {
		n, k int64
		want float64 // per cent
	}{{100, 0, 3.72}, {500, 0, 0.75}, {1000, 1, 0.66}, {1000, 5, 1.43}, {5000, 25, 0.87}, {10000, 80, 1.12}} {
		t.Run(fmt.Sprintf("%d of %d", row.k, row.n), func(t *testing.T) {
			if got := 100 * bound.Upper(row.n, row.k); math.Abs(got-row.want) > 0.005 {
				t.Errorf("upper bound is %.4f %%, want %.2f %%", got, row.want)
			}
		})
	}
}

func TestLeastSampleThatPasses(t *testing.T) {
	bound := Bound{Confidence: 0.95}
	for k, n := range map[int64]int64{0: 377, 1: 663, 2: 883, 5: 1436, 10: 2233} {
		if got := bound.Judge(n, k, 0.01); got != Pass {
			t.Errorf("%d bad of %d at 1 %%: %s, want pass", k, n, got)
		}
		if got := bound.Judge(n-1, k, 0.01); got == Pass {
			t.Errorf("%d bad of %d at 1 %% passes, one sample too early", k, n-1)
		}
	}
}

func TestJudgeAtTheEdges(t *testing.T) {
	bound := Bound{Confidence: 0.95}
	for _, row := range []struct {
		name      string
		n, k      int64
		tolerance float64
		want      Verdict
	}{
		{"nothing seen is never a pass", 0, 0, 0.01, Inconclusive},
		{"all bad fails", 100, 100, 0.01, Fail},
		{"clearly above fails", 1000, 50, 0.01, Fail},
		{"huge and good passes", 100_000_000, 1000, 0.01, Pass},
		{"huge and bad fails", 100_000_000, 2_000_000, 0.01, Fail},
		{"tolerance 0 never passes", 1_000_000, 0, 0, Inconclusive},
		{"tolerance 0 fails on one", 1_000_000, 1, 0, Fail},
		{"a mass that underflows is no evidence", 807, 165, 0.00111, Fail},
		{"one sample says nothing", 1, 0, 0.01, Inconclusive},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := bound.Judge(row.n, row.k, row.tolerance); got != row.want {
				t.Errorf("Judge(%d, %d, %g) = %s, want %s", row.n, row.k, row.tolerance, got, row.want)
			}
		})
	}
}

// At a true rate equal to the tolerance, looking after every sample may say "pass" in at most 5 % of runs; a fixed-sample
// bound does so in about 30 %.
func TestPassIsRareAtTheToleranceHoweverOftenItIsLookedAt(t *testing.T) {
	testkit.WithoutRaceDetector(t)
	const runs, samples, rate = 400, 2000, 0.01
	random := rand.New(rand.NewPCG(1, 2))
	bound := Bound{Confidence: 0.95}
	passed := 0
	for range runs {
		var k int64
		for n := int64(1); n <= samples; n++ {
			if random.Float64() < rate {
				k++
			}
			if n >= 377 && bound.Judge(n, k, rate) == Pass {
				passed++
				break
			}
		}
	}
	if share := float64(passed) / runs; share > 0.05 {
		t.Errorf("%.1f %% of the runs pass falsely, at most 5 %% may", 100*share)
	}
}

func FuzzBound(f *testing.F) {
	f.Add(int64(1000), int64(5), 0.01)
	f.Fuzz(func(t *testing.T, n, k int64, tolerance float64) {
		if n < 0 || n > 1<<40 || k < 0 || k > n || math.IsNaN(tolerance) || tolerance < 0 || tolerance > 1 {
			t.Skip()
		}
		bound := Bound{Confidence: 0.95}
		upper := bound.Upper(n, k)
		if math.IsNaN(upper) || upper < 0 || upper > 1 {
			t.Fatalf("Upper(%d, %d) = %g", n, k, upper)
		}
		if bound.Judge(n, k, tolerance) == Pass && n > 0 && float64(k)/float64(n) > tolerance {
			t.Fatalf("%d of %d passes at %g", k, n, tolerance)
		}
	})
}
