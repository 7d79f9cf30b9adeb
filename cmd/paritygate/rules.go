package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

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

// usedRules is of the routes only what ruleWarnings looks at: the status is asked for all the time.
func usedRules(c *config.Config, stats []evidence.RouteStats) []admin.Route {
	var out []admin.Route
	for i := range stats {
		if r := &stats[i]; len(r.Suppressed) > 0 {
			out = append(out, admin.Route{Route: r.Route, Rules: ruleUses(rulesOf(c, r.Route), r)})
		}
	}
	return out
}

// maxRoutesNamed is how many routes one warning names.
const maxRoutesNamed = 5

// ruleWarnings says which rules hide more than half of what is compared on a route, one sentence for each rule.
func ruleWarnings(routes []admin.Route) []string {
	var order []string
	where := map[string][]string{}
	for _, r := range routes {
		for _, use := range r.Rules {
			if !use.HidesMuch() {
				continue
			}
			name := strings.TrimSpace(use.Place + " " + use.Rule)
			if where[name] == nil {
				order = append(order, name)
			}
			where[name] = append(where[name], fmt.Sprintf("%s (%s)", r.Route, percent(use.Share)))
		}
	}
	out := make([]string, len(order))
	for i, name := range order {
		list := where[name]
		if more := len(list) - maxRoutesNamed; more > 0 {
			list = append(list[:maxRoutesNamed:maxRoutesNamed], fmt.Sprintf("%d more", more))
		}
		out[i] = fmt.Sprintf("the rule %s hides a difference in more than half of the compared exchanges on %s: see that it hides no more than is meant",
			name, strings.Join(list, ", "))
	}
	return out
}
