package compare_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// symmetric are the actions of rules that treat old and new alike.
var symmetric = []string{"ignore", "value", "number", "time", "unordered"}

func (m maker) rules(t *tree, actions []string) []testkit.Rule {
	var rules []testkit.Rule
	for range 1 + m.IntN(4) {
		rules = append(rules, m.rule(t, actions))
	}
	return rules
}

// A document matches itself in every spelling, whatever the rules: nothing is there for them to forgive.
func TestRespelledMatchesUnderRules(t *testing.T) {
	m := newMaker(21)
	for range testkit.Rounds(1500) {
		v := m.value(4)
		rules := m.rules(v, symmetric)
		old, new := m.spell(v), m.spell(v)
		if got := comparerFor(t, rules).Compare(jsonAnswer(old), jsonAnswer(new)); got.Verdict != compare.Match || got.Suppressed != nil {
			t.Fatalf("rules %s\n%s\n%s\n%s %s %q, forgiven %v", describe(rules), old, new, got.Verdict, got.Reason, where(got.Differences), got.Suppressed)
		}
	}
}

// Rules only forgive: what matches without them matches with them, and what they let match matched before.
func TestRulesOnlyForgive(t *testing.T) {
	m := newMaker(22)
	plain := comparerFor(t, nil)
	forgiven := 0
	for range testkit.Rounds(3000) {
		v := m.value(4)
		rules := m.rules(v, symmetric)
		old, new := jsonAnswer(m.spell(v)), jsonAnswer(m.spell(m.changed(v, 1+m.IntN(2))))
		without, with := plain.Compare(old, new), comparerFor(t, rules).Compare(old, new)
		if (without.Verdict == compare.Match) != (with.Verdict == compare.Match) {
			t.Fatalf("rules %s\n%s\n%s\nwithout them %s, with them %s", describe(rules), old.Body, new.Body, without.Verdict, with.Verdict)
		}
		if (with.Verdict == compare.Tolerated) != (with.Suppressed != nil && with.Differences == nil) {
			t.Fatalf("rules %s\n%s\n%s\n%s, but forgiven %v and found %q", describe(rules), old.Body, new.Body, with.Verdict, with.Suppressed, where(with.Differences))
		}
		if with.Verdict == compare.Tolerated {
			forgiven++
		}
	}
	if forgiven < testkit.Rounds(150) {
		t.Errorf("only %d were forgiven: the test says little", forgiven)
	}
}

// The path of a difference is a rule's path to that very place: ignoring each of them leaves nothing.
func TestPathsOfDifferencesLeadBack(t *testing.T) {
	m := newMaker(23)
	plain := comparerFor(t, nil)
	tried := 0
	for range testkit.Rounds(2500) {
		v := m.value(4)
		old, new := jsonAnswer(m.spell(v)), jsonAnswer(m.spell(m.changed(v, 1+m.IntN(3))))
		found := plain.Compare(old, new)
		if found.Verdict != compare.Mismatch || slices.ContainsFunc(found.Differences, elementAlone) {
			continue // a rule with an index keeps arrays of two lengths from being set against each other from the end
		}
		tried++
		var rules []testkit.Rule
		for _, d := range found.Differences {
			rules = append(rules, testkit.Rule{Path: d.Path, Ignore: "true"})
		}
		if got := comparerFor(t, rules).Compare(old, new); got.Verdict != compare.Tolerated {
			t.Fatalf("%s\n%s\nfound %q, and when those are ignored %s %q", old.Body, new.Body, where(found.Differences), got.Verdict, where(got.Differences))
		}
		// Without the last of them that one is found again, and nothing else.
		last := found.Differences[len(found.Differences)-1]
		want := found.Differences
		want = slices.DeleteFunc(slices.Clone(want), func(d compare.Difference) bool { return d.Path != last.Path })
		rules = slices.DeleteFunc(rules, func(r testkit.Rule) bool { return r.Path == last.Path })
		if got := comparerFor(t, rules).Compare(old, new); !slices.Equal(where(got.Differences), where(want)) {
			t.Fatalf("%s\n%s\nfound %q, want %q", old.Body, new.Body, where(got.Differences), where(want))
		}
	}
	if tried < testkit.Rounds(400) {
		t.Errorf("only %d were tried: the test says little", tried)
	}
}

// elementAlone reports whether an element is on one side alone.
func elementAlone(d compare.Difference) bool {
	return (d.Kind == compare.KindMissing || d.Kind == compare.KindExtra) && strings.HasSuffix(d.Path, "]") && !strings.HasSuffix(d.Path, "']")
}

// What surrounds two values does not matter: in another document their differences are the same, beneath the place.
func TestSurroundingsDoNotMatter(t *testing.T) {
	m := newMaker(24)
	for range testkit.Rounds(2000) {
		v := m.value(4)
		rules := m.rules(v, symmetric)
		other := m.changed(v, m.IntN(3))
		alone := comparerFor(t, rules).Compare(jsonAnswer(m.spell(v)), jsonAnswer(m.spell(other)))
		around, step := m.surroundings()
		deeper := slices.Clone(rules)
		for i := range deeper {
			deeper[i].Path = "$" + step + deeper[i].Path[1:]
		}
		old, new := around(m.spell(v), false), around(m.spell(other), true)
		got := comparerFor(t, deeper).Compare(jsonAnswer(old), jsonAnswer(new))
		var want []string
		for _, d := range alone.Differences {
			want = append(want, string(d.Kind)+" $"+step+d.Path[1:])
		}
		slices.Sort(want)
		if got.Verdict != alone.Verdict || !slices.Equal(where(got.Differences), want) || !maps.Equal(got.Suppressed, alone.Suppressed) {
			t.Fatalf("rules %s\n%s\n%s\n%s %q, forgiven %v\nalone %s %q, forgiven %v", describe(deeper), old, new, got.Verdict, where(got.Differences),
				got.Suppressed, alone.Verdict, want, alone.Suppressed)
		}
	}
}

// surroundings returns a document with one place to fill, and the path to that place.
func (m maker) surroundings() (fill func(text string, new bool) string, path string) {
	before, after := m.value(3), m.value(3)
	first, last := m.spell(before), m.spell(after)
	spell := func(t *tree, text string, new bool) string {
		if new && m.IntN(2) == 0 {
			return m.spell(t)
		}
		return text
	}
	switch m.IntN(4) {
	case 0:
		return func(text string, new bool) string {
			return "[" + spell(before, first, new) + "," + text + "," + spell(after, last, new) + "]"
		}, "[1]"
	case 1:
		return func(text string, new bool) string {
			if new && m.IntN(2) == 0 {
				return `{"z":` + spell(after, last, new) + `,"a":` + spell(before, first, new) + `,"x":` + text + "}"
			}
			return `{"a":` + spell(before, first, new) + `,"x":` + text + `,"z":` + spell(after, last, new) + "}"
		}, ".x"
	case 2:
		return func(text string, new bool) string {
			return `[[{"p":0,"q":[` + spell(before, first, new) + `,{"r":` + text + "}]}," + spell(after, last, new) + "]]"
		}, "[0][0].q[1].r"
	default:
		depth := 1 + m.IntN(100)
		return func(text string, _ bool) string {
			return strings.Repeat("[", depth) + text + strings.Repeat("]", depth)
		}, strings.Repeat("[0]", depth)
	}
}
