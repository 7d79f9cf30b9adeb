package compare

import (
	"errors"
	"sync"
)

// What stands in the place of a redacted value, and of a whole body that cannot be searched for values to redact.
const (
	redacted        = `"[redacted]"`
	redactedShown   = "[redacted]"
	redactedInvalid = `"[redacted: not readable as JSON]"`
	redactedBody    = "[redacted: not readable as %s]"
)

// Redactor takes values out of bodies. It is safe for concurrent use.
type Redactor struct {
	paths     *automaton
	none      bool // there are no paths
	documents sync.Pool
}

// NewRedactor returns a Redactor for the values at the JSONPaths, as ParsePath reads them. The error joins a *PathError for each
// path that is wrong.
func NewRedactor(paths []string) (*Redactor, error) {
	r := &Redactor{documents: sync.Pool{New: func() any { return new(document) }}}
	var compiled []*Path
	var errs []error
	for _, text := range paths {
		p, err := ParsePath(text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		compiled = append(compiled, p)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	r.paths, r.none = newAutomaton(compiled, nil), len(compiled) == 0
	return r, nil
}

// JSON returns body with the values at the paths replaced by "[redacted]". A body that is not valid JSON cannot be searched: in
// its place comes a JSON string that says so, unless there are no paths. The result may be body itself, which is not changed.
func (r *Redactor) JSON(body []byte) []byte {
	if r.none || len(body) == 0 {
		return body
	}
	var c cursor
	c.start(r.paths)
	out, ok := r.replace(&c, body, nil, false)
	if !ok {
		return []byte(redactedInvalid)
	}
	return out
}

// walk follows a difference's path, and reports whether it leads into a redacted place. A path that cannot be read does. If it is
// loose, the paths mean it as they mean markup.
func (r *Redactor) walk(path string, loose bool) (c *cursor, covered bool) {
	c = new(cursor)
	c.start(r.paths)
	if path == "" || r.none {
		path = "$"
	}
	p, err := ParsePath(path)
	if err != nil {
		return c, true
	}
	covered = c.matched()
	for _, s := range p.segments {
		switch s.selector {
		case byName:
			covered = covered || loose && secretAttribute(c, []byte(s.name))
			c.name([]byte(s.name))
		case byIndex:
			if loose {
				c.maybeIndex(s.index)
			} else {
				c.index(s.index)
			}
		default:
			return c, true
		}
		covered = covered || c.matched()
	}
	return c, covered
}

// Difference returns d with its values redacted as far as they are, lie in, or hold a redacted place.
func (r *Redactor) Difference(d Difference) Difference {
	if d.Location != InBody || d.Path == "" || r.none {
		return d
	}
	c, covered := r.walk(d.Path, true)
	hide := func(text string) string {
		switch {
		case text == "":
			return ""
		case covered:
			return redactedShown
		case !c.alive():
			return text
		}
		if out, ok := r.replace(c, []byte(text), nil, true); ok {
			return string(out)
		}
		// What was cut short or is no JSON cannot be searched. Only a string in a valid document holds no places.
		if text[0] == '"' && d.Path != "$" {
			return text
		}
		return redactedShown
	}
	d.Old, d.New = hide(d.Old), hide(d.New)
	return d
}

// replace replaces what the cursor's paths match in a JSON text, and members whose names are secret, if that is not nil; false if
// the text is not valid. If it is loose, paths mean it as they mean markup. The cursor comes back to its place.
func (r *Redactor) replace(c *cursor, text []byte, secret func(name string) bool, loose bool) ([]byte, bool) {
	d := r.documents.Get().(*document)
	defer func() {
		d.src = nil
		if cap(d.nodes) <= maxPooled {
			r.documents.Put(d)
		}
	}()
	if err := d.parse(text, defaultMaxNodes); err != nil {
		return nil, false
	}
	e := editor{document: d, at: c, secret: secret, loose: loose}
	e.visit(0)
	if e.copied == 0 {
		return text, true
	}
	return append(e.out, text[e.copied:]...), true
}

// editor copies a document but for what is replaced.
type editor struct {
	*document
	at     *cursor
	secret func(name string) bool // of members; may be nil
	loose  bool                   // the text may be an element of markup: attributes have a mark, and indexes may be left out
	out    []byte
	copied int // how much of the text is in out, or replaced
}

func (e *editor) visit(i uint32) {
	n := e.nodes[i]
	if e.at.matched() {
		e.hide(i)
		return
	}
	if n.kind != jsonObject && n.kind != jsonArray || !e.at.alive() && e.secret == nil {
		return
	}
	index := 0
	for c := i + 1; c < n.next; c = e.nodes[c].next {
		hidden := false
		switch {
		case n.kind == jsonObject:
			name := e.name(c)
			hidden = e.secret != nil && e.secret(string(name)) || e.loose && secretAttribute(e.at, name)
			e.at.name(name)
		case e.loose:
			e.at.maybeIndex(index)
		default:
			e.at.index(index)
		}
		if hidden {
			e.hide(c)
		} else {
			e.visit(c)
		}
		e.at.pop()
		index++
	}
}

// hide replaces a value.
func (e *editor) hide(i uint32) {
	n := e.nodes[i]
	e.out = append(append(e.out, e.src[e.copied:n.start]...), redacted...)
	e.copied = int(n.end)
}
