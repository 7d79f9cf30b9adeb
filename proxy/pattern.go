package proxy

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// Pattern is a path pattern in the syntax of http.ServeMux, without method and host: literal segments, `{name}` for one
// segment, `{name...}` for the rest, `{$}` for the end; a trailing slash matches the subtree. Beyond ServeMux a wildcard may
// have a literal suffix: `{id}:cancel`, `{doc...}:runQuery`.
//
// A pattern is matched against the escaped path, segment by segment: `%2F` separates nothing, and a literal also matches its
// escaped forms. Nothing is cleaned or redirected.
type Pattern struct {
	text     string
	segments []segment
}

// segment is one part of a pattern between slashes.
type segment struct {
	literal string // decoded; the suffix, where name is set
	name    string // of the wildcard; empty is a literal
	rest    bool   // takes all remaining segments
}

// ParsePattern parses a path pattern. An error says at which offset of the pattern it is.
func ParsePattern(text string) (*Pattern, error) {
	p := &Pattern{text: text}
	if !strings.HasPrefix(text, "/") {
		return nil, patternError(text, 0, "a path begins with a slash")
	}
	seen := map[string]bool{}
	for at := 1; ; {
		end := strings.IndexByte(text[at:], '/')
		last := end < 0
		part := text[at:]
		if !last {
			part = text[at : at+end]
		}
		seg, err := parseSegment(text, part, at, last)
		if err != nil {
			return nil, err
		}
		if seg.name != "" && seg.name != "$" {
			if seen[seg.name] {
				return nil, patternError(text, at, "the wildcard %q is there twice", seg.name)
			}
			seen[seg.name] = true
		}
		p.segments = append(p.segments, seg)
		if last {
			return p, nil
		}
		at += end + 1
	}
}

func parseSegment(text, part string, at int, last bool) (segment, error) {
	open := strings.IndexByte(part, '{')
	if open < 0 {
		if i := strings.IndexByte(part, '}'); i >= 0 {
			return segment{}, patternError(text, at+i, "a closing brace without an opening one")
		}
		if part == "" && last {
			return segment{name: "...", rest: true}, nil // the subtree
		}
		literal, err := url.PathUnescape(part)
		if err != nil {
			return segment{}, patternError(text, at, "%v", err)
		}
		return segment{literal: literal}, nil
	}
	if open > 0 {
		return segment{}, patternError(text, at+open, "a wildcard begins its segment")
	}
	end := strings.IndexByte(part, '}')
	if end < 0 {
		return segment{}, patternError(text, at, "the wildcard's closing brace is missing")
	}
	seg := segment{name: part[1:end]}
	suffix, err := url.PathUnescape(part[end+1:])
	if err != nil || strings.ContainsAny(part[end+1:], "{}") {
		return segment{}, patternError(text, at+end+1, "only a literal may follow a wildcard in its segment")
	}
	seg.literal = suffix
	if seg.name == "$" {
		if !last || suffix != "" {
			return segment{}, patternError(text, at, "{$} ends a pattern")
		}
		return seg, nil
	}
	if name, ok := strings.CutSuffix(seg.name, "..."); ok {
		if !last {
			return segment{}, patternError(text, at, "a wildcard for the rest ends a pattern")
		}
		seg.name, seg.rest = name, true
	}
	if !isIdentifier(seg.name) {
		return segment{}, patternError(text, at+1, "the wildcard's name %q is no identifier", seg.name)
	}
	return seg, nil
}

func patternError(text string, at int, format string, args ...any) error {
	return fmt.Errorf("path pattern %q, offset %d: %s", text, at, fmt.Sprintf(format, args...))
}

func isIdentifier(s string) bool {
	for i, c := range s {
		if !unicode.IsLetter(c) && c != '_' && (i == 0 || !unicode.IsDigit(c)) {
			return false
		}
	}
	return s != ""
}

// String returns the pattern as it was written.
func (p *Pattern) String() string { return p.text }

// HasWildcard reports whether the pattern matches more than one path.
func (p *Pattern) HasWildcard() bool {
	for _, s := range p.segments {
		if s.name != "" && s.name != "$" {
			return true
		}
	}
	return false
}

// Names lists the wildcards, in order.
func (p *Pattern) Names() []string {
	var names []string
	for _, s := range p.segments {
		if s.name != "" && s.name != "$" && s.name != "..." {
			names = append(names, s.name)
		}
	}
	return names
}

// capture is what a wildcard took, as it was escaped.
type capture struct{ name, value string }

// match matches an escaped path. The captures are only collected if into is not nil.
func (p *Pattern) match(path string, into *[]capture) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	path = path[1:]
	for i, s := range p.segments {
		if s.rest {
			value, ok := cutSuffixEscaped(path, s.literal)
			if ok && s.literal != "" && value == "" {
				return false
			}
			keep(into, s.name, value)
			return ok
		}
		part, rest, more := strings.Cut(path, "/")
		switch {
		case s.name == "$":
			return path == ""
		case s.name == "":
			if !equalEscaped(part, s.literal) {
				return false
			}
		default:
			value, ok := cutSuffixEscaped(part, s.literal)
			if !ok || value == "" {
				return false
			}
			keep(into, s.name, value)
		}
		last := i == len(p.segments)-1
		if last || !more {
			return last && !more
		}
		path = rest
	}
	return false
}

func keep(into *[]capture, name, value string) {
	if into != nil {
		*into = append(*into, capture{name, value})
	}
}

// equalEscaped reports whether the escaped text means the literal.
func equalEscaped(escaped, literal string) bool {
	if escaped == literal {
		return true
	}
	rest, ok := cutSuffixEscaped(escaped, literal)
	return ok && rest == ""
}

// cutSuffixEscaped cuts from the escaped text what means the literal suffix, whether it is escaped or not.
func cutSuffixEscaped(escaped, suffix string) (string, bool) {
	for len(suffix) > 0 {
		n := len(escaped)
		want := int(suffix[len(suffix)-1])
		switch {
		case n >= 3 && escaped[n-3] == '%':
			if unhex(escaped[n-2])<<4|unhex(escaped[n-1]) != want {
				return "", false
			}
			escaped = escaped[:n-3]
		case n >= 1 && int(escaped[n-1]) == want:
			escaped = escaped[:n-1]
		default:
			return "", false
		}
		suffix = suffix[:len(suffix)-1]
	}
	return escaped, true
}

// unhex returns the value of a hexadecimal digit, or a number that no byte has.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return 1 << 12
}
