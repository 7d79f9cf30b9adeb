package inventory

import (
	"slices"
	"strings"
	"time"

	"paritygate/compare/aggregate/catalog"
)

// Inventory is both databases side by side. What exists on one side alone has nil on the other.
type Inventory struct {
	At          time.Time   `json:"at"`
	Old         *Database   `json:"old"` // nil: not read
	New         *Database   `json:"new"`
	Tables      []TablePair `json:"tables"`
	Views       []Pair      `json:"views"`
	Functions   []Pair      `json:"functions"`
	Triggers    []Pair      `json:"triggers"`
	Extensions  []Pair      `json:"extensions"`
	Sequences   []Pair      `json:"sequences"`
	Policies    []Pair      `json:"policies"`
	ForeignKeys []Pair      `json:"foreign_keys"`
	Checklist   []Step      `json:"checklist"`
	// Checks is the YAML of the drafted checks; empty where one side is missing.
	Checks string `json:"checks"`
}

// Database is one side at a glance.
type Database struct {
	Name    string   `json:"name"`
	Version string   `json:"version"` // of the server
	Bytes   *int64   `json:"bytes"`   // nil: the role may not know
	Schemas []string `json:"schemas"`
	Tables  int      `json:"tables"`
	Notes   []string `json:"notes"` // what could not be read
}

// TablePair is a table of old and the one of new that was found for it.
type TablePair struct {
	Old     *Table       `json:"old"`
	New     *Table       `json:"new"`
	Match   string       `json:"match"` // ByName, BySpelling, BySimilarity; empty: one side alone
	Score   float64      `json:"score"` // 0 to 1
	Columns []ColumnPair `json:"columns"`

	old, new *table
}

// Table is a table of one side.
type Table struct {
	catalog.Name
	Kind        catalog.RelationKind `json:"kind"`
	Rows        *int64               `json:"rows"`  // nil: nobody knows
	Exact       bool                 `json:"exact"` // the rows were counted, not estimated
	Bytes       *int64               `json:"bytes"` // with indexes and TOAST
	Key         []string             `json:"key"`   // of the primary key; empty: none
	Indexes     int                  `json:"indexes"`
	RowSecurity bool                 `json:"row_security"`
}

// ColumnPair is a column of old and the one of new that was found for it.
type ColumnPair struct {
	Old   *Column `json:"old"`
	New   *Column `json:"new"`
	Match string  `json:"match"`
	Score float64 `json:"score"`

	old, new *column
}

// Column is a column of one side.
type Column struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	NotNull bool   `json:"not_null"`
}

// Make lays two databases side by side. One of them may be nil. types are the types of check that may be drafted.
func Make(at time.Time, old, newer *Side, types []string) *Inventory {
	i := &Inventory{At: at.UTC().Truncate(time.Second), Old: old.summary(), New: newer.summary(), Tables: []TablePair{}}
	m := &matcher{known: map[[2]string]float64{}, lessons: map[[2]string]lesson{}}
	olds, news := old.tables(), newer.tables()
	names := renames{tables: map[catalog.Name]catalog.Name{}, columns: map[catalog.ColumnName]string{}, schemas: map[string]string{}}
	for _, t := range m.tables(olds, news) {
		p := TablePair{Old: t.old.shown(), New: t.new.shown(), Match: t.how, Score: t.score, Columns: []ColumnPair{}, old: t.old, new: t.new}
		for _, c := range m.columnsOf(t) {
			p.Columns = append(p.Columns, ColumnPair{Old: c.old.shown(), New: c.new.shown(), Match: c.how, Score: c.score, old: c.old, new: c.new})
		}
		names.learn(&p)
		i.Tables = append(i.Tables, p)
	}
	i.objects(old, newer, &names)
	if old != nil && newer != nil {
		i.Checks = i.draft(types)
	}
	i.Checklist = i.steps()
	for n := range i.Checklist {
		i.Checklist[n].Items = append([]string{}, i.Checklist[n].Items...)
	}
	return i
}

// columnsOf pairs the columns of a pair of tables; those of a table that stands alone stand alone.
func (m *matcher) columnsOf(t match[*table]) []match[*column] {
	none := &table{}
	switch {
	case t.old == nil:
		return matchColumns(none, t.new, m.names(none))
	case t.new == nil:
		return matchColumns(t.old, none, m.names(t.old))
	}
	return matchColumns(t.old, t.new, m.names(t.old))
}

func (t *table) shown() *Table {
	if t == nil {
		return nil
	}
	r := t.relation
	return &Table{
		Name: r.Name, Kind: r.Kind, Rows: t.rows, Exact: t.exact, Bytes: r.Bytes, Key: append([]string{}, t.key...),
		Indexes: t.indexes, RowSecurity: r.RowSecurity,
	}
}

func (c *column) shown() *Column {
	if c == nil {
		return nil
	}
	return &Column{Name: c.of.Name, Type: c.of.Type, NotNull: c.of.NotNull}
}

func (s *Side) summary() *Database {
	if s == nil {
		return nil
	}
	d := &Database{
		Name: s.Catalog.Server.Database, Version: s.Catalog.Server.Version, Bytes: s.Catalog.Server.Bytes,
		Schemas: append([]string{}, s.Catalog.Schemas...), Tables: len(s.tables()), Notes: []string{},
	}
	for table, why := range s.Uncounted {
		d.Notes = append(d.Notes, table.String()+" was not counted: "+why)
	}
	slices.Sort(d.Notes)
	return d
}

// Paired reports whether there is one of each.
func (p *TablePair) Paired() bool { return p.Old != nil && p.New != nil }

// Name is what the table is called on the left, or on the right if it is only there.
func (p *TablePair) Name() string {
	if p.Old == nil {
		return p.New.Name.String()
	}
	return p.Old.Name.String()
}

// renames lead from old's names to new's.
type renames struct {
	tables  map[catalog.Name]catalog.Name
	columns map[catalog.ColumnName]string
	schemas map[string]string
}

func (r *renames) learn(p *TablePair) {
	if !p.Paired() {
		return
	}
	r.tables[p.Old.Name] = p.New.Name
	if r.schemas[p.Old.Schema] == "" || p.Old.Schema == p.New.Schema {
		r.schemas[p.Old.Schema] = p.New.Schema
	}
	for _, c := range p.Columns {
		if c.Old != nil && c.New != nil {
			r.columns[catalog.ColumnName{Relation: p.Old.Name, Column: c.Old.Name}] = c.New.Name
		}
	}
}

// name is new's name of something of old's.
func (r *renames) name(n catalog.Name) catalog.Name {
	if to, ok := r.tables[n]; ok {
		return to
	}
	return catalog.Name{Schema: r.schema(n.Schema), Name: n.Name}
}

func (r *renames) schema(s string) string {
	if to := r.schemas[s]; to != "" {
		return to
	}
	return s
}

// list is new's names of columns of old's.
func (r *renames) list(table catalog.Name, columns []string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		if out[i] = r.columns[catalog.ColumnName{Relation: table, Column: c}]; out[i] == "" {
			out[i] = c
		}
	}
	return strings.Join(out, ", ")
}
