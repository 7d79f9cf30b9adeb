package aggregate

import (
	"fmt"
	"slices"
	"strings"
)

// sqlType is a type as the catalog names it.
type sqlType struct {
	name         string // as in pg_type: int4, bpchar, _text
	class        string // pg_type.typtype: b base, e enum, c composite, r range
	modifier     int    // pg_attribute.atttypmod, -1 if there is none
	element      string // of an array, the name of what it holds; else empty
	elementClass string
}

// sqlFamily are types whose values mean the same when their canonical texts do.
type sqlFamily string

const (
	famInt       sqlFamily = "int"
	famNumeric   sqlFamily = "numeric"
	famMoney     sqlFamily = "money"
	famFloat     sqlFamily = "float"
	famText      sqlFamily = "text"
	famChar      sqlFamily = "char" // blanks at its end mean nothing
	famBool      sqlFamily = "bool"
	famUUID      sqlFamily = "uuid"
	famEnum      sqlFamily = "enum"
	famDate      sqlFamily = "date"
	famTime      sqlFamily = "time" // of the day
	famStamp     sqlFamily = "timestamp"
	famStampZone sqlFamily = "timestamptz"
	famBytes     sqlFamily = "bytea"
	famJSON      sqlFamily = "json"
	famArray     sqlFamily = "array"
	famOther     sqlFamily = "other" // only its own type is like it
)

var sqlFamilies = map[string]sqlFamily{
	"int2": famInt, "int4": famInt, "int8": famInt, "oid": famInt, "numeric": famNumeric, "money": famMoney,
	"float4": famFloat, "float8": famFloat, "text": famText, "varchar": famText, "name": famText, "char": famText, "citext": famText,
	"bpchar": famChar, "bool": famBool, "uuid": famUUID, "date": famDate, "time": famTime, "timetz": famTime,
	"timestamp": famStamp, "timestamptz": famStampZone, "bytea": famBytes, "json": famJSON, "jsonb": famJSON,
}

func (t sqlType) family() sqlFamily {
	switch {
	case t.element != "":
		return famArray
	case t.class == "e":
		return famEnum
	case sqlFamilies[t.name] != "":
		return sqlFamilies[t.name]
	}
	return famOther
}

// elements is the type of what an array holds; PostgreSQL gives them the array's modifier.
func (t sqlType) elements() sqlType {
	return sqlType{name: t.element, class: t.elementClass, modifier: t.modifier}
}

// precision is that of a type of time: digits after the second.
func (t sqlType) precision() int {
	const all = 6
	if t.modifier < 0 || t.modifier > all {
		return all
	}
	return t.modifier
}

// form is how a pair of columns is brought to one shape: by %s, the column, within an expression. When two texts that come of
// it are equal, the values are; the reverse holds too but for JSON, where 1.0 and 1 are one number.
type form struct {
	expr [2]string
	json bool
}

// asIs leaves both as they are: their types write equal values as equal texts.
var asIs = form{expr: [2]string{"%s", "%s"}}

func (f form) isAsIs() bool { return f == asIs }

// formOf finds the form of two types, for servers not older than the version. ok is false where there is none.
func formOf(a, b sqlType, version int) (f form, ok bool) {
	rules := []func(a, b sqlType, version int) (form, bool){numberForm, textForm, timeForm, jsonForm, arrayForm, ownForm}
	for _, rule := range rules { // each with both orders of the two types
		if f, ok = rule(a, b, version); ok {
			return f, true
		}
		if f, ok = rule(b, a, version); ok {
			return form{expr: [2]string{f.expr[1], f.expr[0]}, json: f.json}, true
		}
	}
	return form{}, false
}

// ownForm is for two types that write their values alike.
func ownForm(a, b sqlType, _ int) (form, bool) {
	switch fa := a.family(); {
	case fa != b.family() || fa == famArray || fa == famJSON:
		return form{}, false
	case fa == famOther, fa == famTime:
		return asIs, a.name == b.name && a.class == b.class
	}
	return asIs, true
}

// numberForm writes numbers without the zeros that only their types' scales give them.
func numberForm(a, b sqlType, version int) (f form, ok bool) {
	numbers := func(t sqlType) bool {
		return slices.Contains([]sqlFamily{famInt, famNumeric, famMoney, famFloat}, t.family())
	}
	fa, fb := a.family(), b.family()
	switch {
	case fa == famBool && fb == famInt:
		return form{expr: [2]string{"%s::int", "%s"}}, true
	case !numbers(a) || !numbers(b):
		return form{}, false
	case fa == famInt && fb == famInt, fa == famNumeric && fb == famNumeric && a.modifier >= 0 && a.modifier == b.modifier:
		return asIs, true
	case fa == famFloat && a.name == b.name:
		// The sum makes -0 a 0. Before version 12 the shortest text was not what was written.
		sum := "(%s + '0'::" + a.name + ")"
		if version < shortestFloatVersion {
			sum = a.name + "send" + sum
		}
		return form{expr: [2]string{sum, sum}}, true
	}
	return form{expr: [2]string{trimmed(a, version), trimmed(b, version)}}, true
}

const (
	hashVersion          = 110000 // hashtextextended
	shortestFloatVersion = 120000
	trimScaleVersion     = 130000
)

// trimmed is a number without trailing zeros after its point.
func trimmed(t sqlType, version int) string {
	trim := func(number string) string {
		if version >= trimScaleVersion {
			return "trim_scale(" + number + ")"
		}
		return "CASE WHEN strpos(" + number + "::text, '.') > 0 THEN rtrim(rtrim(" + number + "::text, '0'), '.') ELSE " + number + "::text END"
	}
	switch f := t.family(); {
	case f == famInt:
		return "%s"
	case f == famMoney:
		return trim("%s::numeric")
	case f == famFloat:
		// By its shortest text: what a dump or a sync job carries over.
		sum := "(%s + '0'::" + t.name + ")"
		return "CASE WHEN abs(%s) = 'Infinity' THEN %s::text ELSE " + trim(sum+"::text::numeric") + "::text END"
	}
	return trim("%s")
}

// boolTexts are what PostgreSQL reads as a boolean.
const boolTexts = "CASE WHEN lower(%s) IN ('t', 'true', 'y', 'yes', 'on', '1') THEN 'true' " +
	"WHEN lower(%s) IN ('f', 'false', 'n', 'no', 'off', '0') THEN 'false' ELSE %s::text END"

// textForm is for a text on one side at least.
func textForm(a, b sqlType, _ int) (f form, ok bool) {
	fa, fb := a.family(), b.family()
	if fa != famText && fa != famChar {
		return form{}, false
	}
	if fb == famChar {
		// The blanks that fill a char(n) mean nothing, nor do those that a copy took over from one.
		return form{expr: [2]string{`rtrim(%s::text, ' ')`, `rtrim(%s::text, ' ')`}}, true
	}
	text := "%s"
	if fa == famChar {
		text = "%s::text" // without the blanks
	}
	switch {
	case fb == famText:
		return form{expr: [2]string{text, "%s"}}, fa == famText
	case fb == famUUID:
		return form{expr: [2]string{"lower(" + text + ` COLLATE "C")`, "%s"}}, true
	case fb == famEnum, fb == famInt:
		return form{expr: [2]string{text, "%s"}}, true
	case fb == famBool:
		return form{expr: [2]string{boolTexts, "%s::text"}}, true
	case fb == famJSON:
		return form{expr: [2]string{text + "::jsonb", "%s::jsonb"}, json: true}, fa == famText
	}
	return form{}, false
}

// timeForm rounds to what both can hold, as PostgreSQL does when it stores a value. A timestamp without zone is taken for UTC.
func timeForm(a, b sqlType, _ int) (f form, ok bool) {
	fa, fb := a.family(), b.family()
	switch {
	case fa == famTime && a.name == b.name, fa == famStamp && fb == famStamp, fa == famStampZone && fb == famStampZone:
		return rounded(a, b, a.name), true
	case fa == famStamp && fb == famStampZone:
		f = rounded(a, b, "timestamptz")
		f.expr[0] = strings.ReplaceAll(f.expr[0], "%s", "(%s AT TIME ZONE 'UTC')")
		return f, true
	case fa == famDate && fb == famStamp:
		return form{expr: [2]string{"%s::timestamp", "%s"}}, true
	case fa == famDate && fb == famStampZone:
		return form{expr: [2]string{"(%s::timestamp AT TIME ZONE 'UTC')", "%s"}}, true
	}
	return form{}, false
}

func rounded(a, b sqlType, name string) form {
	if a.precision() == b.precision() {
		return asIs
	}
	round := fmt.Sprintf("%%s::%s(%d)", name, min(a.precision(), b.precision()))
	return form{expr: [2]string{round, round}}
}

// jsonForm orders the members of objects, and leaves the numbers to whoever reads the jsonComparer.
func jsonForm(a, b sqlType, _ int) (form, bool) {
	return form{expr: [2]string{"%s::jsonb", "%s::jsonb"}, json: true}, a.family() == famJSON && b.family() == famJSON
}

// arrayForm is for arrays whose elements have a form that can be had without taking the arrays apart.
func arrayForm(a, b sqlType, version int) (f form, ok bool) {
	if a.family() != famArray || b.family() != famArray {
		return form{}, false
	}
	ea, eb := a.elements(), b.elements()
	f, ok = formOf(ea, eb, version)
	fa, fb := ea.family(), eb.family()
	number := func(f sqlFamily) bool { return f == famInt || f == famNumeric || f == famFloat }
	switch {
	case !ok:
		return form{}, false
	case f.isAsIs():
		return asIs, true
	case number(fa) && number(fb):
		return form{expr: [2]string{"to_jsonb(%s)", "to_jsonb(%s)"}, json: true}, true
	case fa == famStamp && fb == famStamp, fa == famStampZone && fb == famStampZone, fa == famTime && fb == famTime:
		for i := range f.expr {
			f.expr[i] += "[]"
		}
		return f, true
	case fa == famChar && fb == famChar || fa == famChar && fb == famText || fa == famText && fb == famChar:
		return form{expr: [2]string{"%s::text[]", "%s::text[]"}}, true
	}
	return form{}, false
}
