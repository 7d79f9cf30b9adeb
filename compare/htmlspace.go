package compare

import (
	"slices"
	"strings"
)

// spacing is how white space in and around an HTML element is rendered.
type spacing uint8

const (
	inlineBox  spacing = iota // part of the line of text that it stands in; whatever is not known is
	blockBox                  // a line of its own: white space at its edges, outside and inside, is nothing
	lineBreak                 // ends a line, and holds nothing
	solidBox                  // stands in a line like a letter, and is a block inside
	hiddenBox                 // is not rendered: what is around it meets
	exactBlock                // a block whose white space all counts
	exactSolid                // the same in a line
	exactNone                 // the same, not rendered
)

// spacings are those of the elements that are not inlineBox.
var spacings = func() map[string]spacing {
	m := map[string]spacing{"br": lineBreak, "textarea": exactSolid, "iframe": exactSolid, "noembed": exactNone, "noframes": exactNone}
	for s, names := range map[spacing]string{
		blockBox: "address article aside blockquote body caption center col colgroup dd details dialog dir div dl dt fieldset " +
			"figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav ol " +
			"optgroup option p search section summary svg-block table tbody td tfoot th thead title tr ul",
		solidBox:   "audio button canvas embed img input math meter object progress select svg video marquee",
		hiddenBox:  "area base basefont bgsound datalist link meta param source template track wbr",
		exactBlock: "listing plaintext pre xmp",
		exactNone:  "script style",
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = s
		}
	}
	return m
}()

// inlineSVG are the elements of SVG and MathML that stand in a line of text; all others hold elements, or a text of their own.
var inlineSVG = []string{"a", "textPath", "tref", "tspan"}

// spacing returns how white space in and around an element is rendered.
func (e *element) spacing() spacing {
	switch {
	case e.kind == isComment || e.kind == isInstruction || e.kind == isDoctype:
		return hiddenBox
	case e.space != "" && e.space != xhtmlSpace && e.name != "svg" && e.name != "math":
		if slices.Contains(inlineSVG, e.name) {
			return inlineBox
		}
		return blockBox
	case slices.ContainsFunc(e.attributes, keepsSpace):
		return exactSolid
	}
	return spacings[e.name]
}

// keepsSpace reports whether an attribute may make white space count.
func keepsSpace(a *element) bool {
	return a.name == "@style" && strings.Contains(lower(a.text), "white-space") || a.name == "@space" && a.space == xmlSpace && a.text == "preserve"
}

// spacer takes the white space that is not rendered out of an HTML tree: runs become one space, and none is left at the edges
// of a line.
type spacer struct {
	edge bool     // whether a line begins here
	last *element // the text in this line that ends in a space, if nothing stands behind it
}

// breakLine ends a line, and with it the space at its end.
func (s *spacer) breakLine() {
	if s.last != nil {
		s.last.text = strings.TrimSuffix(s.last.text, " ")
	}
	s.edge, s.last = true, nil
}

// letter notes that something which is rendered stands in the line.
func (s *spacer) letter() { s.edge, s.last = false, nil }

// visit spaces an element's content. Texts of which nothing is left stay in the tree until prune.
func (s *spacer) visit(e *element) {
	for _, c := range e.children {
		if c.kind == isText {
			s.space(c)
			continue
		}
		switch c.spacing() {
		case inlineBox:
			s.visit(c)
		case blockBox:
			s.breakLine()
			s.visit(c)
			s.breakLine()
		case lineBreak, exactBlock:
			s.breakLine()
		case solidBox:
			inside := spacer{edge: true}
			inside.visit(c)
			inside.breakLine()
			s.letter()
		case exactSolid:
			s.letter()
		case hiddenBox:
			inside := spacer{edge: true}
			inside.visit(c)
			inside.breakLine()
		case exactNone:
		}
	}
}

// space collapses the white space of a text.
func (s *spacer) space(c *element) {
	var out strings.Builder
	edge := s.edge || s.last != nil
	for i := 0; i < len(c.text); i++ {
		switch c.text[i] {
		case ' ', '\t', '\n', '\r', '\f':
			if !edge {
				out.WriteByte(' ')
			}
			edge = true
		default:
			out.WriteByte(c.text[i])
			edge = false
		}
	}
	c.text = out.String()
	if c.text == "" {
		return
	}
	s.edge, s.last = false, nil
	if strings.HasSuffix(c.text, " ") {
		s.last = c
	}
}

// prune takes empty texts out of a tree, and seals it.
func prune(e *element) {
	e.children = slices.DeleteFunc(e.children, func(c *element) bool { return c.kind == isText && c.text == "" })
	for _, c := range e.children {
		prune(c)
	}
	e.seal()
}

// spaceHTML takes the white space that is not rendered out of a tree.
func spaceHTML(root *element) {
	s := spacer{edge: true}
	s.visit(root)
	s.breakLine()
	prune(root)
}

// spaceXHTML does the same to an XML document whose root element is of XHTML.
func spaceXHTML(root *element) {
	if slices.ContainsFunc(root.children, func(e *element) bool { return e.kind == isElement && e.space == xhtmlSpace }) {
		spaceHTML(root)
	}
}
