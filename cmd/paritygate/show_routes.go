package main

import (
	"cmp"
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"paritygate/compare"
	"paritygate/config"
	"paritygate/internal/admin"
)

func newRoutes(o *options) *cobra.Command {
	var all bool
	cmd := reading(o, "routes", "Show what was seen on each route", func(ctx context.Context, client *admin.Client) error {
		routes, err := client.Routes(ctx, all)
		if err != nil {
			return err
		}
		return o.print(map[string]any{"routes": routes}, func(p *printer) { printRoutes(p, routes) })
	})
	cmd.Flags().BoolVar(&all, "all", false, "since the run began, not since the window did")
	return cmd
}

func printRoutes(p *printer, routes []admin.Route) {
	var rows [][]string
	for _, r := range routes {
		rate, bound := "-", "-"
		if r.Eligible > r.Verdicts[compare.Skipped] { // a rate of nothing would read as parity
			rate, bound = percent(r.MismatchRate), percent(r.UpperBound)
		}
		row := []string{r.Route, r.Kind, fmt.Sprint(r.Eligible)}
		for _, v := range compare.Verdicts {
			row = append(row, fmt.Sprint(r.Verdicts[v]))
		}
		rows = append(rows, append(row, rate, bound,
			latency(r.Latency.Old.P50)+" / "+latency(r.Latency.Old.P99), latency(r.Latency.New.P50)+" / "+latency(r.Latency.New.P99)))
	}
	p.table([]string{
		"ROUTE", "KIND", "ELIGIBLE", "MATCH", "TOLERATED", "LAGGED", "MISMATCH", "FAILED", "SKIPPED", "RATE", "AT MOST",
		"OLD P50 / P99", "NEW P50 / P99",
	}, rows)
	for _, r := range routes {
		var reasons []string
		for reason, n := range r.Skipped {
			if n > 0 {
				reasons = append(reasons, fmt.Sprintf("%s %d", reason, n))
			}
		}
		if sort.Strings(reasons); len(reasons) > 0 {
			p.linef("%s skipped: %s", r.Route, strings.Join(reasons, ", "))
		}
	}
	printWithheld(p, routes)
	printRules(p, routes)
}

// printWithheld names the reads that the canary leaves to old.
func printWithheld(p *printer, routes []admin.Route) {
	var names []string
	for _, r := range routes {
		if r.Kind == config.Read && !r.Canary {
			names = append(names, r.Route)
		}
	}
	if len(names) > 0 {
		p.linef("old answers these in a canary as well, by `canary: false` or for rules that reshape: %s", strings.Join(names, ", "))
	}
}

// printRules shows what the rules hid, and names those that hid nothing anywhere.
func printRules(p *printer, routes []admin.Route) {
	var rows [][]string
	for _, use := range admin.HidingRules(routes) {
		rows = append(rows, []string{use.Route, use.Rule, cmp.Or(use.Place, "no longer in force"), fmt.Sprint(use.Exchanges), percent(use.Share), fmt.Sprint(use.Differences)})
	}
	if len(rows) > 0 {
		p.line("")
		p.table([]string{"ROUTE", "RULE", "WHERE", "HID IN", "SHARE", "DIFFERENCES"}, rows)
	}
	for _, use := range admin.IdleRules(routes) {
		p.linef("hid nothing: %s %s", use.Place, use.Rule)
	}
	for _, warning := range admin.RuleWarnings(routes) {
		p.linef("warning: %s", warning)
	}
	printNoise(p, routes)
}

// printNoise shows where old differs from itself.
func printNoise(p *printer, routes []admin.Route) {
	var rows [][]string
	for _, n := range admin.NoisyPlaces(routes) {
		masked := "-"
		if n.Masked {
			masked = fmt.Sprintf("yes, hid %d", n.Hidden)
		}
		rows = append(rows, []string{
			n.Route, strings.TrimSpace(fmt.Sprintf("%s %s %s", n.Location, n.Path, n.Kind)), fmt.Sprint(n.Asked), fmt.Sprint(n.Old()),
			fmt.Sprint(n.New()), admin.Share(n.Real), string(n.Finding), masked,
		})
	}
	if len(rows) > 0 {
		p.line("")
		p.table([]string{"ROUTE", "OLD DIFFERS FROM ITSELF AT", "ASKED TWICE", "OLD DIFFERS", "NEW DIFFERS", "REAL", "FINDING", "MASKED"}, rows)
	}
}
