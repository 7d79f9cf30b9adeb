package compare

import (
	"bytes"
	"math/big"
)

// maxDigits bounds the numbers that a tolerance is applied to; longer ones, or with an exponent of more than 18 digits, are
// only equal or not.
const maxDigits = 4096

// decimal is an exact number: digits·10^exponent. The digits have no zeros at either end; 0 has none at all, and no sign.
type decimal struct {
	negative bool
	digits   []byte
	exponent int64
	// huge holds an exponent's digits without leading zeros, and hugeSign its sign, where it has more than 18; exponent is
	// then what must be added to it.
	huge     []byte
	hugeSign bool
}

// parseDecimal reads a valid JSON number. The result may share text's memory.
func parseDecimal(text []byte) decimal { return parseDecimalInto(text, nil) }

// parseDecimalInto is parseDecimal with memory for the digits, for numbers that are soon forgotten.
func parseDecimalInto(text, digits []byte) decimal {
	var d decimal
	if text[0] == '-' {
		d.negative = true
		text = text[1:]
	}
	point, end := -1, 0
	for ; end < len(text) && text[end]|0x20 != 'e'; end++ {
		if text[end] == '.' {
			point = end
		}
	}
	d.digits = text[:end]
	if point >= 0 {
		d.exponent = -int64(end - point - 1)
		d.digits = append(append(digits[:0], text[:point]...), text[point+1:end]...)
	}
	d.digits = bytes.TrimLeft(d.digits, "0")
	n := len(d.digits)
	d.digits = bytes.TrimRight(d.digits, "0")
	if d.exponent += int64(n - len(d.digits)); len(d.digits) == 0 {
		return decimal{}
	}
	d.addExponent(text[min(end+1, len(text)):])
	return d
}

// equalNumbers reports whether two valid JSON numbers are the same.
func equalNumbers(a, b []byte) bool {
	x, plainA := plainNumber(a)
	y, plainB := plainNumber(b)
	if plainA && plainB {
		return string(x) == string(y)
	}
	var bufA, bufB [32]byte
	return parseDecimalInto(a, bufA[:0]).equal(parseDecimalInto(b, bufB[:0]))
}

// plainNumber returns a number without the zeros at the end of its fraction, and the sign of 0; not ok if it has an exponent.
func plainNumber(text []byte) (number []byte, ok bool) {
	point := false
	for _, c := range text {
		if c|0x20 == 'e' {
			return nil, false
		}
		point = point || c == '.'
	}
	if point {
		text = bytes.TrimRight(text, "0")
		text = bytes.TrimSuffix(text, []byte{'.'})
	}
	if string(text) == "-0" {
		text = text[1:]
	}
	return text, true
}

// addExponent adds a written exponent.
func (d *decimal) addExponent(text []byte) {
	if len(text) == 0 {
		return
	}
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	text = bytes.TrimLeft(text, "0")
	if len(text) > 18 {
		d.huge, d.hugeSign = text, negative
		return
	}
	var e int64
	for _, c := range text {
		e = e*10 + int64(c-'0')
	}
	if negative {
		e = -e
	}
	d.exponent += e
}

// equal reports whether two numbers are the same.
func (d decimal) equal(o decimal) bool {
	if d.negative != o.negative || !bytes.Equal(d.digits, o.digits) {
		return false
	}
	if d.huge == nil && o.huge == nil {
		return d.exponent == o.exponent
	}
	if len(d.huge) > maxDigits || len(o.huge) > maxDigits {
		// Too long for arithmetic; equal if written alike.
		return d.exponent == o.exponent && d.hugeSign == o.hugeSign && bytes.Equal(d.huge, o.huge)
	}
	return d.bigExponent().Cmp(o.bigExponent()) == 0
}

func (d decimal) bigExponent() *big.Int {
	e := new(big.Int)
	if d.huge != nil {
		e.SetString(string(d.huge), 10)
		if d.hugeSign {
			e.Neg(e)
		}
	}
	return e.Add(e, big.NewInt(d.exponent))
}

// bounded reports whether the number is fit for arithmetic.
func (d decimal) bounded() bool { return d.huge == nil && len(d.digits) <= maxDigits }

// magnitude is the place of the highest digit, counted from the decimal point.
func (d decimal) magnitude() int64 { return d.exponent + int64(len(d.digits)) }

// compareSize compares |d| and |o|.
func (d decimal) compareSize(o decimal) int {
	switch {
	case len(d.digits) == 0 || len(o.digits) == 0:
		return len(d.digits) - len(o.digits)
	case d.magnitude() != o.magnitude():
		if d.magnitude() < o.magnitude() {
			return -1
		}
		return 1
	}
	// Aligned at the highest digit, digits compare like text.
	return bytes.Compare(d.digits, o.digits)
}

// within reports whether |d−o| ≤ max(absolute, relative·max(|d|,|o|)).
func (d decimal) within(o, absolute, relative decimal) bool {
	if !d.bounded() || !o.bounded() {
		return d.equal(o)
	}
	if d.compareSize(o) < 0 {
		d, o = o, d
	}
	if within, ok := d.withinSmall(o, absolute, relative); ok {
		return within
	}
	distance := d.minus(o)
	return distance.compareSize(absolute) <= 0 || distance.compareSize(relative.times(d)) <= 0
}

// minus returns |d−o|, where |d| ≥ |o|. If o is more than maxDigits places below d's last digit, the result is rounded up,
// so that a tolerance is never stretched.
func (d decimal) minus(o decimal) decimal {
	if len(o.digits) == 0 {
		return d
	}
	if floor := d.exponent - maxDigits; o.magnitude() < floor {
		if d.negative == o.negative {
			return d
		}
		o = decimal{negative: !d.negative, digits: []byte{'1'}, exponent: floor}
	}
	exponent := min(d.exponent, o.exponent)
	a, b := d.scaled(exponent), o.scaled(exponent)
	if d.negative == o.negative {
		a.Sub(a, b)
	} else {
		a.Add(a, b)
	}
	return fromInt(a, exponent)
}

// times returns |d·o|.
func (d decimal) times(o decimal) decimal {
	if len(d.digits) == 0 || len(o.digits) == 0 {
		return decimal{}
	}
	product := d.scaled(d.exponent)
	return fromInt(product.Mul(product, o.scaled(o.exponent)), d.exponent+o.exponent)
}

// scaled returns |d|·10^-exponent, where exponent is at most d's own.
func (d decimal) scaled(exponent int64) *big.Int {
	n, _ := new(big.Int).SetString(string(d.digits), 10)
	if shift := d.exponent - exponent; shift > 0 {
		n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(shift), nil))
	}
	return n
}

// fromInt returns |n|·10^exponent.
func fromInt(n *big.Int, exponent int64) decimal {
	digits := n.Abs(n).Append(nil, 10)
	if n.Sign() == 0 {
		return decimal{}
	}
	trimmed := bytes.TrimRight(digits, "0")
	return decimal{digits: trimmed, exponent: exponent + int64(len(digits)-len(trimmed))}
}
