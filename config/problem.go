package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File         string
	Line, Column int    // from 1, in characters; 0 where the file as a whole is meant
	Path         string // of the field, such as `routes[2].match.path`; empty for the file as a whole
	Message      string
}

// String returns `file:line:column: path: message`, without what is not known.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems is the error of Load and Parse: everything that is wrong, in the order of the file.
type Problems []Problem

// Error returns one line per problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// elsewhere returns those of more that concern no field with a problem, nor what is in one or around it.
func (p Problems) elsewhere(more Problems) Problems {
	return slices.DeleteFunc(more, func(m Problem) bool {
		return slices.ContainsFunc(p, func(known Problem) bool { return within(m.Path, known.Path) || within(known.Path, m.Path) })
	})
}

// within reports whether a path is that of the outer one, or of a field in it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || outer == "" || rest[0] == '.' || rest[0] == '[')
}

// place is where a value stands in the file.
type place struct {
	line, column int
	expanded     bool // the value came, at least in part, from a variable
}

// Problem returns a problem at the value with that path, for what only the packages that use the values can find, such
// as a JSONPath that does not compile. A value that the file does not give is placed at the nearest section that it does.
func (c *Config) Problem(path, format string, args ...any) Problem {
	at := locate(c.places, path)
	return Problem{File: c.file, Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...)}
}

// Has says whether the file gives the field.
func (c *Config) Has(path string) bool {
	_, given := c.places[path]
	return given
}

func locate(places map[string]place, path string) place {
	for p := path; ; {
		if at, ok := places[p]; ok {
			return at
		}
		i := strings.LastIndexAny(p, ".[")
		if i < 0 {
			return places[""]
		}
		p = p[:i]
	}
}
