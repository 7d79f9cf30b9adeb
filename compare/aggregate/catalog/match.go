package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Scope says which tables of both sides are compared, and how they are called.
type Scope struct {
	Old, New string     // the schemas
	Tables   [][]string // old's names, as table or schema, table; none: all tables of the schema
	Renames  []Rename   // in any order
}

// Rename leads from a name of old's to new's.
type Rename struct {
	Text string // the name as it was given, for errors
	// From is a table, a table and its column, or a schema and a table: that of the scope, or one outside it that foreign
	// keys lead to. To may have the schema or the table in front.
	From, To []string
}

// Match is what of two catalogs belongs together.
type Match struct {
	old, new *Catalog
	scope    *Scope
	parts    [2]map[string]*table // all relations of the scope's schemas, by name
	tables   map[string]string    // renamed tables and sequences, from old's name to new's
	columns  map[ColumnName]string
	targets  map[Name]Name // renamed tables outside of the scope
	chosen   []*table      // old's tables that are compared
}

// table is a relation with all that belongs to it.
type table struct {
	*Relation
	columns     []*Column
	constraints []*Constraint
	indexes     []*Index
}

// NewMatch finds the names of the scope in both catalogs. The error names every name that is not there: those on the left
// of the renames and those of the tables. A name that new lacks is no error, but what a comparison finds.
func NewMatch(s *Scope, old, new *Catalog) (*Match, error) {
	m := &Match{
		old: old, new: new, scope: s,
		parts:  [2]map[string]*table{gather(old, s.Old), gather(new, s.New)},
		tables: map[string]string{}, columns: map[ColumnName]string{}, targets: map[Name]Name{},
	}
	var errs []error
	for i, c := range []*Catalog{old, new} {
		if schema := [2]string{s.Old, s.New}[i]; !slices.Contains(c.Schemas, schema) {
			errs = append(errs, fmt.Errorf("%s has no schema %s", [2]string{"old", "new"}[i], schema))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	// Tables first, since a column's new name may be given with its table's.
	for _, of := range []func(Rename) (bool, error){m.renameTable, m.renameColumn} {
		for _, r := range s.Renames {
			if taken, err := of(r); taken && err != nil {
				errs = append(errs, fmt.Errorf("rename %s: %w", r.Text, err))
			}
		}
	}
	errs = append(errs, m.choose())
	return m, errors.Join(errs...)
}

func gather(c *Catalog, schema string) map[string]*table {
	tables := map[string]*table{}
	of := func(n Name) *table {
		if n.Schema != schema {
			return nil
		}
		return tables[n.Name]
	}
	for i := range c.Relations {
		if r := &c.Relations[i]; r.Schema == schema {
			tables[r.Name.Name] = &table{Relation: r}
		}
	}
	for i := range c.Columns {
		if t := of(c.Columns[i].Relation); t != nil {
			t.columns = append(t.columns, &c.Columns[i])
		}
	}
	for i := range c.Constraints {
		if t := of(c.Constraints[i].Relation); t != nil {
			t.constraints = append(t.constraints, &c.Constraints[i])
		}
	}
	for i := range c.Indexes {
		if t := of(c.Indexes[i].Relation); t != nil {
			t.indexes = append(t.indexes, &c.Indexes[i])
		}
	}
	return tables
}

// renameTable takes what is the name of a table or of a sequence, and leaves the rest for renameColumn.
func (m *Match) renameTable(r Rename) (taken bool, err error) {
	name := r.From[0]
	if len(r.From) == 2 {
		if m.parts[0][name] != nil {
			return false, nil
		}
		outside := Name{r.From[0], r.From[1]}
		switch {
		case name == m.scope.Old && m.holds(r.From[1]):
			name = r.From[1]
		case m.isTarget(outside):
			to := Name{m.scope.New, r.To[len(r.To)-1]}
			if len(r.To) == 2 {
				to.Schema = r.To[0]
			}
			m.targets[outside] = to
			return true, nil
		default:
			return true, fmt.Errorf("old has no table %s in schema %s", name, m.scope.Old)
		}
	}
	if !m.holds(name) {
		return true, fmt.Errorf("old has no table %s in schema %s", name, m.scope.Old)
	}
	if len(r.To) == 2 && r.To[0] != m.scope.New {
		return true, fmt.Errorf("leads to schema %s, and the check looks at schema %s of new", r.To[0], m.scope.New)
	}
	m.tables[name] = r.To[len(r.To)-1]
	return true, nil
}

func (m *Match) renameColumn(r Rename) (taken bool, err error) {
	if len(r.From) != 2 {
		return false, nil
	}
	t := m.parts[0][r.From[0]]
	if t == nil {
		return false, nil
	}
	if t.column(r.From[1]) == nil {
		return true, fmt.Errorf("old's table %s has no column %s", r.From[0], r.From[1])
	}
	if to := m.table(r.From[0]); len(r.To) == 2 && r.To[0] != to {
		return true, fmt.Errorf("leads to a column of %s, and %s is %s on new", r.To[0], r.From[0], to)
	}
	m.columns[ColumnName{t.Name, r.From[1]}] = r.To[len(r.To)-1]
	return true, nil
}

// holds says whether old has a relation or a sequence of the name.
func (m *Match) holds(name string) bool {
	return m.parts[0][name] != nil || m.old.sequence(Name{m.scope.Old, name}) != nil
}

func (m *Match) isTarget(n Name) bool {
	return slices.ContainsFunc(m.old.Constraints, func(c Constraint) bool { return c.Target != nil && *c.Target == n })
}

// choose finds the tables that are compared; partitions and views are only if they are named.
func (m *Match) choose() error {
	var errs []error
	for _, name := range m.scope.Tables {
		t := m.parts[0][name[len(name)-1]]
		switch {
		case len(name) == 2 && name[0] != m.scope.Old:
			errs = append(errs, fmt.Errorf("tables: %s is not in schema %s, at which the check looks", strings.Join(name, "."), m.scope.Old))
		case t == nil:
			errs = append(errs, fmt.Errorf("tables: old has no table %s in schema %s", name[len(name)-1], m.scope.Old))
		case !slices.Contains(m.chosen, t):
			m.chosen = append(m.chosen, t)
		}
	}
	if len(m.scope.Tables) == 0 {
		for _, t := range m.parts[0] {
			if t.IsTable() && t.Parent == nil {
				m.chosen = append(m.chosen, t)
			}
		}
	}
	slices.SortFunc(m.chosen, func(a, b *table) int { return a.Compare(b.Name) })
	return errors.Join(errs...)
}

// table is new's name of a table or sequence of old.
func (m *Match) table(old string) string {
	if to, renamed := m.tables[old]; renamed {
		return to
	}
	return old
}

// column is new's name of a column of old.
func (m *Match) column(old Name, column string) string {
	if to, renamed := m.columns[ColumnName{old, column}]; renamed {
		return to
	}
	return column
}

// name is new's name of any relation of old.
func (m *Match) name(old Name) Name {
	if to, renamed := m.targets[old]; renamed {
		return to
	}
	if old.Schema == m.scope.Old {
		return Name{m.scope.New, m.table(old.Name)}
	}
	return old
}

// names are new's names of columns of old, in the same order.
func (m *Match) names(old Name, columns []string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = m.column(old, c)
	}
	return out
}

// counterpart is old's column that is a column of new's, nil if there is none.
func (m *Match) counterpart(n ColumnName) *Column {
	for _, t := range m.parts[0] {
		if m.table(t.Name.Name) != n.Relation.Name {
			continue
		}
		for _, c := range t.columns {
			if m.column(t.Name, c.Name) == n.Column {
				return c
			}
		}
	}
	return nil
}

func (t *table) column(name string) *Column {
	for _, c := range t.columns {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// inPrimaryKey says whether a column is in the primary key.
func (t *table) inPrimaryKey(column string) bool {
	return slices.ContainsFunc(t.constraint(PrimaryKey), func(c *Constraint) bool { return slices.Contains(c.Columns, column) })
}

func (t *table) constraint(kind ConstraintKind) []*Constraint {
	var out []*Constraint
	for _, c := range t.constraints {
		if c.Kind == kind {
			out = append(out, c)
		}
	}
	return out
}

func (c *Catalog) sequence(n Name) *Sequence {
	i, found := slices.BinarySearchFunc(c.Sequences, n, func(s Sequence, n Name) int { return s.Compare(n) })
	if !found {
		return nil
	}
	return &c.Sequences[i]
}
