package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// faultsFound is what paritygate has reported of new, sorted by the fault that it can only come from. The narrator knows
// what was planted; paritygate does not.
type faultsFound struct {
	groups map[string]admin.Group          // by the fault's name: the best example
	times  map[string]int64                // by the fault's name: mismatches in all its groups
	checks map[string]evidence.CheckResult // checks that fail, by name
	slow   string                          // what the gate says of the latency
	other  []admin.Group
}

// look asks the admin API what is known by now.
func (d *demonstration) look(ctx context.Context) (faultsFound, error) {
	f := faultsFound{groups: map[string]admin.Group{}, times: map[string]int64{}, checks: map[string]evidence.CheckResult{}}
	list, err := d.client.Mismatches(ctx, admin.MismatchQuery{Limit: 200})
	if err != nil {
		return f, err
	}
	for _, g := range list.Groups {
		name := faultBehind(g)
		if name == "" {
			f.other = append(f.other, g)
			continue
		}
		f.times[name] += g.Count
		if best, ok := f.groups[name]; !ok || plainer(g, best) {
			f.groups[name] = g
		}
	}
	checks, err := d.client.Checks(ctx)
	if err != nil {
		return f, err
	}
	for _, c := range checks {
		if c.Verdict == string(cutover.Fail) {
			f.checks[c.Name] = c
		}
	}
	report, err := d.client.Gate(ctx)
	if err != nil {
		return f, err
	}
	for _, c := range report.Criteria {
		if c.Name == "latency" && c.Verdict == cutover.Fail && strings.Contains(c.Reason, "search") {
			f.slow = c.Reason
		}
	}
	return f, nil
}

// plainer reports whether a group makes the better example: of one product rather than of a list, else the more frequent.
func plainer(a, b admin.Group) bool {
	if one := a.Route == "product"; one != (b.Route == "product") {
		return one
	}
	return a.Count > b.Count
}

// faultBehind tells which planted fault a group of mismatches comes from, by its route and the places that differ.
func faultBehind(g admin.Group) string {
	differs := func(location compare.Location, suffix string) bool {
		return slices.ContainsFunc(g.Differences, func(p admin.Place) bool {
			return p.Location == location && strings.HasSuffix(p.Path, suffix)
		})
	}
	switch {
	case differs(compare.InStatus, ""):
		return "status"
	case g.Route == "product" && differs(compare.InBody, "$.product"):
		return "row"
	case g.Route == "products" && differs(compare.InBody, ".id"):
		return "order"
	case differs(compare.InBody, ".price"):
		return "price"
	}
	return ""
}

// foundByChecks are the checks that must see the lost rows and the wrong prices.
var foundByChecks = []string{"products", "prices", "classes"}

// missing lists the planted faults that were not found yet.
func (f *faultsFound) missing(checked bool) []string {
	var names []string
	for _, name := range []string{"price", "row", "order", "status"} {
		if f.groups[name].Count == 0 {
			names = append(names, name)
		}
	}
	if f.slow == "" {
		names = append(names, "slow")
	}
	if checked {
		for _, name := range foundByChecks {
			if _, ok := f.checks[name]; !ok {
				names = append(names, "check "+name)
			}
		}
	}
	return names
}

// alsoSeen sums the other groups up by route, for instance the averages that wrong prices led to.
func (f *faultsFound) alsoSeen() string {
	counts := map[string]int64{}
	for _, g := range f.other {
		counts[g.Route] += g.Count
	}
	var words []string
	for _, route := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("route %s, %s", route, times(counts[route])))
	}
	return strings.Join(words, "; ")
}

// example fetches one mismatch of a group.
func (d *demonstration) example(ctx context.Context, g admin.Group) (string, string, error) {
	m, err := d.client.Mismatch(ctx, g.ExampleID)
	if err != nil {
		return "", "", err
	}
	if len(m.Differences) == 0 {
		return "", "", fmt.Errorf("mismatch %s names no difference", g.ExampleID)
	}
	best := slices.MinFunc(m.Differences, func(a, b compare.Difference) int { return cmp.Compare(rank(a), rank(b)) })
	what := fmt.Sprintf("%s %s: old %s, new %s", best.Location, best.Path, valueText(best.Old), valueText(best.New))
	if best.Location == compare.InStatus {
		what = fmt.Sprintf("status: old %s, new %s", valueText(best.Old), valueText(best.New))
	}
	if n := len(m.Differences) - 1; n > 0 {
		what += fmt.Sprintf(" (and %d more places)", n)
	}
	return m.Request.Method + " " + m.Request.Path, what, nil
}

// rank puts the difference first that says most to a reader.
func rank(d compare.Difference) int {
	switch {
	case d.Location == compare.InStatus:
		return 0
	case strings.HasSuffix(d.Path, ".id"), strings.HasSuffix(d.Path, ".price"):
		return 1
	}
	return 2
}

func valueText(v string) string {
	if v == "" {
		return "nothing"
	}
	return shortened(v, 32)
}
