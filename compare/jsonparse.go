package compare

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
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

// document is a parsed JSON text. It can be parsed into again, and then reuses its memory.
type document struct {
	src   []byte
	nodes []node
	open  []uint32 // the containers that the parser is in
	limit int

	keyBuf, stringBuf []byte // for names and strings that hold escapes
}

// parse reads src, which it keeps and which must be shorter than 2 GiB. The error is a *syntaxError or errTooComplex.
func (d *document) parse(src []byte, maxNodes int) error {
	d.src, d.nodes, d.open, d.limit = src, d.nodes[:0], d.open[:0], maxNodes
	if !utf8.Valid(src) {
		return &syntaxError{invalidUTF8(src), "invalid UTF-8"}
	}
	at, err := d.value(d.space(0), node{})
	for err == nil && len(d.open) > 0 {
		at, err = d.inside(at)
	}
	if err != nil {
		return err
	}
	if at = d.space(at); at < len(src) {
		return &syntaxError{at, "text behind the value"}
	}
	return nil
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

// inside goes on within the innermost open container: it closes it, or reads its next child.
func (d *document) inside(at int) (int, error) {
	top := d.open[len(d.open)-1]
	container := &d.nodes[top]
	at = d.space(at)
	object := container.kind == jsonObject
	switch c := d.byteAt(at); {
	case object && c == '}', !object && c == ']':
		container.end, container.next = uint32(at+1), uint32(len(d.nodes))
		d.open = d.open[:len(d.open)-1]
		return at + 1, nil
	case container.count > 0 && c == ',':
		at = d.space(at + 1)
	case container.count > 0:
		return at, d.unexpected(at)
	}
	container.count++
	if !object {
		return d.value(at, node{})
	}
	if d.byteAt(at) != '"' {
		return at, d.unexpected(at)
	}
	end, escaped, err := d.text(at)
	if err != nil {
		return at, err
	}
	n := node{key: uint32(at + 1), keyEnd: uint32(end - 1), keyEscaped: escaped}
	if at = d.space(end); d.byteAt(at) != ':' {
		return at, d.unexpected(at)
	}
	return d.value(d.space(at+1), n)
}

// value reads a scalar, or the opening of a container, as the node n.
func (d *document) value(at int, n node) (int, error) {
	if len(d.nodes) >= d.limit {
		return at, errTooComplex
	}
	n.start = uint32(at)
	var end int
	switch c := d.byteAt(at); c {
	case '{', '[':
		if len(d.open) == maxDepth {
			return at, errTooComplex
		}
		n.kind = jsonObject
		if c == '[' {
			n.kind = jsonArray
		}
		d.open = append(d.open, uint32(len(d.nodes)))
		d.nodes = append(d.nodes, n)
		return at + 1, nil
	case '"':
		var err error
		n.kind = jsonString
		if end, n.escaped, err = d.text(at); err != nil {
			return at, err
		}
	case 't':
		n.kind, end = jsonBool, d.literal(at, "true")
	case 'f':
		n.kind, end = jsonBool, d.literal(at, "false")
	case 'n':
		n.kind, end = jsonNull, d.literal(at, "null")
	default:
		n.kind, end = jsonNumber, scanNumber(d.src, at)
	}
	if end == at {
		return at, d.unexpected(at)
	}
	n.end, n.next = uint32(end), uint32(len(d.nodes)+1)
	d.nodes = append(d.nodes, n)
	return end, nil
}

// byteAt returns the byte at an offset, 0 behind the end.
func (d *document) byteAt(at int) byte {
	if at < len(d.src) {
		return d.src[at]
	}
	return 0
}

func (d *document) unexpected(at int) error {
	if at >= len(d.src) {
		return &syntaxError{at, "unexpected end"}
	}
	r, _ := utf8.DecodeRune(d.src[at:])
	return &syntaxError{at, fmt.Sprintf("unexpected %q", r)}
}

// literal returns the offset behind word, or at if it is not there.
func (d *document) literal(at int, word string) int {
	if len(d.src)-at >= len(word) && string(d.src[at:at+len(word)]) == word {
		return at + len(word)
	}
	return at
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// space returns the offset of what follows blank space.
func (d *document) space(at int) int {
	for at < len(d.src) && d.src[at] <= ' ' && isSpace(d.src[at]) {
		at++
	}
	return at
}

// text reads a string, whose opening quote is at at, and returns the offset behind its closing quote.
func (d *document) text(at int) (end int, escaped bool, err error) {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	src := d.src
	i := at + 1
	for {
		for len(src)-i >= 8 {
			w := binary.LittleEndian.Uint64(src[i:])
			quote, slash := w^ones*'"', w^ones*'\\'
			// A byte of found has its high bit set where w has a quote, a backslash or a control character. Bytes behind the
			// first such one may be marked wrongly, which is why only the lowest counts.
			found := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
			if found != 0 {
				i += bits.TrailingZeros64(found) / 8
				break
			}
			i += 8
		}
		for i < len(src) && src[i] != '"' && src[i] != '\\' && src[i] >= ' ' {
			i++
		}
		switch {
		case i >= len(src):
			return 0, false, &syntaxError{i, "unexpected end in a string"}
		case src[i] == '"':
			return i + 1, escaped, nil
		case src[i] < ' ':
			return 0, false, &syntaxError{i, "control character in a string"}
		}
		escaped = true
		n := escapeLength(src[i:])
		if n == 0 {
			return 0, false, &syntaxError{i, "invalid escape in a string"}
		}
		i += n
	}
}

// escapeLength returns the length of the escape at the beginning of src, 0 if there is none.
func escapeLength(src []byte) int {
	if len(src) < 2 {
		return 0
	}
	switch src[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(src) >= 6 {
			if _, ok := hex4(src[2:6]); ok {
				return 6
			}
		}
	}
	return 0
}

// scanNumber returns the offset behind the JSON number at at, or at if there is none.
func scanNumber(src []byte, at int) int {
	digits := func(i int) int {
		for i < len(src) && '0' <= src[i] && src[i] <= '9' {
			i++
		}
		return i
	}
	i := at
	if i < len(src) && src[i] == '-' {
		i++
	}
	end := digits(i)
	if end == i || src[i] == '0' && end > i+1 {
		return at
	}
	if i = end; i < len(src) && src[i] == '.' {
		if end = digits(i + 1); end == i+1 {
			return at
		}
		i = end
	}
	if i < len(src) && (src[i] == 'e' || src[i] == 'E') {
		i++
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		if end = digits(i); end == i {
			return at
		}
	}
	return end
}
