package compare

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// compareHTML compares two HTML documents as a browser's parser sees them, but for white space that is not rendered. Comments and
// the document type count. Two bodies without <html>, <head>, <body> and a document type are fragments, such as rows of a table.
func compareHTML(c *Comparer, old, new part, rec *recorder) outcome {
	fragment := isFragment(old.body) && isFragment(new.body)
	parse := func(p part) (*element, bool, error) { return parseHTML(p, fragment) }
	if !looksJSON(old.body) && !looksJSON(new.body) {
		return c.compareAsTrees(old, new, rec, true, parse)
	}
	// JSON that is called HTML is one text, in which redaction must find its way: it is shown as a whole.
	tried := recorder{stop: 1, origin: rec.origin}
	o := c.compareAsTrees(old, new, &tried, true, parse)
	if tried.found > 0 {
		c.differInBody(rec, KindValue, "$", excerpt(old.body, new.body), excerpt(new.body, old.body))
		return o
	}
	rec.merge(tried.forgiven)
	return o
}

// parseHTML returns the tree of a body, and whether it begins with a byte order mark. Every text is HTML, so that the error is
// errTooComplex, but for a charset that the body does not fit.
func parseHTML(p part, fragment bool) (root *element, mark bool, err error) {
	body := p.body
	switch {
	case bytes.HasPrefix(body, []byte(byteOrderMark)):
		body, mark = body[len(byteOrderMark):], true
	default:
		if body, err = fromCharset(body, p.parameter("charset")); err != nil {
			return nil, false, err
		}
	}
	if bytes.IndexByte(body, 0) >= 0 {
		// The parser leaves NUL out.
		return nil, mark, errTooComplex
	}
	if !affordable(body) {
		return nil, mark, errTooComplex
	}
	noScript := html.ParseOptionEnableScripting(false)
	b := htmlBuilder{root: &element{kind: isElement}}
	if fragment {
		around := &html.Node{Type: html.ElementNode, DataAtom: atom.Template, Data: "template"}
		nodes, err := html.ParseFragmentWithOptions(bytes.NewReader(body), around, noScript)
		if err != nil {
			return nil, mark, errTooComplex
		}
		for _, n := range nodes {
			b.add(b.root, n)
		}
	} else {
		document, err := html.ParseWithOptions(bytes.NewReader(body), noScript)
		if err != nil {
			return nil, mark, errTooComplex
		}
		b.addChildren(b.root, document)
	}
	if b.elements > maxElements {
		return nil, mark, errTooComplex
	}
	spaceHTML(b.root)
	return b.root, mark, nil
}

// htmlBuilder turns what the parser returns into a tree of elements.
type htmlBuilder struct {
	root     *element
	new      nursery
	elements int
}

func (b *htmlBuilder) addChildren(to *element, n *html.Node) {
	for c := n.FirstChild; c != nil && b.elements <= maxElements; c = c.NextSibling {
		b.add(to, c)
	}
}

// add appends n, with all that is in it, to an element's children.
func (b *htmlBuilder) add(to *element, n *html.Node) {
	if b.elements++; b.elements > maxElements {
		return
	}
	e := b.new.element(isElement, "")
	e.text = n.Data
	switch n.Type {
	case html.TextNode:
		if last := len(to.children) - 1; last >= 0 && to.children[last].kind == isText {
			to.children[last].text += n.Data
			return
		}
		e.kind, e.name = isText, "#text"
	case html.CommentNode:
		e.kind, e.name = isComment, "#comment"
	case html.DoctypeNode:
		e.kind, e.name = isDoctype, "#doctype"
		for _, a := range n.Attr {
			e.text += " " + a.Key + "=" + string(appendQuoted(nil, []byte(a.Val)))
		}
	default:
		e.kind, e.name, e.text, e.space = isElement, n.Data, "", n.Namespace
		b.elements += len(n.Attr)
		b.setAttributes(e, n.Attr)
		b.addChildren(e, n)
	}
	to.children = append(to.children, e)
}

// setAttributes gives an element its attributes. Of several with one name the first counts, which is what the parser keeps, or
// drops.
func (b *htmlBuilder) setAttributes(e *element, attributes []html.Attribute) {
	for _, a := range attributes {
		child := b.new.element(isAttribute, "@"+a.Key)
		child.space, child.text = a.Namespace, a.Val
		child.seal()
		e.attributes = append(e.attributes, child)
	}
	slices.SortStableFunc(e.attributes, compareNames)
	e.attributes = slices.CompactFunc(e.attributes, func(a, b *element) bool { return compareNames(a, b) == 0 })
}

// documentTags are those that no fragment holds.
var documentTags = []string{"html", "head", "body", "frameset"}

// isFragment reports whether a body is part of a page.
func isFragment(body []byte) bool {
	z := html.NewTokenizer(bytes.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return true
		case html.DoctypeToken:
			return false
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			if name, _ := z.TagName(); slices.Contains(documentTags, string(name)) {
				return false
			}
		case html.TextToken, html.CommentToken:
		}
	}
}

// formatting are the elements that the parser opens again in whatever follows, until they are ended where they began.
var formatting = strings.Fields("a b big code em font i nobr s small strike strong tt u")

// affordable reports whether a body's tree stays small however the parser opens formatting elements again: each piece of the body
// may bring all of those along that are open.
func affordable(body []byte) bool {
	e := estimate{z: html.NewTokenizer(bytes.NewReader(body)), alike: map[string]int{}, others: map[string]int{}}
	for e.elements <= 2*maxElements {
		if !e.next() {
			return true
		}
	}
	return false
}

// estimate counts the elements that a body can become, rather too many than too few.
type estimate struct {
	z        *html.Tokenizer
	elements int
	active   int            // formatting elements that are open, or may be
	stack    []opened       // those of them that an end tag closes for good
	alike    map[string]int // how often each of their tags is open; the parser keeps three
	others   map[string]int // elements of other names that are open
	depth    int            // the sum of others
}

// opened is a formatting element that is open.
type opened struct {
	tag, name string
	depth     int
}

// next counts the next piece, false at the end.
func (e *estimate) next() bool {
	token := e.z.Next()
	e.elements += 1 + e.active
	switch token {
	case html.ErrorToken:
		return false
	case html.StartTagToken:
		tag := string(e.z.Raw())
		name, _ := e.z.TagName()
		e.start(tag, string(name))
	case html.EndTagToken:
		name, _ := e.z.TagName()
		e.end(string(name))
	case html.TextToken, html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
	}
	return true
}

func (e *estimate) start(tag, name string) {
	if !slices.Contains(formatting, name) {
		e.others[name]++
		e.depth++
		return
	}
	if e.alike[tag] < 3 {
		e.alike[tag]++
		e.active++
		e.stack = append(e.stack, opened{tag, name, e.depth})
	}
}

// maxMoves is how many blocks inside a formatting element its end tag can take it out of; from more it stays open in some.
const maxMoves = 7

func (e *estimate) end(name string) {
	if !slices.Contains(formatting, name) {
		if e.others[name] > 0 {
			e.others[name]--
			e.depth--
		}
		return
	}
	for i := len(e.stack) - 1; i >= max(0, len(e.stack)-maxMoves); i-- {
		o := e.stack[i]
		if o.name != name {
			continue
		}
		if e.depth-o.depth <= maxMoves {
			e.alike[o.tag]--
			e.active--
			e.stack = slices.Delete(e.stack, i, i+1)
		}
		return
	}
}
