package aggregate

import (
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"paritygate/compare"
)

// maxShown bounds a value in a result, in bytes.
const maxShown = 256

// judge compares the two values, which are of these columns, and fills in what was found. It is pure.
func judge(r *Result, t bounds, columns [2]column, a, b value) {
	r.Old, r.New = a.shown(), b.shown()
	switch {
	case a.null && b.null:
		r.inconclusive("Both databases gave no value (NULL), so there is nothing to compare.")
	case a.null:
		r.differ(compare.KindExtra, fmt.Sprintf("Old gave no value (NULL) and new gave %s.", b.said()))
	case b.null:
		r.differ(compare.KindMissing, fmt.Sprintf("Old gave %s and new gave no value (NULL).", a.said()))
	case a.number && b.number:
		judgeNumbers(r, t, a, b)
	case r.Type == Count && !a.number && !b.number:
		r.inconclusive(fmt.Sprintf("A count must be a number, and the databases gave %s and %s.", a.said(), b.said()))
	case a.number && familyOf(columns[1].oid) == texts, b.number && familyOf(columns[0].oid) == texts, r.Type == Count:
		r.inconclusive(fmt.Sprintf("Old gave %s and new gave %s, one as a number and one not: cast one of them in the check's sql.",
			a.said(), b.said()))
	default:
		judgeForms(r, t, columns, a, b)
	}
}

// judgeForms judges values of all the types that are not both of numbers.
func judgeForms(r *Result, t bounds, columns [2]column, a, b value) {
	gave := fmt.Sprintf("Old gave %s and new gave %s", a.said(), b.said())
	like, err := alike(columns[0], columns[1])
	if err != nil {
		r.inconclusive(gave + ": " + err.Error() + ".")
		return
	}
	found, err := like.compare(a, b, t)
	switch {
	case err != nil:
		r.inconclusive(gave + ": " + err.Error() + ".")
	case !found.agree:
		r.Variance, r.Reason = &found.variance, gave+"."
		r.fail(found.kind)
		if len(found.inside) > 0 {
			r.inside(found.inside)
		}
	case a.text == b.text:
		r.Verdict, r.Variance, r.Reason = Pass, &found.variance, fmt.Sprintf("Both databases gave %s.", a.said())
	case found.variance == 0:
		r.Verdict, r.Variance, r.Reason = Pass, &found.variance, gave+", which are the same."
	default:
		r.Verdict, r.Variance, r.Reason = Pass, &found.variance, gave+", which is within what is allowed."
	}
}

// inside names the places within two documents that differ.
func (r *Result) inside(places []compare.Difference) {
	r.Differences = nil
	for i, inner := range places {
		d := within(found{Difference: Difference{Variance: r.Variance}}, inner)
		d.Key = strings.TrimPrefix(d.Key, " ")
		r.addDifference(d.Difference)
		if i == 0 && d.Key != "" {
			r.Reason = strings.TrimSuffix(r.Reason, ".") + fmt.Sprintf(": they differ at %s.", d.said())
		}
	}
}

func judgeNumbers(r *Result, t bounds, a, b value) {
	x, xOK := new(big.Rat).SetString(a.text)
	y, yOK := new(big.Rat).SetString(b.text)
	switch {
	case (!xOK || !yOK) && a.text == b.text:
		r.inconclusive(fmt.Sprintf("Both databases gave %s, which hides the values that it was computed from.", a.text))
		return
	case !xOK || !yOK:
		r.differ(compare.KindValue, fmt.Sprintf("Old gave %s and new gave %s.", a.said(), b.said()))
		return
	case r.Type == Count && x.Sign() == 0 && y.Sign() == 0:
		r.inconclusive("Both sides are empty, so there is nothing to compare.")
		return
	}
	d := measure(x, y)
	variance := d.variance()
	r.Variance = &variance
	what := fmt.Sprintf("Old gave %s and new gave %s", a.said(), b.said())
	if r.Type == Count {
		what = fmt.Sprintf("Old has %s rows and new has %s", a.said(), b.said())
	}
	if d.distance.Sign() == 0 {
		r.Verdict = Pass
		r.Reason = what + ": no difference."
		return
	}
	allowed := d.allowed(t)
	what += fmt.Sprintf(": they differ by %s (%s), ", exact(d.distance), percent(d.ratio()))
	switch {
	case d.distance.Cmp(allowed) <= 0:
		r.Verdict = Pass
		r.Reason = what + fmt.Sprintf("within the %s allowed.", exact(allowed))
		return
	case allowed.Sign() == 0:
		r.Reason = what + "and no difference is allowed."
	default:
		r.Reason = what + fmt.Sprintf("more than the %s allowed.", exact(allowed))
	}
	r.fail(compare.KindValue)
}

// differ is a fail of values that cannot be subtracted: as different as can be.
func (r *Result) differ(kind compare.Kind, reason string) {
	whole := 1.0
	r.Variance, r.Reason = &whole, reason
	r.fail(kind)
}

func (r *Result) fail(kind compare.Kind) {
	r.Verdict = Fail
	r.Differences = []Difference{{Kind: kind, Old: r.Old, New: r.New, Variance: r.Variance}}
}

func (r *Result) inconclusive(reason string) {
	r.Verdict, r.Reason = Inconclusive, reason
}

// shown is the value for a result, nil for NULL.
func (v value) shown() *string {
	if v.null {
		return nil
	}
	s := shorten(v.text)
	return &s
}

// said is the value within a sentence.
func (v value) said() string {
	switch {
	case v.null:
		return "NULL"
	case v.number && decimalText(v.text):
		return shorten(grouped(v.text))
	case v.number:
		return v.text
	case v.text == "":
		return "an empty text"
	}
	return `"` + shorten(v.text) + `"`
}

// decimalText says whether a number is written without exponent, and is one.
func decimalText(s string) bool {
	for i, c := range s {
		if (c < '0' || c > '9') && c != '.' && (c != '-' || i > 0) {
			return false
		}
	}
	return s != ""
}

// shorten cuts a text to maxShown bytes.
func shorten(s string) string { return cut(s, maxShown) }

// cut cuts a text to so many bytes, at the border of a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const dots = "…"
	end := most - len(dots)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + dots
}
