package aggregate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// checksumTables are both sides of a checksum, once their catalogs were read: what is asked of each.
type checksumTables struct {
	sides [2]checksumSide
	names []string // the key's columns, by old's names
	json  bool     // two texts that differ may mean the same
	// ranged says that both sides find a range of keys by an index; or else every statement reads the whole table.
	ranged bool
}

// checksumSide is one side.
type checksumSide struct {
	name     string // quoted
	hash     string // an expression: the hash of a row
	keys     []keyColumn
	columns  []comparedColumn // in the same order on both sides
	nullable bool             // the key may have NULLs in it
	settled  string           // a condition for a row to be looked at; empty: all are
	indexSQL string           // asks whether there is an index for the key, in its order
}

// keyColumn is a column of the key. Old's and new's texts of a key are the same when the keys are.
type keyColumn struct {
	column string // quoted
	order  string // the expression that ranges are made of
	equal  string // the expression that a key is looked up by
	text   string // the expression of its text
	cast   string // what a text must be cast to, to be compared with order and equal
	// indexed says that an index of the column can have its order.
	indexed bool
}

// comparedColumn is a column, the key's included.
type comparedColumn struct {
	name    string
	expr    string
	writing writing
	json    bool
	// required says that there is no NULL on either side.
	required bool
}

// newTables joins what the check says with what the catalogs say. The error names everything that does not fit.
func newTables(c *checksum, layouts [2]*layout) (*checksumTables, error) {
	pairs, errs := c.pairs(layouts)
	version := min(layouts[0].version, layouts[1].version)
	t := &checksumTables{names: c.key}
	if len(t.names) == 0 {
		t.names = layouts[0].primaryKey()
	}
	if len(t.names) == 0 {
		errs = append(errs, fmt.Errorf("old: table %s has no primary key: name the columns that tell one row from another under key", c.names[0]))
	}
	for i := range t.sides {
		t.sides[i].name, t.sides[i].settled = c.names[i], c.settled[i]
	}
	for _, p := range pairs {
		f, ok := formOf(p[0].kind, p[1].kind, version)
		if !ok {
			errs = append(errs, fmt.Errorf("column %s is %s in old, and %s %s in new, which cannot be compared: ignore it, or compare views that cast it",
				p[0].name, p[0].declared, p[1].name, p[1].declared))
			continue
		}
		t.json = t.json || f.json
		for i := range t.sides {
			t.sides[i].columns = append(t.sides[i].columns, comparedColumn{
				name: p[i].name, expr: strings.ReplaceAll(f.expr[i], "%s", columnOf(p[i].name)), json: f.json,
				required: p[0].required && p[1].required, writing: writingOf(p[0].kind.family(), p[1].kind.family(), f),
			})
		}
	}
	errs = append(errs, t.addKeys(pairs, version)...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for i := range t.sides {
		t.sides[i].hash = rowHash(t.sides[i].columns, layouts[0].vector != "" && layouts[0].vector == layouts[1].vector)
	}
	return t, nil
}

// addKeys finds the key among the pairs of columns.
func (t *checksumTables) addKeys(pairs [][2]*tableColumn, version int) (errs []error) {
	var keys [2][]*tableColumn
	t.ranged = true
	for _, name := range t.names {
		i := slices.IndexFunc(pairs, func(p [2]*tableColumn) bool { return p[0].name == name })
		if i < 0 {
			errs = append(errs, fmt.Errorf("key: column %s is not among those that are compared", name))
			continue
		}
		p := pairs[i]
		f, ok := formOf(p[0].kind, p[1].kind, version)
		if !ok {
			continue // told with the columns
		}
		if f.json || !keyed[p[0].kind.family()] || !keyed[p[1].kind.family()] {
			errs = append(errs, fmt.Errorf("key: column %s is %s in old and %s in new, by which rows cannot be told apart",
				name, p[0].declared, p[1].declared))
			continue
		}
		for i := range keys {
			keys[i] = append(keys[i], p[i])
			k := newKey(p, i, f)
			t.ranged = t.ranged && k.indexed
			t.sides[i].keys = append(t.sides[i].keys, k)
			t.sides[i].nullable = t.sides[i].nullable || !p[i].required
		}
	}
	for i := range t.sides {
		t.sides[i].indexSQL = indexSQL(t.sides[i].name, keys[i], t.sides[i].keys)
	}
	return errs
}

// keyed are the sqlFamilies whose values can tell rows apart.
var keyed = map[sqlFamily]bool{
	famInt: true, famNumeric: true, famText: true, famChar: true, famBool: true, famUUID: true, famEnum: true, famDate: true,
	famTime: true, famStamp: true, famStampZone: true, famBytes: true,
}

// newKey says how side i of a pair of columns is a part of the key. Keys are put in the order of their column's type and
// collation, in which indexes are, if both sides have it; or else in that of the bytes of their texts. A row that the orders
// put into other ranges would be told from one that is lost only when it is looked up, so that equal orders save time, and
// decide nothing.
func newKey(p [2]*tableColumn, i int, f form) keyColumn {
	column := columnOf(p[i].name)
	k := keyColumn{column: column, text: "(" + strings.ReplaceAll(f.expr[i], "%s", column) + ")::text", indexed: true}
	fa, fb := p[0].kind.family(), p[1].kind.family()
	number := func(f sqlFamily) bool { return f == famInt || f == famNumeric }
	switch {
	case fa == famInt && fb == famInt:
		k.order, k.equal, k.cast = column, column, "bigint"
	case number(fa) && number(fb):
		k.order, k.equal, k.cast = column, column, "numeric"
		if p[i].kind.family() == famInt {
			k.cast = "bigint"
		}
	case fa == famText && fb == famText:
		k.order, k.equal, k.cast = column, column, "text"
		if p[0].collation != p[1].collation || !p[0].deterministic || !p[1].deterministic {
			k.order = `(` + column + `::text COLLATE "C")`
		}
		if !p[i].deterministic {
			k.equal = k.order
		}
	case f.isAsIs() && fa == fb && fa != famEnum:
		k.order, k.equal, k.cast = column, column, p[i].kind.name
	default:
		k.order, k.equal, k.cast = "("+k.text+` COLLATE "C")`, "("+k.text+` COLLATE "C")`, "text"
		k.indexed = false
	}
	return k
}

// indexSQL asks whether a table has an index that gives its rows in the order of the key.
func indexSQL(table string, columns []*tableColumn, keys []keyColumn) string {
	var names []string
	for i, c := range columns {
		collation := "a.attcollation"
		if keys[i].order != keys[i].column {
			collation = `(SELECT oid FROM pg_catalog.pg_collation WHERE collname = 'C')`
		}
		names = append(names, fmt.Sprintf("EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[%d]"+
			" AND a.attname = %s AND (i.indcollation[%d] = %s))", i, literal(c.name), i, collation))
	}
	return fmt.Sprintf("SELECT count(*) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid "+
		"JOIN pg_catalog.pg_am m ON m.oid = x.relam WHERE i.indrelid = %s::regclass AND i.indisvalid AND i.indpred IS NULL "+
		"AND m.amname = 'btree' AND i.indnkeyatts >= %d AND (SELECT count(DISTINCT i.indoption[p]) FROM generate_series(0, %d) p) = 1 AND %s",
		literal(table), len(keys), len(keys)-1, strings.Join(names, " AND "))
}

// columnOf is a column of the table that every statement calls t. By its bare name it could be taken for a column of the output:
// ORDER BY would sort by the text of a key, and pass over its index.
func columnOf(name string) string { return "t." + identifier(name) }

func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
