package compare

import (
	"fmt"
	"strings"
	"testing"

	"paritygate/internal/testkit"
)

// Documents of about 1 MiB that are made to cost much; each ends with a verdict, within the bound on work.
func TestHostileDocuments(t *testing.T) {
	testkit.WithoutRaceDetector(t)
	list := func(n int, element func(i int) string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = element(i)
		}
		return strings.Join(parts, ",")
	}
	unordered := []Rule{{Path: "$", Unordered: Multiset}, {Path: "$..*", Unordered: Multiset}, {Path: "$..p", Number: &Number{Absolute: "1"}}}
	digits := strings.Repeat("7", 1<<20)
	nest := func(open, leaf, shut string, n int) string {
		return strings.Repeat(open, n) + leaf + strings.Repeat(shut, n)
	}
	for _, tc := range []struct {
		name, old, new string
		rules          []Rule
		want           Verdict
	}{
		{
			"keys reversed", "{" + list(80000, func(i int) string { return fmt.Sprintf(`"%d":1`, i) }) + "}",
			"{" + list(80000, func(i int) string { return fmt.Sprintf(`"%d":1`, 79999-i) }) + "}", nil, Match,
		},
		{
			"one key, repeated", `{"b":0,` + list(100000, func(i int) string { return fmt.Sprintf(`"a":%d`, i) }) + "}",
			"{" + list(100000, func(i int) string { return fmt.Sprintf(`"a":%d`, i) }) + `,"b":0}`, nil, Match,
		},
		{
			"numbers reversed", "[" + list(150000, func(i int) string { return fmt.Sprint(i) }) + "]",
			"[" + list(150000, func(i int) string { return fmt.Sprint(149999 - i) }) + "]", unordered, Tolerated,
		},
		{
			"one number, repeated", "[0," + list(200000, func(int) string { return "1" }) + "]",
			"[" + list(200000, func(int) string { return "1" }) + ",0]", unordered, Tolerated,
		},
		{
			"tolerances without a key", "[" + list(50000, func(i int) string { return fmt.Sprintf(`{"p":%d}`, i) }) + "]",
			"[" + list(50000, func(i int) string { return fmt.Sprintf(`{"p":%d}`, i+1) }) + "]", unordered, Skipped,
		},
		{"a number of a million digits", "[" + digits + "1]", "[" + digits + "2]", []Rule{{Path: "$[0]", Number: &Number{Relative: "1"}}}, Mismatch},
		{"an exponent of a million digits", "[1e" + digits + "1]", "[1e" + digits + "2]", nil, Mismatch},
		{"deep, unordered", nest("[1,", "2", "]", 511), nest("[", "2", ",1]", 511), unordered, Tolerated},
		{"deep and wide", nest(`{"a":[1,2],"b":`, "2", "}", 511), nest(`{"b":`, "2", `,"a":[2,1]}`, 511), unordered, Tolerated},
		{"deep, lengths differ", nest("[1,", "2", "]", 511), nest("[0,1,", "2", "]", 511), nil, Mismatch},
		{"a long text", `["` + strings.Repeat(`\u0041`, 1<<17) + `"]`, `["` + strings.Repeat("A", 1<<17) + `"]`, nil, Match},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := comparer(t, tc.rules...).Compare(jsonAnswer(tc.old), jsonAnswer(tc.new)); got.Verdict != tc.want {
				t.Errorf("%s %s, %d differences", got.Verdict, got.Reason, len(got.Differences)+got.Dropped)
			}
		})
	}
}
