package aggregate

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// family are types whose values name the same things, so that one form can stand for a value of any of them.
type family string

// The families. What is in none of them, such as a range, is its own; what the database's owner made, such as an enum or
// citext, is a text.
const (
	numbers   family = "number"
	truths    family = "boolean"
	uuids     family = "uuid"
	moments   family = "timestamp"
	hours     family = "time"
	intervals family = "interval"
	documents family = "json"
	binaries  family = "bytea"
	addresses family = "address"
	bits      family = "bit"
	texts     family = "text"
)

// moneyOID and those below are types for which pgtype has no name.
const (
	moneyOID    = 790
	firstOwnOID = 16384 // from here on types are made by the database's owner
)

var families = map[uint32]family{
	pgtype.Int2OID: numbers, pgtype.Int4OID: numbers, pgtype.Int8OID: numbers, pgtype.NumericOID: numbers, pgtype.OIDOID: numbers,
	pgtype.Float4OID: numbers, pgtype.Float8OID: numbers, moneyOID: numbers,
	pgtype.BoolOID: truths, pgtype.UUIDOID: uuids,
	pgtype.TimestampOID: moments, pgtype.TimestamptzOID: moments, pgtype.DateOID: moments,
	pgtype.TimeOID: hours, pgtype.TimetzOID: hours, pgtype.IntervalOID: intervals,
	pgtype.JSONOID: documents, pgtype.JSONBOID: documents, pgtype.ByteaOID: binaries,
	pgtype.InetOID: addresses, pgtype.CIDROID: addresses, pgtype.BitOID: bits, pgtype.VarbitOID: bits,
	pgtype.TextOID: texts, pgtype.VarcharOID: texts, pgtype.BPCharOID: texts, pgtype.NameOID: texts, pgtype.QCharOID: texts,
	pgtype.UnknownOID: texts, 0: texts,
}

func familyOf(oid uint32) family {
	if f, ok := families[oid]; ok {
		return f
	}
	if oid >= firstOwnOID {
		return texts
	}
	return family(typeName(oid))
}

// fold gives the canonical form of a value that is not NULL; not ok if it is none of the family's.
type fold func(v value) (form string, ok bool)

// likeness is how the values of two columns are compared: equal forms are equal values.
type likeness struct {
	folds [2]fold // of old's values and of new's
	// weigh judges two values whose forms differ; nil: they are different.
	weigh func(forms [2]string, allowed bounds) (distinction, error)
	// inexact says that values of different forms may be equal even where nothing is allowed.
	inexact bool
	// document says that the forms of equal values may be so different that rows cannot be joined by them.
	document bool
	// note is what to know of the comparison, with %s for the column's name; mostly empty.
	note string
}

// alike says how the values of two columns are compared, by their types, or that they cannot be.
func alike(old, new column) (*likeness, error) {
	if l := alikeArrays(old, new); l != nil {
		return l, nil
	}
	a, b := familyOf(old.oid), familyOf(new.oid)
	switch {
	case a == texts && b == texts:
		return &likeness{folds: foldTexts(old.oid, new.oid)}, nil
	case a == b:
		return like(a, roundTogether(old, new), old.oid, new.oid), nil
	case a == texts && b != binaries:
		return like(b, [2]fold{readAs(b, old.oid), foldOf(new.oid)}, new.oid), nil
	case b == texts && a != binaries:
		return like(a, [2]fold{foldOf(old.oid), readAs(a, new.oid)}, old.oid), nil
	case a == numbers && b == truths:
		return like(truths, [2]fold{foldNumberTruth, foldOf(new.oid)}), nil
	case a == truths && b == numbers:
		return like(truths, [2]fold{foldOf(old.oid), foldNumberTruth}), nil
	}
	return nil, fmt.Errorf("%s in old and %s in new cannot be compared; cast one of them in the check's sql", typeName(old.oid), typeName(new.oid))
}

// like makes the likeness of a family, of which the types with these OIDs are.
func like(f family, folds [2]fold, oids ...uint32) *likeness {
	l := &likeness{folds: folds}
	switch f {
	case numbers:
		epsilon := epsilonOf(oids)
		l.inexact = epsilon.Sign() != 0
		l.weigh = func(forms [2]string, allowed bounds) (distinction, error) {
			return weighNumbers(forms, allowed.rounding(epsilon)), nil
		}
	case documents:
		l.inexact, l.document, l.weigh = true, true, weighDocuments
	case moments:
		l.note = zoneNote(oids)
	case truths, uuids, hours, intervals, binaries, addresses, bits, texts:
	}
	return l
}

// The relative difference up to which two floating point numbers are one: added up in another order, or stored in the other
// width, they are some units apart in the last of about 16 digits, or of about 7. It is small enough that a cent counts in
// billions of a double.
var (
	doubleEpsilon = big.NewRat(1, 1_000_000_000_000)
	realEpsilon   = big.NewRat(2, 10_000_000)
)

// exactWhole is up to where whole numbers are told apart also as floating point numbers: what programs without integers
// have for ids and milliseconds is no sum that was rounded.
var exactWhole = new(big.Rat).SetInt64(1 << 43)

// epsilonOf is the epsilon of a pair of number types: that of the less exact one.
func epsilonOf(oids []uint32) *big.Rat {
	epsilon := new(big.Rat)
	for _, oid := range oids {
		switch {
		case oid == pgtype.Float4OID:
			return realEpsilon
		case oid == pgtype.Float8OID:
			epsilon = doubleEpsilon
		}
	}
	return epsilon
}

// rounding are the bounds for numbers that were rounded to an epsilon.
func (t bounds) rounding(epsilon *big.Rat) bounds {
	if epsilon != nil && (t.epsilon == nil || t.epsilon.Cmp(epsilon) < 0) {
		t.epsilon = epsilon
	}
	return t
}

func zoneNote(oids []uint32) string {
	if len(oids) < 2 {
		return ""
	}
	for i, oid := range oids {
		if oid == pgtype.TimestampOID && oids[1-i] == pgtype.TimestamptzOID {
			return "%s has no time zone in " + sides[i] + " and was taken as UTC"
		}
	}
	return ""
}

// typeName is the name of a type for people.
func typeName(oid uint32) string {
	switch {
	case oid == 0:
		return "a value without a type"
	case oid == moneyOID:
		return "money"
	}
	if t, ok := types().TypeForOID(oid); ok {
		name := t.Name
		if element, isArray := strings.CutPrefix(name, "_"); isArray {
			name = element + "[]"
		}
		return name
	}
	return fmt.Sprintf("the type with OID %d", oid)
}
