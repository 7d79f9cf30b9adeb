package config

import (
	"github.com/goccy/go-yaml/ast"
)

// kind is what a node of the tree is.
type kind uint8

const (
	null kind = iota
	text
	number
	boolean
	list
	mapping
	invalid // was reported already
)

// node is a YAML value without YAML's machinery: aliases and merge keys are resolved, positions are those of the source.
type node struct {
	kind         kind
	line, column int
	value        string // of a scalar, as written
	quoted       bool
	items        []*node
	entries      []entry
	size         int // nodes in this subtree, aliases counted as often as they are used
}

// entry is one key of a mapping.
type entry struct {
	key          string
	line, column int
	value        *node
}

const (
	maxNodes = 100_000 // more than any real file, and little enough for a bomb of aliases to cost nothing
	maxDepth = 64
)

// treeBuilder turns goccy's syntax tree into nodes, in the order of the document, so that an alias sees only what stands
// before it.
type treeBuilder struct {
	anchors map[string]*node
	report  func(line, column int, format string, args ...any)
	depth   int
	full    bool
}

// build returns nil for what it has reported.
func (b *treeBuilder) build(n ast.Node) *node {
	b.depth++
	defer func() { b.depth-- }()
	made := &node{size: 1}
	if n == nil {
		return made
	}
	made.line, made.column = position(n)
	if b.depth > maxDepth {
		b.report(made.line, made.column, "is nested more than %d levels deep", maxDepth)
		return nil
	}
	switch v := n.(type) {
	case *ast.MappingNode:
		return b.mapping(made, v.Values)
	case *ast.MappingValueNode:
		return b.mapping(made, []*ast.MappingValueNode{v})
	case *ast.SequenceNode:
		return b.list(made, v.Values)
	case *ast.AnchorNode:
		target := b.build(v.Value)
		b.anchors[v.Name.GetToken().Value] = target
		return target
	case *ast.AliasNode:
		return b.alias(made, v.Value.GetToken().Value)
	case *ast.TagNode:
		b.report(made.line, made.column, "the YAML tag %s is not supported; remove it", v.GetToken().Value)
		return nil
	}
	return b.scalar(made, n)
}

func (b *treeBuilder) scalar(made *node, n ast.Node) *node {
	made.kind = text
	switch v := n.(type) {
	case *ast.NullNode:
		made.kind = null
	case *ast.BoolNode:
		made.kind, made.value = boolean, v.GetToken().Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		made.kind, made.value = number, v.GetToken().Value
	case *ast.StringNode:
		made.value = v.Value
		made.quoted = isQuoted(v.GetToken())
	case *ast.LiteralNode:
		made.value, made.quoted = v.Value.Value, true
	default:
		b.report(made.line, made.column, "is not a value that a configuration can have")
		return nil
	}
	return made
}

func (b *treeBuilder) list(made *node, values []ast.Node) *node {
	made.kind = list
	for _, v := range values {
		item := b.build(v)
		if item == nil {
			item = &node{line: made.line, column: made.column, kind: invalid}
		}
		made.items = append(made.items, item)
		made.size += item.size
	}
	return b.bounded(made)
}

func (b *treeBuilder) mapping(made *node, values []*ast.MappingValueNode) *node {
	made.kind = mapping
	var merged []entry
	for i, v := range values {
		line, column := position(v.Key)
		if i == 0 && made.line >= line && made.column >= column {
			made.line, made.column = line, column // goccy places a block mapping at its first colon
		}
		if v.Key.IsMergeKey() {
			merged = append(merged, b.merge(v.Value)...)
			continue
		}
		key, ok := b.key(v.Key)
		value := b.build(v.Value)
		if !ok {
			continue
		}
		if value == nil {
			value = &node{line: line, column: column, kind: invalid}
		}
		made.entries = append(made.entries, entry{key: key, line: line, column: column, value: value})
		made.size += value.size
	}
	for _, e := range merged { // a key of the mapping itself, or of an earlier merge, wins
		if !made.has(e.key) {
			made.entries = append(made.entries, e)
			made.size += e.value.size
		}
	}
	return b.bounded(made)
}

func (b *treeBuilder) key(k ast.MapKeyNode) (string, bool) {
	line, column := position(k)
	switch v := k.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return v.GetToken().Value, true
	}
	b.report(line, column, "a key must be a plain or quoted word")
	return "", false
}

// merge returns the entries that `<<` brings in.
func (b *treeBuilder) merge(n ast.Node) []entry {
	line, column := position(n)
	source := b.build(n)
	if source == nil {
		return nil
	}
	sources := []*node{source}
	if source.kind == list {
		sources = source.items
	}
	var found []entry
	for _, s := range sources {
		if s.kind == invalid {
			continue
		}
		if s.kind != mapping {
			b.report(line, column, "`<<` merges mappings; this is %s", s.describe())
			return nil
		}
		found = append(found, s.entries...)
	}
	return found
}

func (b *treeBuilder) alias(made *node, name string) *node {
	target, ok := b.anchors[name]
	if !ok {
		b.report(made.line, made.column, "there is no anchor &%s before this alias", name)
		return nil
	}
	return target
}

// bounded stops a small file whose aliases of aliases would grow without end.
func (b *treeBuilder) bounded(made *node) *node {
	if made.size <= maxNodes {
		return made
	}
	if !b.full {
		b.report(made.line, made.column, "has more than %d values once its aliases are resolved", maxNodes)
	}
	b.full = true
	return nil
}

func (n *node) has(key string) bool {
	for i := range n.entries {
		if n.entries[i].key == key {
			return true
		}
	}
	return false
}
