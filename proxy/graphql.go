package proxy

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"path"
	"strings"
)

// mayCarryGraphQL reports whether a body of this type can be a GraphQL request.
func mayCarryGraphQL(contentType string) bool {
	switch t, _, _ := mime.ParseMediaType(contentType); t {
	case "application/json", "application/graphql", "application/graphql+json", "application/x-www-form-urlencoded", "text/plain", "":
		return true
	}
	return false
}

// mutates reports whether a request on a read route is a GraphQL mutation or subscription, which makes it a write. Of a body
// that is not whole it says so where it cannot be excluded.
func mutates(in *inbound, body []byte, whole bool) bool {
	if strings.Contains(in.query, "query=") {
		if values, _ := url.ParseQuery(in.query); hasMutation(values.Get("query")) {
			return true
		}
	}
	if len(body) == 0 && whole {
		return false
	}
	mediaType, _, _ := mime.ParseMediaType(in.header.Get("Content-Type"))
	if !whole {
		return mediaType == "application/graphql" || strings.Contains(strings.ToLower(path.Base(in.path)), "graphql") ||
			bytes.Contains(body, []byte("mutation")) || bytes.Contains(body, []byte(`\u`))
	}
	switch mediaType {
	case "application/graphql":
		return hasMutation(string(body))
	case "application/x-www-form-urlencoded":
		values, _ := url.ParseQuery(string(body))
		return hasMutation(values.Get("query"))
	}
	return jsonMutates(body)
}

// jsonMutates looks at one operation or a batch of them.
func jsonMutates(body []byte) bool {
	type operation struct{ Query any }
	var batch []operation
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		_ = json.Unmarshal(body, &batch)
	} else {
		var one operation
		_ = json.Unmarshal(body, &one)
		batch = append(batch, one)
	}
	for _, op := range batch {
		if text, ok := op.Query.(string); ok && hasMutation(text) {
			return true
		}
	}
	return false
}

// hasMutation reports whether a GraphQL document has an operation that is no query. Names at depth zero are operations,
// fragments and their names; a fragment called `mutation` is taken for one, which errs on the safe side.
func hasMutation(doc string) bool {
	depth := 0
	for i := 0; i < len(doc); {
		switch c := doc[i]; {
		case c == '#':
			end := strings.IndexAny(doc[i:], "\r\n")
			if end < 0 {
				return false
			}
			i += end
		case c == '"':
			i = skipString(doc, i)
		case c == '{' || c == '(' || c == '[':
			depth++
			i++
		case c == '}' || c == ')' || c == ']':
			depth--
			i++
		case isNameByte(c):
			start := i
			for i < len(doc) && isNameByte(doc[i]) {
				i++
			}
			if name := doc[start:i]; depth <= 0 && (name == "mutation" || name == "subscription") {
				return true
			}
		default:
			i++
		}
	}
	return false
}

func isNameByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// skipString returns the offset after the string that begins at i.
func skipString(doc string, i int) int {
	if strings.HasPrefix(doc[i:], `"""`) {
		for i += 3; i < len(doc); i++ {
			if strings.HasPrefix(doc[i:], `\"""`) {
				i += 3
			} else if strings.HasPrefix(doc[i:], `"""`) {
				return i + 3
			}
		}
		return i
	}
	for i++; i < len(doc); i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"', '\n':
			return i + 1
		}
	}
	return i
}
