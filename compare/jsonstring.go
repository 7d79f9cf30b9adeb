package compare

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// name returns a member's name without escapes. It is valid until the next call.
func (d *document) name(i uint32) []byte { return d.nameIn(i, &d.keyBuf) }

// oldName is name before anything was renamed.
func (d *document) oldName(i uint32) []byte {
	if d.marks != nil && d.marks[i].made {
		return d.marks[i].name
	}
	return d.written(i, &d.keyBuf)
}

// nameIn is name with a buffer of the caller's.
func (d *document) nameIn(i uint32, buf *[]byte) []byte {
	if d.marks != nil && d.marks[i].name != nil {
		return d.marks[i].name
	}
	return d.written(i, buf)
}

// written returns a member's name as the text has it, without escapes.
func (d *document) written(i uint32, buf *[]byte) []byte {
	n := &d.nodes[i]
	raw := d.src[n.key:n.keyEnd]
	if !n.keyEscaped {
		return raw
	}
	*buf = appendUnescaped((*buf)[:0], raw)
	return *buf
}

// string returns a string without quotes and escapes. It is valid until the next call.
func (d *document) string(i uint32) []byte {
	raw := d.content(i)
	if !d.nodes[i].escaped {
		return raw
	}
	d.stringBuf = appendUnescaped(d.stringBuf[:0], raw)
	return d.stringBuf
}

// content returns what stands between the quotes of a string.
func (d *document) content(i uint32) []byte { return d.src[d.nodes[i].start+1 : d.nodes[i].end-1] }

// raw returns a value as it is written.
func (d *document) raw(i uint32) []byte { return d.src[d.nodes[i].start:d.nodes[i].end] }

// sameName reports whether two members have one name.
func sameName(a *document, i uint32, b *document, j uint32) bool {
	x, y := &a.nodes[i], &b.nodes[j]
	if a.marks != nil || b.marks != nil || !x.keyEscaped && !y.keyEscaped {
		return bytes.Equal(a.name(i), b.name(j))
	}
	return equalTexts(a.src[x.key:x.keyEnd], b.src[y.key:y.keyEnd])
}

// equalTexts reports whether the contents of two strings, valid and as they are written, are the same without escapes.
func equalTexts(a, b []byte) bool {
	for {
		// Not further than this, or text full of escapes would be read again and again.
		const window = 32
		short := a[:min(len(a), len(b), window)]
		same := equalWords(short, b)
		if i := bytes.IndexByte(a[:same], '\\'); i >= 0 {
			same = i
		}
		a, b = a[same:], b[same:]
		if same == window {
			continue
		}
		if len(a) == 0 || len(b) == 0 {
			return len(a) == len(b)
		}
		if a[0] != '\\' && b[0] != '\\' {
			return false
		}
		// Both are at the beginning of a character: within one neither side has an escape.
		x, restA := character(a)
		y, restB := character(b)
		if x != y {
			return false
		}
		a, b = restA, restB
	}
}

// character reads the character at the beginning of a string's content, written as an escape or not, and returns what follows.
func character(text []byte) (rune, []byte) {
	if text[0] != '\\' {
		r, n := utf8.DecodeRune(text)
		return r, text[n:]
	}
	if text[1] != 'u' {
		return rune(shortEscapes[text[1]]), text[2:]
	}
	unit, _ := hex4(text[2:6])
	text = text[6:]
	if utf16.IsSurrogate(unit) && len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
		low, _ := hex4(text[2:6])
		if r := utf16.DecodeRune(unit, low); r != utf8.RuneError {
			return r, text[6:]
		}
	}
	return unit, text
}

// shortEscapes has what stands behind a backslash and what it stands for.
var shortEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// appendUnescaped appends valid string content with its escapes undone. A surrogate that stands alone becomes the three bytes
// that would encode it; those are not valid UTF-8, so nothing else can be equal to it.
func appendUnescaped(out, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(out, raw...)
		}
		out = append(out, raw[:i]...)
		c := raw[i+1]
		raw = raw[i+2:]
		switch c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			out, raw = appendUnit(out, raw)
		default:
			out = append(out, c)
		}
	}
}

// appendUnit appends what the four digits at the beginning of raw stand for, with the escape behind them if the two are a
// pair, and returns what follows.
func appendUnit(out, raw []byte) (rest, left []byte) {
	unit, _ := hex4(raw[:4])
	raw = raw[4:]
	if !utf16.IsSurrogate(unit) {
		return utf8.AppendRune(out, unit), raw
	}
	if len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
		low, _ := hex4(raw[2:6])
		if r := utf16.DecodeRune(unit, low); r != utf8.RuneError {
			return utf8.AppendRune(out, r), raw[6:]
		}
	}
	return append(out, 0xE0|byte(unit>>12), 0x80|byte(unit>>6)&0x3F, 0x80|byte(unit)&0x3F), raw
}

// hex4 reads four hexadecimal digits.
func hex4[T string | []byte](s T) (rune, bool) {
	a, b, c, d := hexDigits[s[0]], hexDigits[s[1]], hexDigits[s[2]], hexDigits[s[3]]
	if a|b|c|d > 0xF {
		return 0, false
	}
	return rune(a)<<12 | rune(b)<<8 | rune(c)<<4 | rune(d), true
}

// hexDigits has the value of each hexadecimal digit, and notHex for other bytes.
var hexDigits = func() (values [256]byte) {
	for c := range values {
		values[c] = notHex
	}
	for i, c := range []byte("0123456789abcdef") {
		values[c] = byte(i)
		if c >= 'a' {
			values[c-'a'+'A'] = byte(i)
		}
	}
	return values
}()

const notHex = 0xFF
