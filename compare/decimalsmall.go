package compare

import (
	"bytes"
	"math/bits"
	"strconv"
)

// smallDigits is how many digits a number may have for arithmetic in 64 bits: the sum of two such numbers still fits.
const smallDigits = 18

// withinSmall is within, where |d| ≥ |o|, for numbers that fit; not ok if they do not.
func (d decimal) withinSmall(o, absolute, relative decimal) (within, ok bool) {
	exponent := min(d.exponent, o.exponent)
	if len(o.digits) == 0 {
		exponent = d.exponent
	}
	a, okA := d.mantissa(exponent)
	b, okB := o.mantissa(exponent)
	r, okR := relative.mantissa(relative.exponent)
	m, okM := d.mantissa(d.exponent)
	high, product := bits.Mul64(r, m)
	if !okA || !okB || !okR || !okM || high != 0 {
		return false, false
	}
	if d.negative == o.negative {
		b = -b
	}
	var buf [24]byte
	distance := fromUint(buf[:0], a+b, exponent)
	if distance.compareSize(absolute) <= 0 {
		return true, true
	}
	var other [24]byte
	return distance.compareSize(fromUint(other[:0], product, relative.exponent+d.exponent)) <= 0, true
}

// mantissa returns |d|·10^-exponent, where exponent is at most d's own; not ok if that is too long.
func (d decimal) mantissa(exponent int64) (n uint64, ok bool) {
	if len(d.digits) == 0 {
		return 0, true
	}
	shift := d.exponent - exponent
	if shift < 0 || shift > smallDigits || len(d.digits)+int(shift) > smallDigits || d.huge != nil {
		return 0, false
	}
	for _, c := range d.digits {
		n = n*10 + uint64(c-'0')
	}
	for range shift {
		n *= 10
	}
	return n, true
}

// fromUint returns n·10^exponent, with its digits in buf.
func fromUint(buf []byte, n uint64, exponent int64) decimal {
	if n == 0 {
		return decimal{}
	}
	digits := strconv.AppendUint(buf, n, 10)
	short := bytes.TrimRight(digits, "0")
	return decimal{digits: short, exponent: exponent + int64(len(digits)-len(short))}
}
