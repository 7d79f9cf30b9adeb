package compare_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// allActions are the actions of all rules for which old and new may change places.
var allActions = []string{"ignore", "value", "number", "time", "coerce", "absent", "unordered", "set", "key"}

// The seed makes two documents and the rules; the package and the reference must agree.
func FuzzDifferential(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, byte(seed%5), byte(seed%4))
	}
	f.Fuzz(func(t *testing.T, seed uint64, changes, rules byte) {
		m := newMaker(seed)
		old := m.value(4)
		new := m.changed(old, int(changes%8))
		var chosen []testkit.Rule
		for range rules % 6 {
			chosen = append(chosen, m.rule(old, allActions))
		}
		if _, problem := agree(t, chosen, m.spell(old), m.spell(new)); problem != "" {
			t.Fatal(problem)
		}
	})
}

// fuzzRules are sets of rules that are tried on documents which the fuzzer writes itself.
var fuzzRules = [][]testkit.Rule{
	nil,
	{{Path: "$..a", Ignore: "true"}, {Path: "$..b", Ignore: "value"}, {Path: "$[0]", Ignore: "true"}},
	{{Path: "$..*", Number: &testkit.Number{Absolute: "1"}}},
	{{Path: "$..a", Time: &testkit.Skew{Skew: "1s"}}, {Path: "$..*", Coerce: "number"}},
	{{Path: "$..*", Unordered: "true"}, {Path: "$", Unordered: "set"}},
	{{Path: "$..a", Key: "$.a"}, {Path: "$", Key: "$.b"}, {Path: "$..b", AbsentEqualsNull: true}},
}

// The fuzzer writes both documents; where they are JSON the package and the reference must agree, and where one is none the two
// only match by their bytes.
func FuzzDocuments(f *testing.F) {
	for _, pair := range [][2]string{
		{`{"a":[1,2.50,"x"],"b":null}`, `{"b":null,"a":[1.0,25e-1,"\u0078"]}`},
		{`[{"b":1},{"b":2}]`, `[{"b":2},{"b":1}]`},
		{`{"a":"2024-01-01T00:00:00Z"}`, `{"a":1704067201}`},
		{`[01,1]`, `[01,1.0]`},
		{`{"a":1,"a":2}`, `{"a":2,"a":1}`},
		{`[[[1]],[[2]]]`, `[[[2]],[[1]]]`},
	} {
		for i := range fuzzRules {
			f.Add(pair[0], pair[1], byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, old, new string, which byte) {
		rules := fuzzRules[int(which)%len(fuzzRules)]
		if len(old) > 400 || len(new) > 400 || old == "" || new == "" {
			return
		}
		valid := func(s string) bool { return json.Valid([]byte(s)) && utf8.ValidString(s) }
		if !valid(old) || !valid(new) {
			got := comparerFor(t, rules).Compare(jsonAnswer(old), jsonAnswer(new))
			if (got.Verdict == compare.Match) != (old == new) {
				t.Fatalf("%q and %q, of which one is no JSON: %s", old, new, got.Verdict)
			}
			return
		}
		// What encoding/json cannot tell apart, or the reference has no patience for, is left to other tests.
		for _, s := range []string{old, new} {
			if strings.Contains(s, `\u`) || strings.Contains(s, "e") && which != 0 || strings.Contains(s, "E") && which != 0 {
				return
			}
		}
		if _, problem := agree(t, rules, old, new); problem != "" {
			t.Fatal(problem)
		}
	})
}

// media are types of bodies, one of each format.
var media = []string{
	"application/json", "application/x-ndjson", "application/x-www-form-urlencoded", "text/csv", "text/tab-separated-values", "text/html", "application/xml",
	"text/plain", "multipart/mixed; boundary=x", "application/x-protobuf", "application/grpc", "application/grpc-web+proto", "image/png", "",
}

// Bodies of every type, whatever they are: nothing crashes, equal bytes match, what differs has a difference or a reason, and old
// and new may change places.
func FuzzBodies(f *testing.F) {
	for i, body := range []string{
		`{"a":1}`, "{\"a\":1}\n[2]\n", "a=1&b=%20+", "a,\"b\"\"c\"\r\n1,2\r\n", "a\tb\n", "<p class=a>b <b>c</b><pre> d </pre>", `<a xmlns:p="u"><p:b c="d">e<![CDATA[f]]></p:b></a>`,
		"text", "--x\r\nContent-Type: application/json\r\n\r\n{\"a\":1}\r\n--x--\r\n", "\x08\x96\x01\x12\x05hello\x1b\x10\x01\x1c", "\x00\x00\x00\x00\x02\x08\x01", "\x00\x00\x00\x00\x02\x08\x01\x80\x00\x00\x00\x00", "\x89PNG", "<?xml",
	} {
		f.Add(byte(i), byte(0), []byte(body), []byte(body+" "))
		f.Add(byte(i), byte(1), []byte(body), []byte(strings.ToUpper(body)))
	}
	rules := [][]testkit.Rule{
		nil,
		{{Path: "$", CSV: &testkit.CSV{Header: true}}, {Path: "$..a", Ignore: "true"}, {Path: "$..*", Number: &testkit.Number{Absolute: "1"}}},
		{{Path: "$", Unordered: "true"}, {Path: "$..*", Unordered: "set"}, {Path: "$..*", Coerce: "number"}},
	}
	f.Fuzz(func(t *testing.T, kind, which byte, old, new []byte) {
		answer := func(body []byte) *compare.Answer {
			a := jsonAnswer(string(body))
			a.Header["Content-Type"] = []string{media[int(kind)%len(media)]}
			return a
		}
		c := comparerFor(t, rules[int(which)%len(rules)])
		if self := c.Compare(answer(old), answer(old)); self.Verdict != compare.Match {
			t.Fatalf("with itself: %s %s %q", self.Verdict, self.Reason, where(self.Differences))
		}
		got, back := c.Compare(answer(old), answer(new)), c.Compare(answer(new), answer(old))
		if got.Verdict != back.Verdict {
			t.Fatalf("%s %s %q, the other way round %s %s %q", got.Verdict, got.Reason, where(got.Differences), back.Verdict, back.Reason, where(back.Differences))
		}
		if (got.Verdict == compare.Mismatch) != (got.Differences != nil) || (got.Verdict == compare.Skipped) != (got.Reason != "") {
			t.Fatalf("%+v", got)
		}
		if exact := []string{"text/plain", "image/png"}; slices.Contains(exact, media[int(kind)%len(media)]) && string(old) != string(new) && got.Verdict == compare.Match {
			t.Fatalf("%q and %q match", old, new)
		}
		for _, d := range got.Differences {
			if strings.HasPrefix(d.Path, "$") {
				if _, err := compare.ParsePath(d.Path); err != nil && utf8.ValidString(d.Path) && !strings.Contains(d.Path, `\ud`) {
					t.Fatalf("the path of a difference is none: %v", err)
				}
			}
		}
	})
}
