package admin

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paritygate/compare"
	"paritygate/internal/evidence"
)

// side by side, as `mark old | new`.
func laidOut(old, new string, paths ...string) []string {
	s := evidence.Sample{Old: evidence.Leg{Body: []byte(old)}, New: evidence.Leg{Body: []byte(new)}}
	for _, p := range paths {
		s.Differences = append(s.Differences, compare.Difference{Location: compare.InBody, Path: p})
	}
	var out []string
	for _, r := range bodyRows(s) {
		if r.Mark == skipped {
			out = append(out, fmt.Sprintf("%s %d", r.Mark, r.Count))
			continue
		}
		out = append(out, strings.TrimRight(fmt.Sprintf("%s %s | %s", r.Mark, r.Old, r.New), " "))
	}
	return out
}

func TestSideBySide(t *testing.T) {
	tests := []struct {
		name, old, new string
		paths          []string
		want           []string
	}{
		{"value", `{"a":1,"b":2}`, `{"a":1,"b":3}`, []string{"$.b"}, []string{"same { | {", `same   "a": 1, |   "a": 1,`, `differs   "b": 2 |   "b": 3`, "same } | }"}},
		{"not counted", `{"a":1}`, `{"a":2}`, nil, []string{"same { | {", `forgiven   "a": 1 |   "a": 2`, "same } | }"}},
		{"a comma is no difference", `{"a":1}`, `{"a":1,"b":2}`, []string{"$.b"}, []string{"same { | {", `same   "a": 1 |   "a": 1,`, `differs  |   "b": 2`, "same } | }"}},
		{"missing object", `[{"a":{"x":1}}]`, `[{}]`, []string{"$[0].a"}, []string{
			"same [ | [", "same   { |   {", `differs     "a": { |`, `differs       "x": 1 |`, "differs     } |", "same   } |   }", "same ] | ]",
		}},
		{"a name that only begins alike", `{"ab":1,"a":1}`, `{"ab":2,"a":2}`, []string{"$.a"}, []string{"same { | {", `forgiven   "ab": 1, |   "ab": 2,`, `differs   "a": 1 |   "a": 2`, "same } | }"}},
		{"quoted names", `{"a/b":1,"it's":1}`, `{"a/b":2,"it's":2}`, []string{"$['a/b']", `$['it\'s']`}, []string{"same { | {", `differs   "a/b": 1, |   "a/b": 2,`, `differs   "it's": 1 |   "it's": 2`, "same } | }"}},
		{"the order of members never counts", `{"a":1,"b":{"x":1,"y":[2]}}`, `{"n":0,"b":{"y":[2],"x":1},"a":1}`, nil, []string{
			"skipped 5", "same       2 |       2", "same     ] |     ]", "same   } |   },", `forgiven  |   "n": 0`, "same } | }",
		}},
		{"the order of elements does", `[1,{"a":1}]`, `[{"a":1},1]`, []string{"$[0]", "$[1]"}, []string{
			"same [ | [", "differs   1, |   {", `differs  |     "a": 1`, "differs  |   },", "differs   { |   1", `differs     "a": 1 |`, "differs   } |", "same ] | ]",
		}},
		{"numbers keep their digits", `12345678901234567890.10`, `12345678901234567890.1`, []string{"$"}, []string{"differs 12345678901234567890.10 | 12345678901234567890.1"}},
		{"text", "a\nb\nc", "a\nx\nc", []string{""}, []string{"same a | a", "differs b | x", "same c | c"}},
		{"one is garbage", `{"a":1}`, `{"a":1`, []string{"$"}, []string{`differs {"a":1} | {"a":1`}},
		{"long stretches are folded", "1\n2\n3\n4\n5\n6\n7\n8\nx", "1\n2\n3\n4\n5\n6\n7\n8\ny", []string{""}, []string{"skipped 5", "same 6 | 6", "same 7 | 7", "same 8 | 8", "differs x | y"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, laidOut(tt.old, tt.new, tt.paths...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSideBySideIsBounded(t *testing.T) {
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	long := "[" + strings.Repeat("1,", 100_000) + "1]"
	lines, other := strings.Repeat("a\n", 50_000), strings.Repeat("b\n", 50_000)
	for _, pair := range [][2]string{{deep, deep + " "}, {long, strings.Replace(long, "1", "2", 1)}, {lines, other}, {deep, long}} {
		start := time.Now()
		if rows := laidOut(pair[0], pair[1], "$"); len(rows) > 2*maxOutlineLines+2 {
			t.Errorf("%d rows", len(rows))
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
	}
}

func FuzzSideBySide(f *testing.F) {
	f.Add(`{"a":[1,{"b":null}]}`, `{"a":[1,{"c":"x"}],"a":2}`, "$.a[1]")
	f.Add("a\nb", "b\nc", "")
	f.Add("[", "{}", "$")
	f.Fuzz(func(t *testing.T, old, new, path string) {
		rows := bodyRows(evidence.Sample{
			Old: evidence.Leg{Body: []byte(old)}, New: evidence.Leg{Body: []byte(new)},
			Differences: []compare.Difference{{Location: compare.InBody, Path: path}},
		})
		for _, r := range rows {
			if r.Mark == same && strings.TrimSuffix(r.Old, ",") != strings.TrimSuffix(r.New, ",") {
				t.Errorf("%q and %q are no equal lines", r.Old, r.New)
			}
		}
	})
}

func TestFormats(t *testing.T) {
	for got, want := range map[string]string{
		percent(0): "0 %", percent(.01): "1 %", percent(.00312): "0.31 %", percent(.00031): "0.031 %", percent(.1234): "12.3 %", percent(1): "100 %",
		count(0): "0", count(999): "999", count(1000): "1,000", count(-1234567): "-1,234,567",
		span(0): "0 s", span(59 * time.Second): "59 s", span(61 * time.Second): "1 min 1 s", span(-time.Hour): "0 s ",
		span(48 * time.Hour): "48 h", span(31*time.Hour + 12*time.Minute): "31 h 12 min", span(50 * time.Hour): "2 d 2 h",
		latency(0): "–", latency(.004): "4.0 ms", latency(.142): "142 ms", latency(12.34): "12.3 s", slower(.1, .15): "1.5×", slower(0, 1): "",
		sentence("no journal"): "No journal.", sentence("Über."): "Über.",
	} {
		if strings.ReplaceAll(got, nbsp, " ") != strings.TrimSuffix(want, " ") {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestBarsAreFull(t *testing.T) {
	r := Route{Eligible: 1_000_001, Verdicts: map[compare.Verdict]int64{compare.Match: 1_000_000, compare.Mismatch: 1}}
	parts := shares(r)
	end := parts[len(parts)-1]
	if len(parts) != 2 || math.Abs(end.At+end.Wide-100) > 1e-9 || end.Wide < 1 {
		t.Errorf("%+v", parts)
	}
}
