package evidence

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	// structuralRuns is how many runs in a row must be short, or over, by about as much.
	structuralRuns = 5
	// structuralSpread is how far these may lie apart, as a share of their mean.
	structuralSpread = 0.2
	// negligible is the variance below which two sums of floating-point numbers differ by the order in which they were added up.
	negligible = 1e-9
)

// Structural says of a check whose latest runs since a moment all passed that it passes with a constant one-sided gap: the tolerance
// is meant for sync jobs that run at different moments, which makes gaps that come, go and change sides. What is always missing was
// never copied. It is empty for any other check, and for one whose sides are not one number each.
func Structural(runs []CheckRun, since time.Time) string {
	if len(runs) < structuralRuns {
		return ""
	}
	gaps, shares := make([]float64, 0, structuralRuns), make([]float64, 0, structuralRuns)
	for _, r := range runs[len(runs)-structuralRuns:] {
		if r.At.Before(since) || r.Verdict != "pass" || r.Old == nil || r.New == nil {
			return ""
		}
		larger := max(math.Abs(*r.Old), math.Abs(*r.New))
		gap := *r.New - *r.Old
		if math.IsNaN(gap) || math.IsInf(larger, 0) || math.Abs(gap) <= negligible*larger || len(gaps) > 0 && gap > 0 != (gaps[0] > 0) {
			return ""
		}
		gaps, shares = append(gaps, gap), append(shares, gap/larger)
	}
	if !constant(gaps) && !constant(shares) { // the same rows, or the same share of a table that grows
		return ""
	}
	last := len(gaps) - 1
	side := "less"
	if gaps[0] > 0 {
		side = "more"
	}
	return fmt.Sprintf("in each of the last %d runs new had about as much %s than old, at last %s (%.2g %%): within the tolerance, but no lag stays the same; look for what is never copied, or copied twice",
		structuralRuns, side, strconv.FormatFloat(math.Abs(gaps[last]), 'g', 6, 64), 100*math.Abs(shares[last]))
}

// constant reports whether the values, which have one sign, lie close together.
func constant(values []float64) bool {
	least, most, sum := math.Inf(1), 0.0, 0.0
	for _, v := range values {
		v = math.Abs(v)
		least, most, sum = min(least, v), max(most, v), sum+v
	}
	return most-least <= structuralSpread*sum/float64(len(values))
}

// number reads a side's value where it is one number, the ratio behind the two that it is made of, the sum of a distribution's buckets or
// a count of rows; nil where it is none of these.
func number(side *string) *float64 {
	if side == nil {
		return nil
	}
	text := *side
	if at := strings.LastIndex(text, " = "); at >= 0 {
		text = text[at+len(" = "):]
	}
	for _, unit := range []string{" in all", " rows", " row"} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			text = strings.ReplaceAll(rest[strings.LastIndex(rest, ", ")+1:], ",", "")
			break
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return nil
	}
	return &n
}
