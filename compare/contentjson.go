package compare

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// maxRewritten is how long a body may become as JSON, besides eight times its own length: names of columns are written once per row.
const maxRewritten = 16 << 20

// rewriter writes bodies of other formats as JSON texts, so that the engine and all rules work on them.
type rewriter struct {
	out      []byte
	maxBytes int
	// nodes is how many more values may be written.
	nodes int
}

// rewriter returns what writes a body of so many bytes.
func (c *Comparer) rewriter(size int) *rewriter {
	return &rewriter{
		out:      make([]byte, 0, size+size/4+64),
		maxBytes: min(maxRewritten+8*size, math.MaxInt32),
		nodes:    c.maxNodes,
	}
}

// spend counts values, and reports whether there is room for more.
func (t *rewriter) spend(values int) bool {
	t.nodes -= values
	return t.nodes >= 0 && len(t.out) <= t.maxBytes
}

// separate writes a comma unless a container was just opened.
func (t *rewriter) separate() {
	if last := t.out[len(t.out)-1]; last != '[' && last != '{' {
		t.out = append(t.out, ',')
	}
}

// appendQuoted appends text as a JSON string. A byte that is not UTF-8 becomes the escape of a surrogate that stands alone, which
// nothing else becomes.
func appendQuoted(out, text []byte) []byte {
	return append(appendQuotedPart(append(out, '"'), text), '"')
}

// appendQuotedPart is appendQuoted without the quotes.
func appendQuotedPart(out, text []byte) []byte {
	for len(text) > 0 {
		n := plainPrefix(text)
		out = append(out, text[:n]...)
		if text = text[n:]; len(text) == 0 {
			break
		}
		switch b := text[0]; {
		case b == '"' || b == '\\':
			out, text = append(out, '\\', b), text[1:]
		case b < ' ':
			out, text = appendUnitEscape(out, rune(b)), text[1:]
		default:
			r, n := utf8.DecodeRune(text)
			if r == utf8.RuneError && n == 1 {
				out = appendStrayByte(out, b)
			} else {
				out = append(out, text[:n]...)
			}
			text = text[n:]
		}
	}
	return out
}

// plainPrefix returns how many bytes at the beginning of text stand for themselves in a JSON string.
func plainPrefix(text []byte) int {
	for i, b := range text {
		if b < ' ' || b == '"' || b == '\\' || b >= utf8.RuneSelf {
			return i
		}
	}
	return len(text)
}

// appendStrayByte appends a byte that is no character.
func appendStrayByte(out []byte, b byte) []byte { return appendUnitEscape(out, 0xdc00|rune(b)) }

// appendUnitEscape appends \uXXXX.
func appendUnitEscape(out []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(out, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

// asciiSuperset reports whether a charset writes ASCII as ASCII, so that commas and quotes can be found in it.
func asciiSuperset(charset string) bool {
	switch charset = lower(charset); charset {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "latin1":
		return true
	}
	for _, prefix := range []string{"iso-8859-", "windows-125", "cp125", "koi8-"} {
		if bytes.HasPrefix([]byte(charset), []byte(prefix)) {
			return true
		}
	}
	return false
}
