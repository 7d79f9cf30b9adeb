package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"paritygate/internal/testkit"
)

// documents makes random JSON values, and spells them in random ways.
type documents struct{ *rand.Rand }

var (
	names   = []string{"a", "b", "id", "größe", "a/b", "", "it's", "x\n", "\\", "😀", "0"}
	numbers = []string{"0", "1", "-1", "100", "0.5", "12.34", "9007199254740993", "1e3"}
	texts   = []string{"", "a", "\"", "\\u0041", "é😀", "line\nbreak", "a/b", "a quite long text that goes on", "\u2028"}
)

// value returns nil, bool, json.Number, string, []any or map[string]any.
func (r documents) value(depth int) any {
	kind := r.IntN(8)
	if depth == 0 {
		kind = r.IntN(5)
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2, 3:
		return json.Number(numbers[r.IntN(len(numbers))])
	case 4:
		return texts[r.IntN(len(texts))]
	case 5:
		a := make([]any, r.IntN(5))
		for i := range a {
			a[i] = r.value(depth - 1)
		}
		return a
	default:
		o := map[string]any{}
		for range r.IntN(6) {
			o[names[r.IntN(len(names))]] = r.value(depth - 1)
		}
		return o
	}
}

// write spells a value, members in random order.
func (r documents) write(out *strings.Builder, v any) {
	r.space(out)
	switch v := v.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		fmt.Fprint(out, v)
	case json.Number:
		out.WriteString(r.number(string(v)))
	case string:
		r.text(out, v)
	case []any:
		out.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			r.write(out, e)
		}
		r.space(out)
		out.WriteByte(']')
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		out.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				out.WriteByte(',')
			}
			r.space(out)
			r.text(out, k)
			r.space(out)
			out.WriteByte(':')
			r.write(out, v[k])
		}
		r.space(out)
		out.WriteByte('}')
	}
	r.space(out)
}

func (r documents) spell(v any) string {
	var out strings.Builder
	r.write(&out, v)
	return out.String()
}

func (r documents) space(out *strings.Builder) {
	for r.IntN(6) == 0 {
		out.WriteByte(" \n\t\r"[r.IntN(4)])
	}
}

func (r documents) number(n string) string {
	if strings.ContainsAny(n, "eE") {
		return n
	}
	switch r.IntN(4) {
	case 0:
		return n + "e0"
	case 1:
		if strings.Contains(n, ".") {
			return n + "00E+00"
		}
		return n + ".0"
	case 2:
		if !strings.Contains(n, ".") && n != "0" {
			return n + "000e-3"
		}
	}
	return n
}

func (r documents) text(out *strings.Builder, s string) {
	out.WriteByte('"')
	for _, c := range s {
		switch {
		case c < 0x10000 && (c < ' ' || r.IntN(5) == 0):
			fmt.Fprintf(out, `\u%04x`, c)
		case c == '"' || c == '\\' || c == '/' && r.IntN(2) == 0:
			out.WriteByte('\\')
			out.WriteRune(c)
		case c >= 0x10000 && r.IntN(2) == 0:
			fmt.Fprintf(out, `\u%04X\u%04x`, 0xD800+(c-0x10000)>>10, 0xDC00+(c-0x10000)&0x3FF)
		default:
			out.WriteRune(c)
		}
	}
	out.WriteByte('"')
}

// change replaces one leaf by something else and returns its path; leaf counts down to the one that is meant.
func change(v any, leaf *int, path string) (changed any, at string) {
	switch v := v.(type) {
	case []any:
		if len(v) > 0 {
			out := slices.Clone(v)
			for i := range out {
				if out[i], at = change(out[i], leaf, fmt.Sprintf("%s[%d]", path, i)); at != "" {
					return out, at
				}
			}
			return out, ""
		}
	case map[string]any:
		if len(v) > 0 {
			out := maps.Clone(v)
			for _, k := range slices.Sorted(maps.Keys(out)) {
				if out[k], at = change(out[k], leaf, path+stepTo(k)); at != "" {
					return out, at
				}
			}
			return out, ""
		}
	}
	if *leaf--; *leaf >= 0 {
		return v, ""
	}
	return "changed", path
}

var bareName = regexp.MustCompile(`^[\pL_][\pL\d_]*$`)

// stepTo writes a name in a path, apart from the code under test; an emoji needs no quotes either.
func stepTo(name string) string {
	if bareName.MatchString(name) || name == "😀" {
		return "." + name
	}
	return "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(name) + "']"
}

func leaves(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += leaves(e)
		}
	case map[string]any:
		for _, e := range v {
			n += leaves(e)
		}
	}
	return max(n, 1)
}

func TestRespelledDocumentsMatch(t *testing.T) {
	r := documents{rand.New(rand.NewPCG(3, 4))}
	c := comparer(t)
	for range testkit.Rounds(5000) {
		v := r.value(5)
		old, new := r.spell(v), r.spell(v)
		if got := c.Compare(jsonAnswer(old), jsonAnswer(new)); got.Verdict != Match {
			t.Fatalf("%s\n%s\n%s", old, new, strings.Join(show(got.Differences), "\n"))
		}
	}
}

func TestOneChangedLeafIsFound(t *testing.T) {
	r := documents{rand.New(rand.NewPCG(5, 6))}
	c := comparer(t)
	unordered := comparer(t, Rule{Path: "$..*", Unordered: Multiset}, Rule{Path: "$", Unordered: Multiset})
	for range testkit.Rounds(5000) {
		v := r.value(5)
		leaf := r.IntN(leaves(v))
		other, path := change(v, &leaf, "$")
		old, new := r.spell(v), r.spell(other)
		got := c.Compare(jsonAnswer(old), jsonAnswer(new))
		if got.Verdict != Mismatch || len(got.Differences) != 1 || got.Differences[0].Path != path {
			t.Fatalf("changed %s\n%s\n%s\n%s %s", path, old, new, got.Verdict, strings.Join(show(got.Differences), "\n"))
		}
		if _, err := ParsePath(path); err != nil {
			t.Fatal(err)
		}
		// Without order there may be several ways to name it, but it never passes.
		if got := unordered.Compare(jsonAnswer(old), jsonAnswer(new)); got.Verdict != Mismatch || len(got.Differences) == 0 {
			t.Fatalf("unordered: changed %s\n%s\n%s\n%+v", path, old, new, got)
		}
	}
}

// shuffled returns v with the elements of every array in another order.
func (r documents) shuffled(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = r.shuffled(e)
		}
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = r.shuffled(e)
		}
		return out
	}
	return v
}

func TestShuffledArraysPassAsUnordered(t *testing.T) {
	r := documents{rand.New(rand.NewPCG(7, 8))}
	c := comparer(t, Rule{Path: "$", Unordered: Multiset}, Rule{Path: "$..*", Unordered: Multiset})
	for range testkit.Rounds(3000) {
		v := r.value(5)
		old, new := r.spell(v), r.spell(r.shuffled(v))
		if got := c.Compare(jsonAnswer(old), jsonAnswer(new)); got.Verdict != Match && got.Verdict != Tolerated {
			t.Fatalf("%s\n%s\n%s %s\n%s", old, new, got.Verdict, got.Reason, strings.Join(show(got.Differences), "\n"))
		}
	}
}

// Unrelated small documents, of which many happen to be equal, against encoding/json and rationals.
func TestAgainstReference(t *testing.T) {
	r := documents{rand.New(rand.NewPCG(9, 10))}
	c := comparer(t)
	equal := 0
	for range testkit.Rounds(50000) {
		old, new := r.spell(r.value(1)), r.spell(r.value(1))
		want := referenceEqual(decodeReference(t, old), decodeReference(t, new))
		if got := c.Compare(jsonAnswer(old), jsonAnswer(new)); (got.Verdict == Match) != want {
			t.Fatalf("%s\n%s\n%s, reference: %v", old, new, got.Verdict, want)
		}
		if want {
			equal++
		}
	}
	if equal < testkit.Rounds(1000) {
		t.Errorf("only %d pairs were equal: the test says little", equal)
	}
}

func decodeReference(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func referenceEqual(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, _ := new(big.Rat).SetString(string(a))
		y, _ := new(big.Rat).SetString(string(b))
		return x.Cmp(y) == 0
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, referenceEqual)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, referenceEqual)
	default:
		switch b.(type) {
		case json.Number, []any, map[string]any:
			return false
		}
		return a == b
	}
}

// What the parser lets through is what encoding/json lets through, but for invalid UTF-8, on damaged documents.
func TestValidityAgainstReference(t *testing.T) {
	r := documents{rand.New(rand.NewPCG(11, 12))}
	const marks = "{}[]\",:0123eE+-.tfn\\u\x00 "
	var d document
	for range testkit.Rounds(50000) {
		text := []byte(r.spell(r.value(3)))
		for range r.IntN(3) {
			i := r.IntN(len(text))
			switch r.IntN(3) {
			case 0:
				text[i] = marks[r.IntN(len(marks))]
			case 1:
				text = append(text[:i], text[min(i+1+r.IntN(3), len(text)):]...)
			default:
				text = slices.Insert(text, i, marks[r.IntN(len(marks))])
			}
			if len(text) == 0 {
				break
			}
		}
		if want := json.Valid(text) && bytes.Equal(text, bytes.ToValidUTF8(text, nil)); (d.parse(text, 1000) == nil) != want {
			t.Fatalf("%q: valid %v, package json has %v", text, !want, want)
		}
	}
}
