package admin

import (
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strings"
	"time"

	"paritygate/internal/evidence"
)

// ShownDifferences is how many differences of a check are shown to people, the worst ones.
const ShownDifferences = 12

// CheckPlaces are the differences of a check as people read them.
type CheckPlaces struct {
	Places []evidence.CheckDifference
	// More counts the others, named in the API or not.
	More int
}

// PlacesOf takes at most so many differences of a check, the worst first. It takes none where the two figures of the check say it all.
func PlacesOf(c evidence.CheckResult, most int) CheckPlaces {
	if len(c.Differences) == 0 || len(c.Differences) == 1 && c.Differences[0].Key == "" && c.Dropped == 0 {
		return CheckPlaces{}
	}
	shown := min(len(c.Differences), most)
	return CheckPlaces{Places: c.Differences[:shown], More: len(c.Differences) - shown + c.Dropped}
}

// Bar is one run in a sparkline.
type Bar struct {
	evidence.CheckRun
	// Height is 0 where nothing was measured, 1 without a difference, and up to MaxBar for the largest one of all runs.
	Height int
}

// MaxBar is the height of the highest bar.
const MaxBar = 8

// Bars draws the variances of runs to the scale of the largest one. The smallest difference is higher than none.
func Bars(runs []evidence.CheckRun) []Bar {
	most := 0.0
	for _, r := range runs {
		if r.Variance != nil {
			most = max(most, *r.Variance)
		}
	}
	bars := make([]Bar, len(runs))
	for i, r := range runs {
		bars[i] = Bar{CheckRun: r}
		switch {
		case r.Variance == nil:
		case *r.Variance <= 0:
			bars[i].Height = 1
		default:
			bars[i].Height = 1 + int(math.Ceil(*r.Variance/most*(MaxBar-1)))
		}
	}
	return bars
}

// RunsText says in words what a sparkline shows: "7 of 20 runs failed, 1 inconclusive; at most 4.2 %".
func RunsText(runs []evidence.CheckRun) string {
	var failed, undecided int
	most, measured := 0.0, false
	for _, r := range runs {
		switch r.Verdict {
		case "fail":
			failed++
		case "inconclusive":
			undecided++
		}
		if r.Variance != nil {
			most, measured = max(most, *r.Variance), true
		}
	}
	text := fmt.Sprintf("%d of %d runs failed", failed, len(runs))
	if undecided > 0 {
		text += fmt.Sprintf(", %d inconclusive", undecided)
	}
	if measured {
		text += "; at most " + percent(most)
	}
	return text
}

// The measures of a bar on the page.
const (
	barWide = 6
	barStep = 8
	barUnit = 3
)

// sparkline draws runs for the page. The same is said in words for those who do not see it.
func sparkline(runs []evidence.CheckRun) template.HTML {
	if len(runs) == 0 {
		return ""
	}
	const high = MaxBar * barUnit
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="spark" role="img" aria-label="%s" width="%d" height="%d" viewBox="0 0 %[2]d %[3]d">`,
		template.HTMLEscapeString(RunsText(runs)), len(runs)*barStep-barStep+barWide, high)
	for i, bar := range Bars(runs) {
		title := bar.At.UTC().Format(time.DateTime) + " UTC: " + bar.Verdict
		if bar.Variance != nil {
			title += ", " + percent(*bar.Variance)
		}
		tall := max(1, bar.Height) * barUnit
		fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="1"><title>%s</title></rect>`,
			barClass(bar), i*barStep, high-tall, barWide, tall, template.HTMLEscapeString(title))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // numbers, constants, and what was escaped above
}

// barClass is one of a few words, whatever the store holds.
func barClass(b Bar) string {
	switch b.Verdict {
	case "pass", "fail":
		return b.Verdict
	}
	return "inconclusive"
}

// checkRow is a check with what the page shows of it besides.
type checkRow struct {
	evidence.CheckResult
	Spark  template.HTML
	Places CheckPlaces
}

func (s *server) checksPage(r *http.Request) (view, error) {
	checks, err := s.service.Checks(r.Context())
	rows := make([]checkRow, len(checks))
	for i, c := range tidyChecks(checks) {
		rows[i] = checkRow{CheckResult: c, Spark: sparkline(c.History), Places: PlacesOf(c, ShownDifferences)}
	}
	return view{Page: "checks", Title: "Checks", Data: rows}, err
}
