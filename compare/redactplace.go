package compare

import "cmp"

// InAnswers is Difference for two answers that are at hand: it also hides cells whose path has no column's name, and parts of
// multipart bodies, if the paths or secret mean what they are called. The latter may be nil.
func (r *Redactor) InAnswers(d Difference, old, new *Answer, secret func(name string) bool) Difference {
	if d.Location == InBody && (r.hidesPlace(d.Path, old, secret) || r.hidesPlace(d.Path, new, secret)) {
		if d.Old != "" {
			d.Old = redactedShown
		}
		if d.New != "" {
			d.New = redactedShown
		}
		return d
	}
	return r.Difference(d)
}

// hidesPlace reports whether a place in an answer's body is one of a secret column or part, or holds one.
func (r *Redactor) hidesPlace(path string, a *Answer, secret func(name string) bool) bool {
	f := a.format()
	if f != formatTable && f != formatMultipart || len(a.Body) == 0 || r.none && secret == nil {
		return false
	}
	p, err := ParsePath(cmp.Or(path, "$"))
	if err != nil {
		return true
	}
	var o opener
	defer o.close()
	d, err := o.open(a, defaultMaxDecoded)
	defer d.release()
	if err != nil {
		return true
	}
	whole := a.part(d.body)
	var c cursor
	c.start(r.paths)
	return r.hidesIn(&whole, p.segments, &c, secret)
}

// hidesIn is hidesPlace for a body at the cursor's place and the steps within it.
func (r *Redactor) hidesIn(p *part, steps []segment, c *cursor, secret func(name string) bool) bool {
	switch p.format() {
	case formatTable:
		return hidesCell(p, steps, c, secret)
	case formatMultipart:
	default:
		return false
	}
	parts, err := readMultipart(p, defaultMaxNodes)
	if err != nil || len(c.states) > maxNesting {
		return true
	}
	for i := range parts {
		if len(steps) > 0 && steps[0].index != i {
			continue
		}
		if hidesPart(c, parts[i].name(), secret) {
			return true
		}
		c.index(i)
		part := parts[i].part(p.answer)
		hides := r.hidesIn(&part, steps[min(1, len(steps)):], c, secret)
		c.pop()
		if hides {
			return true
		}
	}
	return false
}

// hidesCell reports whether the steps lead to a cell of a secret column, or to a row or a table that has one.
func hidesCell(p *part, steps []segment, c *cursor, secret func(name string) bool) bool {
	header := newTableReader(p, defaultMaxNodes)
	if header.row() != nil {
		return true
	}
	row := 1
	if len(steps) > 0 {
		row = steps[0].index
	}
	for k, name := range header.columnNames() {
		at := len(steps) < 2 || steps[1].selector == byIndex && steps[1].index == k
		if at && (secret != nil && secret(name) || atCell(c, row, k, name)) {
			return true
		}
	}
	return false
}
