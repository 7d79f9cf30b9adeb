package compare

import (
	"strings"
	"testing"
	"time"
)

func TestSets(t *testing.T) {
	set := Rule{Path: "$.a", Unordered: Set}
	near := Rule{Path: "$.a[*]", Number: &Number{Absolute: "1"}}
	for _, tc := range []struct {
		name, old, new string
		rules          []Rule
		forgiven       map[int]int
		want           []string
	}{
		{"the same, spelled otherwise", `{"a":[1,2]}`, `{"a":[1.0,2]}`, []Rule{set}, nil, nil},
		{"another order", `{"a":["x","y"]}`, `{"a":["y","x"]}`, []Rule{set}, map[int]int{0: 1}, nil},
		{"repeats in old", `{"a":[1,1,2]}`, `{"a":[1,2]}`, []Rule{set}, map[int]int{0: 1}, nil},
		{"repeats in new", `{"a":[1,2]}`, `{"a":[1,2,2,2]}`, []Rule{set}, map[int]int{0: 1}, nil},
		{"other repeats on each side", `{"a":[1,1,2]}`, `{"a":[2,1.0,2]}`, []Rule{set}, map[int]int{0: 1}, nil},
		{"repeats by meaning", `{"a":[{"x":1,"y":2},{"y":2.0,"x":1}]}`, `{"a":[{"x":1,"y":2}]}`, []Rule{set}, map[int]int{0: 1}, nil},
		{"only repeats", `{"a":[1,1,1]}`, `{"a":[1]}`, []Rule{set}, map[int]int{0: 1}, nil},
		{"one missing", `{"a":[1,2,3]}`, `{"a":[1,3]}`, []Rule{set}, nil, []string{"missing $.a[1] 2"}},
		{"one missing, others repeated", `{"a":[1,1,2,3]}`, `{"a":[1,3]}`, []Rule{set}, map[int]int{0: 1}, []string{"missing $.a[2] 2"}},
		{"one extra", `{"a":[1]}`, `{"a":[1,2,1]}`, []Rule{set}, map[int]int{0: 1}, []string{"extra $.a[1]  2"}},
		{"none left", `{"a":[1,1]}`, `{"a":[]}`, []Rule{set}, nil, []string{"missing $.a[0] 1", "missing $.a[1] 1"}},
		{"a multiset counts repeats", `{"a":[1,1,2]}`, `{"a":[1,2]}`, []Rule{{Path: "$.a", Unordered: Multiset}}, nil, []string{"missing $.a[1] 1"}},
		{"repeats within a tolerance", `{"a":[10,11]}`, `{"a":[10.5]}`, []Rule{set, near}, map[int]int{0: 1, 1: 2}, nil},
		{"a like that is taken already", `{"a":[10,20,21]}`, `{"a":[20,10]}`, []Rule{set, near}, map[int]int{0: 1, 1: 1}, nil},
		{"in new, within a tolerance", `{"a":[10]}`, `{"a":[9,11]}`, []Rule{set, near}, map[int]int{0: 1, 1: 2}, nil},
		{"beyond the tolerance", `{"a":[10,12]}`, `{"a":[10]}`, []Rule{set, near}, nil, []string{"missing $.a[1] 12"}},
		{"ignored beneath", `{"a":[{"i":1,"n":1},{"i":2,"n":1}]}`, `{"a":[{"i":3,"n":1}]}`, []Rule{set, {Path: "$..i", Ignore: IgnoreAll}}, map[int]int{0: 1, 1: 2}, nil},
		{"a set of sets", `{"a":[[1,1,2],[2,1]]}`, `{"a":[[2,2,1]]}`, []Rule{set, {Path: "$.a[*]", Unordered: Set}}, map[int]int{0: 1, 1: 2}, nil},
		{"many repeats", `{"a":[` + strings.Repeat(`1,`, 500) + `2]}`, `{"a":[2` + strings.Repeat(`,2`, 300) + `,1]}`, []Rule{set, near}, map[int]int{0: 1}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) { checkRules(t, tc.old, tc.new, tc.rules, tc.forgiven, tc.want) })
	}
}

func TestKeys(t *testing.T) {
	key := func(path, key string) Rule { return Rule{Path: path, Key: key} }
	byID := key("$", "$.id")
	for _, tc := range []struct {
		name, old, new string
		rules          []Rule
		forgiven       map[int]int
		want           []string
	}{
		{"the same order", `[{"id":1,"v":1},{"id":2,"v":2}]`, `[{"id":1,"v":1.0},{"v":2,"id":2}]`, []Rule{byID}, nil, nil},
		{"another order", `[{"id":1,"v":1},{"id":2,"v":2}]`, `[{"id":2,"v":2},{"id":1,"v":1}]`, []Rule{byID}, map[int]int{0: 1}, nil},
		{
			"paths have old's index", `[{"id":1,"v":1},{"id":2,"v":{"w":[2]}}]`, `[{"id":2,"v":{"w":[3]}},{"id":1,"v":1}]`,
			[]Rule{byID},
			map[int]int{0: 1},
			[]string{"value $[1].v.w[0] 2 3"},
		},
		{"all changed but the key", `[{"id":1,"v":1},{"id":2,"v":2}]`, `[{"id":2,"v":1},{"id":1,"v":2}]`, []Rule{byID}, map[int]int{0: 1}, []string{"value $[0].v 1 2", "value $[1].v 2 1"}},
		{"one missing", `[{"id":1},{"id":2},{"id":3}]`, `[{"id":3},{"id":1}]`, []Rule{byID}, map[int]int{0: 1}, []string{`missing $[1] {"id":2}`}},
		{"one extra", `[{"id":1}]`, `[{"id":0},{"id":1}]`, []Rule{byID}, nil, []string{`extra $[0]  {"id":0}`}},
		{"another key is another element", `[{"id":1,"v":1}]`, `[{"id":2,"v":1}]`, []Rule{byID}, nil, []string{`missing $[0] {"id":1,"v":1}`, `extra $[0]  {"id":2,"v":1}`}},
		{"keys by meaning", `[{"id":1,"v":1},{"id":"\u0061","v":2}]`, `[{"id":"a","v":2},{"id":1.0,"v":1}]`, []Rule{byID}, map[int]int{0: 1}, nil},
		{"a number is no string", `[{"id":1}]`, `[{"id":"1"}]`, []Rule{byID}, nil, []string{`missing $[0] {"id":1}`, `extra $[0]  {"id":"1"}`}},
		{"unless it is coerced", `[{"id":1},{"id":2}]`, `[{"id":"2"},{"id":"1"}]`, []Rule{byID, {Path: "$..id", CoerceNumber: true}}, map[int]int{0: 1, 1: 2}, nil},
		{"large numbers", `[{"id":9007199254740993},{"id":9007199254740992}]`, `[{"id":9007199254740992},{"id":9007199254740993}]`, []Rule{byID}, map[int]int{0: 1}, nil},
		{
			"the same moment", `[{"at":"2024-01-01T00:00:00Z","v":1},{"at":"2025-01-01T00:00:00Z","v":2}]`,
			`[{"at":1735689600,"v":2},{"at":"2024-01-01T01:00:00+01:00","v":3}]`,
			[]Rule{key("$", "$.at"), {Path: "$[*].at", Time: &Time{Skew: time.Second}}},
			map[int]int{0: 1, 1: 2},
			[]string{"value $[0].v 1 3"},
		},
		{"keys that are objects", `[{"id":{"a":1,"b":2},"v":1},{"id":[1]}]`, `[{"id":[1.0]},{"id":{"b":2,"a":1},"v":2}]`, []Rule{byID}, map[int]int{0: 1}, []string{"value $[0].v 1 2"}},
		{"null is a key", `[{"id":null,"v":1},{"v":2}]`, `[{"v":2},{"id":null,"v":3}]`, []Rule{byID}, map[int]int{0: 1}, []string{"value $[0].v 1 3"}},
		{"a nested key", `[{"k":{"i":[0,1]},"v":1},{"k":{"i":[0,2]},"v":1}]`, `[{"k":{"i":[0,2]},"v":1},{"k":{"i":[0,1]},"v":5}]`, []Rule{key("$", "$.k.i[1]")}, map[int]int{0: 1}, []string{"value $[0].v 1 5"}},
		{"a key with odd names", `[{"a/b":1,"v":1},{"a/b":2,"v":1}]`, `[{"a/b":2,"v":1},{"a/b":1,"v":2}]`, []Rule{key("$", "$['a/b']")}, map[int]int{0: 1}, []string{"value $[0].v 1 2"}},
		{"the element itself", `[3,1,2]`, `[1,2,3]`, []Rule{key("$", "$")}, map[int]int{0: 1}, nil},
		{"no key anywhere is a multiset", `[{"v":1},{"v":2}]`, `[{"v":2},{"v":1}]`, []Rule{byID}, map[int]int{0: 1}, nil},
		{"no key, one changed", `[{"v":1,"w":1},{"id":1}]`, `[{"id":1},{"v":1,"w":2}]`, []Rule{byID}, map[int]int{0: 1}, []string{"value $[0].w 1 2"}},
		{"scalars have no key", `[1,{"id":1,"v":1},"x"]`, `["x",{"id":1,"v":2},1]`, []Rule{byID}, map[int]int{0: 1}, []string{"value $[1].v 1 2"}},
		{"several with one key", `[{"id":1,"v":1},{"id":1,"v":2},{"id":2}]`, `[{"id":2},{"id":1,"v":2},{"id":1,"v":1}]`, []Rule{byID}, map[int]int{0: 1}, nil},
		{"several with one key, one changed", `[{"id":1,"v":1},{"id":1,"v":2}]`, `[{"id":1,"v":2},{"id":1,"v":3}]`, []Rule{byID}, nil, []string{"value $[0].v 1 3"}},
		{"one of several missing", `[{"id":1,"v":1},{"id":1,"v":2}]`, `[{"id":1,"v":2}]`, []Rule{byID}, nil, []string{`missing $[0] {"id":1,"v":1}`}},
		{"a repeat more", `[{"id":1}]`, `[{"id":1},{"id":1}]`, []Rule{byID}, nil, []string{`extra $[1]  {"id":1}`}},
		{"with a key on one side", `[{"id":1,"v":1}]`, `[{"v":1}]`, []Rule{byID}, nil, []string{`missing $[0] {"id":1,"v":1}`, `extra $[0]  {"v":1}`}},
		{"tolerances within one key", `[{"id":1,"p":10},{"id":1,"p":14}]`, `[{"id":1,"p":6},{"id":1,"p":10}]`, []Rule{byID, {Path: "$..p", Number: &Number{Absolute: "4"}}}, map[int]int{1: 2}, nil},
		{"keys within keys", `[{"id":1,"l":[{"id":1,"v":1},{"id":2,"v":1}]},{"id":2,"l":[]}]`, `[{"id":2,"l":[]},{"id":1,"l":[{"id":2,"v":7},{"id":1,"v":1}]}]`, []Rule{byID, key("$[*].l", "$.id")}, map[int]int{0: 1, 1: 1}, []string{"value $[0].l[1].v 1 7"}},
		{"an index matches no element", `[{"id":1,"v":1}]`, `[{"id":1,"v":2}]`, []Rule{byID, {Path: "$[0].v", Ignore: IgnoreAll}}, nil, []string{"value $[0].v 1 2"}},
		{"rules beneath", `[{"id":1,"v":1},{"id":2,"v":1}]`, `[{"id":2,"v":3},{"id":1,"v":2}]`, []Rule{byID, {Path: "$[*].v", Ignore: IgnoreAll}}, map[int]int{0: 1, 1: 2}, nil},
		{"the key is ignored", `[{"id":1,"v":1}]`, `[{"id":2,"v":1}]`, []Rule{byID, {Path: "$..id", Ignore: IgnoreAll}}, nil, []string{`missing $[0] {"id":1,"v":1}`, `extra $[0]  {"id":2,"v":1}`}},
		{"no array", `{"id":1}`, `{"id":2}`, []Rule{byID}, nil, []string{"value $.id 1 2"}},
		{"the first of the family decides", `[{"id":1,"v":1},{"id":2,"v":1}]`, `[{"id":2,"v":1},{"id":1,"v":1}]`, []Rule{{Path: "$", Unordered: Multiset}, byID}, map[int]int{0: 1}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) { checkRules(t, tc.old, tc.new, tc.rules, tc.forgiven, tc.want) })
	}
}

func TestCoerce(t *testing.T) {
	all := Rule{Path: "$[*]", CoerceNumber: true}
	for _, tc := range []struct {
		name, old, new string
		rules          []Rule
		forgiven       map[int]int
		want           []string
	}{
		{"a number and its string", `[1,1,1.50]`, `["1","1.0","15e-1"]`, []Rule{all}, map[int]int{0: 3}, nil},
		{"two strings", `["1","0"]`, `["1.0","-0"]`, []Rule{all}, map[int]int{0: 2}, nil},
		{"two numbers need no rule", `[1]`, `[1.0]`, []Rule{all}, nil, nil},
		{"another number", `[1]`, `["2"]`, []Rule{all}, nil, []string{`type $[0] 1 "2"`}},
		{
			"no numbers", `[1,1,0,1,1,1]`, `["01"," 1","","1 ","+1","0x1"]`,
			[]Rule{all},
			nil,
			[]string{`type $[0] 1 "01"`, `type $[1] 1 " 1"`, `type $[2] 0 ""`, `type $[3] 1 "1 "`, `type $[4] 1 "+1"`, `type $[5] 1 "0x1"`},
		},
		{"nothing else", `[true,null,[1]]`, `["true","null",["1"]]`, []Rule{all}, nil, []string{`type $[0] true "true"`, `type $[1] null "null"`, `type $[2][0] 1 "1"`}},
		{"exactly", `[9007199254740993]`, `["9007199254740992"]`, []Rule{all}, nil, []string{`type $[0] 9007199254740993 "9007199254740992"`}},
		{"an escaped digit", `[1]`, `["\u0031"]`, []Rule{all}, map[int]int{0: 1}, nil},
		{"huge exponents", `[1e1000000000]`, `["10e999999999"]`, []Rule{all}, map[int]int{0: 1}, nil},
		{"not elsewhere", `{"a":1}`, `{"a":"1"}`, []Rule{{Path: "$.b", CoerceNumber: true}}, nil, []string{`type $.a 1 "1"`}},
		{"a tolerance first", `[1]`, `["1"]`, []Rule{{Path: "$[0]", Number: &Number{Absolute: "1"}}, all}, nil, []string{`type $[0] 1 "1"`}},
		{"the value ignored besides", `[1,1]`, `["1",2]`, []Rule{all, {Path: "$..*", Ignore: IgnoreValue}}, map[int]int{0: 1, 1: 1}, nil},
		{
			"without order", `[1,"2",3]`, `["3","1",2.0]`, []Rule{{Path: "$", Unordered: Multiset}, all}, map[int]int{0: 1, 1: 3}, nil,
		},
		{
			"without order, values ignored", `[{"v":1},{"v":"a"}]`, `[{"v":"b"},{"v":"1"}]`,
			[]Rule{{Path: "$", Unordered: Multiset}, {Path: "$[*].v", CoerceNumber: true}, {Path: "$[*].v", Ignore: IgnoreValue}},
			map[int]int{0: 1, 1: 1, 2: 1},
			nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) { checkRules(t, tc.old, tc.new, tc.rules, tc.forgiven, tc.want) })
	}
}

func TestAbsentEqualsNull(t *testing.T) {
	deleted := Rule{Path: "$..deleted_at", AbsentEqualsNull: true}
	all := Rule{Path: "$..*", AbsentEqualsNull: true}
	for _, tc := range []struct {
		name, old, new string
		rules          []Rule
		forgiven       map[int]int
		want           []string
	}{
		{"absent in new", `{"a":1,"deleted_at":null}`, `{"a":1}`, []Rule{deleted}, map[int]int{0: 1}, nil},
		{"absent in old", `[{"a":{}}]`, `[{"a":{"deleted_at":null}}]`, []Rule{deleted}, map[int]int{0: 1}, nil},
		{"null on both sides", `{"deleted_at":null}`, `{"deleted_at" : null}`, []Rule{deleted}, nil, nil},
		{"another member", `{"created_at":null}`, `{}`, []Rule{deleted}, nil, []string{"missing $.created_at null"}},
		{"not null", `{"deleted_at":""}`, `{}`, []Rule{deleted}, nil, []string{`missing $.deleted_at ""`}},
		{"null and a value", `{"deleted_at":null}`, `{"deleted_at":1}`, []Rule{deleted}, nil, []string{"type $.deleted_at null 1"}},
		{"null and empty", `{"deleted_at":null}`, `{"deleted_at":{}}`, []Rule{deleted}, nil, []string{"type $.deleted_at null {}"}},
		{"no elements of arrays", `[1,null]`, `[1]`, []Rule{all}, nil, []string{"missing $[1] null"}},
		{"members beneath", `{"a":[{"b":null,"c":null}],"d":null}`, `{"a":[{}]}`, []Rule{all}, map[int]int{0: 3}, nil},
		{"nulls within what is absent", `{"a":{"b":null}}`, `{}`, []Rule{all}, nil, []string{`missing $.a {"b":null}`}},
		{"a repeat", `{"deleted_at":1,"deleted_at":null}`, `{"deleted_at":1}`, []Rule{deleted}, map[int]int{0: 1}, nil},
		{
			"without order", `[{"i":1,"deleted_at":null},{"i":2}]`, `[{"i":2,"deleted_at":null},{"i":1}]`,
			[]Rule{{Path: "$", Unordered: Multiset}, deleted},
			map[int]int{0: 1, 1: 2},
			nil,
		},
		{"the first of the family decides", `{"a":null}`, `{}`, []Rule{{Path: "$.a", Unordered: Multiset}, {Path: "$.a", AbsentEqualsNull: true}}, nil, []string{"missing $.a null"}},
	} {
		t.Run(tc.name, func(t *testing.T) { checkRules(t, tc.old, tc.new, tc.rules, tc.forgiven, tc.want) })
	}
}
