package cutover

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestUnified(t *testing.T) {
	const ten = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
	for _, row := range []struct{ name, before, after, want string }{
		{"nothing", ten, ten, ""},
		{"all of it is new", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{"all of it is gone", "a\n", "", "@@ -1 +0,0 @@\n-a\n"},
		{"one line", ten, strings.Replace(ten, "5\n", "five\n", 1), "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"},
		{"a line before the first", ten, "0\n" + ten, "@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n"},
		{"two places that share their context", ten, strings.NewReplacer("2\n", "two\n", "6\n", "").Replace(ten), "@@ -1,9 +1,8 @@\n 1\n-2\n+two\n 3\n 4\n 5\n-6\n 7\n 8\n 9\n"},
		{"two places apart", ten, strings.NewReplacer("1\n2\n", "2\n", "9\n10\n", "9\n").Replace(ten), "@@ -1,4 +1,3 @@\n-1\n 2\n 3\n 4\n@@ -7,4 +6,3 @@\n 7\n 8\n 9\n-10\n"},
	} {
		if got := unified(row.before, row.after); got != row.want {
			t.Errorf("%s:\n%swant\n%s", row.name, got, row.want)
		}
	}
}

// Whatever was edited, the lines of the script are those of both texts, in their order, and none is shown as edited needlessly.
func TestTheScriptHoldsBothTexts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		texts := [2][]string{}
		for side := range texts {
			for range random.IntN(8) {
				texts[side] = append(texts[side], fmt.Sprint(random.IntN(4)))
			}
		}
		var sides [2][]string
		edits := 0
		for _, l := range compareLines(texts[0], texts[1]) {
			if l.op != '+' {
				sides[0] = append(sides[0], l.text)
			}
			if l.op != '-' {
				sides[1] = append(sides[1], l.text)
			}
			if l.op != ' ' {
				edits++
			}
		}
		if fmt.Sprint(sides) != fmt.Sprint(texts) {
			t.Fatalf("%v became %v", texts, sides)
		}
		if least := len(texts[0]) + len(texts[1]) - 2*commonLines(texts[0], texts[1]); edits != least {
			t.Fatalf("%v: %d edits, %d are enough", texts, edits, least)
		}
	}
}

// commonLines is the length of the longest common subsequence, by its definition.
func commonLines(a, b []string) int {
	switch {
	case len(a) == 0 || len(b) == 0:
		return 0
	case a[0] == b[0]:
		return 1 + commonLines(a[1:], b[1:])
	}
	return max(commonLines(a[1:], b), commonLines(a, b[1:]))
}

func TestALongDiffIsCut(t *testing.T) {
	var before, after strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&before, "old %d\n", i)
		fmt.Fprintf(&after, "new %d\n", i)
	}
	got := unified(before.String(), after.String())
	if len(got) > maxDiff+100 || !strings.HasSuffix(got, " more lines\n") || !strings.HasPrefix(got, "@@ -1,5000 +1,5000 @@\n-old 0\n") {
		t.Errorf("%d bytes: %.80q … %q", len(got), got, got[len(got)-40:])
	}
}
