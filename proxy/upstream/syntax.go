package upstream

import (
	"encoding/binary"
	"strings"
)

// lower maps the bytes of a token to lower case, and all others to 0.
var lower = func() (t [256]byte) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = c, c
	}
	for _, c := range []byte("0123456789!#$%&'*+-.^_`|~") {
		t[c] = c
	}
	return t
}()

// hostBytes may stand in a Host field: what net/http takes there.
var hostBytes = func() (t [256]bool) {
	for _, c := range []byte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!$%&()*+,-.:;=[']_~") {
		t[c] = true
	}
	return t
}()

func isToken(s string) bool {
	for i := range len(s) {
		if lower[s[i]] == 0 {
			return false
		}
	}
	return s != ""
}

// validValue reports whether b may be the value of a field: no control characters but the tab.
func validValue(b []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		v := binary.LittleEndian.Uint64(b)
		control := (v - ones*0x20) &^ v & high
		deleted := v ^ ones*0x7f
		deleted = (deleted - ones) &^ deleted & high
		if control|deleted != 0 && !validBytes(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return validBytes(b)
}

func validBytes(b []byte) bool {
	for _, c := range b {
		if (c < ' ' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}

func trimSpace(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// hasToken reports whether comma-separated lists contain a token, which is lower case.
func hasToken(values []string, token string) bool {
	for _, list := range values {
		for list != "" {
			var one string
			one, list, _ = strings.Cut(list, ",")
			if one = trimSpace(one); len(one) == len(token) && strings.EqualFold(one, token) {
				return true
			}
		}
	}
	return false
}
