package compare

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// Path is a JSONPath that was read by ParsePath. It never changes.
type Path struct {
	text     string
	segments []segment
}

// String returns the path as it was written.
func (p *Path) String() string { return p.text }

// selector is what a segment selects of an object's members or an array's elements.
type selector uint8

const (
	byName selector = iota
	byIndex
	byWildcard
)

// segment is one step of a path.
type segment struct {
	selector selector
	descend  bool // `..`: at any depth
	name     string
	index    int
}

// PathError says where in a path something is wrong.
type PathError struct {
	Path string
	// Offset is in bytes, from 0.
	Offset int
	// Problem says what is wrong there.
	Problem string
}

// Error names the path, the place in it and the problem.
func (e *PathError) Error() string {
	return fmt.Sprintf("path %q, offset %d: %s", e.Path, e.Offset, e.Problem)
}

// ParsePath reads the part of JSONPath (RFC 9535) that names places: `$`, `.name`, `['name']` and `["name"]` with escapes,
// `[0]`, `.*`, `[*]`, and each of them behind `..` for any depth. Filters, slices, functions, unions and negative indexes are
// refused. The error is a *PathError.
func ParsePath(text string) (*Path, error) {
	p := &pathParser{text: text}
	for p.at = 0; p.at < len(text); {
		r, n := utf8.DecodeRuneInString(text[p.at:])
		if r == utf8.RuneError && n == 1 {
			return nil, p.fail(p.at, "is not valid UTF-8")
		}
		p.at += n
	}
	p.at = 0
	if p.peek() != '$' {
		return nil, p.fail(0, "must begin with $")
	}
	p.at = 1
	var segments []segment
	for p.at < len(text) {
		s, err := p.segment()
		if err != nil {
			return nil, err
		}
		if segments = append(segments, s); len(segments) > maxDepth {
			return nil, p.fail(p.at, fmt.Sprintf("has more than %d segments", maxDepth))
		}
	}
	return &Path{text: text, segments: segments}, nil
}

// pathParser reads a path from left to right.
type pathParser struct {
	text string
	at   int
}

func (p *pathParser) fail(at int, problem string) error {
	return &PathError{Path: p.text, Offset: at, Problem: problem}
}

// peek returns the byte at hand, 0 at the end.
func (p *pathParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *pathParser) blank() {
	for p.at < len(p.text) && isSpace(p.text[p.at]) {
		p.at++
	}
}

// segment reads blank space and one segment.
func (p *pathParser) segment() (segment, error) {
	p.blank()
	switch p.peek() {
	case '[':
		return p.bracket()
	case '.':
		p.at++
	default:
		return segment{}, p.fail(p.at, "expected . or [")
	}
	descend := p.peek() == '.'
	if descend {
		p.at++
	}
	var s segment
	var err error
	switch {
	case p.peek() == '*':
		p.at++
		s.selector = byWildcard
	case p.peek() == '[' && descend:
		s, err = p.bracket()
	default:
		s, err = p.shorthand()
	}
	s.descend = descend
	return s, err
}

// shorthand reads a name that needs no quotes.
func (p *pathParser) shorthand() (segment, error) {
	start := p.at
	for p.at < len(p.text) && isNameByte(p.text[p.at], p.at == start) {
		p.at++
	}
	if p.at == start {
		return segment{}, p.fail(start, "expected a name or *; any other name is written ['…']")
	}
	switch c := p.peek(); {
	case c == '(':
		return segment{}, p.fail(p.at, "functions are not supported")
	case c != 0 && c != '.' && c != '[' && !isSpace(c):
		return segment{}, p.fail(p.at, fmt.Sprintf("%q cannot stand in a bare name: write ['…']", c))
	}
	return segment{selector: byName, name: p.text[start:p.at]}, nil
}

// isNameByte reports whether c may stand in a bare name.
func isNameByte(c byte, first bool) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c >= utf8.RuneSelf:
		return true
	}
	return !first && '0' <= c && c <= '9'
}

// bracket reads [ selector ].
func (p *pathParser) bracket() (segment, error) {
	p.at++
	p.blank()
	start := p.at
	var s segment
	var err error
	switch c := p.peek(); {
	case c == '\'' || c == '"':
		s.name, err = p.quoted()
	case c == '*':
		p.at++
		s.selector = byWildcard
	case c == '?':
		err = p.fail(start, "filters are not supported")
	case c == ':':
		err = p.fail(start, "slices are not supported")
	case c == '-':
		err = p.fail(start, "negative indexes are not supported")
	case '0' <= c && c <= '9':
		s.selector = byIndex
		s.index, err = p.number()
	case c == 0:
		err = p.fail(start, "the path ends inside [")
	default:
		err = p.fail(start, "expected a quoted name, an index or *")
	}
	if err != nil {
		return s, err
	}
	p.blank()
	switch p.peek() {
	case ']':
		p.at++
		return s, nil
	case ',':
		return s, p.fail(p.at, "unions are not supported: make a rule of each")
	case ':':
		return s, p.fail(p.at, "slices are not supported")
	case 0:
		return s, p.fail(p.at, "the path ends inside [")
	}
	return s, p.fail(p.at, "expected ]")
}

// number reads an index.
func (p *pathParser) number() (int, error) {
	start := p.at
	for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		p.at++
	}
	digits := p.text[start:p.at]
	if len(digits) > 1 && digits[0] == '0' {
		return 0, p.fail(start, "an index has no leading zero")
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > math.MaxInt32 {
		return 0, p.fail(start, "the index is too large")
	}
	return n, nil
}
