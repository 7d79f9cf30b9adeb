package compare

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// maxElements bounds the nodes of one tree, attributes and texts included; each takes about 160 bytes while it is compared.
const maxElements = 1 << 18

// elementKind is what a node of a tree is.
type elementKind uint8

const (
	isElement elementKind = iota
	isAttribute
	isText
	isComment
	isInstruction
	isDoctype
	isVarint
	isFixed32
	isFixed64
	isBytes // length-delimited: a text, a message or bytes, which only two of them side by side can tell
	isGroup
	isMessage
)

// element is a node of a markup tree or a field of a protobuf message.
type element struct {
	kind elementKind
	// name is how paths call it: `order`, `@id`, `#text`, `3`.
	name string
	// space is the namespace's URI.
	space string
	// text is the value of what has no children: text, references undone, or the bytes of a field.
	text   string
	number uint64 // of a varint or fixed field

	attributes []*element // sorted by compareNames
	children   []*element

	// start and end are the offsets of the content, or of an attribute's value, in the text that was parsed.
	start, end int
	hash       uint64 // of all that counts; equal trees have equal hashes
	apart      bool   // whether its order among its siblings does not count; set while they are compared

	read *element // what message returned; the element itself if there is none
}

// leaf reports whether the element has a value of its own instead of children.
func (e *element) leaf() bool {
	switch e.kind {
	case isElement:
		return len(e.children) == 0 || len(e.children) == 1 && e.children[0].kind == isText
	case isGroup, isMessage:
		return false
	default:
		return true
	}
}

// value returns a leaf's text.
func (e *element) value() string {
	switch e.kind {
	case isElement:
		if len(e.children) == 1 {
			return e.children[0].text
		}
		return ""
	case isVarint, isFixed32, isFixed64:
		return strconv.FormatUint(e.number, 10)
	default:
		return e.text
	}
}

// seal computes the hash from those of attributes and children, which must be sealed.
func (e *element) seal() {
	h := mix(uint64(e.kind), e.number)
	for _, s := range [...]string{e.name, e.space, e.text} {
		h = mix(h, xxh3.HashString(s))
	}
	h = mix(h, uint64(len(e.attributes)))
	for _, a := range e.attributes {
		h = mix(h, a.hash)
	}
	for _, c := range e.children {
		h = mix(h, c.hash)
	}
	e.hash = h
}

// nursery makes elements many at a time.
type nursery []element

func (n *nursery) element(kind elementKind, name string) *element {
	if len(*n) == 0 {
		*n = make([]element, 64)
	}
	e := &(*n)[0]
	*n = (*n)[1:]
	e.kind, e.name = kind, name
	return e
}

// same reports whether two sealed trees are equal with no rule applied. Fields of messages are the same only if their bytes are.
func (e *element) same(o *element) bool {
	if e.hash != o.hash || e.kind != o.kind || e.name != o.name || e.space != o.space || e.text != o.text || e.number != o.number ||
		len(e.attributes) != len(o.attributes) || len(e.children) != len(o.children) {
		return false
	}
	for i, a := range e.attributes {
		if !a.same(o.attributes[i]) {
			return false
		}
	}
	for i, c := range e.children {
		if !c.same(o.children[i]) {
			return false
		}
	}
	return true
}

// compareNames orders attributes by name, then by namespace.
func compareNames(a, b *element) int {
	return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.space, b.space))
}

// show writes the element as JSON, the way paths name what is in it, so that it can be searched for values to redact. Of a
// large one it is as much as a Difference shows.
func (e *element) show() string { return string(e.appendJSON(nil)) }

func (e *element) appendJSON(out []byte) []byte {
	switch {
	case len(out) > maxShown:
		return out
	case e.kind == isVarint || e.kind == isFixed32 || e.kind == isFixed64:
		return strconv.AppendUint(out, e.number, 10)
	case e.kind == isBytes:
		return e.appendBytes(out)
	case e.leaf() && len(e.attributes) == 0:
		text := e.value()
		return appendQuoted(out, []byte(text[:min(len(text), 2*maxShown)]))
	}
	out = append(out, '{')
	first := true
	member := func(name string) {
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(appendQuoted(out, []byte(name)), ':')
	}
	for _, a := range e.attributes {
		member(a.name)
		out = a.appendJSON(out)
	}
	for _, g := range groupsOf(e.children) {
		if len(out) > maxShown {
			return out
		}
		member(g.name)
		if len(g.old) == 1 {
			out = g.old[0].appendJSON(out)
			continue
		}
		for i, c := range g.old {
			out = append(out, "[,"[min(i, 1)])
			out = c.appendJSON(out)
		}
		out = append(out, ']')
	}
	return append(out, '}')
}

// appendBytes shows a length-delimited field: as text if it is text, as a message if it can be one, else in hexadecimal.
func (e *element) appendBytes(out []byte) []byte {
	if printable(e.text) {
		return appendQuoted(out, []byte(e.text[:min(len(e.text), 2*maxShown)]))
	}
	if m := e.message(); m != nil {
		return m.appendJSON(out)
	}
	shown := hex.EncodeToString([]byte(e.text[:min(len(e.text), maxShown/4)]))
	if len(e.text) > maxShown/4 {
		shown += "…"
	}
	return appendQuoted(out, []byte(fmt.Sprintf("(%d bytes) %s", len(e.text), shown)))
}

// group is the children of one name that two elements have.
type group struct {
	name     string
	old, new []*element
}

// groupsOf returns the children of one element by their names, in order of the names' first appearance.
func groupsOf(children []*element) []group { return join(children, nil) }

// join returns the children of two elements by their names, in the order in which the names appear in old, then in new.
func join(old, new []*element) []group {
	var groups []group
	byName := map[string]int{}
	get := func(name string) *group {
		i, ok := byName[name]
		if !ok {
			i = len(groups)
			byName[name] = i
			groups = append(groups, group{name: name})
		}
		return &groups[i]
	}
	for _, c := range old {
		g := get(c.name)
		g.old = append(g.old, c)
	}
	for _, c := range new {
		g := get(c.name)
		g.new = append(g.new, c)
	}
	return groups
}

// printable reports whether bytes are text: UTF-8 without control characters but white space.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7F {
			return false
		}
	}
	return true
}
