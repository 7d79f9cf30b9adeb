package evidence

import (
	"regexp"
	"slices"
	"strings"
)

// hidden stands in the place of a secret.
const hidden = "[redacted]"

// secretHeaders are the headers that carry secrets by their definition, in lower case.
var secretHeaders = []string{"authorization", "proxy-authorization", "cookie", "set-cookie", "cookie2", "set-cookie2", "apikey", "x-amz-security-token"}

// secretWords make a header's name that of a secret when it holds one of them.
var secretWords = []string{"token", "secret", "password", "passwd", "api-key", "api_key", "apikey", "credential", "session", "signature", "jwt", "x-auth", "cf-access-"}

// isSecretHeader reports whether a header's value is a secret; further are names in lower case.
func isSecretHeader(name string, further []string) bool {
	name = strings.ToLower(name)
	if slices.Contains(secretHeaders, name) || slices.Contains(further, name) {
		return true
	}
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

// secretNames are names of members, fields and parameters that hold secrets, in lower case and without separators.
var secretNames = []string{
	"password", "passwd", "passphrase", "secret", "token", "apikey", "authorization", "auth", "credential", "credentials",
	"privatekey", "accesskey", "secretkey", "signingkey", "signature", "sig", "sessionid", "sid", "jwt", "bearer", "cookie", "otp", "cvv",
}

// secretEndings make a longer name that of a secret: access_token, clientSecret.
var secretEndings = []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "secretkey", "accesskey", "signature"}

// isSecretName reports whether a member of that name holds a secret. The tokens with which lists are paged are none.
func isSecretName(name string) bool {
	name = strings.NewReplacer("-", "", "_", "", ".", "", " ", "", "@", "").Replace(strings.ToLower(name))
	if slices.Contains(secretNames, name) {
		return true
	}
	if strings.HasSuffix(name, "pagetoken") || strings.HasSuffix(name, "continuationtoken") {
		return false
	}
	return slices.ContainsFunc(secretEndings, func(end string) bool { return strings.HasSuffix(name, end) })
}

// Secrets in text: the values of pairs such as access_token=…, passwords in URLs, and Authorization values.
var (
	pairPattern   = regexp.MustCompile(`([A-Za-z0-9_.\-%\[\]]+)=([^&;#\s"'<>]*)`)
	userPattern   = regexp.MustCompile(`(://[^/\s:@"]*):[^/\s@"]*@`)
	bearerPattern = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/\-]{8,}=*`)
)

// hidePairs hides the secrets in a URL, a form or an error's text. The rest stays as it was written.
func hidePairs(text string) string {
	text = userPattern.ReplaceAllString(text, "$1:"+hidden+"@")
	text = bearerPattern.ReplaceAllString(text, "$1 "+hidden)
	return pairPattern.ReplaceAllStringFunc(text, func(pair string) string {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || !isSecretParameter(name) {
			return pair
		}
		return name + "=" + hidden
	})
}

// isSecretParameter is isSecretName for a query parameter, in which `key` is one and a part of the name may be escaped.
func isSecretParameter(name string) bool {
	name = unescapeName(name)
	if strings.EqualFold(name, "key") || isSecretName(name) {
		return true
	}
	// user[password]=…
	return slices.ContainsFunc(strings.FieldsFunc(name, func(r rune) bool { return r == '[' || r == ']' }), isSecretName)
}

// hideMembers hides the values of members with the names of secrets in JSON text. It reads what is cut short or invalid too.
func hideMembers(text []byte) []byte {
	var out []byte
	copied := 0
	for i := 0; i < len(text); {
		if text[i] != '"' {
			i++
			continue
		}
		end := stringEnd(text, i)
		colon := skipSpace(text, end)
		if colon >= len(text) || text[colon] != ':' || !isSecretName(memberName(text[i:end])) {
			i = end
			continue
		}
		value := skipSpace(text, colon+1)
		i = valueEnd(text, value)
		if i == value || string(text[value:i]) == "null" {
			continue
		}
		out = append(append(out, text[copied:value]...), `"`+hidden+`"`...)
		copied = i
	}
	if out == nil {
		return text
	}
	return append(out, text[copied:]...)
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns where the string that begins at i is over, or the text's end.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// valueEnd returns where the value that begins at i is over, or the text's end.
func valueEnd(text []byte, i int) int {
	depth := 0
	for i < len(text) {
		switch c := text[i]; c {
		case '"':
			if i = stringEnd(text, i); depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(text)
}
