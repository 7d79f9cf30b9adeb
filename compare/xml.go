package compare

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// compareXML compares two XML documents as trees: names by their namespace's URI, attributes in any order, CDATA as text. White
// space alone between elements does not count in what holds elements only, nor do comments; processing instructions and the
// document type do.
func compareXML(c *Comparer, old, new part, rec *recorder) outcome {
	return c.compareAsTrees(old, new, rec, true, func(p part) (*element, bool, error) {
		text, mark, err := xmlText(p)
		if err != nil {
			return nil, mark, err
		}
		root, err := parseXML(text)
		if err == nil {
			spaceXHTML(root)
		}
		return root, mark, err
	})
}

// compareAsTrees compares two bodies as the trees that parse makes of them; it also says whether a body begins with a byte
// order mark. If the trees are ordered, the order among children of different names counts.
func (c *Comparer) compareAsTrees(old, new part, rec *recorder, ordered bool, parse func(part) (*element, bool, error)) outcome {
	if bytes.Equal(old.body, new.body) {
		return outcome{}
	}
	old, new = oneCharset(old, new)
	oldRoot, oldMark, oldErr := parse(old)
	newRoot, newMark, newErr := parse(new)
	switch {
	case errors.Is(oldErr, errTooComplex) || errors.Is(newErr, errTooComplex):
		return outcome{tooComplex: true}
	case oldErr != nil || newErr != nil:
		return outcome{old: oldErr, new: newErr}
	}
	if oldMark != newMark {
		c.differInBody(rec, KindValue, "$", markText(oldMark), markText(newMark))
	}
	return c.compareTrees(oldRoot, newRoot, ordered, rec)
}

func markText(mark bool) string {
	if mark {
		return `"(with a byte order mark)"`
	}
	return `"(without a byte order mark)"`
}

// byteOrderMark is U+FEFF in UTF-8.
const byteOrderMark = "\ufeff"

// xmlText returns a document as UTF-8, and whether it begins with a byte order mark of UTF-8. What is in an encoding that is not
// known is too complex.
func xmlText(p part) (text []byte, mark bool, err error) {
	body := p.body
	switch {
	case bytes.HasPrefix(body, []byte(byteOrderMark)):
		return body[len(byteOrderMark):], true, nil
	case bytes.HasPrefix(body, []byte("\xfe\xff")), bytes.HasPrefix(body, []byte("\x00<")):
		text, err = fromUTF16(body, binary.BigEndian)
		return text, false, err
	case bytes.HasPrefix(body, []byte("\xff\xfe")), bytes.HasPrefix(body, []byte("<\x00")):
		text, err = fromUTF16(body, binary.LittleEndian)
		return text, false, err
	}
	charset := p.parameter("charset")
	if charset == "" {
		charset = declaredEncoding(body)
	}
	text, err = fromCharset(body, charset)
	return text, false, err
}

// declaredEncoding returns what an XML declaration says about the encoding; empty if it says nothing.
func declaredEncoding(body []byte) string {
	if !bytes.HasPrefix(body, []byte("<?xml")) {
		return ""
	}
	end := bytes.Index(body, []byte("?>"))
	if end < 0 {
		return ""
	}
	_, rest, ok := bytes.Cut(body[:end], []byte("encoding"))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if !ok || len(rest) == 0 || rest[0] != '=' {
		return ""
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
		return ""
	}
	name, _, ok := bytes.Cut(rest[1:], rest[:1])
	if !ok {
		return ""
	}
	return string(name)
}

// fromCharset returns a text as UTF-8, which is what no name stands for.
func fromCharset(body []byte, charset string) ([]byte, error) {
	switch lower(charset) {
	case "", "utf-8", "utf8":
		return body, nil
	case "us-ascii", "ascii":
		for i, c := range body {
			if c >= utf8.RuneSelf {
				return nil, &syntaxError{i, "a byte that is not US-ASCII"}
			}
		}
		return body, nil
	case "iso-8859-1", "iso8859-1", "latin1", "latin-1":
		return fromBytes(body), nil
	}
	return nil, errTooComplex
}

// fromUTF16 returns a text as UTF-8 without its byte order mark.
func fromUTF16(body []byte, order binary.ByteOrder) ([]byte, error) {
	if len(body)%2 != 0 {
		return nil, &syntaxError{len(body), "half of a UTF-16 character"}
	}
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); i += 2 {
		r := rune(order.Uint16(body[i:]))
		if utf16.IsSurrogate(r) {
			if i += 2; i < len(body) {
				r = utf16.DecodeRune(r, rune(order.Uint16(body[i:])))
			}
			if i >= len(body) || r == utf8.RuneError {
				return nil, &syntaxError{i - 2, "half of a surrogate pair"}
			}
		}
		if r != '\ufeff' || i > 0 {
			out = utf8.AppendRune(out, r)
		}
	}
	return out, nil
}

// oneCharset returns two bodies as UTF-8 if both are in one charset that writes each character as a byte and begins with ASCII.
// Each byte becomes the character of its number, right or not: what differs still differs.
func oneCharset(old, new part) (part, part) {
	charset := func(p part) string { return lower(cmp.Or(p.parameter("charset"), declaredEncoding(p.body))) }
	a, b := charset(old), charset(new)
	if a != b || !strings.HasPrefix(a, "iso-8859-") && !strings.HasPrefix(a, "windows-125") && !strings.HasPrefix(a, "koi8-") {
		return old, new
	}
	for _, p := range []*part{&old, &new} {
		if !bytes.HasPrefix(p.body, []byte(byteOrderMark)) {
			p.body = fromBytes(p.body)
		}
		p.declared = p.media + "; charset=utf-8"
	}
	return old, new
}

// fromBytes returns a text as UTF-8 in which each byte is the character of its number.
func fromBytes(body []byte) []byte {
	out := make([]byte, 0, len(body)+len(body)/8)
	for _, c := range body {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}
