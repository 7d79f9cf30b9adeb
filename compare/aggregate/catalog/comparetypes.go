package catalog

import (
	"slices"
	"unicode/utf8"
)

// fit says how the values that a type of new takes lie to those that old's took.
type fit int

const (
	equal    fit = iota
	wider        // new takes all that old took
	narrower     // new refuses some of it, or cuts it off
	apart        // another type
)

// kind is a type without its domain.
type kind struct {
	ValueType
	labels      []string // of an enum
	notNull     bool     // by a domain
	constrained bool     // a domain checks it
}

// maxDomains bounds how deep domains may be of domains.
const maxDomains = 100

func (c *Catalog) kind(v ValueType) kind {
	k := kind{ValueType: v}
	for range maxDomains {
		i := slices.IndexFunc(c.Types, func(t Type) bool { return t.Name == k.Name })
		if i < 0 {
			break
		}
		t := &c.Types[i]
		k.labels = t.Labels
		if t.Kind != "domain" || t.Base == nil {
			break
		}
		k.constrained = k.constrained || len(t.Checks) > 0
		k.notNull = k.notNull || t.NotNull && !v.Array
		array := k.Array || t.Base.Array
		k.ValueType = *t.Base
		k.Array = array
	}
	return k
}

// fits compares two types.
func fits(old, new kind) fit {
	if old.Array != new.Array {
		return apart
	}
	f := fitOfBase(old, new)
	if (f == equal || f == wider) && new.constrained && !old.constrained {
		return narrower
	}
	return f
}

func fitOfBase(old, new kind) fit {
	a, b := old.Name.Name, new.Name.Name
	switch {
	case old.labels != nil && new.labels != nil:
		return fitOfLabels(old.labels, new.labels)
	case old.labels != nil && isText(b):
		longest := 0
		for _, l := range old.labels {
			longest = max(longest, utf8.RuneCountInString(l))
		}
		return fitOfLimits(longest, limit(new.ValueType))
	case isText(a) && new.labels != nil:
		return narrower
	case old.labels != nil || new.labels != nil:
		return apart
	case isText(a) && isText(b):
		// What is padded to a fixed length is another text.
		if f := fitOfLimits(limit(old.ValueType), limit(new.ValueType)); f != wider && f != equal || b != "bpchar" || a == b {
			return f
		}
		return apart
	case numbers[a] != nil && numbers[b] != nil:
		return fitOfNumbers(old.ValueType, new.ValueType)
	case a == "timestamptz" && b == "timestamp", a == "timetz" && b == "time", (a == "timestamp" || a == "timestamptz") && b == "date":
		return narrower // the zone, or the hour, is lost
	case a == "json" && b == "jsonb":
		return wider // the same to whoever reads it by its meaning
	case a != b:
		return apart
	}
	return fitOfModifiers(a, old.Modifier, new.Modifier)
}

// unlimited stands for no limit.
const unlimited = 1 << 30

func isText(name string) bool { return name == "text" || name == "varchar" || name == "bpchar" }

// limit is the number of characters of a type of text.
func limit(v ValueType) int {
	if v.Modifier < 4 {
		return unlimited
	}
	return v.Modifier - 4
}

func fitOfLimits(old, new int) fit {
	switch {
	case old == new:
		return equal
	case new > old:
		return wider
	}
	return narrower
}

// fitOfLabels wants old's labels in new's, in the same order, since that is how they sort.
func fitOfLabels(old, new []string) fit {
	last, f := -1, equal
	for _, l := range old {
		i := slices.Index(new, l)
		switch {
		case i < 0:
			return narrower
		case i < last:
			f = apart
		}
		last = i
	}
	if f == equal && len(new) > len(old) {
		return wider
	}
	return f
}

// fitOfModifiers compares what stands in parentheses after one and the same type.
func fitOfModifiers(name string, old, new int) fit {
	if old == new {
		return equal
	}
	switch name {
	case "timestamp", "timestamptz", "time", "timetz":
		const whole = 6 // microseconds
		if old < 0 {
			old = whole
		}
		if new < 0 {
			new = whole
		}
		return fitOfLimits(old, new)
	case "varbit", "interval":
		switch {
		case new < 0:
			return wider
		case old < 0 || name == "interval" || new < old:
			return narrower
		}
		return wider
	}
	if new < 0 {
		return wider
	}
	return apart
}

// span is the numbers that a type takes exactly: digits before and after the point.
type span struct {
	whole, fraction int
	floating        bool
}

// numbers are the number types; nil would be none, so that numeric, which has its span in its modifier, has one here too.
var numbers = map[string]*span{
	"int2": {whole: 5}, "int4": {whole: 10}, "int8": {whole: 19},
	"float4": {whole: 6, fraction: 6, floating: true}, "float8": {whole: 15, fraction: 15, floating: true},
	"numeric": {whole: unlimited, fraction: unlimited},
}

// digits is the precision and scale of a numeric; the scale is a signed number of 11 bits.
func digits(modifier int) (precision, scale int) {
	modifier -= 4
	return modifier >> 16 & 0xffff, (modifier&0x7ff ^ 0x400) - 0x400
}

func spanOf(v ValueType) span {
	s := *numbers[v.Name.Name]
	if v.Name.Name == "numeric" && v.Modifier >= 4 {
		precision, scale := digits(v.Modifier)
		s = span{whole: precision - scale, fraction: scale}
	}
	return s
}

func fitOfNumbers(old, new ValueType) fit {
	a, b := spanOf(old), spanOf(new)
	integer := func(v ValueType) bool { return v.Name.Name != "numeric" && numbers[v.Name.Name].fraction == 0 }
	switch {
	case old.Name == new.Name && a == b:
		return equal
	case b.floating && !a.floating:
		// Integers of fewer digits than the mantissa holds are exact.
		if integer(old) && a.whole <= b.whole {
			return wider
		}
		return narrower
	case a.floating && !b.floating:
		if b.whole == unlimited {
			return wider
		}
		return narrower
	case integer(new) && !integer(old):
		// 5, 10 and 19 digits are not all in the integers.
		b.whole--
	}
	if b.whole >= a.whole && b.fraction >= a.fraction {
		return wider
	}
	return narrower
}

// text is the type for people.
func (c *Column) text() string {
	if c.NotNull {
		return bare(c) + " NOT NULL"
	}
	return bare(c)
}
