package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What is larger is no configuration, and goccy's parser takes time quadratic in depth and size.
const (
	maxBytes  = mib
	maxTokens = 100_000
)

// reporter takes a problem with the file's form.
type reporter func(line, column int, format string, args ...any)

// parseTree returns the one document in data, or nil after it has reported why not.
func parseTree(data []byte, report reporter) *node {
	data = []byte(strings.TrimPrefix(string(data), "\ufeff"))
	if len(data) > maxBytes {
		report(0, 0, "is larger than 1MiB, which no configuration is")
		return nil
	}
	if line, column, ok := firstInvalid(data); !ok {
		report(line, column, "holds a byte that is not UTF-8 text")
		return nil
	}
	body := parseDocument(string(data), report)
	if body == nil {
		return nil
	}
	b := treeBuilder{anchors: map[string]*node{}, report: report}
	return b.build(body)
}

// firstInvalid finds the first byte that is no UTF-8 text; NUL is none either.
func firstInvalid(data []byte) (line, column int, ok bool) {
	line, column = 1, 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1, r == 0:
			return line, column, false
		case r == '\n':
			line, column = line+1, 1
		default:
			column++
		}
		data = data[size:]
	}
	return 0, 0, true
}

func parseDocument(data string, report reporter) ast.Node {
	file, err := parseFile(data)
	if err != nil {
		line, column, message := explain(err, data)
		report(line, column, "%s", message)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch doc.Body.(type) {
		case nil, *ast.DirectiveNode, *ast.CommentGroupNode:
			continue
		}
		if body != nil {
			line, column := position(doc.Body)
			report(line, column, "a second YAML document begins here; a configuration is one document")
			return nil
		}
		body = doc.Body
	}
	if body == nil {
		report(0, 0, "is empty; run.name, backends.old.url and backends.new.url are required")
		return nil
	}
	if _, ok := body.(*ast.NullNode); ok {
		report(0, 0, "is empty; run.name, backends.old.url and backends.new.url are required")
		return nil
	}
	return body
}

// parseFile runs goccy's parser within bounds. The parser is not ours: should it panic on damaged input, that is an error
// in the file like any other.
func parseFile(data string) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			file, err = nil, fmt.Errorf("is not YAML that can be read: %v", r)
		}
	}()
	tokens := lexer.Tokenize(data)
	if len(tokens) > maxTokens {
		return nil, errors.New("is too long for a configuration")
	}
	depth := 0
	for _, tk := range tokens {
		if tk.Type == token.MappingStartType || tk.Type == token.SequenceStartType {
			depth++
		} else if tk.Type == token.MappingEndType || tk.Type == token.SequenceEndType {
			depth--
		}
		if depth > maxDepth {
			return nil, &yaml.SyntaxError{Message: fmt.Sprintf("brackets are nested more than %d levels deep", maxDepth), Token: tk}
		}
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// explain says where a syntax error is. The usual cause of one at a variable is that YAML takes its braces for a mapping.
func explain(err error, data string) (line, column int, message string) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return 0, 0, err.Error()
	}
	message = "is not valid YAML: " + syntax.GetMessage()
	tk := syntax.GetToken()
	if tk == nil || tk.Position == nil {
		return 0, 0, message
	}
	line, column = tk.Position.Line, tk.Position.Column
	if lines := strings.Split(data, "\n"); line >= 1 && line <= len(lines) && strings.Contains(lines[line-1], "${") {
		message += "; inside { } and [ ] a ${NAME} must be quoted: \"${NAME}\""
	}
	return line, column, message
}

// position returns where a node stands, in lines and characters from 1.
func position(n ast.Node) (line, column int) {
	tk := n.GetToken()
	if tk == nil || tk.Position == nil {
		return 1, 1
	}
	return max(tk.Position.Line, 1), max(tk.Position.Column, 1)
}

func isQuoted(tk *token.Token) bool {
	return tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType
}
