package compare

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/internal/testkit"
)

// varied returns v with about the share p of its values changed, and elements and members lost and added.
func (r documents) varied(v any, p float64) any {
	if r.Float64() < p {
		return r.value(2)
	}
	switch v := v.(type) {
	case []any:
		var out []any
		for _, e := range v {
			if r.Float64() < p {
				out = append(out, r.value(1))
			}
			if r.Float64() >= p {
				out = append(out, r.varied(e, p))
			}
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if r.Float64() >= p {
				out[k] = r.varied(v[k], p)
			}
			if r.Float64() < p {
				out[names[r.IntN(len(names))]] = r.value(1)
			}
		}
		return out
	}
	return v
}

// plain writes v in one plain spelling, but for about the share p of its values, which are spelled in a random way.
func (r documents) plain(out *strings.Builder, v any, p float64) {
	if r.Float64() < p {
		r.write(out, v)
		return
	}
	switch v := v.(type) {
	case []any:
		out.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			r.plain(out, e, p)
		}
		out.WriteByte(']')
	case map[string]any:
		out.WriteByte('{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				out.WriteByte(',')
			}
			r.plain(out, k, 0)
			out.WriteByte(':')
			r.plain(out, v[k], p)
			if r.Float64() < p { // a name that is there twice
				out.WriteByte(',')
				r.plain(out, k, 0)
				out.WriteByte(':')
				r.plain(out, v[k], p)
			}
		}
		out.WriteByte('}')
	default:
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		out.Write(text)
	}
}

// damaged returns text with a few bytes changed, lost or added.
func (r documents) damaged(text string) string {
	const marks = "{}[]\",:0123eE+-.tfn\\u\x00 \xff\xc3\xa9"
	out := []byte(text)
	for range 1 + r.IntN(2) {
		i := r.IntN(len(out) + 1)
		switch mark := marks[r.IntN(len(marks))]; {
		case i == len(out) || r.IntN(3) == 0:
			out = slices.Insert(out, i, mark)
		case r.IntN(2) == 0:
			out[i] = mark
		default:
			out = slices.Delete(out, i, i+1)
		}
	}
	return string(out)
}

// rules returns up to four random rules.
func (r documents) rules() []Rule {
	paths := []string{
		"$", "$..*", "$.*", "$[*]", "$[1]", "$..[0]", "$..a", "$.a", "$..id", "$[*].a", "$.a.*", "$..a..b", "$['a/b']", "$..b[*]", "$..b[1]", "$.*.*",
	}
	out := make([]Rule, r.IntN(5))
	for i := range out {
		out[i].Path = paths[r.IntN(len(paths))]
		switch r.IntN(9) {
		case 0:
			out[i].Ignore = IgnoreAll
		case 1:
			out[i].Ignore = IgnoreValue
		case 2:
			out[i].Number = &Number{Absolute: "1", Relative: "0.1"}
		case 3:
			out[i].Time = &Time{Skew: 100e9}
		case 4:
			out[i].Unordered = Set
		case 5:
			out[i].Key = "$.id"
		case 6:
			out[i].CoerceNumber = true
		case 7:
			out[i].AbsentEqualsNull = true
		default:
			out[i].Unordered = Multiset
		}
	}
	return out
}

// agree compares two documents in lock-step and on tapes, and reports the differences between what the two find.
func agree(t testing.TB, c *Comparer, old, new string) (steps bool) {
	t.Helper()
	var want, got recorder
	var s lockstep
	oldText, newText := []byte(old), []byte(new)
	wantOutcome := s.w.compare(oldText, newText, c.rules, defaultMaxNodes, &want)
	gotOutcome := c.json.compare(oldText, newText, &got)
	problem := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	if problem(gotOutcome.old) != problem(wantOutcome.old) || problem(gotOutcome.new) != problem(wantOutcome.new) ||
		gotOutcome.tooComplex != wantOutcome.tooComplex {
		t.Fatalf("%q\n%q\nin lock-step %+v, on tapes %+v", old, new, gotOutcome, wantOutcome)
	}
	if d := cmp.Diff(want.differences, got.differences); d != "" || want.found != got.found {
		t.Fatalf("%s\n%s\n%d differences in lock-step, %d on tapes (-tapes +lock-step)\n%s", old, new, got.found, want.found, d)
	}
	if d := cmp.Diff(want.suppressed(), got.suppressed()); d != "" {
		t.Fatalf("%s\n%s\nforgiven (-tapes +lock-step)\n%s", old, new, d)
	}
	return new != old && s.compare(oldText, newText, c.rules, defaultMaxNodes, &recorder{})
}

// The engine says of two documents what the walker says of their tapes, difference for difference and rule for rule.
func TestLockstepFindsWhatTapesFind(t *testing.T) {
	r := documents{rand.New(rand.NewPCG(21, 22))}
	steps := 0
	rounds := testkit.Rounds(8000)
	for i := range rounds {
		v := any([]any{r.value(5), map[string]any{"a": r.value(4), "b": r.value(4), "id": r.value(3)}, r.value(5)})
		p := []float64{0, 0.02, 0.1, 0.4}[r.IntN(4)]
		var old, new strings.Builder
		r.plain(&old, v, p)
		r.plain(&new, r.varied(v, []float64{0, 0.02, 0.1, 0.4}[r.IntN(4)]), p)
		a, b := old.String(), new.String()
		if i%8 == 0 {
			b = r.damaged(b)
		}
		if i%16 == 0 {
			a = r.damaged(a)
		}
		c, err := New(Options{Rules: r.rules()})
		if err != nil {
			continue // not every action goes with every path
		}
		if agree(t, c, a, b) {
			steps++
		}
	}
	if steps < rounds/4 {
		t.Errorf("only %d pairs were compared in lock-step: the test says little", steps)
	}
}

// Where an array ends, a name differs or a rule decides, by hand.
func TestLockstepAtTheSeams(t *testing.T) {
	ignore := func(path string) Rule { return Rule{Path: path, Ignore: IgnoreAll} }
	for _, tc := range []struct {
		name, old, new string
		rules          []Rule
	}{
		{name: "12 against 123", old: `{"a":12}`, new: `{"a":123}`},
		{name: "a number at the end", old: `12`, new: `123`},
		{name: "a name that goes on", old: `{"a":1}`, new: `{"ab":1}`},
		{name: "a text that goes on behind an escape", old: `["a\\"]`, new: `["a\\\""]`},
		{name: "runs that end within a character", old: `["é"]`, new: `["è"]`},
		{name: "half a character", old: `["é"]`, new: "[\"\xc3\"]"},
		{name: "half a character on both sides", old: "[\"\xc3\",1]", new: "[\"\xc3\",1.0]"},
		{name: "half a character in a name", old: `{"é":1}`, new: "{\"\xc3\":1}"},
		{name: "half a character in what is handed over", old: `{"a":1,"b":"é"}`, new: "{\"b\":\"\xc3\",\"a\":1}"},
		{name: "blank space", old: `{"a":[1,2,{"b":null}]}`, new: " {\n\"a\" : [ 1 , 2 , { \"b\" : null } ]\t} "},
		{name: "text behind the value", old: `{} x`, new: `{}`},
		{name: "trailing comma", old: `[1,]`, new: `[1,2]`},
		{name: "trailing comma in an object", old: `{"a":1,}`, new: `{"a":1,"b":2}`},
		{name: "comma first", old: `[,1]`, new: `[1]`},
		{name: "the wrong end", old: `[1}`, new: `[1]`},
		{name: "no end", old: `[1,{"a":1`, new: `[1,{"a":2`},
		{name: "an empty array", old: `{"a":[]}`, new: `{"a":[1]}`},
		{name: "an empty object", old: `{"a":{}}`, new: `{"a":{"b":1}}`},
		{name: "one element more", old: `[1,2,3]`, new: `[1,2,3,4]`},
		{name: "a row left out", old: `{"a":[{"id":1},{"id":2},{"id":3}],"b":1}`, new: `{"a":[{"id":1},{"id":3}],"b":2}`},
		{name: "a row left out, within an array", old: `[[0,1],[[1,2,3],5]]`, new: `[[0,1.0],[[1,3],6]]`},
		{
			name: "forgiven before an array ends early", rules: []Rule{ignore("$..t")},
			old: `[{"t":1},{"t":1,"a":1},{"t":1,"a":2}]`, new: `[{"t":2},{"t":2,"a":2}]`,
		},
		{
			name: "forgiven, then different, in one element", rules: []Rule{ignore("$..t")},
			old: `{"t":0,"l":[{"t":1},{"t":1,"a":1},{"t":1}]}`, new: `{"t":1,"l":[{"t":2},{"t":2,"a":2},{"t":3}]}`,
		},
		{
			name: "every element is ignored", rules: []Rule{ignore("$.l[*]")},
			old: `{"l":[1,2,3],"a":1}`, new: `{"l":[2,2],"a":2}`,
		},
		{
			name: "one index is ignored", rules: []Rule{ignore("$[1]")},
			old: `[1,2,3,4]`, new: `[1,5,4]`,
		},
		{
			name: "a container is ignored", rules: []Rule{ignore("$.a.b")},
			old: `{"a":{"b":{"c":[1,{"d":1}]},"e":1}}`, new: `{"a":{"b":{"c":[1,{"d":2}]},"e":2}}`,
		},
		{
			name: "a container without order around an array", rules: []Rule{{Path: "$.a", Unordered: Multiset}},
			old: `{"a":[[1,2],[3,4]],"b":[1,2]}`, new: `{"a":[[3,4],[1,2]],"b":[2,1]}`,
		},
		{
			name: "without order within an array", rules: []Rule{{Path: "$[*].a", Unordered: Multiset}},
			old: `[{"a":[1,2]},{"a":[1,2],"b":1}]`, new: `[{"a":[2,1]},{"a":[2,1],"b":2}]`,
		},
		{name: "members in another order", old: `{"a":1,"b":{"x":1,"y":[1,2]},"c":3}`, new: `{"a":1,"c":3,"b":{"y":[1,3],"x":1}}`},
		{name: "one name twice", old: `{"a":1,"a":2,"b":1}`, new: `{"a":2,"b":1,"a":1}`},
		{name: "a name spelled with escapes", old: `{"a":1,"é":{"b":1}}`, new: `{"\u0061":1,"\u00e9":{"b":2}}`},
		{name: "another type", old: `{"a":{"b":1}}`, new: `{"a":[1]}`},
		{name: "another type within an array", old: `[{"a":{"b":1}},1]`, new: `[{"a":"x"},2,3]`},
		{name: "a scalar alone", old: `1`, new: `"1"`},
		{name: "too deep on one side", old: strings.Repeat("[", 600) + strings.Repeat("]", 600), new: `[]`},
		{name: "too deep in what is handed over", old: strings.Repeat(`{"a":`, 300) + `{"b":1,"a":` + strings.Repeat("[", 212) + strings.Repeat("]", 212) + strings.Repeat("}", 301), new: strings.Repeat(`{"a":`, 300) + `{"a":[],"b":1}` + strings.Repeat("}", 300)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := comparer(t, tc.rules...)
			agree(t, c, tc.old, tc.new)
			agree(t, c, tc.new, tc.old)
			agree(t, c, `{"x":[1,`+tc.old+`,2]}`, `{"x":[1,`+tc.new+`,2]}`)
			agree(t, c, `{"x":[1,`+tc.old+`],"y":1}`, `{"x":[ 1,`+tc.new+`],"y":2}`)
		})
	}
}

// The depth is counted in what is handed over as in what is not.
func TestLockstepDepth(t *testing.T) {
	for depth := maxDepth - 3; depth <= maxDepth+2; depth++ {
		for at := 1; at < depth; at += 170 {
			nested := func(swapped bool) string {
				out := strings.Repeat(`{"a":`, at-1)
				if swapped {
					out += `{"b":1,"a":`
				} else {
					out += `{"a":`
				}
				out += strings.Repeat(`{"a":`, depth-at-1) + "{}" + strings.Repeat("}", depth-at-1)
				if !swapped {
					out += `,"b":1`
				}
				return out + strings.Repeat("}", at)
			}
			got := comparer(t).Compare(jsonAnswer(nested(false)), jsonAnswer(nested(true)))
			want := Match
			if depth > maxDepth {
				want = Skipped
			}
			if got.Verdict != want {
				t.Errorf("depth %d, swapped at %d: %s, want %s", depth, at, got.Verdict, want)
			}
		}
	}
}

func TestCommonPrefix(t *testing.T) {
	text := []byte(strings.Repeat("0123456789abcdef", 200))
	for _, n := range []int{0, 1, 7, 8, 9, 63, 64, 65, 100, 511, 512, 575, 576, 577, 1100, 3000} {
		a := text[:n]
		if got := commonPrefix(a, text); got != n {
			t.Errorf("%d bytes in common at the end of one: %d", n, got)
		}
		b := append([]byte(nil), text...)
		b[n] ^= 1
		if got := commonPrefix(text, b); got != n {
			t.Errorf("%d bytes in common: %s", n, strconv.Itoa(got))
		}
	}
}

func FuzzLockstep(f *testing.F) {
	f.Add(`{"a":[1,{"b":2}],"c":"é"}`, `{"a":[{"b":2.0},1],"c":"\u00e9"}`, "$.a", uint8(3))
	f.Add(`[{"t":1,"a":1},{"t":2}]`, `[{"t":2,"a":1.0}]`, "$..t", uint8(0))
	f.Add(`{"a":1,"b":[1,2,3],"c":{"d":null}}`, `{"b":[1,3],"a":1,"c":{"d":{}}}`, "$.b[*]", uint8(1))
	f.Fuzz(func(t *testing.T, old, new, path string, action uint8) {
		r := Rule{Path: path}
		switch action % 5 {
		case 0:
			r.Ignore = IgnoreAll
		case 1:
			r.Ignore = IgnoreValue
		case 2:
			r.Number = &Number{Absolute: "0.5", Relative: "0.01"}
		case 3:
			r.Unordered = Multiset
		default:
			r.Time = &Time{Skew: 2e9}
		}
		c, err := New(Options{Rules: []Rule{r}})
		if err != nil {
			return
		}
		agree(t, c, old, new)
	})
}
