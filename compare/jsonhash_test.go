package compare

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"paritygate/internal/testkit"
)

// small makes documents of so few values that they are often equal under one rule or another.
type small struct{ *rand.Rand }

func (r small) value(depth int) string {
	kind := r.IntN(9)
	if depth == 0 {
		kind = r.IntN(6)
	}
	switch {
	case kind == 0:
		return "null"
	case kind < 6:
		return []string{"1", "1.0", "2", `"1"`, `"1.00"`, `"x"`, `"1970-01-01T00:00:01Z"`}[r.IntN(7)]
	case kind == 6:
		return r.array(depth, r.IntN(4))
	}
	parts := make([]string, r.IntN(4))
	for i := range parts {
		parts[i] = fmt.Sprintf("%q:%s", string("abc"[r.IntN(3)]), r.value(depth-1))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (r small) array(depth, n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = r.value(depth - 1)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func (r small) rules() []Rule {
	paths := []string{"$", "$..*", "$.*", "$[*]", "$..a", "$..b", "$.a", "$[*].a", "$.a.b", "$..c", "$[0]", "$[*].b"}
	targets := []string{"a", "b", "c", "$.a.c", "$.b", "$[*].c", "$[*].a.b"}
	out := make([]Rule, 1+r.IntN(4))
	for i := range out {
		out[i].Path = paths[r.IntN(len(paths))]
		switch r.IntN(10) {
		case 0:
			out[i].Ignore = IgnoreAll
		case 1:
			out[i].Ignore = IgnoreValue
		case 2:
			out[i].Number = &Number{Absolute: "1"}
		case 3:
			out[i].Time = &Time{Skew: 1e9}
		case 4:
			out[i].CoerceNumber = true
		case 5:
			out[i].Unordered = Set
		case 6:
			out[i].Key = []string{"$.a", "$", "$.a.b"}[r.IntN(3)]
		case 7:
			out[i].AbsentEqualsNull = true
		case 8:
			out[i].Rename = targets[r.IntN(len(targets))]
		default:
			out[i].Unordered = Multiset
		}
	}
	return out
}

// other returns a text with one of its names or scalars replaced by another one.
func (r small) other(text string) string {
	marks := []string{`"a"`, `"b"`, `"c"`, `"1"`, "1", "1.0", "2", "null"}
	from, to := marks[r.IntN(len(marks))], marks[r.IntN(len(marks))]
	if strings.HasSuffix(text, "]") || strings.HasSuffix(text, "}") {
		out := strings.Replace(text, from, to, 1+r.IntN(3))
		if json.Valid([]byte(out)) {
			return out
		}
	}
	return text
}

// renamed returns two documents that renames may make equal.
func (r small) renamed() (old, new string) {
	v, x := r.value(1), r.value(1)
	switch r.IntN(4) {
	case 0:
		return `{"a":{"b":` + v + `},"b":` + x + `}`, `{"b":` + x + `,"c":` + v + `}`
	case 1:
		return `{"a":{"b":` + v + `,"c":` + x + `}}`, `{"a":{"c":` + x + `},"c":` + v + `}`
	case 2:
		return `[{"a":` + v + `},{"b":` + x + `,"a":1}]`, `[{"c":` + v + `},{"c":1,"b":` + x + `}]`
	}
	old = r.value(3)
	return old, strings.ReplaceAll(old, `"a":`, `"c":`)
}

// comparer returns a Comparer for random rules that are allowed, of which one may have to rename.
func (r small) comparer(rename bool) *Comparer {
	renames := []Rule{{Path: "$..a", Rename: "c"}, {Path: "$.a.b", Rename: "$.c"}, {Path: "$[*].a", Rename: "$[*].c"}, {Path: "$..a", Rename: "b"}}
	for {
		rules := r.rules()
		if rename {
			rules = append(rules, renames[r.IntN(len(renames))])
		}
		if c, err := New(Options{Rules: rules}); err == nil {
			return c
		}
	}
}

// Values that pass as equal under the rules have one hash, or elements that belong together would never be tried.
func TestEqualValuesHaveOneHash(t *testing.T) {
	r := small{rand.New(rand.NewPCG(4, 2))}
	equal, renamed := 0, 0
	var c *Comparer
	for i := range testkit.Rounds(60000) {
		rename := i%40 >= 20
		if i%20 == 0 {
			c = r.comparer(rename)
		}
		old := r.value(3)
		new := old
		switch {
		case rename:
			old, new = r.renamed()
		case r.IntN(2) == 0:
			new = r.value(3)
		}
		for range r.IntN(3) {
			new = r.other(new)
		}
		w := walkerAt(t, c.rules, old, new)
		if w.try(0, 0, 1).found > 0 || w.stopped() {
			continue
		}
		if a, b := w.hash(&w.old, 0), w.hash(&w.new, 0); a != b {
			t.Fatalf("%s\n%s\npass as equal, and have the hashes %x and %x under\n%v", old, new, a, b, describe(c))
		}
		if equal++; w.old.marks != nil && w.old.marks[0].altered {
			renamed++
		}
	}
	if equal < testkit.Rounds(10000) || renamed < testkit.Rounds(500) {
		t.Errorf("%d pairs were equal, %d of them after renames: the test says little", equal, renamed)
	}
}

// walkerAt returns a walker at the root of two documents.
func walkerAt(t *testing.T, rules *ruleset, old, new string) *walker {
	t.Helper()
	w := &walker{}
	for d, text := range map[*document]string{&w.old: old, &w.new: new} {
		if err := d.parse([]byte(text), defaultMaxNodes); err != nil {
			t.Fatal(text, err)
		}
	}
	w.begin(rules, &recorder{})
	if rules.renames {
		w.old, w.written = w.written, w.old
		w.behold()
	}
	return w
}

func describe(c *Comparer) string {
	var out []string
	for i := range c.rules.rules {
		out = append(out, fmt.Sprintf("%+v at %v", c.rules.rules[i], c.rules.paths.paths[i]))
	}
	return strings.Join(out, "\n")
}

// An array without order agrees with another one just if its elements can be set against the other's one by one; a set, if each
// element has a like on the other side. Whether two elements agree is asked of arrays that hold only them.
func TestElementsPairWhereverTheyCan(t *testing.T) {
	r := small{rand.New(rand.NewPCG(4, 3))}
	agreed := map[Order]int{}
	for range testkit.Rounds(12000) {
		order := Multiset + Order(r.IntN(2))
		var c *Comparer
		for c == nil {
			rules := append([]Rule{{Path: "$", Unordered: order}}, r.rules()...)
			if c, _ = New(Options{Rules: rules}); c != nil && c.root != none {
				c = nil // the whole is ignored
			}
		}
		old, new := make([]string, r.IntN(5)), make([]string, r.IntN(5))
		for i := range old {
			old[i] = r.value(1)
		}
		for i := range new {
			new[i] = r.value(1)
		}
		likes := make([][]bool, len(old))
		for o := range old {
			likes[o] = make([]bool, len(new))
			for n := range new {
				var rec recorder
				c.json.compare([]byte("["+old[o]+"]"), []byte("["+new[n]+"]"), &rec)
				likes[o][n] = rec.found == 0
			}
		}
		var rec recorder
		c.json.compare([]byte("["+strings.Join(old, ",")+"]"), []byte("["+strings.Join(new, ",")+"]"), &rec)
		want := len(old) == len(new) && assignable(likes, 0, make([]bool, len(new)))
		if order == Set {
			want = covered(likes, len(new))
		}
		if d := c.rules.decide(elementOf(c)); c.rules.ignores(d) == IgnoreAll {
			want = true
		}
		if got := rec.found == 0; got != want {
			t.Fatalf("%v\n%v\nagree: %v, want %v, under\n%v\n%v", old, new, got, want, describe(c), rec.differences)
		}
		if want {
			agreed[order]++
		}
	}
	if least := testkit.Rounds(500); agreed[Multiset] < least || agreed[Set] < least {
		t.Errorf("%v agreed: the test says little", agreed)
	}
}

// elementOf returns a cursor at the elements of the root.
func elementOf(c *Comparer) *cursor {
	var at cursor
	at.start(c.rules.paths)
	at.element()
	return &at
}

func assignable(likes [][]bool, o int, taken []bool) bool {
	if o == len(likes) {
		return true
	}
	for n, like := range likes[o] {
		if like && !taken[n] {
			taken[n] = true
			if assignable(likes, o+1, taken) {
				return true
			}
			taken[n] = false
		}
	}
	return false
}

func covered(likes [][]bool, columns int) bool {
	for n := range columns {
		found := false
		for o := range likes {
			found = found || likes[o][n]
		}
		if !found {
			return false
		}
	}
	for o := range likes {
		found := false
		for _, like := range likes[o] {
			found = found || like
		}
		if !found {
			return false
		}
	}
	return true
}
