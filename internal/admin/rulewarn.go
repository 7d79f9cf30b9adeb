package admin

import (
	"fmt"
	"strings"
)

// maxRoutesNamed is how many routes one warning names.
const maxRoutesNamed = 5

// RuleWarnings says which rules hide more than half of what is compared on a route, a sentence for each rule.
func RuleWarnings(routes []Route) []string {
	var order []string
	where := map[string][]string{}
	for _, use := range HidingRules(routes) {
		if !use.HidesMuch() {
			continue
		}
		name := strings.TrimSpace(use.Place + " " + use.Rule)
		if where[name] == nil {
			order = append(order, name)
		}
		where[name] = append(where[name], fmt.Sprintf("%s (%s)", use.Route, strings.ReplaceAll(percent(use.Share), nbsp, " ")))
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
