package compare

import (
	"encoding/binary"
	"math"
	"strconv"
)

// compareProtobuf compares two messages of Protocol Buffers without their descriptor, by field number: the order of different
// fields does not count, that of repeated ones does, and varints are equal by their value.
func compareProtobuf(c *Comparer, old, new part, rec *recorder) outcome {
	return c.compareAsTrees(old, new, rec, false, func(p part) (*element, bool, error) {
		m := &element{kind: isMessage, text: string(p.body)}
		fields, err := parseWire(m.text)
		m.children, m.read = fields, m
		m.seal()
		return m, false, err
	})
}

// The wire types of Protocol Buffers.
const (
	wireVarint = iota
	wireFixed64
	wireBytes
	wireStartGroup
	wireEndGroup
	wireFixed32
)

// maxField is the highest number that a field may have.
const maxField = 1<<29 - 1

// wireReader reads fields.
type wireReader struct {
	src      string
	at       int
	elements int
	new      nursery
}

// parseWire returns the fields of a message. The error is a *syntaxError or errTooComplex.
func parseWire(src string) ([]*element, error) {
	r := &wireReader{src: src}
	return r.fields(0, 0)
}

func (r *wireReader) fail(problem string) error { return &syntaxError{r.at, problem} }

// fields reads fields up to the end of the group of a number, or of the text if that is 0.
func (r *wireReader) fields(group uint64, depth int) ([]*element, error) {
	if depth > maxDepth {
		return nil, errTooComplex
	}
	var fields []*element
	for r.at < len(r.src) {
		start := r.at
		tag, err := r.varint()
		if err != nil {
			return nil, err
		}
		number := tag >> 3
		if number == 0 || number > maxField {
			r.at = start
			return nil, r.fail("no field has this number")
		}
		if tag&7 == wireEndGroup {
			if number != group {
				r.at = start
				return nil, r.fail("the end of a group that did not begin")
			}
			return fields, nil
		}
		if r.elements++; r.elements > maxElements {
			return nil, errTooComplex
		}
		f := r.new.element(isVarint, strconv.FormatUint(number, 10))
		if err := r.value(f, number, tag&7, depth); err != nil {
			return nil, err
		}
		f.seal()
		fields = append(fields, f)
	}
	if group != 0 {
		return nil, r.fail("unexpected end in a group")
	}
	return fields, nil
}

// value reads a field's value.
func (r *wireReader) value(f *element, number, wire uint64, depth int) (err error) {
	switch wire {
	case wireVarint:
		f.kind = isVarint
		f.number, err = r.varint()
	case wireFixed32:
		f.kind = isFixed32
		var text string
		if text, err = r.take(4); err == nil {
			f.number = uint64(binary.LittleEndian.Uint32([]byte(text)))
		}
	case wireFixed64:
		f.kind = isFixed64
		var text string
		if text, err = r.take(8); err == nil {
			f.number = binary.LittleEndian.Uint64([]byte(text))
		}
	case wireBytes:
		f.kind = isBytes
		var n uint64
		if n, err = r.varint(); err == nil {
			f.text, err = r.take(n)
		}
	case wireStartGroup:
		f.kind = isGroup
		f.children, err = r.fields(number, depth+1)
	default:
		err = r.fail("an unknown wire type")
	}
	return err
}

// take reads so many bytes.
func (r *wireReader) take(n uint64) (string, error) {
	if n > uint64(len(r.src)-r.at) {
		return "", r.fail("unexpected end in a field")
	}
	start := r.at
	r.at += int(n)
	return r.src[start:r.at], nil
}

// varint reads a number of at most 64 bits; it may be written longer than it must.
func (r *wireReader) varint() (uint64, error) {
	var n uint64
	for shift := 0; shift < 70; shift += 7 {
		if r.at == len(r.src) {
			return 0, r.fail("unexpected end in a number")
		}
		c := r.src[r.at]
		if shift == 63 && c > 1 {
			return 0, r.fail("a number of more than 64 bits")
		}
		r.at++
		n |= uint64(c&0x7F) << shift
		if c < 0x80 {
			return n, nil
		}
	}
	return 0, r.fail("a number of more than 64 bits")
}

// message reads a field of bytes as a message, nil if it is none. An empty one may be anything.
func (e *element) message() *element {
	if e.read == nil {
		e.read = e
		if fields, err := parseWire(e.text); err == nil && len(fields) > 0 {
			e.read = &element{kind: isMessage, name: e.name, text: e.text, children: fields}
			e.read.seal()
		}
	}
	if e.read.kind != isMessage {
		return nil
	}
	return e.read
}

// read returns what two fields side by side are taken for. Without a descriptor a text, a message and bytes look alike: they are
// messages if both can be and one at least is no text, so that bytes which differ are equal only if both make sense as messages
// whose fields are equal.
func read(o, n *element) (*element, *element) {
	if o.kind != isBytes || n.kind != isBytes || printable(o.text) && printable(n.text) {
		return o, n
	}
	if a, b := o.message(), n.message(); a != nil && b != nil {
		return a, b
	}
	return o, n
}

// sameMoment reports whether two elements are messages of the well-known type Timestamp that are at most skew apart.
func sameMoment(o, n *element, skew nanos) bool {
	a, ok1 := o.moment()
	b, ok2 := n.moment()
	return ok1 && ok2 && a.within(b, skew)
}

// moment reads a message as seconds and nanoseconds since the Unix epoch.
func (e *element) moment() (t instant, ok bool) {
	if e.kind != isMessage || len(e.children) == 0 {
		return t, false
	}
	for i, f := range e.children {
		switch {
		case f.kind != isVarint || i > 0 && f.name == e.children[0].name || i > 1:
			return t, false
		case f.name == "1":
			t.seconds = int64(f.number)
		case f.name == "2" && f.number < 1e9:
			t.nanos = int64(f.number)
		default:
			return t, false
		}
	}
	return t, t.seconds >= minSecond && t.seconds <= maxSecond
}

// toleratesElements reports whether a rule for values allows the values of two leaves.
func (r *rule) toleratesElements(o, n *element) bool {
	if r.toleratesText(o.value(), n.value()) {
		return true
	}
	if r.action != actNumber {
		return false
	}
	a, ok1 := o.float()
	b, ok2 := n.float()
	return ok1 && ok2 && a.within(b, r.absolute, r.relative)
}

// float reads a fixed field as a floating-point number. Integers of everyday size would be tiny numbers then, and are not read so.
func (e *element) float() (decimal, bool) {
	var f float64
	bits := 64
	switch e.kind {
	case isFixed64:
		f = math.Float64frombits(e.number)
	case isFixed32:
		f, bits = float64(math.Float32frombits(uint32(e.number))), 32
	default:
		return decimal{}, false
	}
	const least, most = 1e-9, 1e15
	if size := math.Abs(f); f != 0 && (size < least || size > most) || math.IsNaN(f) {
		return decimal{}, false
	}
	return parseDecimal(strconv.AppendFloat(nil, f, 'e', -1, bits)), true
}
