package compare

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted reads a quoted name.
func (p *pathParser) quoted() (string, error) {
	quote, start := p.text[p.at], p.at
	p.at++
	var name []byte
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case c == quote:
			p.at++
			return string(name), nil
		case c < ' ':
			return "", p.fail(p.at, "a control character must be escaped")
		case c == '\\':
			r, err := p.escape(quote)
			if err != nil {
				return "", err
			}
			name = utf8.AppendRune(name, r)
		default:
			name = append(name, c)
			p.at++
		}
	}
	return "", p.fail(start, "the quoted name does not end")
}

// escape reads a backslash and what it escapes.
func (p *pathParser) escape(quote byte) (rune, error) {
	start := p.at
	p.at++
	c := p.peek()
	p.at++
	switch c {
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case '/', '\\', quote:
		return rune(c), nil
	case 'u':
		return p.unicode(start)
	}
	return 0, p.fail(start, "no such escape")
}

// unicode reads the digits of \uXXXX, and a second escape where it is half of a pair.
func (p *pathParser) unicode(start int) (rune, error) {
	r, ok := p.hex()
	if !ok {
		return 0, p.fail(start, `\u needs four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if len(p.text)-p.at >= 2 && p.text[p.at:p.at+2] == `\u` {
		p.at += 2
		if low, ok := p.hex(); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, nil
			}
		}
	}
	return 0, p.fail(start, "half of a surrogate pair")
}

func (p *pathParser) hex() (rune, bool) {
	if len(p.text)-p.at < 4 {
		return 0, false
	}
	r, ok := hex4(p.text[p.at : p.at+4])
	p.at += 4
	return r, ok
}

// controlEscapes has the letters that normalized paths (RFC 9535, section 2.7) write control characters with, and 0 for those that
// are written as their number.
var controlEscapes = [' ']byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r'}

// appendName appends the step to the member called name to a path. Surrogates that stand alone are written as their escape.
func appendName(path, name []byte) []byte {
	bare := len(name) > 0
	for i, c := range name {
		if !isNameByte(c, i == 0) {
			bare = false
			break
		}
	}
	if bare && utf8.Valid(name) {
		return append(append(path, '.'), name...)
	}
	path = append(path, `['`...)
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRune(name[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			if i+3 > len(name) {
				n = len(name) - i
				break
			}
			// The parser lets nothing else through that is not UTF-8: three bytes that encode a lone surrogate.
			unit := rune(name[i]&0xF)<<12 | rune(name[i+1]&0x3F)<<6 | rune(name[i+2]&0x3F)
			path = fmt.Appendf(path, `\u%04x`, unit)
			n = 3
		case r == '\'' || r == '\\':
			path = append(path, '\\', byte(r))
		case r < ' ' && controlEscapes[r] != 0:
			path = append(path, '\\', controlEscapes[r])
		case r < ' ':
			path = fmt.Appendf(path, `\u%04x`, r)
		default:
			path = append(path, name[i:i+n]...)
		}
		i += n
	}
	return append(path, `']`...)
}

// appendIndex appends the step to an element to a path.
func appendIndex(path []byte, index int) []byte {
	path = strconv.AppendInt(append(path, '['), int64(index), 10)
	return append(path, ']')
}

// GroupPath returns a difference's path with each index replaced by *: `$.items[3].price` becomes `$.items[*].price`. What is not
// a JSON path, such as a header's name, is returned as it is.
func GroupPath(path string) string {
	if path == "" || path[0] != '$' {
		return path
	}
	out := make([]byte, 0, len(path))
	quoted := false
	for i := 0; i < len(path); i++ {
		c := path[i]
		out = append(out, c)
		switch {
		case quoted && c == '\\' && i+1 < len(path):
			i++
			out = append(out, path[i])
		case c == '\'':
			quoted = !quoted
		case c == '[' && !quoted:
			end := i + 1
			for end < len(path) && '0' <= path[end] && path[end] <= '9' {
				end++
			}
			if end > i+1 {
				out = append(out, '*')
				i = end - 1
			}
		}
	}
	return string(out)
}
