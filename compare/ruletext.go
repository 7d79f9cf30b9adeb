package compare

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// String writes the rule as one line of YAML, as it stands in the configuration: `{path: "$..id", ignore: true}`. Rules that say
// the same are written alike, so the text names a rule where its number may change.
func (r Rule) String() string {
	var parts []string
	add := func(key, value string) { parts = append(parts, key+": "+value) }
	if r.Path != "" {
		add("path", quoteYAML(r.Path))
	}
	if r.Header != "" {
		add("header", r.Header)
	}
	switch r.Ignore {
	case IgnoreNothing:
	case IgnoreAll:
		add("ignore", "true")
	case IgnoreValue:
		add("ignore", "value")
	}
	if r.Number != nil {
		add("number", r.Number.String())
	}
	if r.Time != nil {
		add("time", "{skew: "+durationText(r.Time.Skew)+"}")
	}
	if r.CoerceNumber {
		add("coerce", "number")
	}
	r.addStructure(add)
	return "{" + strings.Join(parts, ", ") + "}"
}

// addStructure writes what the rule says about the shape of a document.
func (r Rule) addStructure(add func(key, value string)) {
	switch r.Unordered {
	case Ordered:
	case Multiset:
		add("unordered", "true")
	case Set:
		add("unordered", "set")
	}
	if r.Key != "" {
		add("key", quoteYAML(r.Key))
	}
	if r.Rename != "" {
		add("rename", quoteYAML(r.Rename))
	}
	if r.CSV != nil {
		add("csv", "{header: "+strconv.FormatBool(r.CSV.Header)+"}")
	}
	if r.AbsentEqualsNull {
		add("absent_equals_null", "true")
	}
}

// String writes the tolerance as the configuration does, without the one that is 0.
func (n *Number) String() string {
	var parts []string
	if !isZero(n.Absolute) || isZero(n.Relative) {
		parts = append(parts, "absolute: "+cmp.Or(n.Absolute, "0"))
	}
	if !isZero(n.Relative) {
		parts = append(parts, "relative: "+percentText(n.Relative))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func isZero(number string) bool { return strings.Trim(number, "0.") == "" }

// quoteYAML quotes a text for YAML, and keeps the configuration from looking for variables in it.
func quoteYAML(text string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out) // what it writes is YAML too
	e.SetEscapeHTML(false)
	if err := e.Encode(strings.ReplaceAll(text, "${", "$${")); err != nil {
		return strconv.Quote(text) // a string can always be encoded
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// durationText writes a duration as the configuration reads it, in as few units as there are: `1m30s`, `2h`.
func durationText(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if rest, ok := strings.CutSuffix(text, zero); ok {
			text = fmt.Sprint(rest, zero[:1])
		}
	}
	return text
}

// percentText writes a ratio as JSON has it as a percentage: 0.005 is 0.5%.
func percentText(ratio string) string {
	if scanNumber([]byte(ratio), 0) != len(ratio) {
		return ratio // New refuses it
	}
	d := parseDecimal([]byte(ratio))
	if !d.bounded() || d.exponent > maxPlaces || d.exponent < -maxPlaces {
		return ratio
	}
	d.exponent += 2
	return d.plain() + "%"
}

// maxPlaces bounds the zeros that a number written without an exponent may begin or end with.
const maxPlaces = 40

// plain writes the number without an exponent.
func (d decimal) plain() string {
	if len(d.digits) == 0 {
		return "0"
	}
	digits, places := string(d.digits), -d.exponent
	if places <= 0 {
		digits += strings.Repeat("0", int(-places))
	} else {
		if missing := int(places) - len(digits) + 1; missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		point := len(digits) - int(places)
		digits = digits[:point] + "." + digits[point:]
	}
	if d.negative {
		return "-" + digits
	}
	return digits
}
