package proxy

import (
	"net/url"
	"strings"
)

// A backend may read a path in another way than it is written: without regard to case, decoded once more, with `\` for `/`,
// without empty, dot and parameter parts, with or without the slash at its end. A read stays one only if the routes call it
// a read in all of these spellings.

// looseRoute is a route's pattern as the most lenient backend would read it.
type looseRoute struct {
	route    *route
	segments []segment // lower case; nil matches every path
}

// loosen compiles the patterns a second time. always says that even a plain path may mean a write route.
func (t *table) loosen() {
	for _, r := range t.routes {
		l := looseRoute{route: r}
		if r.pattern != nil {
			l.segments = []segment{}
			for _, s := range r.pattern.segments {
				if s.name != "" {
					s.literal = strings.ToLower(s.literal)
					l.segments = append(l.segments, s)
					continue
				}
				for _, part := range spell(nil, "/"+s.literal, spelling{slashes: true}) {
					l.segments = append(l.segments, segment{literal: part})
				}
			}
		}
		t.loose = append(t.loose, l)
		if r.Kind == Read {
			continue
		}
		t.guarded = true
		t.always = t.always || r.pattern != nil && plainMayMean(r.pattern.segments)
	}
}

// plainMayMean reports whether a path without anything odd may be another spelling of one that the pattern matches.
func plainMayMean(pattern []segment) bool {
	for i, s := range pattern {
		if s.literal != "" && odd("/"+s.literal) || s.rest && i > 0 {
			return true
		}
	}
	return false
}

// odd reports whether a path has another spelling than its own.
func odd(path string) bool {
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '%' || c == '\\' || c == ';' || 'A' <= c && c <= 'Z' || c >= 0x80:
			return true
		case c == '/':
			if i+1 == len(path) {
				return i > 0
			}
			if path[i+1] == '/' || path[i+1] == '.' {
				return true
			}
		}
	}
	return false
}

// spelling is one way to read a path.
type spelling struct {
	slashes    bool // escaped slashes and backslashes separate
	parameters bool // what follows a `;` in a segment belongs to it
	dots       bool // dot segments and empty ones stay
}

// spelledWrite looks for a spelling of the path in which the routes call the request no read.
func (t *table) spelledWrite(in *inbound, body *sight) (*route, Kind, bool) {
	safe := safeMethod(in.method)
	if safe && !t.guarded || !t.always && !odd(in.path) {
		return nil, Read, false
	}
	var room [24]string
	for way, last := 0, in.waysToSpell(); way <= last; way++ {
		if way&^last != 0 {
			continue
		}
		parts := spell(room[:0], in.path, spelling{slashes: way&1 == 0, parameters: way&2 != 0, dots: way&4 != 0})
		r := t.findLoosely(in, parts, body)
		switch {
		case r == nil && !safe:
			return t.write, Write, true
		case r != nil && r.Kind != Read:
			return r, r.Kind, true
		case r != nil && !safe && len(r.Methods) == 0:
			return r, Write, true
		}
	}
	return nil, Read, false
}

// waysToSpell is the set of the ways that make a difference: 1 for slashes, 2 for parameters, 4 for dots.
func (in *inbound) waysToSpell() int {
	ways := 0
	switch {
	case strings.ContainsAny(in.path, `%\`):
		return 7
	case strings.Contains(in.path, "//"), strings.Contains(in.path, "/."):
		ways = 4
	}
	if strings.Contains(in.path, ";") {
		ways |= 2
	}
	return ways
}

func (t *table) findLoosely(in *inbound, parts []string, body *sight) *route {
	for _, l := range t.loose {
		if l.route.admits(in) && (l.segments == nil || matchLoosely(l.segments, parts)) && l.route.takes(body) {
			return l.route
		}
	}
	return nil
}

// spell appends the segments of a path to out, decoded and in lower case, without the slash at its end.
func spell(out []string, path string, s spelling) []string {
	if s.slashes {
		path = strings.ReplaceAll(decode(path), `\`, "/")
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if !s.slashes {
			part = decode(part)
		}
		if !s.parameters {
			part, _, _ = strings.Cut(part, ";")
		}
		switch {
		case s.dots:
			out = append(out, strings.ToLower(part))
		case part == "" || part == ".":
		case part == "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, strings.ToLower(part))
		}
	}
	if n := len(out) - 1; s.dots && n > 0 && out[n] == "" {
		out = out[:n]
	}
	return out
}

// decode unescapes as often as something is left to unescape, thrice at most.
func decode(s string) string {
	for range 3 {
		if !strings.Contains(s, "%") {
			return s
		}
		plain, err := url.PathUnescape(s)
		if err != nil {
			plain = unescapeLeniently(strings.ReplaceAll(s, "+", "%2B"))
		}
		if plain == s {
			return s
		}
		s = plain
	}
	return s
}

func matchLoosely(pattern []segment, parts []string) bool {
	for i, s := range pattern {
		if s.rest {
			return s.literal == "" || len(parts) > i && strings.HasSuffix(parts[len(parts)-1], s.literal)
		}
		if s.name == "$" {
			return len(parts) == i
		}
		if i >= len(parts) {
			return false
		}
		if s.name == "" && parts[i] != s.literal || s.name != "" && (!strings.HasSuffix(parts[i], s.literal) || len(parts[i]) == len(s.literal)) {
			return false
		}
	}
	return len(parts) == len(pattern)
}
