package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/evidence"
)

func TestRuleUses(t *testing.T) {
	const id, tags, gone = `{path: "$..id", ignore: true}`, `{path: "$.tags", unordered: true}`, `{header: etag, ignore: true}`
	stats := &evidence.RouteStats{
		Verdicts:   map[compare.Verdict]int64{compare.Match: 3, compare.Tolerated: 5, compare.Skipped: 100},
		Suppressed: map[string]evidence.Suppression{id: {Exchanges: 4, Differences: 40}, gone: {Exchanges: 1, Differences: 1}},
	}
	rules := []placedRule{{id, "routes[0].compare.rules[0]"}, {tags, "compare.rules[0]"}, {id, "compare.rules[1]"}}
	want := []admin.RuleUse{
		{Rule: id, Place: "routes[0].compare.rules[0]", Exchanges: 4, Differences: 40, Share: 0.5},
		{Rule: tags, Place: "compare.rules[0]"},
		{Rule: id, Place: "compare.rules[1]"}, // the same rule again decides nothing
		{Rule: gone, Exchanges: 1, Differences: 1, Share: 0.125},
	}
	if diff := cmp.Diff(want, ruleUses(rules, stats)); diff != "" {
		t.Error(diff)
	}
}

func TestRuleWarnings(t *testing.T) {
	half := admin.RuleUse{Rule: "{a}", Place: "compare.rules[0]", Exchanges: 5, Share: 0.5}
	most := half
	most.Share = 0.51
	var routes []admin.Route
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		routes = append(routes, admin.Route{Route: name, Rules: []admin.RuleUse{most, {Rule: "{b}", Place: "compare.rules[1]", Share: 0.5}}})
	}
	want := []string{"the rule compare.rules[0] {a} hides a difference in more than half of the compared exchanges on " +
		"a (51%), b (51%), c (51%), d (51%), e (51%), 2 more: see that it hides no more than is meant"}
	if diff := cmp.Diff(want, ruleWarnings(routes)); diff != "" {
		t.Error(diff)
	}
	if got := ruleWarnings([]admin.Route{{Route: "a", Rules: []admin.RuleUse{half}}}); len(got) != 0 {
		t.Errorf("half is not more than half: %q", got)
	}
}
