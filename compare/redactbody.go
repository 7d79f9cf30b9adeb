package compare

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Body returns an answer's body as it may be stored: without its Content-Encoding if that can be undone, and without the values at
// the paths. Fields of forms, columns of tables (whose first row is taken for their names), parts of multipart bodies, elements and
// attributes of XML, and members of JSON within those are hidden too if secret says so of their name; it may be nil. Texts and
// binary bodies are not searched. The result may be the answer's Body, which is not changed.
func (r *Redactor) Body(a *Answer, secret func(name string) bool) []byte {
	if len(a.Body) == 0 {
		return a.Body
	}
	var o opener
	defer o.close()
	d, err := o.open(a, defaultMaxDecoded)
	defer d.release()
	switch {
	case err != nil && a.format() == formatJSON && !r.none:
		return []byte(redactedInvalid)
	case err != nil:
		return a.Body
	}
	var c cursor
	c.start(r.paths)
	body := d.body
	p := a.part(body)
	if f := p.format(); f == formatJSON || !f.structured() && looksJSON(body) {
		body = r.JSON(body)
	} else {
		body = r.content(&p, &c, secret)
	}
	if d.own != nil {
		body = slices.Clone(body) // the decoder's memory is used again
	}
	return body
}

// format returns the format that the part is taken for by itself.
func (p *part) format() format {
	if p.declared == "" {
		return sniff(p.body)
	}
	return formatOf(p.media)
}

// unreadable stands in the place of a body that cannot be searched.
func unreadable(f format) []byte { return fmt.Appendf(nil, redactedBody, f) }

// content redacts a body at the cursor's place.
func (r *Redactor) content(p *part, c *cursor, secret func(name string) bool) []byte {
	if c.matched() {
		return []byte(redactedShown)
	}
	if r.none && secret == nil {
		return p.body
	}
	switch f := p.format(); {
	case f == formatRecords:
		return r.records(p, c, secret)
	case f == formatForm:
		return r.form(p.body, c, secret)
	case f == formatTable:
		return r.table(p, c, secret)
	case f == formatMultipart:
		return r.multipart(p, c, secret)
	case (f == formatHTML || f == formatXML) && !looksJSON(p.body), f == formatProtobuf:
		return r.tree(p, c, secret)
	case f == formatGRPC:
		return r.call(p, c, secret)
	case f == formatJSON || looksJSON(p.body):
		return r.text(p.body, c, secret)
	}
	return p.body
}

// text redacts a JSON text.
func (r *Redactor) text(body []byte, c *cursor, secret func(name string) bool) []byte {
	out, ok := r.replace(c, body, secret, false)
	if !ok && !r.none {
		return []byte(redactedInvalid)
	}
	if !ok {
		return body
	}
	return out
}

// records redacts each JSON text of a sequence by itself.
func (r *Redactor) records(p *part, c *cursor, secret func(name string) bool) []byte {
	separator := recordSeparator(p.media)
	var out []byte
	left, index := p.body, 0
	for more := true; more; {
		var line []byte
		line, left, more = bytes.Cut(left, separator)
		if text := bytes.Trim(line, " \t\r\n"); len(text) > 0 {
			c.index(index)
			index++
			line = bytes.Replace(line, text, r.text(text, c, secret), 1)
			c.pop()
		}
		out = append(out, line...)
		if more {
			out = append(out, separator...)
		}
	}
	return out
}

// form redacts the values of a form's fields.
func (r *Redactor) form(body []byte, c *cursor, secret func(name string) bool) []byte {
	var out []byte
	counts := map[string]int{}
	for more := true; more; {
		var pair []byte
		pair, body, more = bytes.Cut(body, []byte("&"))
		raw, _, valued := bytes.Cut(pair, []byte("="))
		name := unquoted(appendFormText(nil, raw))
		c.name([]byte(name))
		hide := c.matched() || secret != nil && secret(name)
		c.index(counts[name])
		hide = hide || c.matched()
		c.pop()
		c.pop()
		counts[name]++
		if hide && valued {
			out = append(append(append(out, raw...), '='), redactedShown...)
		} else {
			out = append(out, pair...)
		}
		if more {
			out = append(out, '&')
		}
	}
	return out
}

// table redacts the cells of a table, named by the first row or by their numbers.
func (r *Redactor) table(p *part, c *cursor, secret func(name string) bool) []byte {
	t, err := readTable(p, defaultMaxNodes)
	if err != nil {
		return unreadable(formatTable)
	}
	names := t.columnNames()
	var out []byte
	copied := 0
	for i := range t.starts {
		row := t.row(i)
		for k := range row {
			name := ""
			if k < len(names) {
				name = names[k]
			}
			if i > 0 && secret != nil && secret(name) || atCell(c, i, k, name) {
				out = append(append(out, p.body[copied:row[k].start]...), redactedShown...)
				copied = int(row[k].end)
			}
		}
	}
	return append(out, p.body[copied:]...)
}

// columnNames returns the names of the columns by the first row.
func (t *table) columnNames() []string {
	var names []string
	for _, text := range t.names() {
		names = append(names, strings.TrimPrefix(unquoted(text), bom))
	}
	return names
}

// unquoted returns what a JSON string says.
func unquoted(text []byte) string { return string(appendUnescaped(nil, text[1:len(text)-1])) }

// atCell reports whether a path leads to a cell or to its row: by its column's name among the records behind the first row, or by
// the column's number among all rows.
func atCell(c *cursor, row, column int, name string) bool {
	c.index(row)
	found := c.matched()
	c.index(column)
	found = found || c.matched()
	c.pop()
	c.pop()
	if row == 0 {
		return found
	}
	c.index(row - 1)
	found = found || c.matched()
	c.name([]byte(name))
	found = found || c.matched()
	c.pop()
	c.pop()
	return found
}

// multipart redacts the parts: whole ones by their number or by the name of their field, others by their own format.
func (r *Redactor) multipart(p *part, c *cursor, secret func(name string) bool) []byte {
	parts, err := readMultipart(p, defaultMaxNodes)
	if err != nil || len(c.states) > maxNesting {
		return unreadable(formatMultipart)
	}
	var out []byte
	copied := 0
	for i := range parts {
		part := parts[i].part(p.answer)
		body := []byte(redactedShown)
		if !hidesPart(c, parts[i].name(), secret) {
			c.index(i)
			body = r.content(&part, c, secret)
			c.pop()
		}
		start := parts[i].start
		out = append(append(out, p.body[copied:start]...), body...)
		copied = start + len(part.body)
	}
	return append(out, p.body[copied:]...)
}

// hidesPart reports whether a part is secret by the name of its field.
func hidesPart(c *cursor, name string, secret func(name string) bool) bool {
	if name == "" {
		return false
	}
	c.name([]byte(name))
	defer c.pop()
	return c.matched() || secret != nil && secret(name)
}
