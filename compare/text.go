package compare

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// compareText compares two texts byte by byte, and shows them around the first difference.
func compareText(c *Comparer, old, new part, rec *recorder) outcome {
	if !bytes.Equal(old.body, new.body) {
		path := ""
		if looksJSON(old.body) || looksJSON(new.body) {
			path = "$"
		}
		c.differInBody(rec, KindValue, path, excerpt(old.body, new.body), excerpt(new.body, old.body))
	}
	return outcome{}
}

// compareBinary compares two bodies byte by byte, and shows their sizes and hashes.
func compareBinary(c *Comparer, old, new part, rec *recorder) outcome {
	if !bytes.Equal(old.body, new.body) {
		path := ""
		if looksJSON(old.body) || looksJSON(new.body) {
			path = "$"
		}
		c.differInBody(rec, KindValue, path, fingerprint(old.body), fingerprint(new.body))
	}
	return outcome{}
}

// fingerprint shows a body that is not looked into.
func fingerprint(body []byte) string {
	return fmt.Sprintf("(%d bytes, xxh3 %x)", len(body), xxh3.Hash128(body).Bytes())
}

// excerpt shows a text from a little before the first byte in which it differs from another one. Bytes that are not UTF-8 are
// shown as \xe9.
func excerpt(text, other []byte) string {
	const before = 64
	at := 0
	for at < min(len(text), len(other)) && text[at] == other[at] {
		at++
	}
	mark := "…"
	if at -= before; at <= 0 {
		at, mark = 0, ""
	}
	for n := 0; n < utf8.UTFMax && at < len(text) && !utf8.RuneStart(text[at]); n++ {
		at++
	}
	return shorten(mark + readable(text[at:min(len(text), at+2*maxShown)]))
}

// looksJSON reports whether a body begins like a JSON object or array. Differences in such a body are placed at `$`, whatever its
// type is said to be, so that redaction looks into them.
func looksJSON(body []byte) bool {
	body = bytes.TrimLeft(body, "\ufeff \t\r\n")
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}

// readable returns text with the bytes that are not UTF-8 written as \xe9.
func readable(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	var out []byte
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			out = fmt.Appendf(out, `\x%02x`, text[0])
		} else {
			out = append(out, text[:n]...)
		}
		text = text[n:]
	}
	return string(out)
}
