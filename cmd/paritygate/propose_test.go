package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"paritygate/compare"
	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/evidence"
)

// changed is one way in which new may differ from old: what stands between the braces of an object, on both sides.
type changed struct {
	name string
	make func(r *rand.Rand, member string) (old, new string)
	// wide says that the rule ignores the place, so that any other value there is hidden too.
	wide bool
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) //nolint:errchkjson // a string can be encoded
	return string(quoted)
}

func randomUUID(r *rand.Rand) string {
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.Uint32()>>16, r.Uint32()>>16, r.Uint32()>>16, r.Uint64()>>16)
}

var changes = []changed{
	{name: "times a little apart", make: func(r *rand.Rand, m string) (string, string) {
		at := time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC()
		later := at.Add(time.Duration(r.Int64N(int64(10*time.Minute))) - 5*time.Minute).In(time.FixedZone("", 3600*r.IntN(12)))
		return m + `:"` + at.Format(time.RFC3339Nano) + `"`, m + `:"` + later.Format(time.RFC3339Nano) + `"`
	}},
	{name: "prices rounded differently", make: func(r *rand.Rand, m string) (string, string) {
		cents := r.IntN(100_000) + 2
		return fmt.Sprintf("%s:%d.%02d", m, cents/100, cents%100), fmt.Sprintf("%s:%d.%02d", m, (cents+1)/100, (cents+1)%100)
	}},
	{name: "measures within a share", make: func(r *rand.Rand, m string) (string, string) {
		n := 10_000 + r.IntN(1_000_000)
		return fmt.Sprintf("%s:%d", m, n), fmt.Sprintf("%s:%d", m, n+1+r.IntN(n/120))
	}},
	{name: "numbers as text", make: func(r *rand.Rand, m string) (string, string) {
		n := strconv.FormatFloat(r.NormFloat64()*1000, 'f', r.IntN(4), 64)
		return m + ":" + n, m + `:"` + n + `"`
	}},
	{name: "null or absent", make: func(_ *rand.Rand, m string) (string, string) { return m + ":null", `"unrelated":0` }},
	{name: "more than old says", wide: true, make: func(_ *rand.Rand, m string) (string, string) {
		return `"unrelated":0`, `"unrelated":0,` + m + `:[{"a":1}]`
	}},
	{name: "made up", wide: true, make: func(r *rand.Rand, m string) (string, string) {
		return m + `:"` + randomUUID(r) + `"`, m + `:"` + randomUUID(r) + `"`
	}},
	{name: "another order", make: func(r *rand.Rand, m string) (string, string) {
		old := make([]string, 2+r.IntN(8))
		for i := range old {
			old[i] = []string{strconv.Itoa(i), fmt.Sprintf(`{"id":%d,"t":"%d"}`, i, i%3), fmt.Sprintf(`"%d"`, i)}[r.IntN(3)]
		}
		new := append(old[1:len(old):len(old)], old[0])
		return m + ":[" + strings.Join(old, ",") + "]", m + ":[" + strings.Join(new, ",") + "]"
	}},
	{name: "another order, and prices rounded", make: func(r *rand.Rand, m string) (string, string) {
		var old, new []string
		for i := range 2 + r.IntN(6) {
			cents := 100 + r.IntN(900)
			old = append(old, fmt.Sprintf(`{"id":%d,"price":%d.%02d}`, i, cents/100, cents%100))
			cents += r.IntN(2)
			new = append(new, fmt.Sprintf(`{"id":%d,"price":%d.%02d}`, i, cents/100, cents%100))
		}
		new = append(new[1:], new[0])
		return m + ":[" + strings.Join(old, ",") + "]", m + ":[" + strings.Join(new, ",") + "]"
	}},
	{name: "another name", make: func(r *rand.Rand, m string) (string, string) {
		value := []string{"true", "17", `"Ann"`, `{"a":[1,2]}`, `"` + strings.Repeat("long ", 80) + `"`}[r.IntN(5)]
		return m + ":" + value, quote(oddNames[r.IntN(len(oddNames))]+"y") + ":" + value
	}},
}

var oddNames = []string{"a", "updated_at", "full name", "it's", `back\slash`, "${HOME}", "$", "größe", "a/b", "0", "", "#", "- x", `"q"`, "tab\there", "\u0085", "\u2028", "\u007f", "\u009b", "😀", "[0]", "..", "x: y"}

// nested puts the members into a document, some levels down. other is a leaf that has nothing to do with it.
func nested(levels []int, names []string, members string, other int) string {
	text := fmt.Sprintf(`{"other":%d,%s}`, other, members)
	for i, kind := range levels {
		text = fmt.Sprintf([]string{`{"beside":1,%s:%s}`, `{%s:[0,%s,"x"]}`}[kind], quote(names[i]), text)
	}
	return text
}

// What is proposed can be pasted: the configuration takes it, it makes tolerated what it was made from, and hides nothing else.
func TestProposedRules(t *testing.T) {
	dir := t.TempDir()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		change := changes[seed%uint64(len(changes))]
		var levels []int
		var names []string
		for range r.IntN(4) {
			levels, names = append(levels, r.IntN(2)), append(names, oddNames[r.IntN(len(oddNames))])
		}
		oldMember, newMember := change.make(r, quote(oddNames[r.IntN(len(oddNames))]+"x"))
		old, new := nested(levels, names, oldMember, 1), nested(levels, names, newMember, 1)
		paste := proposed(t, old, new)
		label := fmt.Sprintf("%s (seed %d)\nold %s\nnew %s\n%s", change.name, seed, old, new, paste)
		comparer := pasted(t, filepath.Join(dir, "paritygate.yaml"), paste, label)
		if got := comparer.Compare(jsonAnswer(old), jsonAnswer(new)); got.Verdict != compare.Tolerated {
			t.Errorf("%s\nthe rule leaves %s: %+v", label, got.Verdict, got.Differences)
		}
		if got := comparer.Compare(jsonAnswer(old), jsonAnswer(nested(levels, names, newMember, 2))); got.Verdict != compare.Mismatch || len(got.Differences) != 1 {
			t.Errorf("%s\nanother change besides is %s: %+v", label, got.Verdict, got.Differences)
		}
		if change.wide {
			continue
		}
		name, _, _ := strings.Cut(oldMember, `":`)
		if got := comparer.Compare(jsonAnswer(old), jsonAnswer(nested(levels, names, name+`":true`, 1))); got.Verdict != compare.Mismatch {
			t.Errorf("%s\nanother type at the place is %s", label, got.Verdict)
		}
	}
}

// proposed is what `paritygate mismatches` would print for the pair.
func proposed(t *testing.T, old, new string) string {
	t.Helper()
	plain, err := compare.New(compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := plain.Compare(jsonAnswer(old), jsonAnswer(new))
	sample := evidence.Sample{Differences: found.Differences, Old: jsonLeg(old), New: jsonLeg(new)}
	e := admin.Explanation{Proposals: proposals(&config.Config{}, "read", []evidence.Sample{sample}, func(compare.Difference) bool { return false })}
	return e.Paste()
}

// pasted loads a configuration with the text under compare.rules, and returns the comparer that serve would have.
func pasted(t *testing.T, path, paste, label string) *compare.Comparer {
	t.Helper()
	text := "run: {name: a}\nbackends: {old: {url: http://old}, new: {url: http://new}}\ncompare:\n  rules:\n    " +
		strings.ReplaceAll(strings.TrimSpace(paste), "\n", "\n    ") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(path, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatalf("%s\nthe configuration refuses it: %v", label, err)
	}
	return c.table.Comparer.(*compare.Comparer) //nolint:forcetypeassert // what it is
}

func jsonAnswer(body string) *compare.Answer {
	return &compare.Answer{Status: 200, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte(body), Size: int64(len(body))}
}

func jsonLeg(body string) evidence.Leg {
	return evidence.Leg{Status: 200, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte(body)}
}
