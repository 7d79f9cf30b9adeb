package compare

import (
	"bytes"
	"errors"
	"slices"
)

// maxNesting is how deep multipart bodies may lie in one another.
const maxNesting = 8

// compareMultipart compares two multipart bodies part by part, in order. A part's place is its index: what lies in it is
// compared by its own type, and its fields have their names beneath it.
func compareMultipart(c *Comparer, old, new part, rec *recorder) outcome {
	if rec.origin.depth() >= maxNesting {
		return outcome{tooComplex: true}
	}
	a, oldErr := readMultipart(&old, c.maxNodes)
	b, newErr := readMultipart(&new, c.maxNodes)
	if errors.Is(oldErr, errTooComplex) || errors.Is(newErr, errTooComplex) {
		return outcome{tooComplex: true}
	}
	if oldErr != nil || newErr != nil {
		return outcome{old: oldErr, new: newErr}
	}
	if rule := c.suppressor(rec.origin); rule != none {
		if !slices.EqualFunc(a, b, sameBodyPart) {
			rec.forgive(rule, len(c.rules.rules))
		}
		return outcome{}
	}
	here := rec.origin
	defer func() { rec.origin = here }()
	for i := range max(len(a), len(b)) {
		rec.origin = here.part(i)
		switch {
		case i >= len(b):
			c.differInBody(rec, KindMissing, "$", excerpt(a[i].body, nil), "")
		case i >= len(a):
			c.differInBody(rec, KindExtra, "$", "", excerpt(b[i].body, nil))
		case c.compareBodyPart(&a[i], &b[i], old.answer, new.answer, rec) != "":
			return outcome{tooComplex: true}
		}
	}
	return outcome{}
}

// compareBodyPart compares two parts, and returns the reason if that cannot be done.
func (c *Comparer) compareBodyPart(a, b *bodyPart, old, new *Answer, rec *recorder) Reason {
	if rule := c.suppressor(rec.origin); rule != none {
		mode := c.rules.rules[rule].ignore
		if mode == IgnoreAll || formatOf(mediaType(a.contentType())) == formatOf(mediaType(b.contentType())) {
			if !sameBodyPart(*a, *b) {
				rec.forgive(rule, len(c.rules.rules))
			}
			return ""
		}
	}
	for i, name := range partFields {
		if x, y := a.fields[i], b.fields[i]; !sameField(i, x, y) {
			c.differInField(rec, name, x, y)
		}
	}
	switch {
	case bytes.Equal(a.body, b.body) && !c.rules.renames && !otherBoundary(a.contentType(), b.contentType()):
		return ""
	case len(b.body) == 0:
		c.differInBody(rec, KindMissing, "$", excerpt(a.body, nil), "")
		return ""
	case len(a.body) == 0:
		c.differInBody(rec, KindExtra, "$", "", excerpt(b.body, nil))
		return ""
	}
	return c.compareParts(a.part(old), b.part(new), rec)
}

// differInField records a difference of two fields of a part, unless a rule allows it.
func (c *Comparer) differInField(rec *recorder, name string, old, new *string) {
	d := Difference{Location: InBody, Path: string(appendName([]byte("$"), []byte(name))), Kind: KindValue}
	if old == nil {
		d.Kind = KindExtra
	} else {
		d.Old = shorten(*old)
	}
	if new == nil {
		d.Kind = KindMissing
	} else {
		d.New = shorten(*new)
	}
	var at cursor
	at.start(c.rules.paths)
	rec.enter(&at)
	at.name([]byte(name))
	if rule := c.rules.decide(&at)[familySuppress]; rule != none {
		mode := c.rules.rules[rule].ignore
		if mode == IgnoreAll || mode == IgnoreValue && d.Kind == KindValue {
			rec.forgive(rule, len(c.rules.rules))
			return
		}
	}
	rec.add(d)
}

// The fields of a part that are compared.
const (
	fieldType = iota
	fieldDisposition
	fieldEncoding
	fieldCount
)

var partFields = [fieldCount]string{"content-type", "content-disposition", "content-transfer-encoding"}

// sameField compares two fields of a part, nil where there is none.
func sameField(field int, a, b *string) bool {
	if field == fieldEncoding {
		return transferEncoding(a) == transferEncoding(b)
	}
	return a == nil && b == nil || a != nil && b != nil && sameMediaType(*a, *b)
}

// transferEncoding returns a Content-Transfer-Encoding in lower case; those that change nothing are one.
func transferEncoding(field *string) string {
	if field == nil {
		return ""
	}
	switch name := lower(*field); name {
	case "7bit", "8bit", "binary":
		return ""
	default:
		return name
	}
}

// bodyPart is a part of a multipart body.
type bodyPart struct {
	fields [fieldCount]*string // nil where there is none
	body   []byte
	start  int // where the body begins in the whole one
}

// name returns the name of the form's field that the part is; empty if it is none.
func (p *bodyPart) name() string {
	if p.fields[fieldDisposition] == nil {
		return ""
	}
	return mediaParameter(*p.fields[fieldDisposition], "name")
}

// contentType returns the part's type, which is text if it says nothing (RFC 2046).
func (p *bodyPart) contentType() string {
	if p.fields[fieldType] == nil || *p.fields[fieldType] == "" {
		return "text/plain"
	}
	return *p.fields[fieldType]
}

// part returns the part as a body of its own. One that is encoded for mail is not looked into.
func (p *bodyPart) part(a *Answer) part {
	declared := p.contentType()
	if transferEncoding(p.fields[fieldEncoding]) != "" {
		declared = "text/plain"
	}
	return part{body: p.body, declared: declared, media: mediaType(declared), answer: a}
}

// otherBoundary reports whether two types are of multipart bodies whose boundaries differ.
func otherBoundary(a, b string) bool {
	return a != b && formatOf(mediaType(a)) == formatMultipart && mediaParameter(a, "boundary") != mediaParameter(b, "boundary")
}

func sameBodyPart(a, b bodyPart) bool {
	for i := range a.fields {
		if !sameField(i, a.fields[i], b.fields[i]) {
			return false
		}
	}
	return bytes.Equal(a.body, b.body)
}

// The ways in which a multipart body can be broken.
var (
	errNoBoundary = errors.New("the Content-Type names no boundary")
	errNoPart     = errors.New("no delimiter line")
	errNotClosed  = errors.New("the last part does not end with a delimiter line")
)

// readMultipart reads at most so many parts (RFC 2046). What stands in front of the first delimiter line and behind the last one
// does not count.
func readMultipart(p *part, limit int) ([]bodyPart, error) {
	boundary := p.parameter("boundary")
	if boundary == "" {
		return nil, errNoBoundary
	}
	delimiter := []byte("--" + boundary)
	d, ok := nextDelimiter(p.body, 0, delimiter)
	if !ok {
		return nil, errNoPart
	}
	var parts []bodyPart
	for !d.last {
		next, ok := nextDelimiter(p.body, d.end, delimiter)
		if !ok {
			return nil, errNotClosed
		}
		if len(parts) == limit {
			return nil, errTooComplex
		}
		text := p.body[d.end:max(d.end, next.start)]
		part := readBodyPart(text)
		part.start = d.end + len(text) - len(part.body)
		parts = append(parts, part)
		d = next
	}
	return parts, nil
}

// delimiterLine is a delimiter line with the line's end before it, which belongs to it.
type delimiterLine struct {
	start, end int
	last       bool
}

// nextDelimiter finds the first delimiter line from an offset on, at which a line begins.
func nextDelimiter(body []byte, from int, delimiter []byte) (delimiterLine, bool) {
	for at := from; ; {
		i := bytes.Index(body[at:], delimiter)
		if i < 0 {
			return delimiterLine{}, false
		}
		at += i
		if at == from || body[at-1] == '\n' {
			if d, ok := delimiterAt(body, at, at+len(delimiter)); ok {
				return d, true
			}
		}
		at++
	}
}

// delimiterAt reads what follows a delimiter, up to the line's end.
func delimiterAt(body []byte, start, at int) (delimiterLine, bool) {
	d := delimiterLine{start: start}
	rest := body[at:]
	if bytes.HasPrefix(rest, []byte("--")) {
		d.last = true
		rest = rest[2:]
	}
	rest = bytes.TrimLeft(rest, " \t")
	switch {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		rest = rest[2:]
	case len(rest) > 0 && rest[0] == '\n':
		rest = rest[1:]
	case len(rest) > 0:
		return d, false
	}
	d.end = len(body) - len(rest)
	if d.start > 0 && body[d.start-1] == '\n' {
		d.start--
		if d.start > 0 && body[d.start-1] == '\r' {
			d.start--
		}
	}
	return d, true
}

// readBodyPart reads a part's fields, up to an empty line, and takes the rest for its body.
func readBodyPart(text []byte) bodyPart {
	var fields [fieldCount][]byte // nil where there is none
	current := none               // the one that a folded line continues
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if current != none {
				fields[current] = append(append(fields[current], ' '), bytes.Trim(line, " \t")...) //nolint:gosec // none was ruled out
			}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		current = fieldNamed(bytes.TrimRight(name, " \t"))
		if current != none && fields[current] == nil {
			fields[current] = append([]byte{}, bytes.Trim(value, " \t")...)
		} else {
			current = none
		}
	}
	p := bodyPart{body: text}
	for i, value := range fields {
		if value != nil {
			p.fields[i] = new(string(value))
		}
	}
	return p
}

// fieldNamed returns the compared field of a name, or none.
func fieldNamed(name []byte) int {
	return slices.IndexFunc(partFields[:], func(field string) bool { return bytes.EqualFold([]byte(field), name) })
}
