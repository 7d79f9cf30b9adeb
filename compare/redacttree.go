package compare

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// redactedTree stands in the place of a body in which something is to be hidden that cannot be cut out of it.
const redactedTree = "[redacted: holds what is secret]"

// tree redacts markup and Protocol Buffers. Of XML it hides the content of elements and the values of attributes; another body that
// holds something to hide is hidden as a whole. A name also means the attribute that is called so.
func (r *Redactor) tree(p *part, c *cursor, secret func(name string) bool) []byte {
	f := p.format()
	body := p.body
	var root *element
	var err error
	switch f {
	case formatXML:
		if body, _, err = xmlText(*p); err == nil {
			root, err = parseXML(body)
		}
	case formatHTML:
		root, _, err = parseHTML(*p, isFragment(p.body))
	default:
		root = &element{kind: isMessage, text: string(p.body)}
		root.children, err = parseWire(root.text)
	}
	if err != nil {
		return unreadable(f)
	}
	s := searcher{secret: secret}
	s.at = cursor{automaton: c.automaton, states: slices.Clone(c.states)}
	s.visit(root)
	switch {
	case s.found && f != formatXML:
		return []byte(redactedTree)
	case s.found:
		return s.cut(body)
	}
	return p.body
}

// span is a piece of a text.
type span struct{ start, end int }

// searcher looks for what is to be hidden in a tree.
type searcher struct {
	place
	secret func(name string) bool // of elements and attributes; may be nil
	found  bool
	spans  []span
}

func (s *searcher) hide(e *element) {
	s.found = true
	if e.start < e.end {
		s.spans = append(s.spans, span{e.start, e.end})
	}
}

// visit searches what is in an element, whose own place was looked at.
func (s *searcher) visit(e *element) {
	for _, a := range e.attributes {
		if s.means(a.name) || s.means(a.name[1:]) {
			s.hide(a)
		}
	}
	for _, g := range groupsOf(e.children) {
		s.enterName(g.name)
		for i, c := range g.old {
			if len(g.old) == 1 {
				i = unindexed
			}
			s.enterOne(i)
			s.child(c)
			s.leave()
		}
		s.leave()
	}
}

// child searches an element at its place.
func (s *searcher) child(e *element) {
	switch {
	case s.at.matched() || e.kind == isElement && s.secret != nil && s.secret(e.name):
		s.hide(e)
		for _, a := range e.attributes {
			s.hide(a)
		}
		return
	case e.kind == isBytes && s.at.alive():
		m := e.message()
		if m == nil || len(s.path) > 2*maxTreeDepth {
			return
		}
		e = m
	}
	s.visit(e)
}

// means reports whether what is called so in the element at hand is to be hidden.
func (s *searcher) means(name string) bool {
	s.enterName(name)
	s.enterOne(unindexed)
	hidden := s.at.matched() || s.secret != nil && s.secret(name)
	s.leave()
	s.leave()
	return hidden
}

// cut returns a text with what was found replaced.
func (s *searcher) cut(text []byte) []byte {
	slices.SortFunc(s.spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var out []byte
	copied := 0
	for _, x := range s.spans {
		if x.start >= copied {
			out = append(append(out, text[copied:x.start]...), redactedShown...)
			copied = x.end
		}
	}
	return append(out, text[copied:]...)
}

// call redacts the messages of a gRPC body, which then are no longer compressed.
func (r *Redactor) call(p *part, c *cursor, secret func(name string) bool) []byte {
	call, err := readCall(p, defaultMaxDecoded)
	if err != nil {
		return unreadable(formatGRPC)
	}
	var out []byte
	changed := false
	for i, message := range call.messages {
		m := p.message(message)
		// A message that is the only one has no index.
		hidden := r.content(&m, c, secret)
		if bytes.Equal(hidden, message) {
			c.index(i)
			hidden = r.content(&m, c, secret)
			c.pop()
		}
		changed = changed || !bytes.Equal(hidden, message)
		out = append(binary.BigEndian.AppendUint32(append(out, 0), uint32(len(hidden))), hidden...)
	}
	if !changed {
		return p.body
	}
	return out
}

// secretAttribute reports whether a name of a tree is that of an attribute which the cursor's paths mean without its mark.
func secretAttribute(c *cursor, name []byte) bool {
	bare, ok := strings.CutPrefix(string(name), "@")
	if !ok {
		return false
	}
	c.name([]byte(bare))
	defer c.pop()
	return c.matched()
}
