package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"paritygate/compare"
)

// ruleExample is a row of the reference's table of examples: a rule, two bodies and their verdict.
var ruleExample = regexp.MustCompile("(?m)^\\| (the same|`\\{path: .+\\}`) \\| `(.+)` \\| `(.+)` \\| (tolerated|mismatch) \\|$")

// The reference's examples are what the program does, and there is one of every rule for bodies.
func TestRuleExamplesOfTheReference(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := compare.New(compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	path := filepath.Join(t.TempDir(), "paritygate.yaml")
	var rule string
	for _, m := range ruleExample.FindAllStringSubmatch(string(page), -1) {
		if m[1] != "the same" {
			rule = strings.Trim(m[1], "`")
			_, action, _ := strings.Cut(rule, ", ")
			action, _, _ = strings.Cut(action, ":")
			seen[action] = true
		}
		label := rule + ": " + m[2] + ", " + m[3]
		comparer := pasted(t, path, "- "+rule, label)
		old, newer := exampleAnswer(m[2]), exampleAnswer(m[3])
		if got := comparer.Compare(old, newer); string(got.Verdict) != m[4] {
			t.Errorf("%s: %s, and the reference says %s", label, got.Verdict, m[4])
		}
		if got := plain.Compare(old, newer).Verdict; m[4] == "tolerated" && got != compare.Mismatch {
			t.Errorf("%s: %s without the rule", label, got)
		}
	}
	for _, action := range []string{
		"ignore", "number", "time", "coerce", "unordered", "key", "rename", "csv", "absent_equals_null",
	} {
		if !seen[action] {
			t.Errorf("there is no example of %s", action)
		}
	}
}

// exampleAnswer is CSV where the text has ends of lines, else JSON.
func exampleAnswer(text string) *compare.Answer {
	a := jsonAnswer(strings.ReplaceAll(text, "⏎", "\n"))
	if strings.Contains(text, "⏎") {
		a.Header["Content-Type"] = []string{"text/csv"}
	}
	return a
}
