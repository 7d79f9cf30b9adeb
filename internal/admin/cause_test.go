package admin_test

import (
	"strings"
	"testing"

	"paritygate/compare"
	"paritygate/internal/admin"
)

func TestCause(t *testing.T) {
	for _, tt := range []struct {
		real  float64
		noise bool
		reads int64
		want  string
	}{
		{real: -1, want: "not measured"},
		{real: .9734, reads: 9, want: "97 % real"},
		{real: .9999, reads: 9, want: "over 99 % real"},
		{real: 1, want: "real"},
		{real: .99, reads: 9, want: "99 % real"},
		{real: .62, reads: 1, want: "62 % real: undecided after 1 second read of the route"},
		{real: .5, reads: 40, want: "50 % real: undecided after 40 second reads of the route"},
		{real: .5, reads: 40, noise: true, want: "noise: old differs from itself here as often"},
	} {
		e := admin.Explanation{SecondReads: tt.reads, Noise: tt.noise}
		if tt.real >= 0 {
			e.Real = &tt.real
		}
		if got := e.Cause(); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

func TestPaste(t *testing.T) {
	const want = `# routes[1].compare.rules, before what is there
- {header: content-type, ignore: value} # hides any other value of the header, which must still be there
# no rule for status: no rule is about the status: new must give the one that old gives
# no rule for body $: the bodies differ as a whole, and a rule for that would compare nothing of them
`
	if got := shopWhy()["b07d11f2"].Paste(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := (admin.Explanation{}).Paste(); got != "" {
		t.Errorf("nothing to propose: %q", got)
	}
}

// What a backend names its members must not become a rule.
func TestPasteKeepsTextsInTheirComments(t *testing.T) {
	const evil = "$.a\n- {header: etag, ignore: true}\u0085- b\u2028- c\r- d"
	e := admin.Explanation{Proposals: []admin.Proposal{
		{Places: []admin.Place{{Location: compare.InBody, Path: evil, Kind: compare.KindValue}}, Reason: evil},
		{Rule: "{header: x, ignore: value}", Where: "compare.rules", Reason: evil},
	}}
	for i, line := range strings.FieldsFunc(e.Paste(), func(r rune) bool { return strings.ContainsRune("\r\n\u0085\u2028\u2029", r) }) {
		if want := []string{"# compare.rules", "- {header: x, ignore: value} # hides $.a ", "# no rule for body $.a "}; i >= len(want) || !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d: %q", i, line)
		}
	}
}
