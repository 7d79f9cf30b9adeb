package compare_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// maker makes random documents, spells them, changes them, and makes rules for them. The values come from small sets whose
// members are near to one another, so that rules and documents often meet.
type maker struct{ *rand.Rand }

func newMaker(seed uint64) maker { return maker{rand.New(rand.NewPCG(seed, 1))} }

var (
	someNames   = []string{"a", "b", "id", "at", "name", "größe", "a/b", "", "it's", "x\ny", `\`, "😀", "0"}
	someNumbers = []string{"0", "1", "2", "-1", "100", "100.5", "101", "0.5", "12.34", "9007199254740993", "9007199254740992", "1e3", "-0.0", "1e-7", "1E400"}
	someTexts   = []string{
		"", "a", "b", "null", `"`, `\u0041`, "é😀", "line\nbreak", "a/b", "a text that is longer than a machine word", "\u2028", "\x7f", "1", "1.0", "01", " 1", "100", "1e2",
	}
	someTimes = []string{
		"2024-02-29T12:00:00Z", "2024-02-29T12:00:01Z", "2024-02-29T13:00:00+01:00", "2024-02-29T12:00:00.5Z", "2024-02-29t12:00:02.000000001z",
		"2024-02-29T12:00:02-00:00", "2024-02-30T12:00:00Z", "2024-02-29 12:00:00Z",
	}
	someSeconds = []string{"1709208000", "1709208001", "1709208000.5", "1709208002", "1709208002.000000001", "1.709208e9"}
)

func oneOf[T any](m maker, of []T) T { return of[m.IntN(len(of))] }

func (m maker) scalar() *tree {
	switch m.IntN(9) {
	case 0, 1:
		return &tree{kind: isNull}
	case 2:
		return &tree{kind: isBool, text: strconv.FormatBool(m.IntN(2) == 0)}
	case 3, 4:
		return &tree{kind: isNumber, text: oneOf(m, someNumbers)}
	case 5:
		return &tree{kind: isNumber, text: oneOf(m, someSeconds)}
	case 6:
		return &tree{kind: isString, text: oneOf(m, someTimes)}
	default:
		return &tree{kind: isString, text: oneOf(m, someTexts)}
	}
}

// value makes a document. Names repeat in one object of thirty.
func (m maker) value(depth int) *tree {
	if depth == 0 || m.IntN(3) == 0 {
		return m.scalar()
	}
	if m.IntN(2) == 0 {
		t := &tree{kind: isArray}
		for range m.IntN(5) {
			// Elements are often alike, as records are.
			if len(t.kids) > 0 && m.IntN(2) == 0 {
				t.kids = append(t.kids, clone(t.kids[0]))
				continue
			}
			t.kids = append(t.kids, m.value(depth-1))
		}
		return t
	}
	t := &tree{kind: isObject}
	repeats := m.IntN(30) == 0
	for range m.IntN(6) {
		name := oneOf(m, someNames)
		if !repeats && slices.Contains(t.names, name) {
			continue
		}
		t.names, t.kids = append(t.names, name), append(t.kids, m.value(depth-1))
	}
	return t
}

func clone(t *tree) *tree {
	out := &tree{kind: t.kind, text: t.text, names: slices.Clone(t.names)}
	for _, kid := range t.kids {
		out.kids = append(out.kids, clone(kid))
	}
	return out
}

// changed returns the document with so many random changes, each of a kind that some rule forgives.
func (m maker) changed(t *tree, changes int) *tree {
	root := clone(t)
	for range changes {
		var all, scalars []*tree
		walk(root, func(t *tree) {
			if all = append(all, t); t.kind != isArray && t.kind != isObject {
				scalars = append(scalars, t)
			}
		})
		if m.IntN(2) == 0 && scalars != nil {
			m.nudge(oneOf(m, scalars))
			continue
		}
		m.change(oneOf(m, all))
	}
	return root
}

func walk(t *tree, visit func(*tree)) {
	visit(t)
	for _, kid := range t.kids {
		walk(kid, visit)
	}
}

func (m maker) change(t *tree) {
	switch {
	case t.kind == isArray && len(t.kids) > 1 && m.IntN(2) == 0:
		m.Shuffle(len(t.kids), func(i, j int) { t.kids[i], t.kids[j] = t.kids[j], t.kids[i] })
	case len(t.kids) > 0 && m.IntN(3) == 0: // one goes
		i := m.IntN(len(t.kids))
		t.kids = slices.Delete(t.kids, i, i+1)
		if t.kind == isObject {
			t.names = slices.Delete(t.names, i, i+1)
		}
	case t.kind == isArray && len(t.kids) > 0 && m.IntN(2) == 0: // one is repeated
		t.kids = append(t.kids, clone(oneOf(m, t.kids)))
	case t.kind == isArray:
		t.kids = slices.Insert(t.kids, m.IntN(len(t.kids)+1), m.value(1))
	case t.kind == isObject && len(t.kids) > 0 && m.IntN(2) == 0: // one has another name
		if name := oneOf(m, someNames); !slices.Contains(t.names, name) {
			t.names[m.IntN(len(t.names))] = name
		}
	case t.kind == isObject:
		if name := oneOf(m, someNames); !slices.Contains(t.names, name) {
			i := m.IntN(len(t.kids) + 1)
			t.names, t.kids = slices.Insert(t.names, i, name), slices.Insert(t.kids, i, m.scalar())
		}
	case t.kind == isNumber && m.IntN(4) == 0:
		t.kind = isString
	case t.kind == isString && jsonNumberText.MatchString(t.text) && m.IntN(2) == 0:
		t.kind = isNumber
	case m.IntN(2) == 0:
		m.nudge(t)
	default:
		*t = *m.scalar()
	}
}

// nudge changes a scalar a little.
func (m maker) nudge(t *tree) {
	switch {
	case slices.Contains(someSeconds, t.text) || slices.Contains(someTimes, t.text):
		t.kind, t.text = isString, oneOf(m, someTimes)
		if m.IntN(2) == 0 {
			t.kind, t.text = isNumber, oneOf(m, someSeconds)
		}
	case t.kind == isNumber:
		t.text = oneOf(m, someNumbers)
	case t.kind == isString:
		t.text = oneOf(m, someTexts)
	case t.kind == isBool:
		t.text = strconv.FormatBool(t.text != "true")
	}
}

// rule makes a rule that has something to do with a place of the document.
func (m maker) rule(t *tree, actions []string) testkit.Rule {
	path, at := m.path(t)
	rule := testkit.Rule{Path: path}
	action := oneOf(m, actions)
	if m.IntN(3) > 0 { // one that fits what is there
		switch {
		case at.kind == isArray:
			action = oneOf(m, keep(actions, "unordered", "set", "key", "ignore"))
		case at.kind != isObject:
			action = oneOf(m, keep(actions, "ignore", "value", "number", "time", "coerce", "absent", "rename"))
		}
	}
	if slices.Contains([]string{"number", "time", "coerce", "absent"}, action) && m.IntN(2) == 0 {
		rule.Path = "$..*"
	}
	switch action {
	case "ignore":
		rule.Ignore = "true"
	case "value":
		rule.Ignore = "value"
	case "unordered":
		rule.Unordered = "true"
	case "set":
		rule.Unordered = "set"
	case "key":
		rule.Key = oneOf(m, []string{"$.id", "$.name", "$['a/b']", "$.a.b", "$[0]"})
	case "number":
		rule.Number = &testkit.Number{Absolute: testkit.Decimal(oneOf(m, []string{"0", "0.5", "1", "1e2"}))}
		if m.IntN(2) == 0 {
			rule.Number = &testkit.Number{Relative: testkit.Decimal(oneOf(m, []string{"0.01", "0.005", "1%", "50%"}))}
		}
	case "time":
		rule.Time = &testkit.Skew{Skew: oneOf(m, []string{"0s", "500ms", "1s", "2s", "1ns"})}
	case "coerce":
		rule.Coerce = "number"
	case "absent":
		rule.AbsentEqualsNull = true
		if path == "$" || elementAlone(compare.Difference{Kind: compare.KindMissing, Path: path}) && !strings.HasSuffix(path, "*]") {
			rule.Path = "$..*" // an element is no member
		}
	case "rename":
		rule.Rename = oneOf(m, []string{"a", "b", "label", "id"})
		if steps := readSteps(path); len(steps) == 0 || steps[len(steps)-1].wildcard || steps[len(steps)-1].element {
			rule.Path = oneOf(m, []string{"$..a", "$..b", "$.*.id", "$[*].name"}) // only a member has a name
		}
		if m.IntN(4) == 0 {
			rule.Path, rule.Rename = oneOf(m, []string{"$.a.b", "$.id", "$.a", "$.b.name", "$.a.id"}), oneOf(m, []string{"$.c", "$.m.n", "$.a.x", "$.b"})
		}
		if steps := readSteps(rule.Path); steps[len(steps)-1].name == rule.Rename {
			rule.Rename = "other"
		}
	}
	return rule
}

// keep returns those of the actions that are among the wanted ones, or all if there are none.
func keep(actions []string, wanted ...string) []string {
	var out []string
	for _, a := range actions {
		if slices.Contains(wanted, a) {
			out = append(out, a)
		}
	}
	if out == nil {
		return actions
	}
	return out
}

// path returns the path to a random value of the document, some of its steps made general, and the value.
func (m maker) path(t *tree) (string, *tree) {
	var steps []string
	for len(t.kids) > 0 && (len(steps) == 0 || m.IntN(3) > 0) {
		i := m.IntN(len(t.kids))
		step := fmt.Sprintf("[%d]", i)
		if t.kind == isObject {
			step = writePlace([]place{{name: t.names[i]}})[1:]
		}
		switch m.IntN(8) {
		case 0, 1:
			step = "[*]"
		case 2:
			if t.kind == isArray {
				step = "[*]"
			}
		}
		steps, t = append(steps, step), t.kids[i]
	}
	if len(steps) > 0 && m.IntN(3) == 0 { // somewhere beneath
		last := steps[len(steps)-1]
		if last[0] == '.' {
			last = last[1:]
		}
		steps = append(steps[:m.IntN(len(steps))], ".."+last)
	}
	return "$" + strings.Join(steps, ""), t
}

// spell writes a document in a random way: other white space, escapes, numbers and order of members.
func (m maker) spell(t *tree) string {
	var out strings.Builder
	m.write(&out, t)
	return out.String()
}

func (m maker) write(out *strings.Builder, t *tree) {
	m.space(out)
	switch t.kind {
	case isNull:
		out.WriteString("null")
	case isBool:
		out.WriteString(t.text)
	case isNumber:
		out.WriteString(m.number(t.text))
	case isString:
		m.text(out, t.text)
	case isArray:
		out.WriteByte('[')
		for i, kid := range t.kids {
			if i > 0 {
				out.WriteByte(',')
			}
			m.write(out, kid)
		}
		m.space(out)
		out.WriteByte(']')
	default:
		m.members(out, t)
	}
	m.space(out)
}

// members writes an object; members of one name keep their order.
func (m maker) members(out *strings.Builder, t *tree) {
	order := m.Perm(len(t.kids))
	if m.IntN(2) == 0 {
		slices.Sort(order)
	}
	for i := range order {
		for j := range i {
			if t.names[order[j]] == t.names[order[i]] && order[j] > order[i] {
				order[i], order[j] = order[j], order[i]
			}
		}
	}
	out.WriteByte('{')
	for i, k := range order {
		if i > 0 {
			out.WriteByte(',')
		}
		m.space(out)
		m.text(out, t.names[k])
		m.space(out)
		out.WriteByte(':')
		m.write(out, t.kids[k])
	}
	m.space(out)
	out.WriteByte('}')
}

func (m maker) space(out *strings.Builder) {
	for m.IntN(6) == 0 {
		out.WriteByte(" \n\t\r"[m.IntN(4)])
	}
}

// number writes a number with the decimal point elsewhere, or with zeros that say nothing.
func (m maker) number(n string) string {
	mantissa, exponent := n, 0
	if i := strings.IndexAny(n, "eE"); i >= 0 {
		mantissa = n[:i]
		exponent, _ = strconv.Atoi(n[i+1:])
	}
	switch m.IntN(6) {
	case 0:
		return fmt.Sprintf("%se%+d", mantissa, exponent)
	case 1: // all digits before the point
		whole, fraction, _ := strings.Cut(mantissa, ".")
		sign := ""
		if whole[0] == '-' {
			sign, whole = "-", whole[1:]
		}
		digits := strings.TrimLeft(whole+fraction, "0")
		if digits == "" {
			return oneOf(m, []string{"0", "-0", "0.000", "0e7", "-0.0E-3"})
		}
		return fmt.Sprintf("%s%s000E%d", sign, digits, exponent-len(fraction)-3)
	case 2:
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		return fmt.Sprintf("%s00E%04d", mantissa, exponent)
	}
	return n
}

// text writes a string with escapes here and there.
func (m maker) text(out *strings.Builder, s string) {
	out.WriteByte('"')
	for _, c := range s {
		switch {
		case c < ' ' && m.IntN(2) == 0 && strings.ContainsRune("\n\r\t\b\f", c):
			out.WriteString(map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}[c])
		case c < 0x10000 && (c < ' ' || m.IntN(5) == 0):
			fmt.Fprintf(out, oneOf(m, []string{`\u%04x`, `\u%04X`}), c)
		case c == '"' || c == '\\' || c == '/' && m.IntN(2) == 0:
			out.WriteByte('\\')
			out.WriteRune(c)
		case c >= 0x10000 && m.IntN(2) == 0:
			fmt.Fprintf(out, `\u%04X\u%04x`, 0xD800+(c-0x10000)>>10, 0xDC00+(c-0x10000)&0x3FF)
		default:
			out.WriteRune(c)
		}
	}
	out.WriteByte('"')
}
