package main

import (
	"fmt"
	"maps"
	"slices"

	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/evidence"
)

// placedRule is a rule with its place in the file.
type placedRule struct{ text, place string }

// rulesOf lists the rules by which a route's answers are compared, in the order in which its comparer has them.
func rulesOf(c *config.Config, route string) []placedRule {
	var out []placedRule
	add := func(place string, rules []config.Rule) {
		for i, r := range rules {
			out = append(out, placedRule{rule(r).String(), fmt.Sprintf("%s[%d]", place, i)})
		}
	}
	for i, r := range c.Routes {
		if r.Name == route {
			add(fmt.Sprintf("routes[%d].compare.rules", i), r.Compare.Rules)
		}
	}
	add("compare.rules", c.Compare.Rules)
	return out
}

func ruleTexts(c *config.Config, route string) []string {
	var out []string
	for _, r := range rulesOf(c, route) {
		out = append(out, r.text)
	}
	return out
}

// ruleUses joins the rules in force on a route with what was hidden there. Rules that are no longer in the file come last.
func ruleUses(rules []placedRule, stats *evidence.RouteStats) []admin.RuleUse {
	uses := make([]admin.RuleUse, 0, len(rules))
	left := maps.Clone(stats.Suppressed)
	add := func(text, place string) {
		s := left[text]
		delete(left, text) // one that is there twice hides nothing the second time
		use := admin.RuleUse{Rule: text, Place: place, Exchanges: s.Exchanges, Differences: s.Differences}
		if n := compared(stats); n > 0 {
			use.Share = float64(s.Exchanges) / float64(n)
		}
		uses = append(uses, use)
	}
	for _, r := range rules {
		add(r.text, r.place)
	}
	for _, text := range slices.Sorted(maps.Keys(left)) {
		add(text, "")
	}
	return uses
}
