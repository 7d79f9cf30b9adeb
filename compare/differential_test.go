package compare_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// theRules turns rules as the tests write them into those of the package.
func theRules(t testing.TB, rules []testkit.Rule) []compare.Rule {
	t.Helper()
	out := make([]compare.Rule, len(rules))
	for i, r := range rules {
		out[i] = compare.Rule{Path: r.Path, Header: r.Header}
		switch r.Ignore {
		case "true":
			out[i].Ignore = compare.IgnoreAll
		case "value":
			out[i].Ignore = compare.IgnoreValue
		}
		if r.Number != nil {
			out[i].Number = &compare.Number{Absolute: string(r.Number.Absolute), Relative: ratio(string(r.Number.Relative))}
		}
		if r.Time != nil {
			skew, err := time.ParseDuration(r.Time.Skew)
			if err != nil {
				t.Fatal(err)
			}
			out[i].Time = &compare.Time{Skew: skew}
		}
		switch r.Unordered {
		case "true":
			out[i].Unordered = compare.Multiset
		case "set":
			out[i].Unordered = compare.Set
		}
		out[i].Key, out[i].Rename, out[i].AbsentEqualsNull, out[i].CoerceNumber = r.Key, r.Rename, r.AbsentEqualsNull, r.Coerce == "number"
		if r.CSV != nil {
			out[i].CSV = &compare.CSV{Header: r.CSV.Header}
		}
	}
	return out
}

func comparerFor(t testing.TB, rules []testkit.Rule) *compare.Comparer {
	t.Helper()
	c, err := compare.New(compare.Options{Headers: []string{"content-type", "location"}, Rules: theRules(t, rules)})
	if err != nil {
		t.Fatalf("%s: %v", describe(rules), err)
	}
	return c
}

func describe(rules []testkit.Rule) string {
	text, err := json.Marshal(rules)
	if err != nil {
		return err.Error()
	}
	for _, empty := range []string{
		`"header":"",`, `"ignore":"",`, `"unordered":"",`, `"number":null,`, `"time":null,`, `"key":"",`, `"coerce":"",`, `"absent_equals_null":false,`, `"rename":"",`, `,"csv":null`,
	} {
		text = []byte(strings.ReplaceAll(string(text), empty, ""))
	}
	return string(text)
}

func jsonAnswer(body string) *compare.Answer {
	return &compare.Answer{
		Status: 200, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte(body), Size: int64(len(body)),
	}
}

func kindsAndPaths(differences []compare.Difference) []string {
	out := make([]string, len(differences))
	for i, d := range differences {
		out[i] = string(d.Kind) + " " + d.Path
	}
	slices.Sort(out)
	return out
}

// agree compares two documents with the package and with the reference, both ways round, and says where they disagree.
func agree(t testing.TB, rules []testkit.Rule, old, new string) (verdict compare.Verdict, problem string) {
	t.Helper()
	c := comparerFor(t, rules)
	ref := reference{rules: rules}
	renames := false
	for _, r := range rules {
		var steps []pathStep
		if r.Path != "" {
			steps = readSteps(r.Path)
		}
		ref.paths = append(ref.paths, steps)
		renames = renames || r.Rename != ""
	}
	oldTree, err := readTree(old)
	if err != nil {
		t.Fatal(err)
	}
	newTree, err := readTree(new)
	if err != nil {
		t.Fatal(err)
	}
	want := ref.judge(oldTree, newTree)
	got := c.Compare(jsonAnswer(old), jsonAnswer(new))
	complain := func(what string) string {
		return fmt.Sprintf("%s\nrules %s\nold %s\nnew %s\ngot  %s %s %q, forgiven %v\nwant %s %q, forgiven %v", what, describe(rules), old, new,
			got.Verdict, got.Reason, kindsAndPaths(got.Differences), got.Suppressed, want, ref.found, ref.forgiven)
	}
	slices.Sort(ref.found)
	switch {
	case got.Verdict != want:
		return want, complain("another verdict")
	case ref.vague:
	case got.Dropped == 0 && !slices.Equal(kindsAndPaths(got.Differences), ref.found):
		return want, complain("other differences")
	case !renames && !maps.Equal(got.Suppressed, ref.forgiven) && len(ref.forgiven)+len(got.Suppressed) > 0:
		return want, complain("forgiven otherwise")
	}
	if back := c.Compare(jsonAnswer(new), jsonAnswer(old)); !renames && back.Verdict != got.Verdict {
		return want, complain("the other way round " + string(back.Verdict))
	}
	return want, ""
}

// Random documents, changed at random, under random rules: the package and the reference must agree.
func TestDifferential(t *testing.T) {
	for _, tc := range []struct {
		name    string
		actions []string
		seed    uint64
		rounds  int
	}{
		{"no rules", nil, 1, 1500},
		{"ignore", []string{"ignore", "value"}, 2, 2000},
		{"values", []string{"number", "time"}, 3, 2000},
		{"unordered", []string{"unordered", "ignore", "value", "number", "time"}, 4, 2000},
		{"sets", []string{"set", "unordered", "ignore", "number", "coerce", "absent"}, 5, 2000},
		{"keys", []string{"key", "unordered", "ignore", "number", "coerce", "absent"}, 6, 2000},
		{"shape", []string{"coerce", "absent", "ignore", "value", "number", "time"}, 7, 2000},
		{"renames", append([]string{"rename", "rename", "rename"}, allActions...), 8, 2000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := newMaker(tc.seed)
			seen := map[compare.Verdict]int{}
			problems := 0
			for range tc.rounds {
				old := m.value(4)
				new := m.changed(old, m.IntN(4))
				var rules []testkit.Rule
				if tc.actions != nil {
					for range 1 + m.IntN(4) {
						rules = append(rules, m.rule(old, tc.actions))
					}
				}
				verdict, problem := agree(t, rules, m.spell(old), m.spell(new))
				seen[verdict]++
				if problem != "" {
					t.Error(problem)
					if problems++; problems > 3 {
						t.FailNow()
					}
				}
			}
			// Without many of each verdict the test would say little.
			for _, v := range []compare.Verdict{compare.Match, compare.Tolerated, compare.Mismatch} {
				if seen[v] < tc.rounds/60 && (v != compare.Tolerated || tc.actions != nil) {
					t.Errorf("only %d of %d were %s", seen[v], tc.rounds, v)
				}
			}
		})
	}
}
