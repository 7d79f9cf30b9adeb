package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"paritygate/internal/testkit"
)

func TestRenames(t *testing.T) {
	rename := func(path, to string) Rule { return Rule{Path: path, Rename: to} }
	label := rename("$..name", "label")
	for _, tc := range []struct {
		name, old, new string
		rules          []Rule
		forgiven       map[int]int
		want           []string
	}{
		{"to a name", `{"name":1}`, `{"label":1.0}`, []Rule{label}, map[int]int{0: 1}, nil},
		{"at any depth", `[{"name":1,"x":{"name":{"name":2}}}]`, `[{"x":{"label":{"label":2}},"label":1}]`, []Rule{label}, map[int]int{0: 3}, nil},
		{"nothing to rename", `{"a":1}`, `{"a":1.0}`, []Rule{label}, nil, nil},
		{"equal bytes are no match", `{"name":1}`, `{"name":1}`, []Rule{label}, nil, []string{"missing $.name 1", "extra $.name  1"}},
		{"nor by meaning", `{"name":1}`, `{"name":1.0}`, []Rule{label}, nil, []string{"missing $.name 1", "extra $.name  1.0"}},
		{"new's name in old", `{"label":1}`, `{"label":1}`, []Rule{label}, nil, nil},
		{"old has none", `{}`, `{"label":1}`, []Rule{label}, nil, []string{"extra $.label  1"}},
		{"new has none", `{"name":1}`, `{}`, []Rule{label}, nil, []string{"missing $.name 1"}},
		{"the value differs", `{"a":[{"name":{"b":1}}]}`, `{"a":[{"label":{"b":2}}]}`, []Rule{label}, map[int]int{0: 1}, []string{"value $.a[0].name.b 1 2"}},
		{"names to quote", `{"a/b":1}`, `{"c d":2}`, []Rule{rename("$['a/b']", "c d")}, map[int]int{0: 1}, []string{"value $['a/b'] 1 2"}},
		{"names with escapes", `{"\u0061":1}`, `{"\u0062":1}`, []Rule{rename("$.a", "b")}, map[int]int{0: 1}, nil},
		{"a name like a variable", `{"a":1}`, `{"$ref":1}`, []Rule{rename("$.a", "$ref")}, map[int]int{0: 1}, nil},
		{"only there", `{"a":{"name":1},"b":{"name":1}}`, `{"a":{"label":1},"b":{"name":1}}`, []Rule{rename("$.a.name", "label")}, map[int]int{0: 1}, nil},
		{"at once, not in turn", `{"a":1,"b":2}`, `{"b":1,"a":2}`, []Rule{rename("$.a", "b"), rename("$.b", "a")}, map[int]int{0: 1, 1: 1}, nil},
		{"at once, in a chain", `{"a":1,"b":2}`, `{"b":1,"c":2}`, []Rule{rename("$.a", "b"), rename("$.b", "c")}, map[int]int{0: 1, 1: 1}, nil},
		{"the first of the family decides", `{"name":1}`, `{"x":1}`, []Rule{rename("$.name", "x"), label}, map[int]int{0: 1}, nil},
		{"another structure rule comes first", `{"name":[1,2]}`, `{"name":[2,1]}`, []Rule{{Path: "$..*", Unordered: Multiset}, label}, map[int]int{0: 1}, nil},
		{"repeats keep their order", `{"name":1,"name":2}`, `{"label":1,"label":2}`, []Rule{label}, map[int]int{0: 2}, nil},
		{"a name that is taken", `{"name":1,"label":1}`, `{"label":1}`, []Rule{label}, nil, []string{"missing $.name 1"}},
		{"taken, and both in new", `{"name":1,"label":2}`, `{"label":1,"label":2}`, []Rule{label}, nil, []string{"missing $.name 1", "value $.label 2 1", "extra $.label  2"}},
		{"two to one name", `{"a":1,"b":1}`, `{"c":1}`, []Rule{rename("$.a", "c"), rename("$.b", "c")}, map[int]int{0: 1}, []string{"missing $.b 1"}},
		{"inside of what is renamed", `{"name":{"name":1}}`, `{"label":{"label":2}}`, []Rule{label}, map[int]int{0: 2}, []string{"value $.name.name 1 2"}},

		{"rules go by old's names", `{"name":{"v":1,"w":1}}`, `{"label":{"v":2,"w":2}}`, []Rule{label, {Path: "$.name.v", Ignore: IgnoreAll}, {Path: "$.label.w", Ignore: IgnoreAll}}, map[int]int{0: 1, 1: 1}, []string{"value $.name.w 1 2"}},
		{"ignored by old's name", `{}`, `{"label":1}`, []Rule{label, {Path: "$.name", Ignore: IgnoreAll}}, map[int]int{1: 1}, nil},
		{"ignored by new's name", `{}`, `{"label":1}`, []Rule{label, {Path: "$.label", Ignore: IgnoreAll}}, map[int]int{1: 1}, nil},
		{"within what is ignored", `{"x":{"name":1}}`, `{"x":{"name":1}}`, []Rule{label, {Path: "$.x", Ignore: IgnoreAll}}, nil, nil},
		{"renamed within what is ignored", `{"x":{"name":1}}`, `{"x":{"label":1}}`, []Rule{label, {Path: "$.x", Ignore: IgnoreAll}}, map[int]int{1: 1}, nil},
		{"a tolerance", `{"name":10}`, `{"label":11}`, []Rule{label, {Path: "$.name", Number: &Number{Absolute: "1"}}}, map[int]int{0: 1, 1: 1}, nil},

		{"without order", `[{"name":1},{"name":2}]`, `[{"label":2},{"label":1}]`, []Rule{label, {Path: "$", Unordered: Multiset}}, map[int]int{0: 2, 1: 1}, nil},
		{"without order, in order", `[{"name":1},{"name":2}]`, `[{"label":1},{"label":2}]`, []Rule{label, {Path: "$", Unordered: Multiset}}, map[int]int{0: 2}, nil},
		{"without order, not renamed", `[{"name":1}]`, `[{"name":1}]`, []Rule{label, {Path: "$", Unordered: Multiset}}, nil, []string{"missing $[0].name 1", "extra $[0].name  1"}},
		{
			"without order, with a tolerance", `[{"name":1,"t":1},{"name":2,"t":1}]`, `[{"label":2,"t":3},{"label":1,"t":4}]`,
			[]Rule{label, {Path: "$", Unordered: Multiset}, {Path: "$..t", Ignore: IgnoreAll}},
			map[int]int{0: 2, 1: 1, 2: 2},
			nil,
		},
		{"a row left out", `[{"name":1},{"name":2},{"name":3}]`, `[{"label":1},{"label":3}]`, []Rule{label}, map[int]int{0: 2}, []string{`missing $[1] {"name":2}`}},
		{"the key is renamed", `[{"id":1,"v":1},{"id":2,"v":1}]`, `[{"uid":2,"v":1},{"uid":1,"v":2}]`, []Rule{{Path: "$", Key: "$.id"}, rename("$..id", "uid")}, map[int]int{0: 1, 1: 2}, []string{"value $[0].v 1 2"}},

		{"to a path", `{"a":{"b":1,"x":1}}`, `{"a":{"x":1},"c":1}`, []Rule{rename("$.a.b", "$.c")}, map[int]int{0: 1}, nil},
		{"to a path, the value differs", `{"a":{"b":{"y":1},"x":1}}`, `{"a":{"x":1},"c":{"y":2}}`, []Rule{rename("$.a.b", "$.c")}, map[int]int{0: 1}, []string{"value $.a.b.y 1 2"}},
		{"to a path, rules go by old's place", `{"a":{"b":{"y":1},"x":1}}`, `{"a":{"x":1},"c":{"y":2}}`, []Rule{rename("$.a.b", "$.c"), {Path: "$.a.b.y", Ignore: IgnoreAll}}, map[int]int{0: 1, 1: 1}, nil},
		{"to a path, missing", `{"a":{"b":1,"x":1}}`, `{"a":{"x":1}}`, []Rule{rename("$.a.b", "$.c")}, nil, []string{"missing $.a.b 1"}},
		{"to a path, where it was", `{"a":{"b":1}}`, `{"a":{"b":1}}`, []Rule{rename("$.a.b", "$.c")}, nil, []string{"extra $.a.b  1", "missing $.a.b 1"}},
		{"nothing left behind", `{"a":{"b":1}}`, `{"c":1}`, []Rule{rename("$.a.b", "$.c")}, map[int]int{0: 1}, nil},
		{"an empty object left behind", `{"a":{"b":1}}`, `{"a":{},"c":1}`, []Rule{rename("$.a.b", "$.c")}, map[int]int{0: 1}, nil},
		{"a container that was empty before", `{"a":{}}`, `{}`, []Rule{rename("$.a.b", "$.c")}, nil, []string{"missing $.a {}"}},
		{"into a container", `{"c":1,"x":1}`, `{"a":{"b":1},"x":1}`, []Rule{rename("$.c", "$.a.b")}, map[int]int{0: 1}, nil},
		{"into a container that is there", `{"c":1,"a":{"x":1}}`, `{"a":{"b":1,"x":2}}`, []Rule{rename("$.c", "$.a.b")}, map[int]int{0: 1}, []string{"value $.a.x 1 2"}},
		{"into a container that new lacks", `{"c":1}`, `{}`, []Rule{rename("$.c", "$.a.b")}, nil, []string{"missing $.c 1"}},
		{"into a container that is none", `{"c":1}`, `{"a":5}`, []Rule{rename("$.c", "$.a.b")}, nil, []string{"missing $.c 1", "extra $.a  5"}},
		{"into what is no object in old", `{"c":1,"a":5}`, `{"a":{"b":1}}`, []Rule{rename("$.c", "$.a.b")}, nil, []string{`type $.a 5 {"b":1}`, "missing $.c 1"}},
		{"more in the container", `{"c":1}`, `{"a":{"b":1,"z":2}}`, []Rule{rename("$.c", "$.a.b")}, map[int]int{0: 1}, []string{"extra $.a.z  2"}},
		{"several into one container", `{"c":1,"d":2}`, `{"a":{"e":2,"b":1}}`, []Rule{rename("$.c", "$.a.b"), rename("$.d", "$.a.e")}, map[int]int{0: 1, 1: 1}, nil},
		{"into what is moved there itself", `{"y":1,"x":{"z":1}}`, `{"p":{"q":{"z":1,"r":1}}}`, []Rule{rename("$.y", "$.p.q.r"), rename("$.x", "$.p.q")}, map[int]int{0: 1, 1: 1}, nil},
		{"wrapped", `{"a":1}`, `{"a":{"value":1}}`, []Rule{rename("$.a", "$.a.value")}, map[int]int{0: 1}, nil},
		{"unwrapped", `{"a":{"value":1}}`, `{"a":1}`, []Rule{rename("$.a.value", "$.a")}, map[int]int{0: 1}, nil},
		{"swapped containers", `{"a":{"x":1},"b":{"x":2}}`, `{"a":{"x":2},"b":{"x":1}}`, []Rule{rename("$.a.x", "$.b.x"), rename("$.b.x", "$.a.x")}, map[int]int{0: 1, 1: 1}, nil},
		{"a path that is taken", `{"a":{"b":1},"c":1}`, `{"c":1}`, []Rule{rename("$.a.b", "$.c")}, nil, []string{`missing $.a.b 1`}},
		{"two to one path", `{"a":1,"b":2}`, `{"c":1}`, []Rule{rename("$.a", "$.c"), rename("$.b", "$.c")}, map[int]int{0: 1}, []string{"missing $.b 2"}},
		{"in each element", `{"items":[{"b":1},{"b":2,"x":1}]}`, `{"items":[{"c":1},{"c":3,"x":1}]}`, []Rule{rename("$.items[*].b", "$.items[*].c")}, map[int]int{0: 2}, []string{"value $.items[1].b 2 3"}},
		{"deeper in each element", `[{"b":1},{"b":2}]`, `[{"m":{"c":1}},{"m":{"c":2}}]`, []Rule{rename("$[*].b", "$[*].m.c")}, map[int]int{0: 2}, nil},
		{"less deep in each element", `[{"m":{"c":1}},{"m":{"c":2,"d":1}}]`, `[{"b":1},{"b":2,"m":{"d":1}}]`, []Rule{rename("$[*].m.c", "$[*].b")}, map[int]int{0: 2}, nil},
		{"in each member", `{"k":{"b":1},"l":{"b":2}}`, `{"k":{"c":1},"l":{"c":2}}`, []Rule{rename("$.*.b", "$.*.c")}, map[int]int{0: 2}, nil},
		{"in one element", `[{"b":1},{"b":2}]`, `[{"b":1},{"c":2}]`, []Rule{rename("$[1].b", "$[1].c")}, map[int]int{0: 1}, nil},
		{"in no element", `[{"b":1}]`, `[{"b":1}]`, []Rule{rename("$[0].b", "$[7].c")}, nil, []string{"missing $[0].b 1", "extra $[0].b  1"}},
		{
			"in a container that is renamed", `{"data":[{"id":1}]}`, `{"items":[{"uid":1}]}`,
			[]Rule{rename("$.data", "items"), rename("$.data[*].id", "$.items[*].uid")},
			map[int]int{0: 1, 1: 1},
			nil,
		},
		{
			"a container and what is in it", `{"a":{"b":1,"c":2}}`, `{"x":{"c":2},"y":1}`,
			[]Rule{rename("$.a", "$.x"), rename("$.a.b", "$.y")},
			map[int]int{0: 1, 1: 1},
			nil,
		},
		{
			"without order, moved", `[{"i":1,"m":{"c":1}},{"i":2,"m":{"c":2}}]`, `[{"i":2,"b":2},{"i":1,"b":1}]`,
			[]Rule{rename("$[*].m.c", "$[*].b"), {Path: "$", Unordered: Multiset}, {Path: "$..i", Number: &Number{Absolute: "0.1"}}},
			map[int]int{0: 2, 1: 1},
			nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := comparer(t, tc.rules...).Compare(jsonAnswer(tc.old), jsonAnswer(tc.new))
			verdict := Match
			switch {
			case tc.want != nil:
				verdict = Mismatch
			case tc.forgiven != nil:
				verdict = Tolerated
			}
			if got.Verdict != verdict || !maps.Equal(got.Suppressed, tc.forgiven) || !slices.Equal(show(got.Differences), tc.want) {
				t.Errorf("%s %s, forgiven %v\n%s", got.Verdict, got.Reason, got.Suppressed, strings.Join(show(got.Differences), "\n"))
			}
		})
	}
}

func TestRenameRefuses(t *testing.T) {
	for _, tc := range []struct{ path, to, want string }{
		{"$", "a", "the path must end in a name"},
		{"$[0]", "a", "the path must end in a name"},
		{"$.a.*", "b", "the path must end in a name"},
		{"$.a", "a", "is the name that the member has already"},
		{"$.a.b", "$.a.b", "is the place that the member has already"},
		{"$.a", "$", "must end in a name"},
		{"$.a", "$.b[0]", "must end in a name"},
		{"$.a", "$.b.*", "must end in a name"},
		{"$..a", "$.b", "without .. on both sides"},
		{"$.a", "$..b", "without .. on both sides"},
		{"$[*].a", "$.b", "as many * as"},
		{"$.a", "$[*].b", "as many * as"},
		{"$.a", "$.b[?@.c]", "filters are not supported"},
		{"$.a", "$[", "the path ends inside ["},
	} {
		_, err := New(Options{Rules: []Rule{{Path: tc.path, Rename: tc.to}}})
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "rules[0].rename: ") {
			t.Errorf("%s to %s: %v, want %s", tc.path, tc.to, err, tc.want)
		}
	}
}

// Members that are moved under many names take no longer than the walk may.
func TestRenamesHaveLimits(t *testing.T) {
	testkit.WithoutRaceDetector(t)
	var old, new strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&old, `,"k%d":{"b":1}`, i)
		fmt.Fprintf(&new, `,"k%d":{"c":1}`, i)
	}
	in := func(b *strings.Builder) *Answer { return jsonAnswer(`{"a":{` + b.String()[1:] + "}}") }
	same := comparer(t, Rule{Path: "$.a.*.b", Rename: "$.a.*.c"}).Compare(in(&old), in(&new))
	if same.Verdict != Tolerated || same.Suppressed[0] != 20000 {
		t.Errorf("in place: %s, %d forgiven", same.Verdict, same.Suppressed[0])
	}
	if got := comparer(t, Rule{Path: "$.a.*.b", Rename: "$.x.*.c"}).Compare(in(&old), in(&new)); got.Reason != TooComplex {
		t.Errorf("elsewhere: %s %s", got.Verdict, got.Reason)
	}
}
