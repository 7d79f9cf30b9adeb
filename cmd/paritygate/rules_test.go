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
