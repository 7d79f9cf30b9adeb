package aggregate

import (
	"errors"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// decimal is what a tolerance may look like. Exponents are left out: 1e999999999 is ten characters and a gigabyte.
var decimal = regexp.MustCompile(`^[0-9]{1,40}(\.[0-9]{1,40})?$`)

// bounds is a Tolerance that was understood.
type bounds struct {
	relative, absolute *big.Rat
	overlap            *big.Rat // 1 unless something less is wanted
	epsilon            *big.Rat // up to this relative difference numbers are equal, whatever is wanted; nil: none is
}

func (t Tolerance) parse() (bounds, error) {
	relative, err := parseBound(t.Relative)
	if err != nil {
		return bounds{}, errors.New("tolerance.relative: " + err.Error())
	}
	if relative.Cmp(big.NewRat(1, 1)) > 0 {
		return bounds{}, errors.New("tolerance.relative: must be at most 1, which is 100 %")
	}
	absolute, err := parseBound(t.Absolute)
	if err != nil {
		return bounds{}, errors.New("tolerance.absolute: " + err.Error())
	}
	overlap := big.NewRat(1, 1)
	if t.Overlap != "" {
		if overlap, err = parseBound(t.Overlap); err != nil {
			return bounds{}, errors.New("tolerance.overlap: " + err.Error())
		}
	}
	if overlap.Cmp(big.NewRat(1, 1)) > 0 {
		return bounds{}, errors.New("tolerance.overlap: must be at most 1, which is 100 %")
	}
	return bounds{relative: relative, absolute: absolute, overlap: overlap}, nil
}

func parseBound(s string) (*big.Rat, error) {
	if s == "" {
		return new(big.Rat), nil
	}
	if decimal.MatchString(s) {
		if r, ok := new(big.Rat).SetString(s); ok {
			return r, nil
		}
	}
	return nil, errors.New("must be a decimal without sign or exponent, such as 0.01")
}

// apart is how far two numbers are from each other.
type apart struct {
	distance *big.Rat // |a−b|
	larger   *big.Rat // max(|a|, |b|)
	whole    bool     // neither has a fraction, nor is too large to have one in floating point
}

func measure(a, b *big.Rat) apart {
	distance := new(big.Rat).Sub(a, b)
	larger := new(big.Rat).Abs(a)
	if other := new(big.Rat).Abs(b); other.Cmp(larger) > 0 {
		larger = other
	}
	whole := a.IsInt() && b.IsInt() && larger.Cmp(exactWhole) <= 0
	return apart{distance: distance.Abs(distance), larger: larger, whole: whole}
}

// allowed is the larger of the two bounds, as a distance.
func (a apart) allowed(t bounds) *big.Rat {
	relative := t.relative
	if t.epsilon != nil && !a.whole && relative.Cmp(t.epsilon) < 0 {
		relative = t.epsilon
	}
	allowed := new(big.Rat).Mul(relative, a.larger)
	if t.absolute.Cmp(allowed) > 0 {
		return t.absolute
	}
	return allowed
}

// ratio is the variance, exactly.
func (a apart) ratio() *big.Rat {
	if a.distance.Sign() == 0 {
		return new(big.Rat)
	}
	return new(big.Rat).Quo(a.distance, a.larger)
}

// variance is the ratio for display: 0 only when the two are equal.
func (a apart) variance() float64 {
	v, _ := a.ratio().Float64()
	if v == 0 && a.distance.Sign() != 0 {
		return math.SmallestNonzeroFloat64
	}
	return v
}

// percent writes a ratio as a percentage for people: three digits that matter, and never 0 for a difference.
func percent(r *big.Rat) string {
	p, _ := new(big.Rat).Mul(r, big.NewRat(100, 1)).Float64()
	if r.Sign() != 0 && p < 0.001 {
		return "less than 0.001 %"
	}
	return strconv.FormatFloat(p, 'g', 3, 64) + " %"
}

// exact writes a number that came from decimals with all its digits.
func exact(r *big.Rat) string {
	digits, _ := r.FloatPrec()
	return shorten(grouped(r.FloatString(digits)))
}

// figure writes a number for people: with all its digits if they end, else with ten of them.
func figure(r *big.Rat) string {
	if _, ends := r.FloatPrec(); ends {
		return exact(r)
	}
	return plain(r)
}

// plain writes a number that was divided, with the ten digits that matter most.
func plain(r *big.Rat) string {
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', 10, 64)
}

// grouped writes the thousands of a plain decimal apart, as 20,000.5.
func grouped(s string) string {
	whole, fraction, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if fraction != "" {
		b.WriteString("." + fraction)
	}
	return b.String()
}
