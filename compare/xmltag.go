package compare

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// startTag reads a start tag, or an element that is empty by its tag.
func (p *xmlParser) startTag() error {
	if err := p.flush(); err != nil {
		return err
	}
	start := p.at
	switch {
	case len(p.open) > maxDepth:
		return errTooComplex
	case len(p.open) == 1 && slices.ContainsFunc(p.open[0].element.children, func(e *element) bool { return e.kind == isElement }):
		return p.fail("a second root element")
	}
	p.at++
	name, err := p.name()
	if err != nil {
		return err
	}
	o := xmlOpen{element: p.new.element(isElement, ""), name: name, bindings: len(p.bindings), preserve: p.top().preserve}
	empty, err := p.attributes(&o)
	if err != nil {
		return err
	}
	o.element.space, o.element.name, err = p.resolve(name, true, start)
	if err != nil {
		return err
	}
	if p.elements++; p.elements > maxElements {
		return errTooComplex
	}
	o.element.start, o.element.end = p.at, p.at
	p.open = append(p.open, o)
	if empty {
		p.close()
	}
	return nil
}

// endTag reads an end tag.
func (p *xmlParser) endTag() error {
	if err := p.flush(); err != nil {
		return err
	}
	start := p.at
	p.at += len("</")
	name, err := p.name()
	if err != nil {
		return err
	}
	p.blank()
	switch {
	case len(p.open) == 1 || p.top().name != name:
		return &syntaxError{start, "an end tag that does not fit: " + name}
	case !p.has(">"):
		return p.fail("expected >")
	}
	p.at++
	p.top().element.end = start
	p.close()
	return nil
}

// close ends the element at hand: it becomes a child of the one around it.
func (p *xmlParser) close() {
	o := *p.top()
	p.open = p.open[:len(p.open)-1]
	p.bindings = p.bindings[:o.bindings]
	e := o.element
	if !o.preserve && !mixed(e) {
		e.children = slices.DeleteFunc(e.children, func(c *element) bool { return c.kind == isText })
	}
	e.seal()
	top := p.top().element
	top.children = append(top.children, e)
}

// mixed reports whether text counts among an element's children: it holds some that is not white space alone, or nothing but
// text.
func mixed(e *element) bool {
	elements := false
	for _, c := range e.children {
		switch {
		case c.kind == isElement:
			elements = true
		case c.kind == isText && strings.Trim(c.text, " \t\r\n") != "":
			return true
		}
	}
	return !elements || e.space == xhtmlSpace
}

func (p *xmlParser) blank() bool {
	start := p.at
	for p.at < len(p.src) && isSpace(p.src[p.at]) {
		p.at++
	}
	return p.at > start
}

// name reads a name, with its prefix.
func (p *xmlParser) name() (string, error) {
	start := p.at
	for p.at < len(p.src) && !isSpace(p.src[p.at]) && bytes.IndexByte([]byte("/>=<\"'&"), p.src[p.at]) < 0 {
		p.at++
	}
	name := string(p.src[start:p.at])
	if !isXMLName(name) || strings.Count(name, ":") > 1 || name[0] == ':' || name[len(name)-1] == ':' {
		p.at = start
		return "", p.fail("expected a name")
	}
	return name, nil
}

// maxBindings bounds the prefixes that are bound at one place, since each name is looked up among them.
const maxBindings = 1024

// xmlAttribute is an attribute before its prefix is resolved.
type xmlAttribute struct {
	name, value string
	start, end  int
}

// attributes reads the attributes and the end of a start tag, and reports whether it ends the element too.
func (p *xmlParser) attributes(o *xmlOpen) (empty bool, err error) {
	var all []xmlAttribute
	for {
		blank := p.blank()
		switch {
		case p.has("/>"):
			p.at += 2
			return true, p.setAttributes(o, all)
		case p.has(">"):
			p.at++
			return false, p.setAttributes(o, all)
		case !blank || p.at == len(p.src):
			return false, p.fail("expected white space or the end of the tag")
		}
		a, err := p.attribute()
		if err != nil {
			return false, err
		}
		if p.elements++; p.elements > maxElements {
			return false, errTooComplex
		}
		all = append(all, a)
	}
}

// attribute reads one attribute.
func (p *xmlParser) attribute() (xmlAttribute, error) {
	var a xmlAttribute
	var err error
	if a.name, err = p.name(); err != nil {
		return a, err
	}
	p.blank()
	if !p.has("=") {
		return a, p.fail("expected =")
	}
	p.at++
	p.blank()
	if !p.has(`"`) && !p.has("'") {
		return a, p.fail("expected a quoted value")
	}
	quote := p.src[p.at]
	p.at++
	n := bytes.IndexByte(p.src[p.at:], quote)
	if n < 0 {
		return a, p.fail("unexpected end in a value")
	}
	raw := p.src[p.at : p.at+n]
	if i := bytes.IndexByte(raw, '<'); i >= 0 {
		return a, &syntaxError{p.at + i, "< in a value"}
	}
	value, err := p.expand(nil, raw, true)
	a.value, a.start, a.end = string(value), p.at, p.at+n
	p.at += n + 1
	return a, err
}

// setAttributes binds the prefixes that the tag declares, and gives the element the attributes that are left.
func (p *xmlParser) setAttributes(o *xmlOpen, all []xmlAttribute) error {
	for _, a := range all {
		prefix, isPrefix := strings.CutPrefix(a.name, "xmlns:")
		if !isPrefix && a.name != "xmlns" {
			continue
		}
		if !isPrefix {
			prefix = ""
		}
		reserved := prefix == "xmlns" || (prefix == "xml") != (a.value == xmlSpace) || a.value == xmlnsSpace
		if reserved || isPrefix && a.value == "" {
			return &syntaxError{a.start, "a prefix that cannot be bound to this"}
		}
		for _, b := range p.bindings[o.bindings:] {
			if b.prefix == prefix {
				return &syntaxError{a.start, "a repeated attribute"}
			}
		}
		if p.bindings = append(p.bindings, binding{prefix, a.value}); len(p.bindings) > maxBindings {
			return errTooComplex
		}
	}
	e := o.element
	for _, a := range all {
		if a.name == "xmlns" || strings.HasPrefix(a.name, "xmlns:") {
			continue
		}
		space, local, err := p.resolve(a.name, false, a.start)
		if err != nil {
			return err
		}
		switch {
		case space == xmlSpace && local == "space":
			o.preserve = a.value == "preserve"
		case space == schemaSpace && local == "type":
			a.value = p.qualified(a.value)
		}
		child := p.new.element(isAttribute, p.marked(local))
		child.space, child.text, child.start, child.end = space, a.value, a.start, a.end
		e.attributes = append(e.attributes, child)
	}
	slices.SortFunc(e.attributes, compareNames)
	for i, a := range e.attributes {
		if i > 0 && compareNames(a, e.attributes[i-1]) == 0 {
			return &syntaxError{a.start, "a repeated attribute"}
		}
		a.seal()
	}
	return nil
}

// marked returns an attribute's name as paths have it.
func (p *xmlParser) marked(local string) string {
	name, ok := p.names[local]
	if !ok {
		name = "@" + local
		if p.names == nil {
			p.names = map[string]string{}
		}
		p.names[local] = name
	}
	return name
}

// qualified writes a value that is a name with a prefix by what the prefix stands for.
func (p *xmlParser) qualified(value string) string {
	name := strings.Trim(value, " \t\r\n")
	if !isXMLName(name) {
		return value
	}
	space, local, err := p.resolve(name, true, 0)
	if err != nil || space == "" {
		return value
	}
	return "{" + space + "}" + local
}

// resolve returns what a name's prefix stands for, and the name without it. Only elements are in the default namespace.
func (p *xmlParser) resolve(name string, isElement bool, at int) (space, local string, err error) {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		prefix, local = "", name
		if !isElement {
			return "", local, nil
		}
	}
	for i := len(p.bindings) - 1; i >= 0; i-- {
		if p.bindings[i].prefix == prefix {
			return p.bindings[i].space, local, nil
		}
	}
	if prefix == "" {
		return "", local, nil
	}
	return "", "", &syntaxError{at, "the prefix " + prefix + " is not bound"}
}

// nameStarts are the characters beyond ASCII that a name may begin with; nameParts those that may only follow.
var (
	nameStarts = [][2]rune{
		{0xC0, 0xD6},
		{0xD8, 0xF6},
		{0xF8, 0x2FF},
		{0x370, 0x37D},
		{0x37F, 0x1FFF},
		{0x200C, 0x200D},
		{0x2070, 0x218F},
		{0x2C00, 0x2FEF},
		{0x3001, 0xD7FF},
		{0xF900, 0xFDCF},
		{0xFDF0, 0xFFFD},
		{0x10000, 0xEFFFF},
	}
	nameParts = [][2]rune{{0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}}
)

// isXMLName reports whether s is a name, colons included.
func isXMLName(s string) bool {
	in := func(ranges [][2]rune, r rune) bool {
		return slices.ContainsFunc(ranges, func(x [2]rune) bool { return x[0] <= r && r <= x[1] })
	}
	for i, r := range s {
		start := r < utf8.RuneSelf && (isNameByte(byte(r), true) || r == ':') || r >= utf8.RuneSelf && in(nameStarts, r)
		part := '0' <= r && r <= '9' || r == '-' || r == '.' || in(nameParts, r)
		if !start && (i == 0 || !part) {
			return false
		}
	}
	return s != ""
}
