package compare

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// The namespaces that the standard binds, and the one whose attribute `type` holds a prefix.
const (
	xmlSpace    = "http://www.w3.org/XML/1998/namespace"
	xmlnsSpace  = "http://www.w3.org/2000/xmlns/"
	xhtmlSpace  = "http://www.w3.org/1999/xhtml"
	schemaSpace = "http://www.w3.org/2001/XMLSchema-instance"
)

// binding is a namespace prefix and what it stands for; an empty prefix is the default namespace.
type binding struct{ prefix, space string }

// xmlParser reads an XML document with namespaces into a tree. White space alone between elements is left out of what holds
// elements only, comments are left out everywhere, and entities that a DTD defines are never expanded.
type xmlParser struct {
	src      []byte
	at       int
	elements int
	doctype  bool // whether a document type was seen, which may define entities

	new      nursery
	names    map[string]string // those of attributes, with their mark
	bindings []binding
	open     []xmlOpen
	text     []byte // what was read of the text at hand
	begin    int    // where that begins
}

// xmlOpen is an element whose end was not seen yet.
type xmlOpen struct {
	element  *element
	name     string // as it is written
	bindings int    // how many there were before it
	preserve bool   // xml:space
}

// parseXML reads src, which must be UTF-8 without a byte order mark. The error is a *syntaxError or errTooComplex.
func parseXML(src []byte) (*element, error) {
	if at := invalidXML(src); at >= 0 {
		return nil, &syntaxError{at, "invalid character"}
	}
	root := &element{kind: isElement, end: len(src)}
	p := &xmlParser{
		src: src, bindings: []binding{{"xml", xmlSpace}, {"xmlns", xmlnsSpace}},
		open: []xmlOpen{{element: root}},
	}
	if bytes.HasPrefix(src, []byte("<?xml")) && len(src) > 5 && isSpace(src[5]) {
		end := bytes.Index(src, []byte("?>"))
		if end < 0 {
			return nil, p.fail("unexpected end in the XML declaration")
		}
		p.at = end + 2
	}
	for p.at < len(src) {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	if len(p.open) > 1 {
		return nil, p.fail("unexpected end in the element " + p.top().name)
	}
	for _, c := range root.children {
		if c.kind == isElement {
			root.seal()
			return root, nil
		}
	}
	return nil, p.fail("no element")
}

// invalidXML returns the offset of the first byte that is no character of XML; -1 if there is none.
func invalidXML(src []byte) int {
	for i := 0; i < len(src); {
		if c := src[i]; c < utf8.RuneSelf {
			if c < ' ' && !isSpace(c) {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 || r == 0xFFFE || r == 0xFFFF {
			return i
		}
		i += n
	}
	return -1
}

func (p *xmlParser) top() *xmlOpen { return &p.open[len(p.open)-1] }

func (p *xmlParser) fail(problem string) error { return &syntaxError{p.at, problem} }

func (p *xmlParser) has(prefix string) bool {
	return len(p.src)-p.at >= len(prefix) && string(p.src[p.at:p.at+len(prefix)]) == prefix
}

// through returns what stands between the opening at hand and the next closing, and moves behind that.
func (p *xmlParser) through(opening, closing string) ([]byte, error) {
	start := p.at + len(opening)
	n := bytes.Index(p.src[start:], []byte(closing))
	if n < 0 {
		return nil, p.fail("unexpected end behind " + opening)
	}
	p.at = start + n + len(closing)
	return p.src[start : start+n], nil
}

// next reads one piece of content or of what stands around the root element.
func (p *xmlParser) next() error {
	switch {
	case p.src[p.at] != '<':
		return p.characters()
	case p.has("<!--"):
		start := p.at
		text, err := p.through("<!--", "-->")
		if err == nil && (bytes.Contains(text, []byte("--")) || bytes.HasSuffix(text, []byte("-"))) {
			err = &syntaxError{start, "-- in a comment"}
		}
		return err
	case p.has("<![CDATA["):
		if len(p.open) == 1 {
			return p.fail("text outside the root element")
		}
		p.beginText()
		text, err := p.through("<![CDATA[", "]]>")
		p.text = appendLines(p.text, text)
		return err
	case p.has("<?"):
		return p.instruction()
	case p.has("<!DOCTYPE"):
		return p.documentType()
	case p.has("</"):
		return p.endTag()
	}
	return p.startTag()
}

// appendLines appends text with every line ending as a line feed.
func appendLines(out, text []byte) []byte {
	for i, c := range text {
		switch {
		case c != '\r':
			out = append(out, c)
		case i+1 == len(text) || text[i+1] != '\n':
			out = append(out, '\n')
		}
	}
	return out
}

// characters reads text up to the next markup.
func (p *xmlParser) characters() error {
	end := bytes.IndexByte(p.src[p.at:], '<')
	if end < 0 {
		end = len(p.src) - p.at
	}
	raw := p.src[p.at : p.at+end]
	if len(p.open) == 1 {
		if len(bytes.Trim(raw, " \t\r\n")) > 0 {
			return p.fail("text outside the root element")
		}
		p.at += end
		return nil
	}
	if at := bytes.Index(raw, []byte("]]>")); at >= 0 {
		return &syntaxError{p.at + at, "]]> in a text"}
	}
	p.beginText()
	var err error
	p.text, err = p.expand(p.text, raw, false)
	p.at += end
	return err
}

// expand appends text with references undone and line endings as line feeds; in an attribute's value white space becomes spaces.
func (p *xmlParser) expand(out, raw []byte, attribute bool) ([]byte, error) {
	start := p.at
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '&':
			end := bytes.IndexByte(raw[i:], ';')
			if end < 0 {
				return out, &syntaxError{start + i, "a reference without a semicolon"}
			}
			r, ok := reference(string(raw[i+1 : i+end]))
			switch {
			case ok:
				out = utf8.AppendRune(out, r)
			case p.doctype && isXMLName(string(raw[i+1:i+end])):
				return out, errTooComplex
			default:
				return out, &syntaxError{start + i, "an unknown reference"}
			}
			i += end
		case c == '\r' && i+1 < len(raw) && raw[i+1] == '\n':
		case attribute && (c == '\t' || c == '\n' || c == '\r'):
			out = append(out, ' ')
		case c == '\r':
			out = append(out, '\n')
		default:
			out = append(out, c)
		}
	}
	return out, nil
}

// reference returns what a reference stands for; its name comes without & and semicolon.
func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, base := strings.TrimPrefix(name, "#"), rune(10)
	if digits == name || digits == "" {
		return 0, false
	}
	if digits[0] == 'x' {
		if digits, base = digits[1:], 16; digits == "" {
			return 0, false
		}
	}
	var r rune
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case base == 16 && 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		if r = r*base + c; r > utf8.MaxRune {
			return 0, false
		}
	}
	valid := r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r != 0xFFFE && r != 0xFFFF && utf8.ValidRune(r)
	return r, valid
}

// beginText notes where a text begins, unless one is at hand.
func (p *xmlParser) beginText() {
	if len(p.text) == 0 {
		p.begin = p.at
	}
}

// flush makes a child of the text that was read.
func (p *xmlParser) flush() error {
	if len(p.text) == 0 {
		return nil
	}
	e := p.new.element(isText, "#text")
	e.text, e.start, e.end = string(p.text), p.begin, p.at
	err := p.add(e)
	p.text = p.text[:0]
	return err
}

// add appends a child without children to the element at hand.
func (p *xmlParser) add(e *element) error {
	if p.elements++; p.elements > maxElements {
		return errTooComplex
	}
	e.seal()
	top := p.top().element
	top.children = append(top.children, e)
	return nil
}

// instruction reads a processing instruction.
func (p *xmlParser) instruction() error {
	start := p.at
	if err := p.flush(); err != nil {
		return err
	}
	text, err := p.through("<?", "?>")
	if err != nil {
		return err
	}
	target, data := string(text), ""
	if i := strings.IndexAny(target, " \t\r\n"); i >= 0 {
		target, data = target[:i], strings.TrimLeft(string(appendLines(nil, []byte(target[i:]))), " \t\n")
	}
	if !isXMLName(target) || strings.EqualFold(target, "xml") {
		return &syntaxError{start, "a processing instruction without a valid target"}
	}
	return p.add(&element{kind: isInstruction, name: "?" + target, text: data})
}

// documentType reads a document type with its internal subset, which is kept as it is written.
func (p *xmlParser) documentType() error {
	if len(p.open) > 1 || p.doctype || slices.ContainsFunc(p.open[0].element.children, func(e *element) bool { return e.kind == isElement }) {
		return p.fail("a document type where none may stand")
	}
	start := p.at
	depth := 0
	for p.at += len("<!DOCTYPE"); p.at < len(p.src); p.at++ {
		switch c := p.src[p.at]; {
		case c == '"' || c == '\'':
			end := bytes.IndexByte(p.src[p.at+1:], c)
			if end < 0 {
				return p.fail("unexpected end in a quoted text")
			}
			p.at += end + 1
		case p.has("<!--"):
			if _, err := p.through("<!--", "-->"); err != nil {
				return err
			}
			p.at--
		case p.has("<?"):
			if _, err := p.through("<?", "?>"); err != nil {
				return err
			}
			p.at--
		case c == '[' || c == '<':
			depth++
		case c == ']':
			depth--
		case c == '>' && depth > 0:
			depth--
		case c == '>':
			p.at++
			p.doctype = true
			text := strings.Join(strings.Fields(string(p.src[start+len("<!DOCTYPE"):p.at-1])), " ")
			return p.add(&element{kind: isDoctype, name: "#doctype", text: text})
		}
	}
	return p.fail("unexpected end in the document type")
}
