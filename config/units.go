package config

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Decimal is an exact decimal number in plain notation: digits, perhaps a minus sign, perhaps a point.
type Decimal string

var decimalSyntax = regexp.MustCompile(`^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3}))?$`)

// parseDecimal reads a number with an optional exponent; places moves the point to the left, 2 for a percentage.
func parseDecimal(s string, places int) (Decimal, bool) {
	m := decimalSyntax.FindStringSubmatch(s)
	if m == nil || m[2]+m[3] == "" || len(s) > 100 {
		return "", false
	}
	exponent := 0
	if m[4] != "" {
		exponent, _ = strconv.Atoi(m[4]) // at most three digits, says the syntax
	}
	digits, point := m[2]+m[3], len(m[2])+exponent-places
	if point < 0 {
		digits, point = strings.Repeat("0", -point)+digits, 0
	}
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	whole, part := strings.TrimLeft(digits[:point], "0"), strings.TrimRight(digits[point:], "0")
	switch {
	case whole == "" && part == "":
		return "0", true
	case whole == "":
		whole = "0"
	}
	if part != "" {
		whole += "." + part
	}
	return Decimal(strings.TrimPrefix(m[1], "+") + whole), true
}

// Float returns the nearest float64.
func (d Decimal) Float() float64 {
	f, err := strconv.ParseFloat(string(d), 64)
	if err != nil { // not one that parseDecimal made
		return math.NaN()
	}
	return f
}

// cmp compares two numbers exactly; both must be well formed.
func (d Decimal) cmp(other Decimal) int {
	a, okA := new(big.Rat).SetString(string(d))
	b, okB := new(big.Rat).SetString(string(other))
	if !okA || !okB {
		return -1
	}
	return a.Cmp(b)
}

// parseFraction reads `10%` or `0.1`.
func parseFraction(s string) (Decimal, bool) {
	if number, ok := strings.CutSuffix(s, "%"); ok {
		return parseDecimal(number, 2)
	}
	return parseDecimal(s, 0)
}

// formatFraction writes a percentage.
func formatFraction(d Decimal) string {
	percent, ok := parseDecimal(string(d), -2)
	if !ok {
		return string(d)
	}
	return string(percent) + "%"
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

const day = 24 * time.Hour

var durationSyntax = regexp.MustCompile(`^(?:([0-9]{1,6})d)?((?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))*)$`)

// parseDuration reads Go's durations, and days before them: `250ms`, `48h`, `14d`, `1d12h`; 0 needs no unit.
func parseDuration(s string) (time.Duration, bool) {
	if s == "0" {
		return 0, true
	}
	m := durationSyntax.FindStringSubmatch(s)
	if m == nil || s == "" {
		return 0, false
	}
	var days int64
	if m[1] != "" {
		days, _ = strconv.ParseInt(m[1], 10, 64) // at most six digits, says the syntax
	}
	var rest time.Duration
	if m[2] != "" {
		var err error
		if rest, err = time.ParseDuration(m[2]); err != nil {
			return 0, false
		}
	}
	if days > int64((math.MaxInt64-rest)/day) {
		return 0, false
	}
	return time.Duration(days)*day + rest, true
}

// formatDuration writes whole days from three on, and otherwise what Go writes, without parts that are zero.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	if d >= 3*day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", mib}, {"KiB", kib}, {"B", 1}}

// parseSize reads `64KiB`, `1MiB` or plain bytes.
func parseSize(s string) (int64, bool) {
	unit := int64(1)
	for _, u := range sizeUnits {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = number, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || s[0] < '0' || s[0] > '9' || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// formatSize writes the largest unit that leaves a whole number.
func formatSize(n int64) string {
	for _, u := range sizeUnits {
		if n != 0 && u.bytes > 1 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
