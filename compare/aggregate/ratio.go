package aggregate

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"paritygate/compare"
)

// ratio is a check of a numerator and a denominator, which a statement gives in one row. Both are compared besides their
// quotient: a coverage stays as it is when both sides of it are off alike.
type ratio struct{ statements [2]string }

func newRatio(c *Check) (inquiry, error) {
	statements, err := c.statements()
	return &ratio{statements: statements}, err
}

var errRatioShape = errors.New("the statement must give one row with two columns, the numerator and the denominator")

func (c *ratio) measure(ctx context.Context, both *pair, r *Result) error {
	answers, err := both.ask(ctx, c.statements, 1)
	if err != nil {
		return err
	}
	var found [2]fraction
	for i, a := range answers {
		switch {
		case len(a.columns) != 2:
			return fmt.Errorf("%s: %w: it gives %s", sides[i], errRatioShape, counted(len(a.columns), "column", "columns"))
		case len(a.rows) == 0: // as a scalar subquery would give it
			found[i] = fraction{numerator: value{null: true, number: true}, denominator: value{null: true, number: true}}
		default:
			found[i] = fraction{numerator: a.quantity(0), denominator: a.quantity(1)}
		}
	}
	var allowed [2]bounds
	for half := range allowed {
		allowed[half] = valueBounds(both.allowed, answers[0].columns[half].oid, answers[1].columns[half].oid)
	}
	judgeRatio(r, allowed, found[0], found[1])
	return nil
}

// quantity is a value of an answer's row, as a number also where it is money.
func (a *answer) quantity(column int) value {
	v := a.rows[0][column]
	if a.columns[column].oid == moneyOID && !v.null {
		v.text, v.number = foldMoney(v)
	}
	return v
}

// fraction is what one side gave.
type fraction struct{ numerator, denominator value }

// quotient is nil where there is none.
func (f fraction) quotient() *big.Rat {
	n, nOK := f.numerator.rational()
	d, dOK := f.denominator.rational()
	if !nOK || !dOK || d.Sign() == 0 {
		return nil
	}
	return n.Quo(n, d)
}

// shown is a fraction for a result, such as 980/1000 = 0.98.
func (f fraction) shown() *string {
	if f.numerator.null && f.denominator.null {
		return nil
	}
	s := f.half(f.numerator) + "/" + f.half(f.denominator)
	if q := f.quotient(); q != nil {
		s += " = " + plain(q)
	}
	return &s
}

func (fraction) half(v value) string {
	if s := v.shown(); s != nil {
		return *s
	}
	return "NULL"
}

// part is one of the three things of a fraction that are compared.
type part struct {
	name     string
	old, new string // within a sentence
	values   [2]*string
	finding
}

// judgeRatio compares two fractions and fills in what was found; t is what is allowed between the numerators and between the
// denominators. It is pure.
func judgeRatio(r *Result, t [2]bounds, a, b fraction) {
	r.Old, r.New = a.shown(), b.shown()
	parts := []part{
		partOf("numerator", t[0], a.numerator, b.numerator),
		partOf("denominator", t[1], a.denominator, b.denominator),
	}
	p, q := a.quotient(), b.quotient()
	x, xOK := a.denominator.rational()
	y, yOK := b.denominator.rational()
	switch {
	case p != nil && q != nil:
		f := compareNumbers(t[0].rounding(t[1].epsilon), p, q)
		old, new := plain(p), plain(q)
		parts = append(parts, part{name: "ratio", old: old, new: new, values: [2]*string{&old, &new}, finding: f})
	case xOK && yOK && x.Sign() == 0 && y.Sign() == 0:
		parts[1].finding = finding{verdict: Inconclusive, doubt: "is 0 on both sides, so there is no ratio to compare"}
	case xOK && yOK && (x.Sign() == 0 || y.Sign() == 0):
		// One side has a ratio and the other has none: no tolerance of the denominator makes up for that.
		parts[1].verdict, parts[1].kind = Fail, compare.KindValue
	}
	r.judgeParts(parts)
}

func partOf(name string, t bounds, a, b value) part {
	return part{name: name, old: a.said(), new: b.said(), values: [2]*string{a.shown(), b.shown()}, finding: compareQuantities(t, a, b)}
}

func (r *Result) judgeParts(parts []part) {
	slices.SortStableFunc(parts, func(a, b part) int { return b.worse(a.finding) })
	var failed, doubts []string
	for _, p := range parts {
		switch p.verdict {
		case Fail:
			r.Differences = append(r.Differences, Difference{Key: p.name, Kind: p.kind, Old: p.values[0], New: p.values[1], Variance: new(p.variance)})
			failed = append(failed, fmt.Sprintf("the %s, where old has %s and new has %s (%s)", p.name, p.old, p.new, p.apart()))
		case Inconclusive:
			doubts = append(doubts, fmt.Sprintf("The %s %s.", p.name, p.doubt))
		case Pass:
		}
	}
	worst := parts[0]
	switch {
	case len(failed) > 0:
		r.Verdict, r.Variance = Fail, new(worst.variance)
		r.Reason = "Differing by more than is allowed: " + strings.Join(failed, ", and ") + "."
	case len(doubts) > 0:
		r.inconclusive(strings.Join(doubts, " "))
	case worst.variance == 0:
		r.Verdict, r.Variance = Pass, new(worst.variance)
		r.Reason = fmt.Sprintf("Both sides have %s: no difference.", *r.Old)
	default:
		r.Verdict, r.Variance = Pass, new(worst.variance)
		r.Reason = fmt.Sprintf("Old has %s and new has %s: what differs most is the %s (%s), within the %s allowed.",
			*r.Old, *r.New, worst.name, worst.apart(), figure(worst.allowed))
	}
}
