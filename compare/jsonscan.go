package compare

import (
	"encoding/binary"
	"math/bits"
)

const (
	eachByte = 0x0101010101010101 // a word of eight bytes 1
	highBits = 0x8080808080808080
)

// word returns the eight bytes at an offset.
func word(src []byte, at int) uint64 { return binary.LittleEndian.Uint64(src[at:]) }

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// skipSpace returns the offset of what follows blank space.
func skipSpace(src []byte, at int) int {
	for at < len(src) && src[at] <= ' ' && isSpace(src[at]) {
		at++
	}
	return at
}

// byteAt returns the byte at an offset, 0 behind the end.
func byteAt(src []byte, at int) byte {
	if at < len(src) {
		return src[at]
	}
	return 0
}

// scanText reads a string, whose opening quote is at at, and returns the offset behind its closing quote; 0 if src holds no
// whole and valid string there.
func scanText(src []byte, at int) (end int, escaped bool) {
	i := at + 1
	for {
		if len(src)-i >= 8 {
			found := special(word(src, i))
			if found == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(found) / 8
		} else {
			for i < len(src) && src[i] != '"' && src[i] != '\\' && src[i] >= ' ' {
				i++
			}
			if i >= len(src) {
				return 0, false
			}
		}
		switch src[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			escaped = true
			for i < len(src) && src[i] == '\\' {
				n := escapeLength(src[i:])
				if n == 0 {
					return 0, false
				}
				i += n
			}
		default:
			return 0, false
		}
	}
}

// special returns a number that is 0 if none of the eight bytes of w is a quote, a backslash or a control character. The
// lowest byte of it with its high bit set stands for the first of them; those above may be set wrongly.
func special(w uint64) uint64 {
	quote, slash := w^eachByte*'"', w^eachByte*'\\'
	return ((quote - eachByte) | (slash - eachByte) | (w - eachByte*' ')) &^ w & highBits
}

// textError says why there is no string at at.
func textError(src []byte, at int) error {
	for i := at + 1; i < len(src); {
		switch {
		case src[i] < ' ':
			return &syntaxError{i, "control character in a string"}
		case src[i] != '\\':
			i++
		default:
			n := escapeLength(src[i:])
			if n == 0 {
				return &syntaxError{i, "invalid escape in a string"}
			}
			i += n
		}
	}
	return &syntaxError{len(src), "unexpected end in a string"}
}

// escapeLength returns the length of the escape at the beginning of src, 0 if there is none.
func escapeLength(src []byte) int {
	if len(src) < 2 {
		return 0
	}
	switch src[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(src) >= 6 {
			if _, ok := hex4(src[2:6]); ok {
				return 6
			}
		}
	}
	return 0
}

// scanScalar returns the offset behind the literal or number at at; 0 if there is none, or if it could go on behind src.
func scanScalar(src []byte, at int) int {
	end := 0
	switch src[at] {
	case 't':
		end = scanLiteral(src, at, "true")
	case 'f':
		end = scanLiteral(src, at, "false")
	case 'n':
		end = scanLiteral(src, at, "null")
	default:
		if end = scanNumber(src, at); end == len(src) {
			return 0
		}
	}
	return end
}

// scanLiteral returns the offset behind word, or 0 if it is not there.
func scanLiteral(src []byte, at int, word string) int {
	if len(src)-at >= len(word) && string(src[at:at+len(word)]) == word {
		return at + len(word)
	}
	return 0
}

// scanNumber returns the offset behind the JSON number at at, or 0 if there is none.
func scanNumber(src []byte, at int) int {
	i := at
	if byteAt(src, i) == '-' {
		i++
	}
	end := scanDigits(src, i)
	if end == i || src[i] == '0' && end > i+1 {
		return 0
	}
	if i = end; byteAt(src, i) == '.' {
		if end = scanDigits(src, i+1); end == i+1 {
			return 0
		}
		i = end
	}
	if byteAt(src, i)|0x20 == 'e' {
		i++
		if c := byteAt(src, i); c == '+' || c == '-' {
			i++
		}
		if end = scanDigits(src, i); end == i {
			return 0
		}
	}
	return end
}

// scanDigits returns the offset of what follows the digits at at.
func scanDigits(src []byte, at int) int {
	for at < len(src) && src[at]-'0' <= 9 {
		at++
	}
	return at
}
