package compare_test

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"paritygate/internal/testkit"
)

// tolerates applies a rule for values to two values that are not equal.
func (r *reference) tolerates(rule testkit.Rule, a, b *tree) bool {
	switch {
	case rule.Time != nil:
		skew, err := time.ParseDuration(rule.Time.Skew)
		x, okX := moment(a)
		y, okY := moment(b)
		return err == nil && okX && okY && within(x, y, big.NewRat(int64(skew), int64(time.Second)))
	case rule.Coerce != "":
		x, okX := coerced(a)
		y, okY := coerced(b)
		return okX && okY && equalNumbers(x, y)
	case rule.Number == nil || a.kind != isNumber || b.kind != isNumber:
		return false
	}
	x, okX := rational(a.text)
	y, okY := rational(b.text)
	if !okX || !okY {
		return false // no test gives such numbers a tolerance
	}
	larger := new(big.Rat).Abs(x)
	if other := new(big.Rat).Abs(y); other.Cmp(larger) > 0 {
		larger = other
	}
	tolerance := new(big.Rat)
	if rule.Number.Relative != "" {
		relative, _ := rational(ratio(string(rule.Number.Relative)))
		tolerance.Mul(larger, relative)
	}
	if rule.Number.Absolute != "" {
		if absolute, _ := rational(string(rule.Number.Absolute)); absolute.Cmp(tolerance) > 0 {
			tolerance = absolute
		}
	}
	return within(x, y, tolerance)
}

func within(x, y, tolerance *big.Rat) bool {
	gap := new(big.Rat).Sub(x, y)
	return gap.Abs(gap).Cmp(tolerance) <= 0
}

// ratio writes a fraction such as `1%` as a decimal.
func ratio(s string) string {
	percent, ok := strings.CutSuffix(s, "%")
	if !ok {
		return s
	}
	r, _ := new(big.Rat).SetString(percent)
	return r.Quo(r, big.NewRat(100, 1)).FloatString(12)
}

var jsonNumberText = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$`)

// coerced returns the number that a value is or spells.
func coerced(t *tree) (string, bool) {
	return t.text, t.kind == isNumber || t.kind == isString && jsonNumberText.MatchString(t.text)
}

var rfc3339 = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$`)

// moment reads a value as seconds since 1970: a number is that, a string is a date and time with its offset.
func moment(t *tree) (*big.Rat, bool) {
	if t.kind == isNumber {
		seconds, ok := rational(t.text)
		return seconds, ok && seconds.Cmp(big.NewRat(-62167219200, 1)) >= 0 && seconds.Cmp(big.NewRat(253402300800, 1)) < 0
	}
	m := rfc3339.FindStringSubmatch(t.text)
	if t.kind != isString || m == nil {
		return nil, false
	}
	second, _ := strconv.Atoi(m[3])
	minute, err := time.Parse("2006-01-02T15:04Z07:00", m[1]+"T"+m[2]+strings.ToUpper(m[5]))
	if err != nil || second > 60 {
		return nil, false
	}
	fraction, _ := new(big.Rat).SetString("0" + m[4])
	return fraction.Add(fraction, big.NewRat(minute.Unix()+int64(second), 1)), true
}

// equalNumbers compares exactly; those with exponents beyond reason by their digits.
func equalNumbers(a, b string) bool {
	x, okX := rational(a)
	y, okY := rational(b)
	if okX && okY {
		return x.Cmp(y) == 0
	}
	return normalized(a) == normalized(b)
}

// rational reads a number whose exponent is within reason.
func rational(s string) (*big.Rat, bool) {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, ok := new(big.Int).SetString(s[i+1:], 10)
		if !ok || !e.IsInt64() || max(e.Int64(), -e.Int64()) > 5000 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(s)
}

// normalized writes a number as its significant digits and an exponent.
func normalized(s string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	e, ok := new(big.Int).SetString(exponent, 10)
	if !ok {
		e = new(big.Int)
	}
	sign := ""
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	e.Sub(e, big.NewInt(int64(len(fraction))))
	e.Add(e, big.NewInt(int64(len(digits)-len(short))))
	return sign + short + "e" + e.String()
}
