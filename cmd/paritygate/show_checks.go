package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

func newChecks(o *options) *cobra.Command {
	return reading(o, "checks", "Show the latest results of the aggregate checks", func(ctx context.Context, client *admin.Client) error {
		checks, err := client.Checks(ctx)
		if err != nil {
			return err
		}
		return o.print(map[string]any{"checks": checks}, func(p *printer) { printChecks(p, checks) })
	})
}

// printChecks prints a line for each check, and below what is to be known of those that do not pass.
func printChecks(p *printer, checks []evidence.CheckResult) {
	if len(checks) == 0 {
		p.line("no checks are configured")
		return
	}
	p.overview(checks, time.Now())
	for _, c := range checks {
		if c.Verdict != string(cutover.Pass) {
			p.checkDetail(c)
		}
	}
}

// maxFigure is how much of a value the overview shows on a terminal.
const maxFigure = 24

// overview is one line for each check. Without a terminal the reasons end the lines, which may be long then. Where a terminal is
// narrow the time becomes an age, and the type goes.
func (p *printer) overview(checks []evidence.CheckResult, now time.Time) {
	figure := func(s *string) string {
		if s == nil {
			return "-"
		}
		if p.width == 0 {
			return side(s)
		}
		return shortened(visible(*s), maxFigure)
	}
	header := []string{"CHECK", "TYPE", "VERDICT", "OLD", "NEW", "VARIANCE", "AT"}
	rows := make([][]string, len(checks))
	for i, c := range checks {
		at := "never"
		if c.At != nil {
			at = instant(*c.At)
		}
		rows[i] = []string{visible(c.Name), c.Type, c.Verdict, figure(c.Old), figure(c.New), ratioText(c.Variance), at}
		if p.width == 0 {
			rows[i] = append(rows[i], visible(c.Reason))
		}
	}
	if p.width == 0 {
		header = append(header, "REASON")
	}
	const typeColumn, ageColumn = 1, 6
	if !p.fits(header, rows) {
		header[ageColumn] = "AGE"
		for i, c := range checks {
			if c.At != nil {
				rows[i][ageColumn] = now.Sub(*c.At).Round(time.Second).String()
			}
		}
	}
	figures := []int{3, 4}
	if !p.fits(header, rows) {
		header = slices.Delete(header, typeColumn, typeColumn+1)
		for i := range rows {
			rows[i] = slices.Delete(rows[i], typeColumn, typeColumn+1)
		}
		figures = []int{2, 3}
	}
	p.squeeze(header, rows, figures...)
	p.squeeze(header, rows, 0) // names are the last to be cut
	p.table(header, rows)
}

// checkDetail says why a check does not pass, how its last runs went, and what differs.
func (p *printer) checkDetail(c evidence.CheckResult) {
	found := admin.PlacesOf(c, admin.ShownDifferences)
	switch {
	case p.width > 0:
		p.line("")
		p.wrapped(visible(c.Name)+" ("+c.Verdict+"): ", visible(c.Reason))
	case len(c.History) > 1 || len(found.Places) > 0:
		p.linef("\n%s (%s)", visible(c.Name), c.Verdict)
	}
	if len(c.History) > 1 {
		p.linef("  %s  %s", p.spark(c.History), strings.ReplaceAll(admin.RunsText(c.History), "\u00a0", " "))
	}
	if len(found.Places) == 0 {
		return
	}
	header := []string{"  WHERE", "KIND", "OLD", "NEW", "VARIANCE"}
	rows := make([][]string, len(found.Places))
	for i, d := range found.Places {
		rows[i] = []string{"  " + side(&d.Key), cmp.Or(d.Class, string(d.Kind)), side(d.Old), side(d.New), ratioText(d.Variance)}
	}
	p.squeeze(header, rows, 0, 2, 3)
	p.table(header, rows)
	if found.More > 0 {
		p.linef("  and %s more", number(found.More))
	}
}

// side is one side's value in a table. What would not be seen there, or be taken for something else, is quoted.
func side(s *string) string {
	switch {
	case s == nil:
		return "-"
	case *s == "", *s == "-", strings.TrimSpace(*s) != *s:
		return `"` + visible(*s) + `"`
	}
	return visible(*s)
}

func ratioText(ratio *float64) string {
	if ratio == nil {
		return "-"
	}
	return percent(*ratio)
}

// bars are the heights of a sparkline, from nothing measured to admin.MaxBar.
var bars = [...]string{"·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// spark draws the variances of runs, the latest at the right. On a terminal a run has the colour of its verdict.
func (p *printer) spark(runs []evidence.CheckRun) string {
	var b strings.Builder
	for _, bar := range admin.Bars(runs) {
		b.WriteString(p.paint(verdictColours[cutover.Verdict(bar.Verdict)], bars[bar.Height]))
	}
	return b.String()
}

var verdictColours = map[cutover.Verdict]string{cutover.Pass: "32", cutover.Fail: "31", cutover.Inconclusive: "33"}

// withHistory gives results the runs that the proxy remembers, if it can be reached at once: nothing depends on them.
func (o *options) withHistory(ctx context.Context, results []evidence.CheckResult) {
	client, err := o.client()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	known, err := client.Checks(ctx)
	if err != nil {
		return
	}
	for i := range results {
		for _, k := range known {
			if k.Name == results[i].Name && k.Type == results[i].Type {
				runs := append(slices.Clone(k.History), results[i].History...)
				results[i].History = runs[max(0, len(runs)-shownRuns):]
			}
		}
	}
}

// columnGap is what stands between two columns of a table.
const columnGap = 2

// widths are what the columns of a table take.
func widths(header []string, rows [][]string) []int {
	w := make([]int, len(header))
	for i, h := range header {
		w[i] = utf8.RuneCountInString(h)
		for _, row := range rows {
			w[i] = max(w[i], utf8.RuneCountInString(row[i]))
		}
	}
	return w
}

// excess is by how much a table is wider than the screen.
func (p *printer) excess(w []int) int {
	if p.width == 0 {
		return 0
	}
	total := columnGap * (len(w) - 1)
	for _, n := range w {
		total += n
	}
	return max(0, total-p.width)
}

func (p *printer) fits(header []string, rows [][]string) bool {
	return p.excess(widths(header, rows)) == 0
}

// squeeze cuts the cells of some columns, always those of the widest, until the table is no wider than the screen.
func (p *printer) squeeze(header []string, rows [][]string, columns ...int) {
	const least = 8
	w := widths(header, rows)
	limit := slices.Clone(w)
	for over := p.excess(w); over > 0; over-- {
		widest := slices.MaxFunc(columns, func(a, b int) int { return cmp.Compare(limit[a], limit[b]) })
		if limit[widest] <= least {
			break
		}
		limit[widest]--
	}
	for _, row := range rows {
		for _, i := range columns {
			row[i] = cut(row[i], limit[i])
		}
	}
}
