package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scalar is one value of type T.
type scalar[T any] struct {
	p *T
	// want says what the value must be: the message for what is something else.
	want string
	// parse returns false for what is not as wanted. A problem, if it has one, is a better message than want.
	parse func(w word) (t T, problem string, ok bool)
	// format writes the value for the effective configuration.
	format func(e *encoder, path string, t T) value
	// hidden keeps the value out of messages.
	hidden bool
}

func (s scalar[T]) decode(d *decoder, n *node, path string) {
	w, ok := d.scalar(n, path, s.want)
	if !ok {
		return
	}
	t, problem, ok := s.parse(w)
	if ok {
		*s.p = t
		return
	}
	if problem == "" {
		problem = s.want
	}
	if s.hidden {
		d.fail(n, path, "%s", problem)
		return
	}
	d.fail(n, path, "%s; got %s", problem, w.show())
}

func (s scalar[T]) encode(e *encoder, path string) (value, bool) {
	return s.format(e, path, *s.p), true
}

func plain[T any](format func(T) string) func(*encoder, string, T) value {
	return func(_ *encoder, _ string, t T) value { return value{kind: number, text: format(t)} }
}

func quoted[T ~string](_ *encoder, _ string, t T) value { return value{kind: text, text: string(t)} }

// stringOf is a string for which valid is true. A number or boolean that is not quoted is no string: what it would be as
// text depends on who reads it.
func stringOf(p *string, want string, valid func(string) bool) scalar[string] {
	return scalar[string]{p: p, want: want, format: quoted[string], parse: func(w word) (string, string, bool) {
		if w.kind != text {
			return "", "must be a string; put it in quotes", false
		}
		return w.value, "", valid(w.value)
	}}
}

func anyString(p *string) scalar[string] {
	return stringOf(p, "must be a string", func(string) bool { return true })
}

func someString(p *string) scalar[string] {
	return stringOf(p, "must be a string that is not empty", func(s string) bool { return strings.TrimSpace(s) != "" })
}

// oneOf is one of a few words. The words in later belong to the specification, but not to this version.
func oneOf(p *string, words []string, later ...string) scalar[string] {
	want := "must be " + enumerate(words, "or")
	return scalar[string]{p: p, want: want, format: quoted[string], parse: func(w word) (string, string, bool) {
		if slices.Contains(later, w.value) {
			return "", want + " in this version", false
		}
		return w.value, "", slices.Contains(words, w.value)
	}}
}

var nameSyntax = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)

// name is what metrics, commands and the API call something.
func name(p *string) scalar[string] {
	return stringOf(p, "must be 1 to 63 letters, digits, `_`, `-` and `.`, and not begin with `-` or `.`", nameSyntax.MatchString)
}

func boolOf(p *bool) scalar[bool] {
	format := plain(strconv.FormatBool)
	return scalar[bool]{p: p, want: "must be true or false", format: format, parse: func(w word) (bool, string, bool) {
		if w.quoted && !w.expanded {
			return false, "", false
		}
		return strings.EqualFold(w.value, "true"), "", strings.EqualFold(w.value, "true") || strings.EqualFold(w.value, "false")
	}}
}

// only is a key whose one value is true.
func only(p *bool) scalar[bool] {
	s := boolOf(p)
	inner := s.parse
	s.want = "must be true, or be left out"
	s.parse = func(w word) (bool, string, bool) {
		b, _, ok := inner(w)
		return b, "", ok && b
	}
	return s
}

func intOf(p *int, least int) scalar[int] {
	want := fmt.Sprintf("must be a whole number from %d up", least)
	return scalar[int]{p: p, want: want, format: plain(strconv.Itoa), parse: func(w word) (int, string, bool) {
		n, err := strconv.ParseInt(w.value, 10, 32)
		return int(n), "", err == nil && int(n) >= least && (!w.quoted || w.expanded)
	}}
}

// number is a number of something, at least 0 or more than it.
func numberOf(p *float64, positive bool) scalar[float64] {
	want := "must be a number, 0 or more"
	if positive {
		want = "must be a number greater than 0"
	}
	return scalar[float64]{p: p, want: want, format: plain(formatFloat), parse: func(w word) (float64, string, bool) {
		d, ok := parseDecimal(w.value, 0)
		if !ok || w.quoted && !w.expanded {
			return 0, "", false
		}
		f := d.Float()
		return f, "", f >= 0 && (f > 0 || !positive) && !math.IsInf(f, 0)
	}}
}

func durationOf(p *time.Duration, least time.Duration) scalar[time.Duration] {
	want := "must be a duration such as 250ms, 10s, 48h or 14d"
	if least > 0 {
		want += ", at least " + formatDuration(least)
	}
	format := plain(formatDuration)
	return scalar[time.Duration]{p: p, want: want, format: format, parse: func(w word) (time.Duration, string, bool) {
		t, ok := parseDuration(w.value)
		return t, "", ok && t >= least
	}}
}

func sizeOf(p *int64, least int64) scalar[int64] {
	want := "must be a size such as 64KiB, 1MiB or a number of bytes"
	if least > 0 {
		want += ", at least " + formatSize(least)
	}
	return scalar[int64]{p: p, want: want, format: plain(formatSize), parse: func(w word) (int64, string, bool) {
		n, ok := parseSize(w.value)
		return n, "", ok && n >= least
	}}
}

// bounds of a fraction, in percent; the open ones exclude the bound itself.
type bounds struct {
	least, most         Decimal
	openLeast, openMost bool
}

var unit = bounds{least: "0", most: "1"}

func (b bounds) String() string {
	least, most := formatFraction(b.least), formatFraction(b.most)
	switch {
	case b.openLeast && b.openMost:
		return fmt.Sprintf("of more than %s and less than %s", least, most)
	case b.openLeast:
		return fmt.Sprintf("of more than %s and at most %s", least, most)
	case b.openMost:
		return fmt.Sprintf("of at least %s and less than %s", least, most)
	}
	return fmt.Sprintf("between %s and %s", least, most)
}

func (b bounds) hold(d Decimal) bool {
	low, high := d.cmp(b.least), d.cmp(b.most)
	return (low > 0 || low == 0 && !b.openLeast) && (high < 0 || high == 0 && !b.openMost)
}

func (b bounds) want(example string) string {
	return fmt.Sprintf("must be a fraction %s, such as %s", b, example)
}

// fractionOf is a share of something, as a float.
func fractionOf(p *float64, within bounds, example string) scalar[float64] {
	format := plain(func(f float64) string { return formatFraction(Decimal(formatFloat(f))) })
	return scalar[float64]{p: p, want: within.want(example), format: format, parse: func(w word) (float64, string, bool) {
		d, ok := parseFraction(w.value)
		return d.Float(), "", ok && within.hold(d)
	}}
}

// ratioOf is a share of something, exactly.
func ratioOf(p *Decimal) scalar[Decimal] {
	format := plain(formatFraction)
	return scalar[Decimal]{p: p, want: unit.want("1% or 0.01"), format: format, parse: func(w word) (Decimal, string, bool) {
		d, ok := parseFraction(w.value)
		return d, "", ok && unit.hold(d)
	}}
}

// decimalOf is a number that is not negative, exactly.
func decimalOf(p *Decimal) scalar[Decimal] {
	format := plain(func(d Decimal) string { return string(d) })
	want := "must be a decimal number, 0 or more, such as 0.005"
	return scalar[Decimal]{p: p, want: want, format: format, parse: func(w word) (Decimal, string, bool) {
		d, ok := parseDecimal(w.value, 0)
		return d, "", ok && d.cmp("0") >= 0
	}}
}
