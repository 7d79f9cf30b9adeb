package proxy

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// template is a path with wildcards to fill in.
type template struct {
	literals []string // one more than names
	names    []string
}

func parseTemplate(text string, known []string) (*template, error) {
	if !strings.HasPrefix(text, "/") {
		return nil, fmt.Errorf("new path %q: a path begins with a slash", text)
	}
	t := &template{}
	rest := text
	for {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			t.literals = append(t.literals, rest)
			return t, nil
		}
		end := strings.IndexByte(rest[open:], '}')
		if end < 0 {
			return nil, fmt.Errorf("new path %q: the closing brace of a wildcard is missing", text)
		}
		name := strings.TrimSuffix(rest[open+1:open+end], "...")
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("new path %q: the route's path has no wildcard {%s}", text, name)
		}
		t.literals = append(t.literals, rest[:open])
		t.names = append(t.names, name)
		rest = rest[open+end+1:]
	}
}

func (t *template) fill(captures []capture) string {
	var out strings.Builder
	for i, name := range t.names {
		out.WriteString(t.literals[i])
		for _, c := range captures {
			if c.name == name {
				out.WriteString(c.value)
			}
		}
	}
	out.WriteString(t.literals[len(t.names)])
	return out.String()
}

// rewrite says how the same request is asked of new. Captured parts stay escaped as they came.
func (r *route) rewrite(path, query string, hasQuery bool) (string, string, bool) {
	if r.newPath != nil {
		var captures []capture
		// A path that matched only when cleaned has no captures of its own.
		if r.pattern == nil || r.pattern.match(path, &captures) || r.pattern.match(cleanPath(path), &captures) {
			path = r.newPath.fill(captures)
		}
	}
	if r.newQuery == "" {
		return path, query, hasQuery
	}
	kept := make([]string, 0, 8)
	if query != "" {
		for pair := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(pair, "=")
			plain, err := url.QueryUnescape(name)
			if err != nil {
				plain = name
			}
			if _, overridden := r.NewQuery[plain]; !overridden {
				kept = append(kept, pair)
			}
		}
	}
	return path, strings.Join(append(kept, r.newQuery), "&"), true
}
