package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxColumns is above what PostgreSQL allows a table to have.
const maxColumns = 2000

// layout is what a side's catalog says of a table.
type layout struct {
	columns   []tableColumn
	version   int    // the server's, as 150004
	collation string // of the database, told apart from others
	encoding  string
	vector    string // what the server makes of known texts with the fast hash; empty if it has none
}

// tableColumn is a column as the catalog has it; a domain is the type behind it.
type tableColumn struct {
	name     string
	declared string // its type in SQL's words
	required bool   // NOT NULL
	kind     sqlType
	// collation tells the order of texts apart from others; empty for what is no text.
	collation string
	// deterministic is false where texts of other bytes may be equal.
	deterministic bool
	primary       int // its place in the primary key, -1 if it is not in it
}

// find is the column of a name, nil if there is none.
func (l *layout) find(name string) *tableColumn {
	i := slices.IndexFunc(l.columns, func(c tableColumn) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &l.columns[i]
}

// primaryKey are the names of the primary key's columns, in its order.
func (l *layout) primaryKey() []string {
	var in []tableColumn
	for _, c := range l.columns {
		if c.primary >= 0 {
			in = append(in, c)
		}
	}
	slices.SortFunc(in, func(a, b tableColumn) int { return a.primary - b.primary })
	var names []string
	for _, c := range in {
		names = append(names, c.name)
	}
	return names
}

// serverSQL asks for what is the same for all tables. Columns of the catalog that came with later versions are read as JSON.
const serverSQL = `SELECT current_setting('server_version_num'), concat_ws(' ', coalesce(d.j->>'datlocprovider', 'c'),
	coalesce(d.j->>'datlocale', d.j->>'daticulocale', d.j->>'datcollate'), d.j->>'daticurules'), getdatabaseencoding()
FROM (SELECT to_jsonb(b) AS j FROM pg_catalog.pg_database b WHERE datname = current_database()) d`

// vectorSQL shows how a server hashes texts of all lengths.
const vectorSQL = `SELECT string_agg(hashtextextended(left(repeat('paritygate ', 6), n) COLLATE "C", 0)::text, ' ' ORDER BY n)
FROM generate_series(0, 60) n`

// columnsSQL asks for the columns of a table, %s, a text literal.
const columnsSQL = `WITH RECURSIVE resolved AS (
	SELECT a.attnum, a.atttypid AS typid, a.atttypmod AS typmod FROM pg_catalog.pg_attribute a
	WHERE a.attrelid = %[1]s::regclass AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL
	SELECT r.attnum, t.typbasetype, CASE WHEN r.typmod >= 0 THEN r.typmod ELSE t.typtypmod END
	FROM resolved r JOIN pg_catalog.pg_type t ON t.oid = r.typid WHERE t.typtype = 'd')
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, t.typname, t.typtype, r.typmod, e.typname, e.typtype,
	CASE WHEN c.oid IS NULL THEN '' WHEN c.j->>'collprovider' = 'd' THEN 'default'
		ELSE concat_ws(' ', c.j->>'collprovider', coalesce(c.j->>'colllocale', c.j->>'colliculocale', c.j->>'collcollate')) END,
	coalesce((c.j->>'collisdeterministic')::boolean, true),
	coalesce((SELECT p FROM generate_series(0, i.indnkeyatts - 1) p WHERE i.indkey[p] = a.attnum), -1)
FROM resolved r
JOIN pg_catalog.pg_type t ON t.oid = r.typid AND t.typtype <> 'd'
JOIN pg_catalog.pg_attribute a ON a.attrelid = %[1]s::regclass AND a.attnum = r.attnum
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN (SELECT oid, to_jsonb(x) AS j FROM pg_catalog.pg_collation x) c ON c.oid = a.attcollation
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = %[1]s::regclass AND i.indisprimary
ORDER BY a.attnum`

// readLayouts asks both catalogs for their tables.
func readLayouts(ctx context.Context, both *pair, tables [2]string) (layouts [2]*layout, err error) {
	servers, err := both.ask(ctx, [2]string{serverSQL, serverSQL}, 1)
	if err != nil {
		return layouts, err
	}
	var columns [2]string
	for i, a := range servers {
		if len(a.rows) != 1 {
			return layouts, fmt.Errorf("%s: its catalog does not know its database", sides[i])
		}
		l := &layout{collation: a.rows[0][1].text, encoding: a.rows[0][2].text}
		if l.version, err = strconv.Atoi(a.rows[0][0].text); err != nil {
			return layouts, fmt.Errorf("%s: its version is no number: %q", sides[i], a.rows[0][0].text)
		}
		layouts[i] = l
		columns[i] = fmt.Sprintf(columnsSQL, literal(tables[i]))
	}
	found, err := both.ask(ctx, columns, maxColumns)
	if err != nil {
		return layouts, err
	}
	for i, a := range found {
		for _, row := range a.rows {
			c, err := readColumn(row, layouts[i].collation)
			if err != nil {
				return layouts, fmt.Errorf("%s: %w", sides[i], err)
			}
			layouts[i].columns = append(layouts[i].columns, c)
		}
		if len(a.rows) == 0 {
			return layouts, fmt.Errorf("%s: table %s has no columns", sides[i], tables[i])
		}
	}
	if min(layouts[0].version, layouts[1].version) < hashVersion || layouts[0].encoding != layouts[1].encoding {
		return layouts, nil
	}
	vectors, err := both.ask(ctx, [2]string{vectorSQL, vectorSQL}, 1)
	if err != nil {
		return layouts, err
	}
	for i, a := range vectors {
		v, err := a.single()
		if err != nil {
			return layouts, err
		}
		layouts[i].vector = v.text
	}
	return layouts, nil
}

func readColumn(row []value, database string) (c tableColumn, err error) {
	var errs [2]error
	c = tableColumn{
		name: row[0].text, declared: row[1].text, required: row[2].text == "t",
		kind:      sqlType{name: row[3].text, class: row[4].text, element: row[6].text, elementClass: row[7].text},
		collation: row[8].text, deterministic: row[9].text == "t",
	}
	c.kind.modifier, errs[0] = strconv.Atoi(row[5].text)
	c.primary, errs[1] = strconv.Atoi(row[10].text)
	if c.collation == "default" {
		c.collation = database
	}
	switch strings.TrimPrefix(strings.TrimPrefix(c.collation, "c "), "b ") {
	case "C", "POSIX":
		c.collation = byBytes
	}
	return c, errors.Join(errs[:]...)
}

// byBytes stands for every collation whose order is that of the bytes.
const byBytes = "C"

// literal writes a text as SQL does, whatever the server thinks of backslashes.
func literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
