package inventory

import (
	"cmp"
	"slices"

	"paritygate/compare/aggregate/catalog"
)

// Side is what was read from one database.
type Side struct {
	Catalog *catalog.Catalog
	// Rows are the tables that were counted; the others have the estimates of the catalog.
	Rows map[catalog.Name]int64
	// Uncounted says why a table that was to be counted was not.
	Uncounted map[catalog.Name]string
	// Distinct is how many values a column has, as pg_stats tells: a number, or, if negative, a part of the rows.
	Distinct map[catalog.ColumnName]float64
}

// table is a table while it is being matched.
type table struct {
	relation *catalog.Relation
	name     name
	columns  []*column
	key      []string // of the primary key, in its order
	indexes  int
	rows     *int64
	exact    bool
	numbered bool // by a sequence
}

// column is a column while it is being matched.
type column struct {
	of       *catalog.Column
	name     name
	family   string // of types that can stand for one another
	inKey    bool   // of the primary key
	leads    bool   // to another table
	unique   bool   // by itself
	distinct float64
	null     bool // every value, as ANALYZE found
	// weight is how much it says of its table: one that many have says little.
	weight float64
}

// tables are those of a side that are tables of their own: no partitions.
func (s *Side) tables() []*table {
	if s == nil {
		return nil
	}
	byName := map[catalog.Name]*table{}
	var out []*table
	for i := range s.Catalog.Relations {
		r := &s.Catalog.Relations[i]
		if !r.IsTable() || r.Parent != nil {
			continue
		}
		t := &table{relation: r, name: newName(r.Schema, r.Name.Name), rows: r.Rows}
		if rows, counted := s.Rows[r.Name]; counted {
			t.rows, t.exact = &rows, true
		}
		byName[r.Name] = t
		out = append(out, t)
	}
	users := map[catalog.Name]bool{}
	for _, t := range s.Catalog.Types {
		users[catalog.Name{Schema: t.Schema, Name: t.Name.Name}] = t.Kind == "enum"
	}
	common := map[string]int{}
	for i := range s.Catalog.Columns {
		c := &s.Catalog.Columns[i]
		t := byName[c.Relation]
		if t == nil {
			continue
		}
		distinct, known := s.Distinct[catalog.ColumnName{Relation: c.Relation, Column: c.Name}]
		k := &column{of: c, name: newName("", c.Name), family: family(c.Of, users[c.Of.Name]), distinct: distinct, null: known && distinct == 0}
		t.columns = append(t.columns, k)
		common[k.name.fold]++
	}
	s.keys(byName)
	for _, t := range out {
		for _, c := range t.columns {
			c.weight = 1 / float64(common[c.name.fold])
			if !c.null && (c.family == "enum" || c.family == "bool") {
				c.distinct = max(c.distinct, 2) // whatever the statistics say, or do not
			}
		}
	}
	return out
}

// keys notes what columns are in keys, and what tables are numbered by sequences.
func (s *Side) keys(byName map[catalog.Name]*table) {
	for _, c := range s.Catalog.Constraints {
		t := byName[c.Relation]
		if t == nil {
			continue
		}
		for _, k := range t.columns {
			in := slices.Contains(c.Columns, k.of.Name)
			k.inKey = k.inKey || in && c.Kind == catalog.PrimaryKey
			k.leads = k.leads || in && c.Kind == catalog.ForeignKey
		}
		if c.Kind == catalog.PrimaryKey {
			t.key = c.Columns
		}
	}
	for _, q := range s.Catalog.Sequences {
		for _, c := range append(slices.Clone(q.Users), *cmp.Or(q.Owner, &catalog.ColumnName{})) {
			if t := byName[c.Relation]; t != nil {
				t.numbered = true
			}
		}
	}
	for _, x := range s.Catalog.Indexes {
		t := byName[x.Relation]
		if t == nil {
			continue
		}
		t.indexes++
		for _, k := range t.columns {
			k.unique = k.unique || x.Unique && len(x.Keys) == 1 && x.Keys[0].Column == k.of.Name && x.Predicate == ""
		}
	}
}

// families are types by how they stand for one another.
var families = map[string]string{
	"int2": "int", "int4": "int", "int8": "int", "oid": "int", "numeric": "decimal", "money": "decimal", "float4": "float", "float8": "float",
	"text": "text", "varchar": "text", "bpchar": "text", "name": "text", "char": "text", "citext": "text",
	"timestamp": "moment", "timestamptz": "moment", "date": "date", "time": "time", "timetz": "time", "interval": "interval",
	"bool": "bool", "uuid": "uuid", "json": "json", "jsonb": "json", "bytea": "bytes",
}

func family(t catalog.ValueType, enum bool) string {
	f := families[t.Name.Name]
	switch {
	case enum:
		f = "enum"
	case f == "":
		f = t.Name.Name
	}
	if t.Array {
		return f + "[]"
	}
	return f
}

// kinships are how well types of two families stand for each other.
var kinships = map[[2]string]float64{
	{"int", "decimal"}: 0.7, {"decimal", "float"}: 0.6, {"int", "float"}: 0.4, {"int", "text"}: 0.3, {"int", "uuid"}: 0.4, {"bool", "int"}: 0.3,
	{"text", "uuid"}: 0.5, {"json", "text"}: 0.4, {"enum", "text"}: 0.8, {"date", "moment"}: 0.6, {"moment", "text"}: 0.3, {"int", "moment"}: 0.3,
}

// akin is how well two columns' types stand for each other, from 0 to 1.
func (c *column) akin(other *column) float64 {
	switch {
	case c.family == other.family && c.of.Type == other.of.Type:
		return 1
	case c.family == other.family:
		return 0.9
	}
	return max(kinships[[2]string{c.family, other.family}], kinships[[2]string{other.family, c.family}])
}
