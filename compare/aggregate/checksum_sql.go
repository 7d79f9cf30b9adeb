package aggregate

import (
	"fmt"
	"strings"
)

// rowKey is the text of each column of a key, nil for NULL.
type rowKey []*string

// span is a part of a table: the keys above lo, which is left out, up to hi, which is in it. One that is nil has no end there.
type span struct {
	lo, hi rowKey
	// nulls is the part whose keys have a NULL in them, which is in no order.
	nulls bool
}

// within is the condition for a row to be in a span.
func (t *checksumSide) within(s span) string {
	var conditions []string
	for _, k := range t.keys {
		if t.nullable {
			conditions = append(conditions, k.column+" IS NULL")
		}
	}
	if s.nulls {
		conditions = []string{"(" + strings.Join(conditions, " OR ") + ")"}
	}
	for i := range conditions {
		if !s.nulls {
			conditions[i] = strings.TrimSuffix(conditions[i], " IS NULL") + " IS NOT NULL"
		}
	}
	if t.settled != "" {
		conditions = append(conditions, t.settled)
	}
	if s.lo != nil {
		conditions = append(conditions, t.tuple(orderOf)+" > "+t.values(s.lo))
	}
	if s.hi != nil {
		conditions = append(conditions, t.tuple(orderOf)+" <= "+t.values(s.hi))
	}
	if len(conditions) == 0 {
		return "true"
	}
	return strings.Join(conditions, " AND ")
}

func orderOf(k keyColumn) string { return k.order }
func equalOf(k keyColumn) string { return k.equal }
func textOf(k keyColumn) string  { return k.text }

// tuple is one expression of each column of the key, in parentheses.
func (t *checksumSide) tuple(of func(keyColumn) string) string { return "(" + t.list(of) + ")" }

func (t *checksumSide) list(of func(keyColumn) string) string {
	parts := make([]string, len(t.keys))
	for i, k := range t.keys {
		parts[i] = of(k)
	}
	return strings.Join(parts, ", ")
}

// values is a key without a NULL, to be compared with a tuple.
func (t *checksumSide) values(k rowKey) string {
	parts := make([]string, len(k))
	for i, v := range k {
		parts[i] = literal(*v) + "::" + t.keys[i].cast
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// sumSQL asks for the number of rows in a span and the sum of their hashes. A sum does not depend on the order of the rows, and
// a row that is there twice counts twice; as a numeric it does not overflow.
func (t *checksumSide) sumSQL(s span) string {
	return fmt.Sprintf("SELECT count(*), coalesce(sum(%s), 0) FROM %s t WHERE %s", t.hash, t.name, t.within(s))
}

// sumsSQL asks for the same of the parts that the keys, in their order, cut a span into. Empty ones are left out.
func (t *checksumSide) sumsSQL(s span, cuts []rowKey) string {
	var part strings.Builder
	for i, cut := range cuts {
		fmt.Fprintf(&part, " WHEN %s <= %s THEN %d", t.tuple(orderOf), t.values(cut), i)
	}
	return fmt.Sprintf("SELECT CASE%s ELSE %d END, count(*), sum(%s) FROM %s t WHERE %s GROUP BY 1",
		&part, len(cuts), t.hash, t.name, t.within(s))
}

// cutSQL asks for the key of the nth row of a span.
func (t *checksumSide) cutSQL(s span, n int64) string {
	return fmt.Sprintf("SELECT %s FROM %s t WHERE %s ORDER BY %s OFFSET %d LIMIT 1",
		t.list(textOf), t.name, t.within(s), t.list(orderOf), n-1)
}

// cutsSQL asks for the key of every so many rows of a span.
func (t *checksumSide) cutsSQL(s span, step int64) string {
	texts := make([]string, len(t.keys))
	names := make([]string, len(t.keys))
	for i, k := range t.keys {
		names[i] = fmt.Sprintf("k%d", i)
		texts[i] = k.text + " AS " + names[i]
	}
	return fmt.Sprintf("SELECT %s FROM (SELECT %s, row_number() OVER (ORDER BY %s) AS n FROM %s t WHERE %s) numbered WHERE n %% %d = 0 ORDER BY n",
		strings.Join(names, ", "), strings.Join(texts, ", "), t.list(orderOf), t.name, t.within(s), step)
}

// hashesSQL asks for the key and the hash of each row of a span.
func (t *checksumSide) hashesSQL(s span) string {
	return fmt.Sprintf("SELECT %s, %s FROM %s t WHERE %s", t.list(textOf), t.hash, t.name, t.within(s))
}

// lookSQL asks for the key and the hash of each row with one of the keys, whether it is settled, and if wanted for its columns, of which each gives
// its text, cut where it is long, and a hash of the whole.
func (t *checksumSide) lookSQL(keys []rowKey, columns bool) string {
	settled := t.settled
	if settled == "" {
		settled = "true"
	}
	asked := []string{t.list(textOf), t.hash, settled}
	for _, c := range t.columns {
		if !columns {
			break
		}
		text := "(" + c.expr + ")::text"
		most := maxShown + 1
		if c.json {
			most = maxDocument
		}
		asked = append(asked, fmt.Sprintf("left(%s, %d)", text, most), fmt.Sprintf("md5(convert_to(%s, 'UTF8'))", text))
	}
	return fmt.Sprintf("SELECT %s FROM %s t WHERE %s", strings.Join(asked, ", "), t.name, t.among(keys))
}

// among is the condition for a row to have one of the keys.
func (t *checksumSide) among(keys []rowKey) string {
	var whole, conditions []string
	for _, k := range keys {
		var parts []string
		null := false
		for i, v := range k {
			if v == nil {
				null = true
				parts = append(parts, t.keys[i].column+" IS NULL")
				continue
			}
			parts = append(parts, t.keys[i].equal+" = "+literal(*v)+"::"+t.keys[i].cast)
		}
		if null {
			conditions = append(conditions, "("+strings.Join(parts, " AND ")+")")
		} else {
			whole = append(whole, t.values(k))
		}
	}
	if len(whole) > 0 {
		conditions = append(conditions, t.tuple(equalOf)+" IN (VALUES "+strings.Join(whole, ", ")+")")
	}
	return strings.Join(conditions, " OR ")
}
