package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// branch is an element of a random document.
type branch struct {
	name       string
	attributes [][2]string
	text       string // of one without children
	children   []*branch
}

// trees makes random documents, and writes each in many ways.
type trees struct{ *rand.Rand }

func (r trees) tree(depth int) *branch {
	b := &branch{name: string(rune('a' + r.IntN(4)))}
	for _, name := range []string{"x", "y", "z"}[:r.IntN(4)] {
		b.attributes = append(b.attributes, [2]string{name, r.word()})
	}
	if depth == 0 || r.IntN(4) == 0 {
		b.text = r.word()
		return b
	}
	for range 1 + r.IntN(3) {
		b.children = append(b.children, r.tree(depth-1))
	}
	return b
}

func (r trees) word() string {
	return []string{"one", "a<b", "&", "\"'", "é", "two  words", "]]>"}[r.IntN(7)]
}

// blank is white space that may stand between elements.
func (r trees) blank() string { return []string{"", " ", "\n\t", "\r\n"}[r.IntN(4)] }

// pick returns one of several spellings.
func (r trees) pick(spellings ...string) string { return spellings[r.IntN(len(spellings))] }

// escaped writes a text with references of one kind or another.
func (r trees) escaped(text string) string {
	var out strings.Builder
	for _, c := range text {
		switch {
		case c == '<':
			out.WriteString(r.pick("&lt;", "&#60;", "&#x3C;"))
		case c == '>':
			out.WriteString(r.pick("&gt;", "&#62;"))
		case c == '&':
			out.WriteString(r.pick("&amp;", "&#38;"))
		case c == '"' || c == '\'' || r.IntN(8) == 0:
			fmt.Fprintf(&out, "&#%d;", c)
		default:
			out.WriteRune(c)
		}
	}
	return out.String()
}

// write writes a tree as XML.
func (r trees) write(b *branch) string {
	prefix := r.pick("p:", "q:")
	out := "<" + prefix + b.name
	attributes := slices.Clone(b.attributes)
	r.Shuffle(len(attributes), func(i, j int) { attributes[i], attributes[j] = attributes[j], attributes[i] })
	for _, a := range attributes {
		quote := r.pick(`"`, "'")
		out += r.pick(" ", "\n ") + a[0] + r.pick("=", " = ") + quote + r.escaped(a[1]) + quote
	}
	if b.text == "" && len(b.children) == 0 {
		return out + r.pick("/>", " />", "></"+prefix+b.name+">")
	}
	out += r.pick(">", " >")
	if b.text != "" {
		out += r.text(b.text)
	}
	for _, c := range b.children {
		out += r.pick(r.blank(), "<!-- c -->") + r.write(c)
	}
	if len(b.children) > 0 {
		out += r.blank()
	}
	return out + "</" + prefix + b.name + r.pick(">", "\n>")
}

func (r trees) text(text string) string {
	if r.IntN(3) == 0 && !strings.Contains(text, "]]>") {
		return "<![CDATA[" + text + "]]>"
	}
	half := r.IntN(len(text))
	for half > 0 && text[half]&0xC0 == 0x80 {
		half--
	}
	return r.escaped(text[:half]) + r.pick("", "<!---->") + r.escaped(text[half:])
}

// document writes a whole document.
func (r trees) document(b *branch) *Answer {
	root := strings.Replace(r.write(b), b.name, b.name+` xmlns:p="urn:u" xmlns:q='urn:u'`, 1)
	return answer(200, r.pick("", "<?xml version='1.0'?>", "<!-- c -->\n")+root+r.blank(), ct, "application/xml")
}

// change changes one text or attribute, and returns the path to it.
func (r trees) change(b *branch, path string) string {
	if n := len(b.children); n > 0 && r.IntN(4) > 0 {
		i := r.IntN(n)
		c := b.children[i]
		at, same := 0, 0
		for k, o := range b.children {
			if o.name == c.name {
				same++
				if k < i {
					at++
				}
			}
		}
		path += "." + c.name
		if same > 1 {
			path += fmt.Sprintf("[%d]", at)
		}
		return r.change(c, path)
	}
	switch {
	case b.text != "" && r.IntN(2) == 0:
		b.text += "!"
		return path
	case len(b.attributes) > 0:
		a := &b.attributes[r.IntN(len(b.attributes))]
		a[1] += "!"
		return path + "['@" + a[0] + "']"
	case b.text != "":
		b.text += " "
		return path
	}
	b.attributes = append(b.attributes, [2]string{"new", ""})
	return path + "['@new']"
}

// However a document is written it matches itself, and one change is always found at its place, and there alone.
func TestSpellingsOfTrees(t *testing.T) {
	r := trees{rand.New(rand.NewPCG(41, 42))}
	c := comparer(t)
	for range 400 {
		b := r.tree(4)
		old, new := r.document(b), r.document(b)
		if got := c.Compare(old, new); got.Verdict != Match {
			t.Fatalf("%s\n%s\n%+v", old.Body, new.Body, got)
		}
		path := r.change(b, "$."+b.name)
		new = r.document(b)
		if got := c.Compare(old, new); got.Verdict != Mismatch || len(got.Differences) != 1 || got.Differences[0].Path != path {
			t.Fatalf("%s:\n%s\n%s\n%+v", path, old.Body, new.Body, got)
		}
	}
}

// message writes a tree as a message of Protocol Buffers: attributes are numbers, children are messages in fields by their names.
func (r trees) message(b *branch) string {
	fields := map[int][]string{}
	for _, a := range b.attributes {
		value := byte(len(a[1]))
		fields[int(a[0][0])] = append(fields[int(a[0][0])], r.pick(varint(int(a[0][0]), uint64(value)), long(int(a[0][0]), value)))
	}
	if b.text != "" {
		fields[1] = []string{bytesField(1, b.text)}
	}
	for _, c := range b.children {
		n := int(c.name[0])
		fields[n] = append(fields[n], bytesField(n, "\x08\x01"+r.message(c)))
	}
	var numbers []int
	for n, list := range fields {
		for range list {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	r.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
	out := ""
	for _, n := range numbers {
		out += fields[n][0]
		fields[n] = fields[n][1:]
	}
	return out
}

// The fields of a message may come in any order, and a change of one value is always found.
func TestSpellingsOfMessages(t *testing.T) {
	r := trees{rand.New(rand.NewPCG(43, 44))}
	c := comparer(t)
	for range 400 {
		b := r.tree(3)
		of := func() *Answer { return answer(200, r.message(b), ct, "application/protobuf") }
		old, new := of(), of()
		if got := c.Compare(old, new); got.Verdict != Match {
			t.Fatalf("%q\n%q\n%+v", old.Body, new.Body, got)
		}
		r.change(b, "$")
		new = of()
		if got := c.Compare(old, new); got.Verdict != Mismatch || len(got.Differences) != 1 {
			t.Fatalf("%q\n%q\n%+v", old.Body, new.Body, got)
		}
	}
}
