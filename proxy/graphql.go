package proxy

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"strings"
)

// mayCarryGraphQL reports whether a body of this type can be a GraphQL request.
func mayCarryGraphQL(in *inbound) bool {
	if graphQLPath(in) || len(in.header["Content-Type"]) > 1 {
		return true // some servers do not look at the type, others at another of the two
	}
	t, _, _ := mime.ParseMediaType(in.header.Get("Content-Type"))
	switch t {
	case "application/graphql", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "":
		return true
	}
	return strings.HasSuffix(t, "/json") || strings.HasSuffix(t, "+json")
}

// graphQLPath reports whether the path names GraphQL, in any segment: a stored operation may have its id behind it.
func graphQLPath(in *inbound) bool {
	return strings.Contains(strings.ToLower(in.path), "graphql")
}

// verdictOnBody is what the body of a request on a read route tells about it.
type verdictOnBody uint8

const (
	harmless verdictOnBody = iota
	writes                 // a mutation, a subscription, a stored operation, or another method's name
	unclear                // not all of it is there, and the rest may be one of these
)

// judgeBody says whether a request on a read route is a write by what it carries. A POST to GraphQL that names a stored operation
// instead of carrying one is a write, since the hash of a mutation looks like any other; a GET that does so is a read, because
// servers refuse mutations by GET.
func judgeBody(in *inbound, body []byte, whole bool) verdictOnBody {
	switch {
	case formMutates(in.query):
		return writes
	case len(body) == 0 && whole && (safeMethod(in.method) || !graphQLPath(in)):
		return harmless
	case !whole && (in.mediaType() == "application/graphql" || graphQLPath(in) || mayMention(body) || mayOverride(body)):
		return writes
	case !whole:
		return unclear
	case bodyMutates(in, body):
		return writes
	}
	return harmless
}

func (in *inbound) mediaType() string {
	t, _, _ := mime.ParseMediaType(in.header.Get("Content-Type"))
	return t
}

// bodyMutates looks at a body that is there to its end.
func bodyMutates(in *inbound, body []byte) bool {
	stored := !safeMethod(in.method) && graphQLPath(in) // what carries no operation names a stored one
	if len(in.header["Content-Type"]) > 1 {
		return mayMention(body) || mayOverride(body) || stored
	}
	switch in.mediaType() {
	case "application/graphql":
		return hasMutation(string(body))
	case "application/x-www-form-urlencoded":
		form := string(body)
		return formMutates(form) || formOverrides(form) || stored && !anyParameter(form, func(name, _ string) bool { return isQuery(name) })
	case "multipart/form-data":
		return mayMention(body) || mayOverride(body) || stored && !bytes.Contains(body, []byte("query"))
	}
	return jsonMutates(body, stored)
}

// mayMention reports whether text that is not understood could name a mutation or subscription, escaped or not.
func mayMention(text []byte) bool {
	return bytes.Contains(text, []byte("mutation")) || bytes.Contains(text, []byte("subscription")) || bytes.Contains(text, []byte(`\u`))
}

// formMutates looks at every parameter called query.
func formMutates(form string) bool {
	return anyParameter(form, func(name, value string) bool { return isQuery(name) && hasMutation(unescapeLeniently(value)) })
}

// anyParameter looks at every parameter, as any server might read it: of several each counts, `;` may separate or not, and
// a broken escape is left as it is.
func anyParameter(form string, is func(name, value string) bool) bool {
	for pair := range strings.SplitSeq(form, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if is(unescapeLeniently(name), value) {
			return true
		}
		if !strings.Contains(pair, ";") {
			continue
		}
		for part := range strings.SplitSeq(pair, ";") {
			name, value, _ = strings.Cut(part, "=")
			if is(unescapeLeniently(name), value) {
				return true
			}
		}
	}
	return false
}

func isQuery(name string) bool { return strings.EqualFold(name, "query") }

// unescapeLeniently decodes what is a valid escape and keeps the rest.
func unescapeLeniently(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			out = append(out, ' ')
		case s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16:
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

// jsonMutates looks at one operation or a batch of them. Every member called query counts, in any case: which of several a
// server takes is its own affair. What is no JSON may still be to a lenient server. stored says that an operation that
// is not there is a stored one.
func jsonMutates(body []byte, stored bool) bool {
	if !stored && !mayMention(body) && !mayOverride(body) && !bytes.Contains(body, []byte("persistedQuery")) {
		return false
	}
	if !json.Valid(body) {
		return true
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	var batch []json.RawMessage
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); trimmed[0] != '[' {
		return operationMutates(decoder, stored)
	}
	if decoder.Decode(&batch) != nil {
		return true
	}
	for _, one := range batch {
		if operationMutates(json.NewDecoder(bytes.NewReader(one)), stored) {
			return true
		}
	}
	return false
}

// operationMutates reads the members of one object; what is no object is no operation.
func operationMutates(decoder *json.Decoder, stored bool) bool {
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return stored
	}
	carried := false
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return true
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return true
		}
		key, _ := name.(string)
		var text string
		isText := json.Unmarshal(value, &text) == nil
		switch {
		case isText && isQuery(key):
			if hasMutation(text) {
				return true
			}
			carried = carried || text != ""
		case isText && overrideParameter(key):
			if unsafeName(text) {
				return true
			}
		case strings.EqualFold(key, "extensions"):
			stored = stored || bytes.Contains(value, []byte("persistedQuery"))
		}
	}
	return stored && !carried
}

// hasMutation reports whether a GraphQL document has an operation that is no query. Names at depth zero are operations,
// fragments and their names; a fragment called `mutation` is taken for one, which errs on the safe side.
//
// Every operation has a selection set: text without a brace, not even an escaped one, is no document but words that somebody looks for.
func hasMutation(doc string) bool {
	if !strings.ContainsAny(doc, `{%\`) {
		return false
	}
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
