package compare

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may nest.
const maxDepth = 512

// errTooComplex says that a document passes a limit, valid or not.
var errTooComplex = errors.New("too many or too deeply nested values")

// syntaxError says why a document is no JSON.
type syntaxError struct {
	offset  int
	problem string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.problem, e.offset) }

// jsonKind is the type of a JSON value.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// node is one value of a document. The nodes lie in the order of the text: the first child of a container follows it, and
// next is the index of the node behind its last descendant. Offsets are in the document's bytes.
type node struct {
	kind       jsonKind
	escaped    bool   // the string holds escapes
	keyEscaped bool   // the name does
	start, end uint32 // the value as it is written
	key        uint32 // the member's name between its quotes
	keyEnd     uint32
	next       uint32
	count      uint32 // children of a container
}

// document is a parsed JSON text, or one value within a text, or what is left of a container from one of its children on. It
// can be parsed into again, and then reuses its memory.
type document struct {
	src   []byte
	nodes []node
	open  []uint32 // the containers that the parser is in
	limit int      // of nodes
	outer int      // containers around what is parsed

	keyBuf, stringBuf []byte // for names and strings that hold escapes

	marks []mark // per node, if this is old's document seen with new's names
}

// parse reads src, which it keeps and which must be shorter than 2 GiB. The error is a *syntaxError or errTooComplex.
func (d *document) parse(src []byte, maxNodes int) error {
	if !utf8.Valid(src) {
		return &syntaxError{invalidUTF8(src), "invalid UTF-8"}
	}
	at, err := d.parseValue(src, skipSpace(src, 0), 0, maxNodes)
	if err != nil {
		return err
	}
	if at = skipSpace(src, at); at < len(src) {
		return &syntaxError{at, "text behind the value"}
	}
	return nil
}

// parseValue reads the value that begins at at, within so many containers, and returns the offset behind it. That it is
// valid UTF-8 is for the caller to know.
func (d *document) parseValue(src []byte, at, outer, maxNodes int) (int, error) {
	d.reset(src, outer, maxNodes)
	d.nodes = append(d.nodes, node{})
	at, err := d.value(at, &d.nodes[0])
	if err != nil {
		return at, err
	}
	return d.finish(at)
}

// parseRest is parseValue for what is left of a container: from the place before one of its children, or from the one
// behind it if begun. The root is then a container with only these children.
func (d *document) parseRest(src []byte, at int, kind jsonKind, begun bool, outer, maxNodes int) (int, error) {
	d.reset(src, outer, maxNodes)
	root := node{kind: kind, start: uint32(at)}
	if begun {
		root.count = 1
	}
	d.nodes, d.open = append(d.nodes, root), append(d.open, 0)
	at, err := d.finish(at)
	if begun {
		d.nodes[0].count--
	}
	return at, err
}

// reset makes the document one of no nodes.
func (d *document) reset(src []byte, outer, maxNodes int) {
	d.src, d.nodes, d.open, d.limit, d.outer = src, d.nodes[:0], d.open[:0], maxNodes, outer
}

func invalidUTF8(src []byte) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(src)
}

// finish reads on until all open containers are closed, and returns the offset behind the last one.
func (d *document) finish(at int) (int, error) {
	src := d.src
	for len(d.open) > 0 {
		container := &d.nodes[d.open[len(d.open)-1]]
		at = skipSpace(src, at)
		c, object := byteAt(src, at), container.kind == jsonObject
		if object && c == '}' || !object && c == ']' {
			at++
			container.end, container.next = uint32(at), uint32(len(d.nodes))
			d.open = d.open[:len(d.open)-1]
			continue
		}
		if container.count > 0 {
			if c != ',' {
				return at, d.unexpected(at)
			}
			at = skipSpace(src, at+1)
		}
		container.count++
		if len(d.nodes) >= d.limit {
			return at, errTooComplex
		}
		d.nodes = append(d.nodes, node{})
		n := &d.nodes[len(d.nodes)-1]
		var err error
		if object {
			if at, err = d.key(at, n); err != nil {
				return at, err
			}
		}
		if at, err = d.value(at, n); err != nil {
			return at, err
		}
	}
	return at, nil
}

// key reads a member's name and the colon, and returns the offset of its value.
func (d *document) key(at int, n *node) (int, error) {
	if byteAt(d.src, at) != '"' {
		return at, d.unexpected(at)
	}
	end, escaped := scanText(d.src, at)
	if end == 0 {
		return at, textError(d.src, at)
	}
	n.key, n.keyEnd, n.keyEscaped = uint32(at+1), uint32(end-1), escaped
	if at = skipSpace(d.src, end); byteAt(d.src, at) != ':' {
		return at, d.unexpected(at)
	}
	return skipSpace(d.src, at+1), nil
}

// value reads a scalar, or the opening of a container, as the last node n.
func (d *document) value(at int, n *node) (int, error) {
	n.start = uint32(at)
	end := 0
	switch c := byteAt(d.src, at); c {
	case '{', '[':
		if len(d.open)+d.outer >= maxDepth {
			return at, errTooComplex
		}
		n.kind = jsonObject
		if c == '[' {
			n.kind = jsonArray
		}
		d.open = append(d.open, uint32(len(d.nodes)-1))
		return at + 1, nil
	case '"':
		n.kind = jsonString
		if end, n.escaped = scanText(d.src, at); end == 0 {
			return at, textError(d.src, at)
		}
	case 't':
		n.kind, end = jsonBool, scanLiteral(d.src, at, "true")
	case 'f':
		n.kind, end = jsonBool, scanLiteral(d.src, at, "false")
	case 'n':
		n.kind, end = jsonNull, scanLiteral(d.src, at, "null")
	default:
		n.kind, end = jsonNumber, scanNumber(d.src, at)
	}
	if end == 0 {
		return at, d.unexpected(at)
	}
	n.end, n.next = uint32(end), uint32(len(d.nodes))
	return end, nil
}

func (d *document) unexpected(at int) error {
	if at >= len(d.src) {
		return &syntaxError{at, "unexpected end"}
	}
	r, _ := utf8.DecodeRune(d.src[at:])
	return &syntaxError{at, fmt.Sprintf("unexpected %q", r)}
}
