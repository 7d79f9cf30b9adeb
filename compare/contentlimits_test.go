package compare

import (
	"runtime"
	"strings"
	"testing"

	"paritygate/internal/testkit"
)

// Bodies made to cost much end in a verdict, and take a bounded multiple of their size.
func TestContentLimits(t *testing.T) {
	testkit.WithoutRaceDetector(t)
	const size = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for _, tc := range []struct {
		name, media, old, new string
		want                  Verdict
		reason                Reason
	}{
		{"quotes", "text/csv", fill(`"`), fill(`"`) + "x", Mismatch, ""},
		{"a quote that never ends", "text/csv", `"` + fill("a,"), `"` + fill("b,"), Mismatch, ""},
		{"cells", "text/csv", fill(","), fill(",") + "x", Skipped, TooComplex},
		{"rows", "text/csv", fill("\n") + "a", fill("\n") + "b", Skipped, TooComplex},
		{"a long row", "text/csv", fill("ab,"), fill("ab,") + "x", Mismatch, ""},
		{"bytes that are no text", "text/csv", fill("\xff\x01"), fill("\xff\x01") + "x", Mismatch, ""},
		{"a long name for many records", "text/csv; header=present", fill("a") + "\n" + strings.Repeat("1\n", 1000), fill("a") + "\n" + strings.Repeat("1\n", 999) + "2", Skipped, TooComplex},
		{"fields", "application/x-www-form-urlencoded", fill("a&"), fill("a&") + "b", Skipped, TooComplex},
		{"one field", "application/x-www-form-urlencoded", "a=" + fill("%"), "a=" + fill("%") + "x", Mismatch, ""},
		{"names", "application/x-www-form-urlencoded", fill("a=1&b=%20&"), fill("b=%20&a=1&"), Match, ""},
		{"records", "application/x-ndjson", fill("1\n"), fill("1\n") + "2", Skipped, TooComplex},
		{"longer records", "application/x-ndjson", fill("[1,2]\n"), fill("[1, 2]\n"), Mismatch, ""},
		{"deep records", "application/x-ndjson", fill("["), fill("{"), Skipped, TooComplex},
		{"blank lines", "application/x-ndjson", fill("\n") + "1", "\n1", Match, ""},
		{"parts", "multipart/mixed; boundary=b", fill("--b\n\nx\n") + "--b--", fill("--b\n\nx\n") + "--b\n\ny\n--b--", Mismatch, ""},
		{"delimiters that are none", "multipart/mixed; boundary=b", "--b\n" + fill("--b") + "\n--b--", "--b\n" + fill("--b") + "x\n--b--", Match, ""},
		{"a folded field", "multipart/mixed; boundary=b", "--b\nContent-Type: a\n" + fill(" x\n") + "\n--b--", "--b\nContent-Type: a\n" + fill(" x\n") + " y\n\n--b--", Mismatch, ""},
		{"fields of a part", "multipart/mixed; boundary=b", "--b\n" + fill("content-type: a\n") + "\n1\n--b--", "--b\n" + fill("content-type: a\n") + "\n2\n--b--", Mismatch, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := Options{}
			if strings.Contains(tc.media, "header=present") {
				o.Rules = []Rule{{Path: "$", CSV: &CSV{Header: true}}}
			}
			c, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			old, new := answer(200, tc.old, ct, tc.media), answer(200, tc.new, ct, tc.media)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := c.Compare(old, new)
			runtime.ReadMemStats(&after)
			if got.Verdict != tc.want || got.Reason != tc.reason {
				t.Errorf("%s %s %d, want %s %s", got.Verdict, got.Reason, len(got.Differences), tc.want, tc.reason)
			}
			if spent := after.TotalAlloc - before.TotalAlloc; spent > 512*size {
				t.Errorf("%d MiB were allocated", spent>>20)
			}
		})
	}
}

// Parts may lie in parts as deep as is allowed, and no deeper.
func TestNestedParts(t *testing.T) {
	nest := func(depth int, leaf string) *Answer {
		declared := "text/plain"
		for i := range depth {
			boundary := string(rune('a' + i))
			leaf = "--" + boundary + "\nContent-Type: " + declared + "\n\n" + leaf + "\n--" + boundary + "--"
			declared = "multipart/mixed; boundary=" + boundary
		}
		return answer(200, leaf, ct, declared)
	}
	got := comparer(t).Compare(nest(maxNesting, "x"), nest(maxNesting, "y"))
	if len(got.Differences) != 1 || got.Differences[0].Path != "$"+strings.Repeat("[0]", maxNesting) {
		t.Errorf("as deep as allowed: %+v", got)
	}
	if got := comparer(t).Compare(nest(maxNesting+1, "x"), nest(maxNesting+1, "y")); got.Reason != TooComplex {
		t.Errorf("too deep: %+v", got)
	}
}
