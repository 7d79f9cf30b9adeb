package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Class says what is wrong with a thing on new.
type Class string

// The classes of findings.
const (
	Missing  Class = "missing"  // old has it, new does not
	Narrower Class = "narrower" // new refuses or cuts off what old takes
	Differs  Class = "differs"  // new has another one
	Behind   Class = "behind"   // a sequence would give out what is taken already, or nothing at all
)

// Finding is one thing of old's that new has not as it should be.
type Finding struct {
	// Key names it by old's names, as `orders`, `orders.price`, `orders primary key` or `orders index (price)`.
	Key      string
	Class    Class
	Old, New string // what each side has; empty: it has none
	Types    bool   // Old and New are the types of a column
	Sought   string // new's name for what is missing there, where it is not old's
	severity severity
}

// severity orders findings: the lowest is the worst.
type severity int

const (
	noTable severity = iota
	noColumn
	otherType
	refused // what old takes
	noKey
	noReference
	noIndex
)

// Comparison is what a comparison of two schemas found.
type Comparison struct {
	Compared int       // things of old's, and those of new's that must not be there
	Findings []Finding // the worst first
	Sizes    [2]Size   // of the tables that were compared, on old and on new
	Extra    []string  // what new has beyond old and harms nothing, in the order of the names
}

// Size is how many things there are. Keys are primary and foreign ones, Indexes all others.
type Size struct{ Tables, Columns, Keys, Indexes int }

func (s *Size) add(t *table) {
	s.Tables++
	s.Columns += len(t.columns)
	s.Keys += len(t.constraint(PrimaryKey)) + len(t.constraint(ForeignKey))
	for _, i := range t.indexes {
		if !i.Primary && i.Valid {
			s.Indexes++
		}
	}
}

// Compare compares the tables of the match by what they take and keep, not by the names of their keys and indexes. What is
// wider on new is as it should be.
func (m *Match) Compare() *Comparison {
	c := &Comparison{}
	seen := map[string]bool{}
	for _, old := range m.chosen {
		c.Sizes[0].add(old)
		c.Compared++
		to := m.table(old.Name.Name)
		seen[to] = true
		new := m.parts[1][to]
		if new == nil {
			f := Finding{Key: key(old), Class: Missing, Old: string(old.Kind), severity: noTable}
			if to != old.Name.Name {
				f.Sought = quote(to)
			}
			c.find(f)
			continue
		}
		c.Sizes[1].add(new)
		if old.IsTable() && (!new.IsTable() || new.Kind == Foreign && old.Kind != Foreign) {
			c.find(Finding{Key: key(old), Class: Differs, Old: string(old.Kind), New: string(new.Kind), severity: noColumn})
		}
		t := &tableComparison{Comparison: c, m: m, old: old, new: new}
		t.compareColumns()
		if old.IsTable() && new.IsTable() || old.Kind == Materialized && new.Kind == Materialized {
			t.compareKeys()
			t.compareReferences()
			t.compareIndexes()
		}
	}
	if len(m.scope.Tables) == 0 {
		for name, t := range m.parts[1] {
			if t.IsTable() && t.Parent == nil && !seen[name] {
				c.Extra = append(c.Extra, "table "+quote(name))
			}
		}
	}
	slices.Sort(c.Extra)
	slices.SortStableFunc(c.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.severity, b.severity), strings.Compare(a.Key, b.Key))
	})
	return c
}

func (c *Comparison) find(f Finding) { c.Findings = append(c.Findings, f) }

// tableComparison is the comparison of one table.
type tableComparison struct {
	*Comparison
	m        *Match
	old, new *table
}

func (t *tableComparison) compareColumns() {
	seen := map[string]bool{}
	for _, a := range t.old.columns {
		t.Compared++
		to := t.m.column(t.old.Name, a.Name)
		seen[to] = true
		b := t.new.column(to)
		if b == nil {
			f := Finding{Key: columnKey(t.old, a.Name), Class: Missing, Old: a.text(), severity: noColumn}
			if sought := columnKey(t.new, to); sought != f.Key {
				f.Sought = sought
			}
			t.find(f)
			continue
		}
		t.compareType(a, b)
		t.compareDemands(a, b)
	}
	for _, b := range t.new.columns {
		switch {
		case seen[b.Name]:
		case b.NotNull && !b.filled():
			t.Compared++
			t.find(Finding{
				Key: columnKey(t.old, b.Name), Class: Narrower, New: b.text() + " without a default", severity: refused,
			})
		default:
			t.Extra = append(t.Extra, "column "+columnKey(t.old, b.Name))
		}
	}
}

func (t *tableComparison) compareType(a, b *Column) {
	f := Finding{Key: columnKey(t.old, a.Name), Old: bare(a), New: bare(b), Types: true}
	from, to := t.m.old.kind(a.Of), t.m.new.kind(b.Of)
	switch fits(from, to) {
	case equal, wider:
		return
	case narrower:
		f.Class, f.severity = Narrower, refused
		if from.labels != nil && to.labels != nil {
			f.Old, f.New = labels(f.Old, from.labels), labels(f.New, to.labels)
		}
	case apart:
		f.Class, f.severity = Differs, otherType
	}
	t.find(f)
}

func labels(name string, labels []string) string {
	return fmt.Sprintf("%s (%s)", name, strings.Join(labels, ", "))
}

// compareDemands looks at what new wants of a row that old does not want, and at NULLs that it would take and old would not:
// nothing keeps them out any more, as where a unique index is gone. A column of old's primary key has that said of the key.
func (t *tableComparison) compareDemands(a, b *Column) {
	f := Finding{Key: columnKey(t.old, a.Name), Class: Narrower, severity: refused}
	wasNotNull, isNotNull := a.NotNull || t.m.old.kind(a.Of).notNull, b.NotNull || t.m.new.kind(b.Of).notNull
	switch {
	case isNotNull && !wasNotNull:
		f.Old, f.New = bare(a)+" NULL", bare(b)+" NOT NULL"
		t.find(f)
	case isNotNull && !b.filled() && a.Default != "" && !t.m.old.numbered(a):
		f.Old, f.New = "default "+a.Default, "no default, and NOT NULL"
		t.find(f)
	case wasNotNull && !isNotNull && t.new.IsTable() && !t.old.inPrimaryKey(a.Name):
		f.Class, f.severity = Differs, noIndex
		f.Old, f.New = bare(a)+" NOT NULL", bare(b)+" NULL"
		t.find(f)
	}
	if (a.Generated == "") != (b.Generated == "") {
		f.Class, f.severity = Differs, otherType
		f.Old, f.New = generated(a), generated(b)
		t.find(f)
	}
}

func generated(c *Column) string {
	if c.Generated == "" {
		return "not generated"
	}
	return "generated as " + c.Generated
}

// filled says whether the server gives the column a value where an insert does not.
func (c *Column) filled() bool { return c.Default != "" || c.Identity != "" || c.Generated != "" }

// numbered says whether the column takes its values from a sequence, which is another check's matter.
func (c *Catalog) numbered(k *Column) bool {
	if k.Identity != "" || strings.Contains(k.Default, "nextval(") {
		return true
	}
	name := ColumnName{k.Relation, k.Name}
	return slices.ContainsFunc(c.Sequences, func(s Sequence) bool { return slices.Contains(s.Users, name) })
}

func key(t *table) string { return quote(t.Name.Name) }

func columnKey(t *table, column string) string { return key(t) + "." + quote(column) }

// quote writes a name for people as a configuration takes it: in double quotes where it has a dot or the like in it.
func quote(name string) string {
	if strings.ContainsAny(name, ". \"'(),") || name == "" {
		return identifier(name)
	}
	return name
}

func quoteAll(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quote(n)
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// bare is a type's name without the schema that is being compared, or that nobody writes.
func bare(c *Column) string {
	return strings.TrimPrefix(strings.TrimPrefix(c.Type, c.Relation.Schema+"."), "public.")
}
