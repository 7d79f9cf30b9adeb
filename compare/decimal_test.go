package compare

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"paritygate/internal/testkit"
)

func TestDecimalEqual(t *testing.T) {
	huge := strings.Repeat("9", 5000)
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"1", "1.0", true},
		{"1", "1e0", true},
		{"100", "1E+2", true},
		{"0.01", "1e-2", true},
		{"12.50", "125e-1", true},
		{"-0", "0", true},
		{"0e999999999999999999999", "0.000", true},
		{"9007199254740993", "9007199254740992", false},
		{"0.1", "0.10000000000000000001", false},
		{"1", "-1", false},
		{"1", "10", false},
		{"1e1000000000", "10e999999999", true},
		{"1e1000000000", "1e1000000001", false},
		{"1e999999999999999999999", "10e999999999999999999998", true},
		{"1e999999999999999999999", "1e999999999999999999998", false},
		{"1e1000000000000000000", "10e999999999999999999", true},
		{"1e-1000000000000000000", "0.1e-999999999999999999", true},
		{"1e000000000000000000000000005", "1e5", true},
		{"1e" + huge, "1e" + huge, true},
		{"1e" + huge, "1e-" + huge, false},
		{"1e" + huge, "1", false},
	} {
		a, b := parseDecimal([]byte(tc.a)), parseDecimal([]byte(tc.b))
		if a.equal(b) != tc.want || b.equal(a) != tc.want {
			t.Errorf("%.40s = %.40s: %v, want %v", tc.a, tc.b, !tc.want, tc.want)
		}
		if tc.want && a.hash() != b.hash() {
			t.Errorf("%.40s and %.40s have different hashes", tc.a, tc.b)
		}
	}
}

func TestDecimalWithin(t *testing.T) {
	for _, tc := range []struct {
		a, b, absolute, relative string
		want                     bool
	}{
		{"1.000", "1.005", "0.005", "0", true},
		{"1.000", "1.0050000000000000000001", "0.005", "0", false},
		{"0.1", "0.3", "0.2", "0", true},
		{"99", "100", "0", "0.01", true},
		{"98.99", "100", "0", "0.01", false},
		{"-99", "-100", "0", "0.01", true},
		{"-1", "1", "1.9", "1.9", false},
		{"-1", "1", "2", "0", true},
		{"0", "0.0001", "0", "0.5", false},
		{"0", "0.0001", "0.0001", "0", true},
		{"5", "5.0", "0", "0", true},
		{"1e1000000000", "1.001e1000000000", "0", "0.001", true},
		{"1e1000000000", "1.002e1000000000", "0", "0.001", false},
		{"1e1000000000", "1", "5", "0.999", false},
		{"1e1000000000", "1", "0", "1", true},
		{"1e-1000000000", "0", "1e-9", "0", true},
		{"1e-1000000000", "1e-9", "1e-9", "0", true},
		{"-1e-1000000000", "1e-9", "1e-9", "0", false},
		{"1e5", "1.0000000000000001e5", "0", "1e-17", false},
		{"1e999999999999999999999", "2e999999999999999999999", "0", "1", false},
		{"1e999999999999999999999", "10e999999999999999999998", "0", "0", true},
	} {
		a, b := parseDecimal([]byte(tc.a)), parseDecimal([]byte(tc.b))
		absolute, relative := parseDecimal([]byte(tc.absolute)), parseDecimal([]byte(tc.relative))
		if a.within(b, absolute, relative) != tc.want || b.within(a, absolute, relative) != tc.want {
			t.Errorf("%s, %s within %s or %s: %v, want %v", tc.a, tc.b, tc.absolute, tc.relative, !tc.want, tc.want)
		}
	}
}

// Against big.Rat, on numbers near one another.
func TestDecimalAgainstRationals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	texts := func() string {
		s := []string{"", "-"}[r.IntN(2)] + big.NewInt(r.Int64N(200)).String()
		if r.IntN(2) == 0 {
			s += "." + []string{"0", "5", "05", "50", "999", "001"}[r.IntN(6)]
		}
		return s + []string{"", "e0", "e1", "E-2", "e+3"}[r.IntN(5)]
	}
	rat := func(s string) *big.Rat { v, _ := new(big.Rat).SetString(s); return v }
	for range testkit.Rounds(20000) {
		a, b, absolute, relative := texts(), texts(), strings.TrimPrefix(texts(), "-"), strings.TrimPrefix(texts(), "-")
		x, y := rat(a), rat(b)
		distance := new(big.Rat).Sub(x, y)
		distance.Abs(distance)
		allowed := new(big.Rat).Abs(x)
		if other := new(big.Rat).Abs(y); other.Cmp(allowed) > 0 {
			allowed = other
		}
		allowed.Mul(allowed, rat(relative))
		if rat(absolute).Cmp(allowed) > 0 {
			allowed = rat(absolute)
		}
		p, q := parseDecimal([]byte(a)), parseDecimal([]byte(b))
		if p.equal(q) != (x.Cmp(y) == 0) {
			t.Fatalf("%s = %s: %v", a, b, p.equal(q))
		}
		got := p.within(q, parseDecimal([]byte(absolute)), parseDecimal([]byte(relative)))
		if want := distance.Cmp(allowed) <= 0; got != want {
			t.Fatalf("%s, %s within %s or %s: %v, want %v", a, b, absolute, relative, got, want)
		}
	}
}
