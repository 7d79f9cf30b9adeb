package compare_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"paritygate/internal/testkit"

	"paritygate/compare"
)

// pathStep is a segment of a rule's path as the reference reads it.
type pathStep struct {
	descend  bool
	wildcard bool
	element  bool
	name     string
	index    int
}

var pathToken = regexp.MustCompile(`^(\.\.|\.)?(?:\[('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\*|\d+)\]|(\*|[\pL_\x{80}-\x{10ffff}][\pL\d_\x{80}-\x{10ffff}]*))`)

// readSteps takes a path apart; it knows no more than the tests use.
func readSteps(path string) []pathStep {
	steps := []pathStep{}
	for rest := path[1:]; rest != ""; {
		m := pathToken.FindStringSubmatch(rest)
		if m == nil {
			panic(fmt.Sprintf("the reference cannot read the path %q at %q", path, rest))
		}
		rest = rest[len(m[0]):]
		s := pathStep{descend: m[1] == ".."}
		switch token := m[2] + m[3]; {
		case token == "*":
			s.wildcard = true
		case m[3] != "":
			s.name = token
		case token[0] == '"' || token[0] == '\'':
			s.name = unquoteName(token)
		default:
			s.element = true
			s.index, _ = strconv.Atoi(token)
		}
		steps = append(steps, s)
	}
	return steps
}

// unquoteName reads a quoted name of a path with the escapes that writePlace uses.
func unquoteName(token string) string {
	body := token[1 : len(token)-1]
	body = strings.ReplaceAll(body, `\'`, `'`)
	name, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.ReplaceAll(body, `\"`, `"`), `"`, `\"`) + `"`)
	if err != nil {
		panic(err)
	}
	return name
}

// leads reports whether steps lead to a place.
func leads(steps []pathStep, at []place) bool {
	if len(steps) == 0 || len(at) == 0 {
		return len(steps) == 0 && len(at) == 0
	}
	s := steps[0]
	if s.descend && leads(steps, at[1:]) {
		return true
	}
	fits := s.wildcard || s.element && at[0].element && !at[0].anonymous && s.index == at[0].index ||
		!s.element && !s.wildcard && !at[0].element && s.name == at[0].name
	if !fits {
		return false
	}
	return leads(steps[1:], at[1:])
}

// deciding returns the first rule of each family at a place, -1 where there is none.
func (r *reference) deciding(at []place) (suppress, structure, value int) {
	suppress, structure, value = -1, -1, -1
	for i, rule := range r.rules {
		if rule.Path == "" || !leads(r.paths[i], at) {
			continue
		}
		family := &value
		switch {
		case rule.Ignore != "":
			family = &suppress
		case rule.Unordered != "" || rule.Key != "" || rule.Rename != "" || rule.CSV != nil || rule.AbsentEqualsNull:
			family = &structure
		}
		if *family < 0 {
			*family = i
		}
	}
	return suppress, structure, value
}

// tellsApart reports whether the path of a rule names an index of the array at a place.
func (r *reference) tellsApart(at []place) bool {
	for _, steps := range r.paths {
		for k, s := range steps {
			if s.element && (leads(steps[:k], at) || s.descend && leadsAbove(steps[:k], at)) {
				return true
			}
		}
	}
	return false
}

// leadsAbove reports whether steps lead to the place or to one that it stands in.
func leadsAbove(steps []pathStep, at []place) bool {
	for k := range len(at) + 1 {
		if leads(steps, at[:k]) {
			return true
		}
	}
	return false
}

// keyed joins elements by the value at a path beneath them; those of one key, and those without, are multisets.
func (r *reference) keyed(old, new *tree, at []place, key string) {
	if suppress, _, _ := r.deciding(hidden(at)); suppress >= 0 && r.rules[suppress].Ignore == "true" {
		r.vague = true
		return
	}
	keyPath := append(hidden(at), keySteps(key)...)
	taken := make([]bool, len(new.kids))
	done := make([]bool, len(old.kids))
	sameKey := func(a, b *tree) bool {
		x, y := keyOf(a, key), keyOf(b, key)
		if x == nil || y == nil {
			return x == nil && y == nil
		}
		if _, _, value := r.deciding(keyPath); value >= 0 && r.rules[value].Coerce != "" && r.tolerates(r.rules[value], x, y) {
			return true
		}
		return equalTrees(x, y)
	}
	for i, first := range old.kids {
		if done[i] {
			continue
		}
		var o, n []int
		for j := i; j < len(old.kids); j++ {
			if !done[j] && sameKey(first, old.kids[j]) {
				o, done[j] = append(o, j), true
			}
		}
		for j := range new.kids {
			if !taken[j] && sameKey(first, new.kids[j]) {
				n, taken[j] = append(n, j), true
			}
		}
		r.oneKey(old, new, o, n, at, keyOf(first, key) != nil)
	}
	for j := range new.kids {
		if !taken[j] {
			r.lone(compare.KindExtra, new.kids[j], append(slices.Clone(at), place{index: j, element: true, anonymous: true}))
		}
	}
	r.vague = r.vague || !equalTrees(old, new) && len(r.found) == 0
}

// oneKey compares the elements of old and of new that have one key, or none.
func (r *reference) oneKey(old, new *tree, o, n []int, at []place, hasKey bool) {
	here := func(i int) []place {
		return append(slices.Clone(at), place{index: i, element: true, anonymous: true})
	}
	switch {
	case hasKey && len(o) == 1 && len(n) == 1:
		r.pair(old.kids[o[0]], new.kids[n[0]], here(o[0]))
	case len(n) == 0:
		for _, i := range o {
			r.lone(compare.KindMissing, old.kids[i], here(i))
		}
	case !perfect(pick(old.kids, o), pick(new.kids, n), func(a, b *tree) bool { return r.agrees(a, b, hidden(at)) }):
		r.differ(compare.KindValue, hidden(at))
		r.vague = true
	default:
		r.vague = true
	}
}

func pick(kids []*tree, indexes []int) []*tree {
	out := make([]*tree, len(indexes))
	for i, k := range indexes {
		out[i] = kids[k]
	}
	return out
}

func keySteps(key string) []place {
	var out []place
	for _, s := range readSteps(key) {
		out = append(out, place{name: s.name, index: s.index, element: s.element})
	}
	return out
}

// keyOf returns the value at a path of names and indexes, nil if there is none.
func keyOf(t *tree, key string) *tree {
	for _, s := range readSteps(key) {
		i := s.index
		if !s.element {
			i = slices.Index(t.names, s.name)
		}
		if i < 0 || i >= len(t.kids) || s.element != (t.kind == isArray) {
			return nil
		}
		t = t.kids[i]
	}
	return t
}

// room reports whether a value can stand where steps lead: every container on the way is an object, or is not there.
func room(t *tree, steps []pathStep) bool {
	for _, s := range steps {
		if t.kind != isObject {
			return false
		}
		i := slices.Index(t.names, s.name)
		if i < 0 {
			return true
		}
		t = t.kids[i]
	}
	return true
}

// renamed returns old's document with new's names. All renames are looked up before the first is done.
func (r *reference) renamed(old *tree) *tree {
	type move struct {
		kid    *tree
		target string
	}
	var moves []move
	var build func(t *tree, at []place) *tree
	build = func(t *tree, at []place) *tree {
		out := &tree{kind: t.kind, text: t.text, is: t}
		for i, kid := range t.kids {
			if t.kind == isArray {
				here := element(at, i)
				if _, structure, _ := r.deciding(at); structure >= 0 && r.rules[structure].Unordered+testkit.Word(r.rules[structure].Key) != "" {
					here = hidden(at)
				}
				out.kids = append(out.kids, build(kid, here))
				continue
			}
			name := t.names[i]
			here := append(slices.Clone(at), place{name: name})
			built := build(kid, here)
			if _, structure, _ := r.deciding(here); structure >= 0 && r.rules[structure].Rename != "" {
				target := r.rules[structure].Rename
				if strings.HasPrefix(target, "$") {
					built.from = here
					moves = append(moves, move{built, target})
					continue
				}
				was := name
				built.was, name = &was, target
			}
			out.kids, out.names = append(out.kids, built), append(out.names, name)
		}
		return out
	}
	root := build(old, nil)
	for _, m := range moves {
		steps, t := readSteps(m.target), root
		if !room(root, steps) {
			r.lone(compare.KindMissing, m.kid, m.kid.from)
			continue
		}
		for _, s := range steps[:len(steps)-1] {
			i := slices.Index(t.names, s.name)
			if i < 0 {
				t.names, t.kids = append(t.names, s.name), append(t.kids, &tree{kind: isObject, made: true})
				i = len(t.kids) - 1
			}
			t = t.kids[i]
		}
		t.names, t.kids = append(t.names, steps[len(steps)-1].name), append(t.kids, m.kid)
	}
	return root
}

var nameWithoutQuotes = regexp.MustCompile(`^[A-Za-z_\x{80}-\x{10ffff}][A-Za-z0-9_\x{80}-\x{10ffff}]*$`)

// writePlace writes a path as a difference shows it.
func writePlace(at []place) string {
	var out strings.Builder
	out.WriteByte('$')
	for _, p := range at {
		switch {
		case p.element:
			fmt.Fprintf(&out, "[%d]", p.index)
		case utf8.ValidString(p.name) && nameWithoutQuotes.MatchString(p.name):
			out.WriteString("." + p.name)
		default:
			out.WriteString("['")
			for _, c := range p.name {
				switch {
				case c == '\'' || c == '\\':
					out.WriteString(`\` + string(c))
				case strings.ContainsRune("\b\t\n\f\r", c):
					out.WriteString(strings.Trim(strconv.QuoteRune(c), "'"))
				case c < ' ':
					fmt.Fprintf(&out, `\u%04x`, c)
				default:
					out.WriteRune(c)
				}
			}
			out.WriteString("']")
		}
	}
	return out.String()
}
