package aggregate

import (
	"cmp"
	"fmt"
	"math/big"

	"paritygate/compare"
)

// finding is what the comparison of two values gave, where a check compares several.
type finding struct {
	verdict  Verdict
	kind     compare.Kind // of a fail
	variance float64      // of a pass and a fail
	distance *big.Rat     // of two numbers, else nil
	allowed  *big.Rat     // with distance: what it may be
	doubt    string       // why it is inconclusive, without a full stop
}

// compareValues judges one of several values. It is pure, and the same with the sides exchanged, but for the kind.
func compareValues(t bounds, a, b value) finding {
	switch {
	case a.null && b.null:
		return finding{verdict: Inconclusive, doubt: "is NULL on both sides"}
	case a.null:
		return finding{verdict: Fail, kind: compare.KindExtra, variance: 1}
	case b.null:
		return finding{verdict: Fail, kind: compare.KindMissing, variance: 1}
	case a.number != b.number:
		return finding{verdict: Inconclusive, doubt: "is a number on one side alone; cast one of them in the check's sql"}
	}
	x, xOK := a.rational()
	y, yOK := b.rational()
	switch {
	case xOK && yOK:
		return compareNumbers(t, x, y)
	case a.text != b.text:
		return finding{verdict: Fail, kind: compare.KindValue, variance: 1}
	case a.number:
		return finding{verdict: Inconclusive, doubt: fmt.Sprintf("is %s on both sides, which hides the values that it was computed from", a.text)}
	}
	return finding{verdict: Pass}
}

// compareQuantities is compareValues where nothing but numbers makes sense.
func compareQuantities(t bounds, a, b value) finding {
	if !a.null && !b.null && !a.number && !b.number {
		return finding{verdict: Inconclusive, doubt: "is not a number"}
	}
	return compareValues(t, a, b)
}

func compareNumbers(t bounds, x, y *big.Rat) finding {
	d := measure(x, y)
	f := finding{verdict: Pass, variance: d.variance(), distance: d.distance, allowed: d.allowed(t)}
	if d.distance.Cmp(f.allowed) > 0 {
		f.verdict, f.kind = Fail, compare.KindValue
	}
	return f
}

// compareMissing judges a value whose place is missing on the other side, where it counts as 0.
func compareMissing(t bounds, v value, kind compare.Kind) finding {
	if x, ok := v.rational(); ok {
		f := compareNumbers(t, x, new(big.Rat))
		if f.verdict == Fail {
			f.kind = kind
		}
		return f
	}
	return finding{verdict: Fail, kind: kind, variance: 1}
}

// worse orders findings: as different as a ratio says, and then as far apart; what has no distance is farther than all.
func (f finding) worse(than finding) int {
	if c := cmp.Compare(f.variance, than.variance); c != 0 {
		return c
	}
	switch {
	case f.distance != nil && than.distance != nil:
		return f.distance.Cmp(than.distance)
	case f.distance != nil:
		return -1
	case than.distance != nil:
		return 1
	}
	return 0
}

// rational is the number that a value is; not NULL, NaN, an infinity or a text.
func (v value) rational() (*big.Rat, bool) {
	if v.null || !v.number {
		return nil, false
	}
	return new(big.Rat).SetString(v.text)
}

// apart says in a sentence how far two values are from each other.
func (f finding) apart() string {
	if f.distance == nil {
		return percent(new(big.Rat).SetFloat64(f.variance))
	}
	return fmt.Sprintf("%s apart, %s", figure(f.distance), percent(new(big.Rat).SetFloat64(f.variance)))
}
