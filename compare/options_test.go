package compare

import (
	"errors"
	"testing"
	"time"
)

func TestNewNamesEveryFault(t *testing.T) {
	_, err := New(Options{Rules: []Rule{
		{Path: "$.ok", Ignore: IgnoreAll},
		{Ignore: IgnoreAll},
		{Path: "$.a", Header: "etag", Ignore: IgnoreAll},
		{Path: "$.a[?@.b]", Ignore: IgnoreAll},
		{Path: "$.a"},
		{Path: "$.a", Unordered: Multiset, Ignore: IgnoreAll},
		{Path: "$.a", Number: &Number{}},
		{Path: "$.a", Number: &Number{Absolute: "-1", Relative: "1%"}},
		{Path: "$.a", Number: &Number{Absolute: "1e9999999999999999999"}},
		{Path: "$.a", Time: &Time{Skew: -time.Second}},
		{Header: "etag", Time: &Time{}},
		{Header: "a b", Ignore: IgnoreAll},
		{Path: "$.a", Ignore: 7},
		{Path: "$[", Number: &Number{Relative: "x"}},
		{Path: "$.a", CSV: &CSV{Header: true}},
		{Path: "$[1]", CSV: &CSV{Header: true}},
		{Path: "$..*", CSV: &CSV{}},
	}})
	want := []string{
		"rules[1]: needs a path or a header",
		"rules[2]: has a path and a header: make two rules of it",
		`rules[3].path: path "$.a[?@.b]", offset 4: filters are not supported`,
		"rules[4]: says nothing: give it one of ignore, number, time, coerce, unordered, key, rename, csv and absent_equals_null",
		"rules[5]: says several things: make a rule of each of ignore, number, time, coerce, unordered, key, rename, csv and absent_equals_null",
		"rules[6].number: needs absolute or relative",
		`rules[7].number.absolute: "-1" is negative`,
		`rules[7].number.relative: "1%" is no decimal number such as 0.005`,
		`rules[8].number.absolute: "1e9999999999999999999" has too many digits`,
		"rules[9].time.skew: -1s is negative",
		"rules[10].header: a header can only be ignored",
		`rules[11].header: "a b" is no header name`,
		"rules[12].ignore: unknown mode 7",
		`rules[13].path: path "$[", offset 2: the path ends inside [`,
		`rules[13].number.relative: "x" is no decimal number such as 0.005`,
		"rules[14].csv: is for a body as a whole, and the path leads to none: write $, or $[1] for a part of a multipart body",
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("error %v", err)
	}
	got := joined.Unwrap()
	if len(got) != len(want) {
		t.Fatalf("%d faults, want %d:\n%v", len(got), len(want), err)
	}
	for i, e := range got {
		var r *RuleError
		if !errors.As(e, &r) || e.Error() != want[i] {
			t.Errorf("fault %d: %v\nwant: %s", i, e, want[i])
		}
	}
}

func TestNewRefusesTooManyRules(t *testing.T) {
	_, err := New(Options{Rules: make([]Rule, 1<<16)})
	if r, ok := errors.AsType[*RuleError](err); !ok || r.Index != 1<<16-1 {
		t.Errorf("error %v", err)
	}
}
