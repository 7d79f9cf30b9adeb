package compare

import (
	"mime"
	"slices"
	"strconv"
	"strings"
)

// comparedHeader is a header that is compared.
type comparedHeader struct {
	canonical string // the key in Answer.Header
	path      string // the name in a Difference
	rule      int    // the rule that ignores it, or none
}

func itoa(n int) string { return strconv.Itoa(n) }

func lower(s string) string { return strings.ToLower(s) }

// isToken reports whether s can be a header's name.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		alphanumeric := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// canonical writes a header's name as net/http does: `content-type` becomes `Content-Type`.
func canonical(name string) string {
	b := []byte(lower(name))
	for i := range b {
		if (i == 0 || b[i-1] == '-') && 'a' <= b[i] && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

func (c *Comparer) setHeaders(names []string) {
	for _, name := range names {
		h := comparedHeader{canonical: canonical(name), path: lower(name), rule: none}
		if slices.ContainsFunc(c.headers, func(o comparedHeader) bool { return o.path == h.path }) {
			continue
		}
		h.rule = slices.IndexFunc(c.rules.rules, func(r rule) bool { return r.header == h.path })
		c.headers = append(c.headers, h)
	}
}

// compareHeaders compares the chosen headers, in the trailers too: repeated values in their order, content-type by meaning.
func (c *Comparer) compareHeaders(old, new *Answer, rec *recorder) {
	for i := range c.headers {
		h := &c.headers[i]
		a, b := old.field(h.canonical), new.field(h.canonical)
		if slices.Equal(a, b) || slices.Contains(callEnds, h.path) && isCall(old, new) {
			continue
		}
		kind := KindValue
		switch {
		case len(b) == 0:
			kind = KindMissing
		case len(a) == 0:
			kind = KindExtra
		case slices.EqualFunc(a, b, headerEqual(h.canonical)):
			continue
		}
		c.differInHeader(rec, h.rule, Difference{Location: InHeader, Path: h.path, Kind: kind, Old: headerText(a), New: headerText(b)})
	}
}

// differInHeader records a difference of a header, unless the rule for it allows that, and reports whether it did.
func (c *Comparer) differInHeader(rec *recorder, rule int, d Difference) bool {
	if rule != none {
		mode := c.rules.rules[rule].ignore
		if mode == IgnoreAll || mode == IgnoreValue && d.Kind == KindValue {
			rec.forgive(rule, len(c.rules.rules))
			return false
		}
	}
	rec.add(d)
	return true
}

func headerText(values []string) string { return shorten(strings.Join(values, ", ")) }

// headerEqual returns how two values of a header are compared.
func headerEqual(name string) func(a, b string) bool {
	if name == "Content-Type" {
		return sameMediaType
	}
	return func(a, b string) bool { return strings.Trim(a, " \t") == strings.Trim(b, " \t") }
}

// sameMediaType compares two media types: the case of type, parameter names and charset does not count, nor does the order of
// the parameters. A parameter that only one has is a difference, `charset=utf-8` too; the boundary of a
// multipart body is spelling.
func sameMediaType(a, b string) bool {
	typeA, parametersA, errA := mime.ParseMediaType(a)
	typeB, parametersB, errB := mime.ParseMediaType(b)
	if errA != nil || errB != nil {
		return strings.Trim(a, " \t") == strings.Trim(b, " \t")
	}
	if strings.HasPrefix(typeA, "multipart/") {
		delete(parametersA, "boundary")
		delete(parametersB, "boundary")
	}
	if typeA != typeB || len(parametersA) != len(parametersB) {
		return false
	}
	for name, x := range parametersA {
		y, ok := parametersB[name]
		if !ok || x != y && (name != "charset" || !strings.EqualFold(x, y)) {
			return false
		}
	}
	return true
}
