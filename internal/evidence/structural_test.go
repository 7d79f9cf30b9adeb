package evidence

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestStructural(t *testing.T) {
	since := newClock().Now()
	runs := func(pairs ...[2]float64) []CheckRun {
		var out []CheckRun
		for i, p := range pairs {
			out = append(out, CheckRun{At: since.Add(time.Duration(i) * time.Minute), Verdict: "pass", Old: &p[0], New: &p[1]})
		}
		return out
	}
	type pair = [2]float64
	same := func() []CheckRun {
		return runs(pair{1000, 995}, pair{1000, 995}, pair{1000, 995}, pair{1000, 995}, pair{1000, 995})
	}
	change := func(runs []CheckRun, change func(*CheckRun)) []CheckRun { change(&runs[2]); return runs }
	for _, row := range []struct {
		name string
		runs []CheckRun
		want string // in the sentence; empty: none
	}{
		{"none", nil, ""},
		{"five rows were never copied", same(), "about as much less than old, at last 5 (0.5 %)"},
		{"both sides grow, the rows stay away", runs(pair{1000, 995}, pair{1500, 1495}, pair{2000, 1995}, pair{2500, 2495}, pair{3000, 2995}), "less than old, at last 5 (0.17 %)"},
		{"a share of a table that grows", runs(pair{1000, 990}, pair{2000, 1980}, pair{3000, 2970}, pair{4000, 3960}, pair{5000, 4950}), "at last 50 (1 %)"},
		{"copied twice", runs(pair{1000, 1005}, pair{1001, 1006}, pair{1002, 1007}, pair{1003, 1008}, pair{1004, 1009}), "about as much more than old, at last 5"},
		{"four runs are too few", same()[1:], ""},
		{"earlier ones may be of any kind", append(runs(pair{1000, 1000}), same()...), "at last 5"},
		{"equal", runs(pair{7, 7}, pair{7, 7}, pair{7, 7}, pair{7, 7}, pair{7, 7}), ""},
		{"it fluctuates", runs(pair{1000, 999}, pair{1000, 991}, pair{1000, 997}, pair{1000, 994}, pair{1000, 999}), ""},
		{"just within the spread", runs(pair{1000, 991}, pair{1000, 989}, pair{1000, 990}, pair{1000, 990}, pair{1000, 990}), "at last 10"},
		{"it changes sides", runs(pair{1000, 995}, pair{1000, 1005}, pair{1000, 995}, pair{1000, 1005}, pair{1000, 995}), ""},
		{"it caught up once", runs(pair{1000, 995}, pair{1000, 995}, pair{1000, 1000}, pair{1000, 995}, pair{1000, 995}), ""},
		{"the order of floating-point sums", runs(pair{0.1 + 0.2, 0.3}, pair{0.1 + 0.2, 0.3}, pair{0.1 + 0.2, 0.3}, pair{0.1 + 0.2, 0.3}, pair{0.1 + 0.2, 0.3}), ""},
		{"below zero", runs(pair{-1000, -1005}, pair{-1000, -1005}, pair{-1000, -1005}, pair{-1000, -1005}, pair{-1000, -1005}), "less than old, at last 5 (0.5 %)"},
		{"one failed", change(same(), func(r *CheckRun) { r.Verdict = "fail" }), ""},
		{"one could not be measured", change(same(), func(r *CheckRun) { r.Verdict, r.Old = "inconclusive", nil }), ""},
		{"one was of the window before", change(same(), func(r *CheckRun) { r.At = since.Add(-time.Second) }), ""},
		{"no numbers", change(same(), func(r *CheckRun) { r.New = nil }), ""},
		{"not a number", change(same(), func(r *CheckRun) { r.New = new(math.NaN()) }), ""},
		{"beyond all numbers", change(same(), func(r *CheckRun) { r.New = new(math.Inf(1)) }), ""},
	} {
		got := Structural(row.runs, since)
		if (got == "") != (row.want == "") || !strings.Contains(got, row.want) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// What is kept of a run is what its sides were, where they were numbers.
func TestTheNumbersOfARunAreKept(t *testing.T) {
	s := mustOpen(t, options(t, newClock()))
	text := func(s string) *string { return &s }
	for _, pair := range [][2]*string{{text("1204511"), text("980/1000 = 0.98")}, {text("4 buckets, 1,204,000 in all"), text("12,345 rows")}, {text("3 buckets, not all of them numbers"), nil}, {text("NaN"), text("-1.5e3")}} {
		if err := s.SaveCheck(t.Context(), CheckResult{Name: "a", Verdict: "pass", Old: pair[0], New: pair[1]}); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := s.CheckHistory(t.Context(), "a", 5)
	if err != nil || len(runs) != 4 {
		t.Fatal(runs, err)
	}
	if *runs[0].Old != 1204511 || *runs[0].New != 0.98 || *runs[1].Old != 1204000 || *runs[1].New != 12345 || runs[2].Old != nil || runs[2].New != nil || runs[3].Old != nil || *runs[3].New != -1500 {
		t.Errorf("%+v", runs)
	}
}
