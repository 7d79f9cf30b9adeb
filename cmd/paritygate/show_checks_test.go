package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"paritygate/compare"
	"paritygate/internal/evidence"
)

// failedChecks are results as the API gives them: one with more differences than are shown, whose latest runs get worse.
func failedChecks() []evidence.CheckResult {
	at := time.Date(2026, 11, 21, 6, 19, 5, 0, time.UTC)
	text := func(s string) *string { return &s }
	ratio := func(f float64) *float64 { return &f }
	top := evidence.CheckResult{
		Name: "top-sellers-of-the-last-quarter", Type: "distribution", Verdict: "fail", Variance: ratio(.25), Old: text("41 buckets, 1,204,511 rows"), New: text("41 buckets, 1,204,029 rows"),
		At: &at, Reason: "Bucket EUR has 88,120 rows in old and 66,090 in new: they differ by 25 %, more than the 1 % allowed; 112 of 128 buckets are apart.", Dropped: 12,
	}
	for i := range 100 {
		top.Differences = append(top.Differences, evidence.CheckDifference{
			Key: fmt.Sprintf("region=%d, a long name of a bucket that goes on", i), Kind: compare.KindValue, Old: text(fmt.Sprint(100 + i)), New: text("75"), Variance: ratio(.25),
		})
	}
	top.Differences[1].Old, top.Differences[1].New = text("\x1b[2Jgone"), text("")
	for i := range 20 {
		run := evidence.CheckRun{At: at, Verdict: "pass", Variance: ratio(0)}
		switch {
		case i == 3:
			run = evidence.CheckRun{At: at, Verdict: "inconclusive"}
		case i > 16:
			run.Verdict, run.Variance = "fail", ratio(.25*float64(i-16)/3)
		case i > 14:
			run.Variance = ratio(.0001)
		}
		top.History = append(top.History, run)
	}
	return []evidence.CheckResult{
		{Name: "datasets", Type: "count", Verdict: "pass", Variance: ratio(.0004), Old: text("1204511"), New: text("1204029"), At: &at, Reason: "within 1 %"},
		top,
		{Name: "tables", Type: "schema", Verdict: "fail", Variance: ratio(.1), Old: text("3 tables"), New: text("2 tables"), At: &at, Reason: "One thing is missing.", Differences: []evidence.CheckDifference{
			{Key: "orders.orders_customer_id_fkey", Kind: compare.KindMissing, Class: "missing", Old: text("FOREIGN KEY (customer_id)")}, {Key: "orders.note", Kind: compare.KindValue, Class: "narrower"},
		}},
		{Name: "stock", Type: "scalar", Verdict: "inconclusive", Reason: "it has not run since the window of evidence began"},
	}
}

func TestChecksForPeople(t *testing.T) {
	for _, row := range []struct {
		name  string
		width int
		has   []string
		hasNo []string
	}{
		{
			"no terminal", 0,
			[]string{
				"CHECK                            TYPE          VERDICT", "2026-11-21T06:19:05Z", "41 buckets, 1,204,511 rows  41 buckets, 1,204,029 rows  25%",
				"  ▁▁▁·▁▁▁▁▁▁▁▁▁▁▁▂▂▄▆█  3 of 20 runs failed, 1 inconclusive; at most 25 %\n",
				"  region=1, a long name of a bucket that goes on   value  \\x1b[2Jgone  \"\"   25%\n", "  and 100 more\n",
				"orders.orders_customer_id_fkey  missing   FOREIGN KEY (customer_id)  -    -\n", "orders.note                     narrower  -                          -    -\n",
				"never                 it has not run since", "top-sellers-of-the-last-quarter (fail)\n",
			},
			[]string{"\x1b", "…", "region=12"},
		},
		{"80 columns", 80, []string{"AGE", "  and 100 more", "…", "█  3 of 20"}, []string{"TYPE", "\x1b", "within 1 %"}},
		{"200 columns", 200, []string{"TYPE", "  AT", "41 buckets, 1,204,511 r…", "  and 100 more"}, []string{"\x1b", "within 1 %"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out strings.Builder
			printChecks(&printer{out: &out, width: row.width}, failedChecks())
			t.Log("\n" + out.String())
			for _, part := range row.has {
				if !strings.Contains(out.String(), part) {
					t.Errorf("no %q", part)
				}
			}
			for _, part := range row.hasNo {
				if strings.Contains(out.String(), part) {
					t.Errorf("%q is there", part)
				}
			}
			for _, line := range strings.Split(out.String(), "\n") {
				if n := utf8.RuneCountInString(line); row.width > 0 && n > row.width {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}

func TestColoursOfTheSparkline(t *testing.T) {
	var out strings.Builder
	p := &printer{out: &out, colour: true}
	got := p.spark(failedChecks()[1].History[2:4])
	if want := "\x1b[32m▁\x1b[0m\x1b[33m·\x1b[0m"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
