package config

import (
	"net/textproto"
	"regexp"
	"slices"
	"strings"
)

// runName becomes a host name's label in Via.
func runName(p *string) scalar[string] {
	syntax := regexp.MustCompile(`^[a-z0-9-]{1,63}$`)
	return stringOf(p, "must be 1 to 63 lower-case letters, digits and `-`, such as supabase-to-planetscale", syntax.MatchString)
}

// routeName is a name, but not the one that metrics give to all routes together.
func routeName(p *string) scalar[string] {
	s := name(p)
	inner := s.parse
	s.parse = func(w word) (string, string, bool) {
		if w.value == "_all" {
			return "", "must not be _all, which stands for all routes together in metrics", false
		}
		return inner(w)
	}
	return s
}

var tokenSyntax = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// A headerCase returns the name of a header as it is kept, or what is wrong with it.
type headerCase func(string) (kept, problem string)

func canonicalHeader(s string) (kept, problem string) {
	if !tokenSyntax.MatchString(s) {
		return s, "is not the name of a header"
	}
	return textproto.CanonicalMIMEHeaderKey(s), ""
}

func lowerHeader(s string) (kept, problem string) {
	_, problem = canonicalHeader(s)
	return strings.ToLower(s), problem
}

// Headers that belong to one connection, or that the proxy itself decides.
var fixedHeaders = []string{
	"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding",
	"Upgrade", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
}

// settableHeader is a header that a backend may be sent instead of the client's.
func settableHeader(s string) (kept, problem string) {
	kept, problem = canonicalHeader(s)
	switch {
	case problem != "":
	case kept == "Host":
		problem = "cannot be set here; `host: client` or `host: backend` of the backend decides it"
	case slices.Contains(fixedHeaders, kept), strings.HasPrefix(kept, "Paritygate-"):
		problem = "cannot be set; paritygate itself decides this header"
	}
	return kept, problem
}

func headerName(p *string, keep headerCase) scalar[string] {
	want := "must be the name of a header, such as content-type"
	s := stringOf(p, want, tokenSyntax.MatchString)
	inner := s.parse
	s.parse = func(w word) (string, string, bool) {
		v, problem, ok := inner(w)
		if ok {
			v, _ = keep(v)
		}
		return v, problem, ok
	}
	return s
}

func headerNames(p *[]string, keep headerCase) listOf[string] {
	return listOf[string]{
		p: p, key: func(s *string) string { return strings.ToLower(*s) },
		item: func(s *string) codec { return headerName(s, keep) },
	}
}

func method(p *string) scalar[string] {
	syntax := regexp.MustCompile(`^[A-Z][A-Z-]*$`)
	return stringOf(p, "must be a method in capitals, such as GET", syntax.MatchString)
}

func pathPattern(p *string) scalar[string] {
	return stringOf(p, "must be a path pattern that begins with /, such as /api/products/{id}", func(s string) bool {
		return strings.HasPrefix(s, "/") && !strings.ContainsAny(s, "?# \t\r\n")
	})
}

func hostPattern(p *string) scalar[string] {
	return stringOf(p, "must be a host name without scheme, path or port, such as api.example.com", func(s string) bool {
		return s != "" && !strings.ContainsAny(s, "/?#@: \t\r\n")
	})
}

func sampleKey(p *string) scalar[string] {
	return stringOf(p, "must be empty, header:NAME or cookie:NAME", func(s string) bool {
		source, key, _ := strings.Cut(s, ":")
		return s == "" || (source == "header" || source == "cookie") && tokenSyntax.MatchString(key)
	})
}

// jsonPath checks no more than the beginning; package compare compiles it.
func jsonPath(p *string) scalar[string] {
	return stringOf(p, "must be a JSONPath that begins with $, such as $.items[*].price", func(s string) bool {
		return strings.HasPrefix(s, "$")
	})
}

func ignored(p *string) scalar[string] { return bare(oneOf(p, []string{IgnoreAll, IgnoreValue})) }

func unordered(p *string) scalar[string] { return bare(oneOf(p, []string{UnorderedAll, UnorderedSet})) }

func coerced(p *string) scalar[string] { return bare(oneOf(p, []string{CoerceNumber})) }

// bare writes a word without quotes, since one of its values may be true.
func bare(s scalar[string]) scalar[string] {
	s.format = func(_ *encoder, _ string, v string) value { return value{kind: number, text: v} }
	return s
}

const identifier = `(?:[^".;\s\pC]+|"(?:[^"\pC]|"")+")`

var tableSyntax = regexp.MustCompile(`^` + identifier + `(?:\.` + identifier + `)?$`)

// table is the name of a table, perhaps with its schema, so that nothing else can be said in its place.
func table(p *string) scalar[string] {
	return stringOf(p, "must be a table's name, such as orders, shop.orders or shop.\"odd name\"", tableSyntax.MatchString)
}

func anyKey(s string) (kept, problem string) { return s, "" }

// perhapsSecret is a value of the user's that is a secret if it came from the environment. As a value of a mapping it may
// be a number or boolean, and is taken as it is written.
func perhapsSecret(p *string) scalar[string] {
	return scalar[string]{
		p: p, want: "must be a string",
		parse: func(w word) (string, string, bool) { return w.value, "", true },
		format: func(e *encoder, path, s string) value {
			if !e.clear && (e.places[path].expanded || secretHeader(path)) {
				s = redacted
			}
			return value{kind: text, text: s}
		},
	}
}

// secretWords are in the names of headers whose values are secrets wherever they come from.
var secretWords = []string{"auth", "cookie", "key", "token", "secret", "pass", "credential", "session", "signature", "jwt", "cf-access"}

// secretHeader reports whether a path is that of a header of a check which holds a secret. Other headers are shown: they may
// decide about what is asked, so that another value begins the evidence anew.
func secretHeader(path string) bool {
	_, name, found := strings.Cut(path, ".http.headers.")
	name = strings.ToLower(name)
	return found && slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}
