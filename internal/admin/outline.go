package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The bounds of what is laid out side by side; beyond them a body is shown as plain lines, cut off.
const (
	maxOutlineLines = 4000
	maxOutlineDepth = 200
)

// line is one line of a body as it is shown.
type line struct {
	// path is where in the JSON the line stands; empty for other text.
	path string
	// key pairs lines of old with lines of new.
	key    string
	indent int
	text   string
	comma  bool
}

// String returns the line as it is shown; a missing one is empty.
func (l *line) String() string {
	if l == nil {
		return ""
	}
	comma := ""
	if l.comma {
		comma = ","
	}
	return strings.Repeat("  ", l.indent) + l.text + comma
}

// outline breaks a body into lines: JSON by its structure, and reports so; anything else at its line ends.
func outline(body []byte) ([]line, bool) {
	o := &outliner{dec: json.NewDecoder(bytes.NewReader(body))}
	o.dec.UseNumber()
	if err := o.value("$", "", 0); err == nil {
		if _, err := o.dec.Token(); errors.Is(err, io.EOF) {
			return o.lines, true
		}
	}
	return textLines(body), false
}

func textLines(body []byte) []line {
	var lines []line
	for text := range strings.Lines(string(body)) {
		if len(lines) == maxOutlineLines {
			return append(lines, line{key: "…", text: "…"})
		}
		text = strings.TrimRight(text, "\r\n")
		lines = append(lines, line{key: text, text: text})
	}
	return lines
}

// outliner walks JSON token by token, so that numbers keep their digits and members their order.
type outliner struct {
	dec   *json.Decoder
	lines []line
}

var errOutline = errors.New("too large to lay out")

func (o *outliner) add(path, key string, indent int, text string) error {
	if len(o.lines) == maxOutlineLines || indent > maxOutlineDepth {
		return errOutline
	}
	o.lines = append(o.lines, line{path: path, key: key, indent: indent, text: text})
	return nil
}

// value lays out one value, with the text that stands before it.
func (o *outliner) value(path, before string, indent int) error {
	token, err := o.dec.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return o.add(path, path, indent, before+literal(token))
	}
	if err := o.add(path, path, indent, before+delim.String()); err != nil {
		return err
	}
	opened := len(o.lines)
	for i := 0; o.dec.More(); i++ {
		if len(o.lines) > opened {
			o.lines[len(o.lines)-1].comma = true
		}
		if err := o.element(path, delim, i, indent+1); err != nil {
			return err
		}
	}
	closing, err := o.dec.Token()
	if err != nil {
		return err
	}
	return o.add(path, path+" end", indent, fmt.Sprint(closing))
}

func (o *outliner) element(path string, parent json.Delim, index, indent int) error {
	if parent == '[' {
		return o.value(path+"["+strconv.Itoa(index)+"]", "", indent)
	}
	name, err := o.dec.Token()
	if err != nil {
		return err
	}
	text, _ := name.(string) // the decoder refuses other keys
	return o.value(member(path, text), literal(text)+": ", indent)
}

// member is the path of a member, written as in a difference.
func member(path, name string) string {
	bare := name != ""
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0x80
		bare = bare && (letter || i > 0 && r >= '0' && r <= '9')
	}
	if bare {
		return path + "." + name
	}
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == '\'' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return path + "['" + b.String() + "']"
}

func literal(token json.Token) string {
	if token == nil {
		return "null"
	}
	text, ok := token.(string)
	if !ok {
		return fmt.Sprint(token)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the template escapes
	if err := enc.Encode(text); err != nil {
		return strconv.Quote(text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
