package catalog

import (
	"slices"
	"strings"
)

// likeness is an expression as PostgreSQL writes it, written so that it reads the same where only names and the widths of
// types differ: without the casts that a varchar needs and a text does not, nor the parentheses around one thing.
// identifier gives the name to write in place of a column's, and schema that in place of a schema's.
func likeness(expression string, identifier, schema func(string) string) string {
	list := tokens(expression)
	for i := range list {
		switch t := &list[i]; {
		case t.kind != word:
		case i+1 < len(list) && list[i+1].text == ".":
			t.text = schema(t.text)
		case (i == 0 || list[i-1].text != ".") && (i+1 == len(list) || list[i+1].text != "("):
			t.text = identifier(t.text)
		}
	}
	for {
		next := dropParentheses(dropCasts(list))
		if len(next) == len(list) {
			break
		}
		list = next
	}
	var b strings.Builder
	for i, t := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t.text)
	}
	return b.String()
}

type tokenKind int

const (
	word    tokenKind = iota // an identifier or a key word, without its quotes
	text                     // a constant in quotes, with them
	number                   // a constant without quotes
	special                  // anything else
)

type token struct {
	kind tokenKind
	text string
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// tokens cuts an expression up. It is the server's own writing; a quote that is not closed goes to the end.
func tokens(s string) []token {
	var list []token
	for s != "" {
		c, end := s[0], 1
		kind := special
		switch {
		case c == ' ' || c == '\n' || c == '\t':
			s = s[1:]
			continue
		case c == '\'' || c == '"':
			end = quoted(s, c)
			kind = text
			if c == '"' && end > 1 {
				list = append(list, token{word, strings.ReplaceAll(s[1:end-1], `""`, `"`)})
				s = s[end:]
				continue
			}
		case c == 'E' && strings.HasPrefix(s, "E'"):
			end, kind = 1+quoted(s[1:], '\''), text
		case isWord(c):
			kind = word
			if c >= '0' && c <= '9' {
				kind = number
			}
			for end < len(s) && (isWord(s[end]) || kind == number && s[end] == '.') {
				end++
			}
		case strings.HasPrefix(s, "::"):
			end = 2
		}
		list = append(list, token{kind, s[:end]})
		s = s[end:]
	}
	return list
}

// quoted is the length of what stands in quotes at the beginning; a quote within it is written twice.
func quoted(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		if s[i] != quote {
			continue
		}
		if i+1 < len(s) && s[i+1] == quote {
			i++
			continue
		}
		return i + 1
	}
	return len(s)
}

// typeWords are the words of which PostgreSQL makes the names of types that have several.
var typeWords = []string{"character", "varying", "double", "precision", "timestamp", "time", "with", "without", "zone", "bit"}

// texts are the casts that no more than a type of text needs.
var texts = []string{"text", "character varying", "bpchar", "character"}

// dropCasts leaves out the casts of constants, whose type follows from what they are compared with, and those to text.
func dropCasts(list []token) []token {
	var out []token
	for i := 0; i < len(list); i++ {
		if list[i].text != "::" || list[i].kind != special {
			out = append(out, list[i])
			continue
		}
		end, name := castEnd(list, i+1)
		constant := len(out) > 0 && (out[len(out)-1].kind == text || out[len(out)-1].kind == number || parenthesised(out))
		if constant || slices.Contains(texts, name) {
			i = end - 1
			continue
		}
		out = append(out, list[i])
	}
	return out
}

// parenthesised says whether the end is a number in parentheses, as negative ones are written.
func parenthesised(list []token) bool {
	n := len(list)
	if n < 3 || list[n-1].text != ")" || list[n-2].kind != number {
		return false
	}
	return list[n-3].text == "(" || n > 3 && list[n-3].text == "-" && list[n-4].text == "("
}

// castEnd is where the name of a type ends, with the name, but without schema, modifier and brackets.
func castEnd(list []token, at int) (end int, name string) {
	var words []string
	for end = at; end < len(list) && list[end].kind == word; end++ {
		if len(words) > 0 && !slices.Contains(typeWords, list[end].text) {
			break
		}
		words = append(words, list[end].text)
		if end+1 < len(list) && list[end+1].text == "." {
			words, end = nil, end+1
		}
	}
	if end+2 < len(list) && list[end].text == "(" && list[end+1].kind == number {
		for end < len(list) && list[end].text != ")" {
			end++
		}
		end++
		// The zone of a time stands behind its precision.
		for end < len(list) && slices.Contains(typeWords, list[end].text) {
			end++
		}
	}
	for end+1 < len(list) && list[end].text == "[" && list[end+1].text == "]" {
		end += 2
	}
	return end, strings.Join(words, " ")
}

// keyWords stand before a parenthesis without calling a function.
var keyWords = []string{"AND", "OR", "NOT", "ANY", "ALL", "THEN", "ELSE", "WHEN", "CASE", "IS", "LIKE", "IN"}

// dropParentheses leaves out those around a single thing, around the whole, and doubled ones.
func dropParentheses(list []token) []token {
	closes := make([]int, len(list)) // of an opening one, where it is closed
	var open []int
	for i, t := range list {
		switch {
		case t.kind == special && t.text == "(":
			open = append(open, i)
		case t.kind == special && t.text == ")" && len(open) > 0:
			closes[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	drop := make([]bool, len(list))
	for i, end := range closes {
		if end == 0 || i > 0 && list[i-1].kind == word && !slices.Contains(keyWords, list[i-1].text) {
			continue
		}
		inner := i+1 < len(list) && closes[i+1] == end-1 && end-1 > 0
		call := end-i > 3 && list[i+1].kind == word && list[i+2].text == "(" && closes[i+2] == end-1
		if end == i+2 || i == 0 && end == len(list)-1 || inner || call {
			drop[i], drop[end] = true, true
		}
	}
	var out []token
	for i, t := range list {
		if !drop[i] {
			out = append(out, t)
		}
	}
	return out
}
