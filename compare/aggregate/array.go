package aggregate

import (
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgtype"

	"paritygate/compare"
)

// types knows PostgreSQL's own types. It is only read.
var types = sync.OnceValue(pgtype.NewMap)

// elementOf is the type of an array's elements; 0 if the type is no array that is known here.
func elementOf(oid uint32) uint32 {
	t, ok := types().TypeForOID(oid)
	if !ok {
		return 0
	}
	if codec, isArray := t.Codec.(*pgtype.ArrayCodec); isArray {
		return codec.ElementType.OID
	}
	return 0
}

// alikeArrays says how two arrays are compared: element by element. Nil if they are not both arrays whose elements can be.
func alikeArrays(old, new column) *likeness {
	a, b := old, new // whose elements have their modifiers
	if a.oid, b.oid = elementOf(old.oid), elementOf(new.oid); a.oid == 0 || b.oid == 0 {
		return nil
	}
	elements, err := alike(a, b)
	if err != nil {
		return nil
	}
	l := &likeness{inexact: elements.inexact, document: elements.document, note: elements.note}
	for i, element := range elements.folds {
		l.folds[i] = foldArray(element)
	}
	if elements.weigh != nil {
		l.weigh = func(forms [2]string, allowed bounds) (distinction, error) {
			return weighArrays(elements, forms, allowed)
		}
	}
	return l
}

// array is an array that was taken apart: its elements, and what is written around them.
type array struct {
	shape    string
	elements []value
}

// parseArray reads what a database writes for an array, such as {1,NULL,"a \"b\""} and [0:1]={{1},{2}}.
func parseArray(s string) (array, bool) {
	var a array
	var shape strings.Builder
	depth := 0
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '{', c == '}', depth == 0, c == ',':
			switch c {
			case '{':
				depth++
			case '}':
				depth--
			}
			if depth < 0 {
				return a, false
			}
			shape.WriteByte(c)
			i++
		case c == '"':
			text, n := unquote(s[i:])
			if n == 0 {
				return a, false
			}
			a.elements = append(a.elements, value{text: text})
			shape.WriteByte('x')
			i += n
		default:
			n := strings.IndexAny(s[i:], ",{}")
			if n < 0 {
				return a, false
			}
			text := s[i : i+n]
			a.elements = append(a.elements, value{text: text, null: text == "NULL"})
			shape.WriteByte('x')
			i += n
		}
	}
	a.shape = shape.String()
	return a, depth == 0 && strings.HasSuffix(a.shape, "}")
}

// unquote reads the text in double quotes that s begins with, and how long it is with them; 0 if it does not end.
func unquote(s string) (text string, length int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i + 1
		case '\\':
			if i++; i == len(s) {
				return "", 0
			}
		}
		b.WriteByte(s[i])
	}
	return "", 0
}

// foldArray folds the elements, and writes them in quotes so that the form is an array again.
func foldArray(element fold) fold {
	return func(v value) (string, bool) {
		a, ok := parseArray(v.text)
		if !ok {
			return "", false
		}
		var b strings.Builder
		next := 0
		for i := range len(a.shape) {
			if a.shape[i] != 'x' {
				b.WriteByte(a.shape[i])
				continue
			}
			e := a.elements[next]
			next++
			if e.null {
				b.WriteString("NULL")
				continue
			}
			form, ok := element(e)
			if !ok {
				return "", false
			}
			b.WriteString(`"` + quoter.Replace(form) + `"`)
		}
		return b.String(), true
	}
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// weighArrays judges two folded arrays: of another shape they differ, else as their worst pair of elements does.
func weighArrays(elements *likeness, forms [2]string, allowed bounds) (distinction, error) {
	a, _ := parseArray(forms[0])
	b, _ := parseArray(forms[1])
	if a.shape != b.shape {
		return differ(compare.KindValue), nil
	}
	folded := likeness{folds: [2]fold{asWritten, asWritten}, weigh: elements.weigh}
	worst := distinction{agree: true}
	for i := range a.elements {
		f, err := folded.compare(a.elements[i], b.elements[i], allowed)
		if err != nil {
			return f, err
		}
		if worst.agree && !f.agree || worst.agree == f.agree && f.variance > worst.variance {
			worst = f
		}
	}
	worst.inside = nil // a place within an element would be taken for one within the array
	return worst, nil
}
