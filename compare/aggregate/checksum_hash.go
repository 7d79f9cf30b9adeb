package aggregate

import (
	"slices"
	"strings"
)

// writing says how a value is written into the text of its row, of which no two rows have the same.
type writing int

const (
	recordText   writing = iota // as a part of a record, which PostgreSQL quotes; slow
	simpleText                  // as it is: neither empty nor a -, and without a |
	measuredText                // behind its length
)

// writingOf is the same for both sides of a pair.
func writingOf(a, b sqlFamily, f form) writing {
	plain := []sqlFamily{famInt, famNumeric, famMoney, famFloat, famBool, famUUID, famDate, famTime, famStamp, famStampZone, famBytes}
	short := append(plain, famText, famChar, famEnum)
	switch {
	case f.json:
		return recordText
	case slices.Contains(plain, a) && slices.Contains(plain, b):
		return simpleText
	case slices.Contains(short, a) && slices.Contains(short, b):
		return measuredText
	}
	return recordText
}

// rowHash is the hash of a row, 64 bits. The fast one is taken where both servers agree on it: it depends on the encoding,
// and on the order of bytes in a machine's words.
func rowHash(columns []comparedColumn, fast bool) string {
	if fast {
		return "hashtextextended(" + rowText(columns) + ` COLLATE "C", 0)`
	}
	return "('x' || left(md5(convert_to(" + asRecord(columns) + ", 'UTF8')), 16))::bit(64)::bigint"
}

// asRecord writes a row as PostgreSQL writes a record, which keeps NULL apart from the empty text, and one column from the
// next. Lengths would be others in another encoding.
func asRecord(columns []comparedColumn) string {
	exprs := make([]string, len(columns))
	for i, c := range columns {
		exprs[i] = c.expr
	}
	return "ROW(" + strings.Join(exprs, ", ") + ")::text"
}

// rowText writes a row in half of the time: its values with a | between them, those that may have any characters in them
// behind their lengths. A NULL is a - or a length of -1, which no value is and no value has; concat_ws leaves out the value.
func rowText(columns []comparedColumn) string {
	var parts []string
	var records []comparedColumn
	for _, c := range columns {
		switch c.writing {
		case simpleText:
			parts = append(parts, c.unlessNull(c.expr, "("+c.expr+")::text", "'-'"))
		case measuredText:
			length := "octet_length((" + c.expr + ")::text)"
			parts = append(parts, c.unlessNull(length, length, "-1"), c.expr)
		case recordText:
			records = append(records, c)
		}
	}
	if len(records) > 0 {
		parts = append(parts, asRecord(records))
	}
	// A function has no more than 100 arguments.
	var groups []string
	for group := range slices.Chunk(parts, 90) {
		groups = append(groups, "concat_ws('|', "+strings.Join(group, ", ")+")")
	}
	if len(groups) == 1 {
		return groups[0]
	}
	return "(" + strings.Join(groups, " || '|' || ") + ")"
}

// unlessNull is the expression where there can be no NULL, or else the text of it with another in the place of NULL.
func (c *comparedColumn) unlessNull(expr, text, null string) string {
	if c.required {
		return expr
	}
	return "coalesce(" + text + ", " + null + ")"
}
