package compare

import (
	"bytes"
	"unicode/utf8"
)

// sniff guesses the format of a body of which no type was declared.
func sniff(body []byte) format {
	text := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\ufeff")), " \t\r\n")
	switch {
	case len(text) == 0:
		return formatText
	case text[0] == '{' || text[0] == '[':
		return sniffJSON(text)
	case text[0] == '<' && len(text) > 1:
		return sniffMarkup(text)
	}
	return sniffText(body)
}

// sniffJSON tells one JSON text from several, a line each.
func sniffJSON(text []byte) format {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(rest) == 0 || rest[0] != '{' && rest[0] != '[' {
		return formatJSON
	}
	var d document
	if d.parse(first, defaultMaxNodes) == nil {
		return formatRecords
	}
	return formatJSON
}

// htmlTags begin a document that browsers take for HTML.
var htmlTags = []string{
	"!doctype html", "html", "head", "script", "iframe", "h1", "div", "font", "table", "a", "style", "title", "b", "body", "br", "p", "span", "ul", "ol",
}

// sniffMarkup tells HTML from XML.
func sniffMarkup(text []byte) format {
	if bytes.HasPrefix(text, []byte("<!--")) {
		return formatHTML
	}
	for _, tag := range htmlTags {
		end := 1 + len(tag)
		if len(text) > end && bytes.EqualFold(text[1:end], []byte(tag)) && bytes.IndexByte([]byte(" \t\r\n>/"), text[end]) >= 0 {
			return formatHTML
		}
	}
	if c := text[1]; c == '?' || c == '!' || c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' {
		return formatXML
	}
	return sniffText(text)
}

// sniffText tells text from what is none: control characters do not occur in text.
func sniffText(body []byte) format {
	if !utf8.Valid(body) {
		return formatBinary
	}
	for _, c := range body {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b {
			return formatBinary
		}
	}
	return formatText
}
