package compare

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"paritygate/internal/testkit"
)

// show writes differences as `kind path old new`, one a line.
func show(differences []Difference) []string {
	var lines []string
	for _, d := range differences {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s %s %s %s", d.Kind, d.Path, d.Old, d.New), " "))
	}
	return lines
}

func TestCompareJSON(t *testing.T) {
	for _, tc := range []struct {
		name, old, new string
		want           []string
	}{
		{"key order and space", `{"a":1,"b":[1,2]}`, "{ \"b\": [1 ,2],\n\"a\":1.0 }\n", nil},
		{"one leaf", `{"items":[{"price":1},{"price":2}]}`, `{"items":[{"price":1},{"price":2.01}]}`, []string{"value $.items[1].price 2 2.01"}},
		{"names to quote", `{"a/b":{"":{"it's \\":1}}}`, `{"a/b":{"":{"it's \\":2}}}`, []string{`value $['a/b']['']['it\'s \\'] 1 2`}},
		{
			"names with escapes", `{"\u0061":1,"\n":2,"\ud800":3}`, `{"\ud800":4,"\u000a":3,"a":2}`,
			[]string{"value $.a 1 2", `value $['\n'] 2 3`, `value $['\ud800'] 3 4`},
		},
		{"missing and extra members", `{"a":1,"b":2,"c":3}`, `{"c":3,"d":4,"a":1,"e":5}`, []string{"missing $.b 2", "extra $.d  4", "extra $.e  5"}},
		{"null and absent", `{"a":null}`, `{}`, []string{"missing $.a null"}},
		{"null and a value", `{"a":null}`, `{"a":1}`, []string{"type $.a null 1"}},
		{"true and false", `[true]`, `[false]`, []string{"value $[0] true false"}},
		{"number and string", `[1]`, `["1"]`, []string{`type $[0] 1 "1"`}},
		{"object and array", `{}`, `[]`, []string{"type $ {} []"}},
		{"array order", `[1,2]`, `[2,1]`, []string{"value $[0] 1 2", "value $[1] 2 1"}},
		{"longer", `[1,2]`, `[1,2,3]`, []string{"extra $[2]  3"}},
		{"shorter", `[1,2]`, `[]`, []string{"missing $[0] 1", "missing $[1] 2"}},
		{"left out in the middle", `[1,2,3,4]`, `[1,3,4]`, []string{"missing $[1] 2"}},
		{"put in at the front", `[1,2]`, `[0,1,2]`, []string{"extra $[0]  0"}},
		{"left out and changed", `[1,2,3,4,5]`, `[1,9,4,5]`, []string{"value $[1] 2 9", "missing $[2] 3"}},
		{"repeated keys in order", `{"a":1,"b":0,"a":2}`, `{"a":1,"a":2,"b":0}`, nil},
		{"repeated keys behind another", `{"b":0,"a":1,"a":2}`, `{"a":1,"a":2,"b":0}`, nil},
		{"repeated keys in another order", `{"a":1,"a":2}`, `{"a":2,"a":1}`, []string{"value $.a 1 2", "value $.a 2 1"}},
		{"a repeated key less", `{"b":0,"a":1,"a":1}`, `{"a":1,"b":0}`, []string{"missing $.a 1"}},
		{"a repeated key more", `{"a":1}`, `{"a":1,"a":1}`, []string{"extra $.a  1"}},
		{"strings unescaped", `["\u0041\/\n\ud83d\ude00é"]`, `["A/\u000a😀\u00e9"]`, nil},
		{
			"lone surrogates", `["\ud800","\ud800","\udc00\ud800"]`, `["\ud801","\uD800","\ud800\udc00"]`,
			[]string{`value $[0] "\ud800" "\ud801"`, `value $[2] "\udc00\ud800" "\ud800\udc00"`},
		},
		{"a lone surrogate and U+FFFD", `["\ud800"]`, `["�"]`, []string{`value $[0] "\ud800" "�"`}},
		{"normal forms differ", `["é"]`, "[\"e\u0301\"]", []string{"value $[0] \"é\" \"e\u0301\""}},
		{"numbers", `[1,1.0,1e0,-0,1E+2,0.1]`, `[1.0,1e0,1,0,100,1e-1]`, nil},
		{"large integers", `[9007199254740993]`, `[9007199254740992]`, []string{"value $[0] 9007199254740993 9007199254740992"}},
		{"scalars at the root", `1`, `2`, []string{"value $ 1 2"}},
		{"trailing text", `{}`, `{} x`, []string{"invalid $ {} (not valid JSON: text behind the value at byte 3) {} x"}},
		{"two values", `1`, `1 1`, []string{"invalid $ 1 (not valid JSON: text behind the value at byte 2) 1 1"}},
		{"byte order mark", `{}`, "\ufeff{}", []string{"invalid $ {} (not valid JSON: unexpected '\\ufeff' at byte 0) \ufeff{}"}},
		{"Latin-1", `["é"]`, "[\"\xe9\"]", []string{"invalid $ [\"é\"] (not valid JSON: invalid UTF-8 at byte 2) [\"\\xe9\"]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := comparer(t).Compare(jsonAnswer(tc.old), jsonAnswer(tc.new))
			if !slices.Equal(show(got.Differences), tc.want) || (got.Verdict == Match) != (tc.want == nil) {
				t.Errorf("%s\n%s", got.Verdict, strings.Join(show(got.Differences), "\n"))
			}
		})
	}
}

func TestInvalidJSON(t *testing.T) {
	for _, text := range []string{
		"", " ", "{", "[", "]", "}", "[1,]", "{,}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{'a':1}`, "[1 2]", "[1}", "{]",
		"01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "-Infinity", "nul", "nulll", "True", "truefalse",
		`"`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\t\"", "\"\x00\"", `"abcdefgh`, "\"abcdefg\n\"", "// c\n1", "\v1", "1\x00", "\x00",
	} {
		var d document
		if err := d.parse([]byte(text), 100); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestRules(t *testing.T) {
	ignore := func(path string) Rule { return Rule{Path: path, Ignore: IgnoreAll} }
	value := func(path string) Rule { return Rule{Path: path, Ignore: IgnoreValue} }
	absolute := func(path, n string) Rule { return Rule{Path: path, Number: &Number{Absolute: n}} }
	skew := func(path string, d time.Duration) Rule { return Rule{Path: path, Time: &Time{Skew: d}} }
	for _, tc := range []struct {
		name, old, new string
		rules          []Rule
		forgiven       map[int]int
		want           []string
	}{
		{"ignored, equal by meaning", `{"a":{"x":1,"y":2}}`, `{"a":{"y":2,"x":1e0}}`, []Rule{ignore("$.a")}, nil, nil},
		{"ignored with all beneath", `{"a":{"x":1,"y":2},"b":1}`, `{"a":{"x":2},"b":1}`, []Rule{ignore("$.a")}, map[int]int{0: 1}, nil},
		{"ignored presence", `{"a":1}`, `{"b":1}`, []Rule{ignore("$.a"), ignore("$['b']")}, map[int]int{0: 1, 1: 1}, nil},
		{"ignored at any depth", `[{"id":1},{"x":{"id":2}}]`, `[{"id":2},{"x":{}}]`, []Rule{ignore("$..id")}, map[int]int{0: 2}, nil},
		{"ignored element", `[1,2]`, `[3,4]`, []Rule{ignore("$[1]")}, map[int]int{0: 1}, []string{"value $[0] 1 3"}},
		{"ignored last element, missing", `[1,2]`, `[1]`, []Rule{ignore("$[1]")}, map[int]int{0: 1}, nil},
		{
			"an index tells elements apart", `[1,2,3]`, `[9,1,2,3]`,
			[]Rule{ignore("$[0]")},
			map[int]int{0: 1},
			[]string{"value $[1] 2 1", "value $[2] 3 2", "extra $[3]  3"},
		},
		{"value ignored", `{"a":"x","b":[1]}`, `{"a":"y","b":[2,3]}`, []Rule{value("$.*")}, map[int]int{0: 2}, nil},
		{"value ignored, type differs", `{"a":"x"}`, `{"a":1}`, []Rule{value("$.a")}, nil, []string{`type $.a "x" 1`}},
		{"value ignored, missing", `{"a":"x"}`, `{}`, []Rule{value("$.a")}, nil, []string{`missing $.a "x"`}},
		{"the first of a family decides", `{"a":"x"}`, `{}`, []Rule{value("$.a"), ignore("$..a")}, nil, []string{`missing $.a "x"`}},
		{"and the other way round", `{"a":"x"}`, `{}`, []Rule{ignore("$..a"), value("$.a")}, map[int]int{0: 1}, nil},
		{"families decide each for itself", `{"a":"1970-01-01T00:00:05Z"}`, `{"a":5}`, []Rule{value("$.a"), skew("$.a", 0)}, map[int]int{1: 1}, nil},
		{"number within", `{"a":1.000}`, `{"a":1.005}`, []Rule{absolute("$.a", "0.005")}, map[int]int{0: 1}, nil},
		{"number beyond", `{"a":1.000}`, `{"a":1.0051}`, []Rule{absolute("$.a", "0.005")}, nil, []string{"value $.a 1.000 1.0051"}},
		{"number, spelled otherwise", `{"a":1.0}`, `{"a":1}`, []Rule{absolute("$.a", "5")}, nil, nil},
		{"number and string", `{"a":1}`, `{"a":"1"}`, []Rule{absolute("$.a", "5")}, nil, []string{`type $.a 1 "1"`}},
		{"the first number rule decides", `[1]`, `[3]`, []Rule{absolute("$[0]", "1"), absolute("$..*", "5")}, nil, []string{"value $[0] 1 3"}},
		{"relative", `[99,98.9]`, `[100,100]`, []Rule{{Path: "$[*]", Number: &Number{Relative: "0.01"}}}, map[int]int{0: 1}, []string{"value $[1] 98.9 100"}},
		{"time within", `["2024-01-01T00:00:00Z"]`, `["2024-01-01T02:00:02\u002b02:00"]`, []Rule{skew("$[*]", 2*time.Second)}, map[int]int{0: 1}, nil},
		{
			"time beyond", `["2024-01-01T00:00:00Z"]`, `["2024-01-01T00:00:02.000000001Z"]`,
			[]Rule{skew("$[*]", 2*time.Second)},
			nil,
			[]string{`value $[0] "2024-01-01T00:00:00Z" "2024-01-01T00:00:02.000000001Z"`},
		},
		{"Unix seconds", `[1704067200.5,1704067200]`, `["2024-01-01T00:00:00.5Z",1704067201]`, []Rule{skew("$[*]", time.Second)}, map[int]int{0: 2}, nil},
		{"no time", `["today"]`, `["tomorrow"]`, []Rule{skew("$[*]", time.Second)}, nil, []string{`value $[0] "today" "tomorrow"`}},
		{"aligned with tolerances", `[{"p":1},{"p":2},{"p":3}]`, `[{"p":1.1},{"p":3.1}]`, []Rule{absolute("$..p", "0.1")}, map[int]int{0: 2}, []string{`missing $[1] {"p":2}`}},
		{"a name with an escape", `{"\u0061":1}`, `{"a":2}`, []Rule{ignore("$.a")}, map[int]int{0: 1}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) { checkRules(t, tc.old, tc.new, tc.rules, tc.forgiven, tc.want) })
	}
}

// checkRules compares two JSON bodies both ways and checks what was forgiven and, one way, what differs.
func checkRules(t *testing.T, old, new string, rules []Rule, forgiven map[int]int, want []string) {
	t.Helper()
	c := comparer(t, rules...)
	got := c.Compare(jsonAnswer(old), jsonAnswer(new))
	verdict := Match
	switch {
	case want != nil:
		verdict = Mismatch
	case forgiven != nil:
		verdict = Tolerated
	}
	if got.Verdict != verdict || !maps.Equal(got.Suppressed, forgiven) || !slices.Equal(show(got.Differences), want) {
		t.Errorf("%s %s, forgiven %v\n%s", got.Verdict, got.Reason, got.Suppressed, strings.Join(show(got.Differences), "\n"))
	}
	if back := c.Compare(jsonAnswer(new), jsonAnswer(old)); back.Verdict != got.Verdict {
		t.Errorf("the other way round: %+v", back)
	}
}

func TestUnordered(t *testing.T) {
	tags := Rule{Path: "$.tags", Unordered: Multiset}
	everywhere := Rule{Path: "$..*", Unordered: Multiset}
	root := Rule{Path: "$", Unordered: Multiset}
	near := Rule{Path: "$..p", Number: &Number{Absolute: "4"}}
	for _, tc := range []struct {
		name, old, new string
		rules          []Rule
		forgiven       map[int]int
		want           []string
	}{
		{"same order", `{"tags":["a", "b"]}`, `{"tags":["a","b"]}`, []Rule{tags}, nil, nil},
		{"another order", `{"tags":["a","b","c"]}`, `{"tags":["c","a","b"]}`, []Rule{tags}, map[int]int{0: 1}, nil},
		{"no such rule here", `{"tugs":["a","b"]}`, `{"tugs":["b","a"]}`, []Rule{tags}, nil, []string{`value $.tugs[0] "a" "b"`, `value $.tugs[1] "b" "a"`}},
		{"repeats count", `{"tags":["a","a","b"]}`, `{"tags":["a","b","b"]}`, []Rule{tags}, nil, []string{`value $.tags[1] "a" "b"`}},
		{"repeats may be many", `{"tags":[` + strings.Repeat(`1,`, 200) + `2]}`, `{"tags":[2` + strings.Repeat(`,1`, 200) + `]}`, []Rule{tags}, map[int]int{0: 1}, nil},
		{"one missing", `{"tags":["a","b","c"]}`, `{"tags":["c","a"]}`, []Rule{tags}, map[int]int{0: 1}, []string{`missing $.tags[1] "b"`}},
		{"one missing, order kept", `{"tags":["a","b","c"]}`, `{"tags":["a","c"]}`, []Rule{tags}, nil, []string{`missing $.tags[1] "b"`}},
		{"one extra", `{"tags":["a"]}`, `{"tags":["x","a"]}`, []Rule{tags}, nil, []string{`extra $.tags[0]  "x"`}},
		{"by meaning", `{"tags":[{"a":1,"b":2},1.0]}`, `{"tags":[1,{"b":2,"a":1}]}`, []Rule{tags}, map[int]int{0: 1}, nil},
		{"one changed", `[{"id":1,"v":1,"w":1},{"id":2,"v":1,"w":1}]`, `[{"id":2,"v":1,"w":9},{"id":1,"v":1,"w":1}]`, []Rule{root}, nil, []string{"value $[1].w 1 9"}},
		{
			"two changed pair with the nearest", `[{"id":1,"v":1},{"id":2,"v":1},{"id":3,"v":5}]`, `[{"id":3,"v":5},{"id":2,"v":7},{"id":1,"v":8}]`,
			[]Rule{root},
			nil,
			[]string{"value $[0].v 1 8", "value $[1].v 1 7"},
		},
		{"nested", `[[1,2],[3,4]]`, `[[4,3],[2,1]]`, []Rule{root, everywhere}, map[int]int{0: 1, 1: 2}, nil},
		{"nested is not told", `[[1,2],[3,4]]`, `[[4,3],[1,2]]`, []Rule{root}, nil, []string{"value $[1][0] 3 4", "value $[1][1] 4 3"}},
		{"ignored beneath", `[{"id":1,"n":"a"},{"id":2,"n":"b"}]`, `[{"id":8,"n":"b"},{"n":"a"}]`, []Rule{root, {Path: "$[*].id", Ignore: IgnoreAll}}, map[int]int{0: 1, 1: 2}, nil},
		{
			"value ignored beneath", `[{"id":1,"n":"a"},{"id":2,"n":"b"}]`, `[{"id":8,"n":"b"},{"n":"a","id":"x"}]`,
			[]Rule{root, {Path: "$[*].id", Ignore: IgnoreValue}},
			map[int]int{1: 1},
			[]string{`type $[0].id 1 "x"`},
		},
		{"elements ignored", `[1,2,3]`, `[4]`, []Rule{root, {Path: "$[*]", Ignore: IgnoreAll}}, map[int]int{1: 3}, nil},
		{"an index matches no element", `[1,2]`, `[2,3]`, []Rule{root, {Path: "$[0]", Ignore: IgnoreAll}}, nil, []string{"value $[0] 1 3"}},
		{"tolerances, pairs must give way", `[{"p":10},{"p":14}]`, `[{"p":6},{"p":10}]`, []Rule{root, near}, map[int]int{1: 2}, nil},
		{"tolerances, chains of pairs", `[{"p":0},{"p":4},{"p":8},{"p":12}]`, `[{"p":16},{"p":4},{"p":8},{"p":12}]`, []Rule{root, near}, map[int]int{0: 1, 1: 4}, nil},
		{"tolerances, one too far", `[{"p":0},{"p":4}]`, `[{"p":4},{"p":9}]`, []Rule{root, near}, nil, []string{"value $[0].p 0 9"}},
		{"times", `["2024-01-01T00:00:00Z","2025-01-01T00:00:00Z"]`, `[1735689600,1704067200]`, []Rule{root, {Path: "$[*]", Time: &Time{}}}, map[int]int{0: 1, 1: 2}, nil},
		{"repeated keys in another order", `[{"a":1,"a":2}]`, `[{"a":2,"a":1}]`, []Rule{root}, nil, []string{"value $[0].a 1 2", "value $[0].a 2 1"}},
		{"the same, elsewhere", `[0,{"a":1,"a":2}]`, `[{"a":2,"a":1},0]`, []Rule{root}, nil, []string{"value $[1].a 1 2", "value $[1].a 2 1"}},
		{"huge exponents", `[1e1000000000000000000,2]`, `[2.0,10e999999999999999999]`, []Rule{root}, map[int]int{0: 1}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) { checkRules(t, tc.old, tc.new, tc.rules, tc.forgiven, tc.want) })
	}
}

func TestUnorderedHasLimits(t *testing.T) {
	list := func(from, n int) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprint(from + 2*i)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	c := comparer(t, Rule{Path: "$", Unordered: Multiset}, Rule{Path: "$[*]", Number: &Number{Absolute: "1"}})
	if got := c.Compare(jsonAnswer(list(0, maxLeftovers)), jsonAnswer(list(1, maxLeftovers))); got.Verdict != Tolerated {
		t.Errorf("as many as allowed: %+v", got)
	}
	got := c.Compare(jsonAnswer(list(0, maxLeftovers+1)), jsonAnswer(list(1, maxLeftovers+1)))
	if got.Verdict != Skipped || got.Reason != TooComplex {
		t.Errorf("too many: %+v", got)
	}
	// Few leftovers among many: one that is near to nothing is a mismatch, not too complex.
	old100 := "[" + strings.TrimSuffix(list(0, 100)[1:], "]")
	got = c.Compare(jsonAnswer(old100+",1000]"), jsonAnswer("[2000,"+old100[1:]+"]"))
	if want := []string{"value $[100] 1000 2000"}; !slices.Equal(show(got.Differences), want) {
		t.Errorf("one of many: %s %s %v", got.Verdict, got.Reason, show(got.Differences))
	}
	// What tells elements apart keeps the sets small.
	var old, new []string
	for i := range 500 {
		old = append(old, fmt.Sprintf(`{"id":%d,"at":%d}`, i, 1700000000+i))
		new = append(new, fmt.Sprintf(`{"at":%d,"id":%d}`, 1700000001+i, i))
	}
	slices.Reverse(new)
	rows := comparer(t, Rule{Path: "$", Unordered: Multiset}, Rule{Path: "$..at", Time: &Time{Skew: time.Second}})
	got = rows.Compare(jsonAnswer("["+strings.Join(old, ",")+"]"), jsonAnswer("["+strings.Join(new, ",")+"]"))
	if got.Verdict != Tolerated || !maps.Equal(got.Suppressed, map[int]int{0: 1, 1: 500}) {
		t.Errorf("500 rows: %s %s %v", got.Verdict, got.Reason, got.Suppressed)
	}
}

// Two spellings of a text are equal if and only if they are the same without escapes.
func TestEqualTexts(t *testing.T) {
	r := documents{rand.New(rand.NewPCG(31, 32))}
	pieces := []string{
		"a", "b", "é", "😀", `\u0061`, `\u00e9`, `\u00E9`, `\ud83d\ude00`, `\uD83D`, `\ude00`, `\n`, `\u000a`, `\\`, `\u005c`, `\/`, "/", `\"`,
		"a rather long text without escapes", `\ufffd`, "\ufffd",
	}
	equal := 0
	for range testkit.Rounds(200000) {
		var texts [2]string
		for i := range texts {
			for range r.IntN(4) {
				texts[i] += pieces[r.IntN(len(pieces))]
			}
		}
		a, b := []byte(texts[0]), []byte(texts[1])
		want := bytes.Equal(appendUnescaped(nil, a), appendUnescaped(nil, b))
		if got := equalTexts(a, b); got != want {
			t.Fatalf("%s = %s: %v", a, b, got)
		}
		if want && texts[0] != texts[1] {
			equal++
		}
	}
	if equal < testkit.Rounds(500) {
		t.Errorf("only %d pairs are equal and spelled apart: the test says little", equal)
	}
}
