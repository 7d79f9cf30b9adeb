package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// codec reads one value of the file into a field, and writes it again. It holds a pointer to its field.
type codec interface {
	decode(d *decoder, n *node, path string)
	// encode returns false for a field that is not set and has no default.
	encode(e *encoder, path string) (value, bool)
}

// decoder collects what the schema finds while it walks the tree.
type decoder struct {
	file     string
	lookup   Lookup
	problems Problems
	places   map[string]place
	bad      map[string]bool // paths with a problem, and the paths above them
}

// fail reports a problem at a node.
func (d *decoder) fail(n *node, path, format string, args ...any) {
	d.failAt(n.line, n.column, path, format, args...)
}

func (d *decoder) failAt(line, column int, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: line, Column: column, Path: path, Message: fmt.Sprintf(format, args...),
	})
	d.mark(path)
}

// mark makes ok say no for a path and for those above it.
func (d *decoder) mark(path string) {
	for p := path; p != ""; p = p[:max(0, strings.LastIndexAny(p, ".["))] {
		d.bad[p] = true
	}
}

// ok reports whether all those fields, and everything in them, were read without a problem, so that it makes sense to
// compare them.
func (d *decoder) ok(paths ...string) bool {
	for _, p := range paths {
		if d.bad[p] {
			return false
		}
	}
	return true
}

// contradict reports a problem between fields at the one with that path.
func (d *decoder) contradict(path, format string, args ...any) {
	at := locate(d.places, path)
	d.failAt(at.line, at.column, path, format, args...)
}

// given reports whether the file itself gives that field.
func (d *decoder) given(path string) bool {
	_, ok := d.places[path]
	return ok
}

// scalar expands a scalar's variables. It reports what is no scalar, saying what is wanted instead.
func (d *decoder) scalar(n *node, path, want string) (word, bool) {
	d.places[path] = place{line: n.line, column: n.column}
	switch n.kind {
	case invalid:
		d.mark(path)
		return word{}, false
	case text, number, boolean:
	default:
		d.fail(n, path, "%s; got %s", want, n.describe())
		return word{}, false
	}
	s, expanded, problems := expand(n.value, d.lookup)
	for _, p := range problems {
		d.fail(n, path, "%s", p)
	}
	d.places[path] = place{line: n.line, column: n.column, expanded: expanded}
	return word{value: s, written: n.value, kind: n.kind, quoted: n.quoted, expanded: expanded}, len(problems) == 0
}

// word is a scalar after its expansion.
type word struct {
	value, written   string
	kind             kind // of what is written; text if there are variables
	quoted, expanded bool
}

// show quotes a value for a message; what a variable holds may be a secret in the wrong place.
func (w word) show() string {
	if w.expanded {
		return "the value of " + strconv.Quote(shorten(w.written))
	}
	if w.kind != text {
		return w.value
	}
	return strconv.Quote(shorten(w.value))
}

func shorten(s string) string {
	const most = 80
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// describe names what a node is, without giving its content away.
func (n *node) describe() string {
	switch n.kind {
	case null:
		return "nothing"
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	case number:
		return "a number"
	case boolean:
		return "a boolean"
	case text, invalid:
	}
	return "a string"
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// join extends a path by a key.
func join(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return path + "[" + strconv.Quote(shorten(key)) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
