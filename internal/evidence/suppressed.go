package evidence

import "fmt"

// Suppression is what one rule hid on one route.
type Suppression struct {
	// Exchanges are the compared ones in which the rule hid something, and Differences what it hid in all of them together.
	Exchanges   int64 `json:"exchanges"`
	Differences int64 `json:"differences"`
}

// rulesOf are the texts of the declared routes' rules, by route.
func rulesOf(declared []RouteInfo) map[string][]string {
	rules := make(map[string][]string, len(declared))
	for _, r := range declared {
		if _, ok := rules[r.Name]; !ok {
			rules[r.Name] = r.Rules
		}
	}
	return rules
}

// suppress enters what the rules hid in one exchange. An index counts from the beginning of the texts.
func (a *account) suppress(hidden map[int]int, rules []string) {
	for index, n := range hidden {
		text := fmt.Sprintf("rule %d", index)
		if index < len(rules) {
			text = rules[index]
		}
		a.suppressed[text] = a.suppressed[text].plus(Suppression{Exchanges: 1, Differences: int64(n)})
	}
}

func (s Suppression) plus(o Suppression) Suppression {
	return Suppression{s.Exchanges + o.Exchanges, s.Differences + o.Differences}
}
