package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// value is a piece of an effective configuration.
type value struct {
	kind    kind // text, number (anything that needs no quotes), list or mapping
	text    string
	items   []value
	entries []pair
}

type pair struct {
	key   string
	value value
}

// encoder says how fields are written.
type encoder struct {
	clear  bool // with the secrets
	places map[string]place
}

var plainText = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./-]*$`)

// Words that some YAML reader takes for something else than a string.
var reserved = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"}

// quote writes a string so that any YAML reader takes it for one.
func quote(s string) string {
	if plainText.MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}

// write appends the value as YAML in block style.
func (v value) write(b *strings.Builder, indent string) {
	switch {
	case v.kind == mapping && len(v.entries) == 0:
		b.WriteString(" {}\n")
	case v.kind == list && len(v.items) == 0:
		b.WriteString(" []\n")
	case v.kind == mapping:
		b.WriteString("\n")
		v.writeEntries(b, indent, indent)
	case v.kind == list:
		b.WriteString("\n")
		for _, item := range v.items {
			b.WriteString(indent + "-")
			if item.kind == mapping && len(item.entries) > 0 {
				b.WriteString(" ")
				item.writeEntries(b, "", indent+"  ")
				continue
			}
			item.write(b, indent+"  ")
		}
	case v.kind == text:
		b.WriteString(" " + quote(escape(v.text)) + "\n")
	default:
		b.WriteString(" " + v.text + "\n")
	}
}

// writeEntries writes the first key after first, and the others after indent.
func (v value) writeEntries(b *strings.Builder, first, indent string) {
	for i, e := range v.entries {
		if i > 0 {
			first = indent
		}
		b.WriteString(first + quote(e.key) + ":")
		e.value.write(b, indent+"  ")
	}
}

// pick keeps what lies at or under the paths.
func (v value) pick(path string, paths []string) (value, bool) {
	for _, p := range paths {
		if p == path {
			return v, true
		}
	}
	if v.kind != mapping {
		return value{}, false
	}
	kept := value{kind: mapping}
	for _, e := range v.entries {
		if inner, ok := e.value.pick(join(path, e.key), paths); ok {
			kept.entries = append(kept.entries, pair{e.key, inner})
		}
	}
	return kept, len(kept.entries) > 0
}

// differences appends the paths at which two values differ, as far down as both have the same shape.
func differences(paths []string, path string, a, b value) []string {
	switch {
	case a.kind != b.kind, len(a.items) != len(b.items), a.text != b.text:
		return append(paths, path)
	case a.kind == list:
		for i := range a.items {
			paths = differences(paths, index(path, i), a.items[i], b.items[i])
		}
		return paths
	}
	for _, e := range a.entries {
		other, ok := b.get(e.key)
		if !ok {
			paths = append(paths, join(path, e.key))
			continue
		}
		paths = differences(paths, join(path, e.key), e.value, other)
	}
	for _, e := range b.entries {
		if _, ok := a.get(e.key); !ok {
			paths = append(paths, join(path, e.key))
		}
	}
	return paths
}

func (v value) get(key string) (value, bool) {
	for _, e := range v.entries {
		if e.key == key {
			return e.value, true
		}
	}
	return value{}, false
}
