package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Detail says how much is asked for.
type Detail int

const (
	// Structure is what the columns, keys, indexes and sequences are.
	Structure Detail = iota
	// Full is that and views' definitions, functions, triggers, extensions, policies and sizes. Sizes take a brief lock on
	// each table, as every reading of it does.
	Full
)

// MostRows is how many rows one statement may give.
const MostRows = 1_000_000

// Query is one statement whose rows are read into a catalog. It gives one column, a JSON text.
type Query struct {
	SQL  string
	what string
	read func(*Catalog, []byte) error
}

// Read adds a row to the catalog.
func (q *Query) Read(c *Catalog, row string) error {
	if err := q.read(c, []byte(row)); err != nil {
		return fmt.Errorf("read the catalog's %s: %w", q.what, err)
	}
	return nil
}

// Setting is to be sent before the others within the same transaction, whose search_path it empties: expressions are then
// written with the schemas of what they name, whatever the role's settings are.
const Setting = "SELECT pg_catalog.set_config('search_path', '', true)"

// Queries are the statements for the schemas; with none, for all but those of the system, and on Supabase for all but those
// that the platform keeps for itself.
func Queries(schemas []string, detail Detail) []Query {
	in := chosen(schemas)
	list := []Query{
		{serverSQL, "server", one(func(c *Catalog) *Server { return &c.Server })},
		{schemasSQL(in), "schemas", many(func(c *Catalog) *[]string { return &c.Schemas })},
		{relationsSQL(in), "relations", many(func(c *Catalog) *[]Relation { return &c.Relations })},
		{columnsSQL(in), "columns", many(func(c *Catalog) *[]Column { return &c.Columns })},
		{constraintsSQL(in), "constraints", many(func(c *Catalog) *[]Constraint { return &c.Constraints })},
		{indexesSQL(in), "indexes", many(func(c *Catalog) *[]Index { return &c.Indexes })},
		{sequencesSQL(in), "sequences", many(func(c *Catalog) *[]Sequence { return &c.Sequences })},
		{typesSQL, "types", many(func(c *Catalog) *[]Type { return &c.Types })},
	}
	if detail == Full {
		list = append(
			list,
			Query{functionsSQL(in), "functions", many(func(c *Catalog) *[]Function { return &c.Functions })},
			Query{triggersSQL(in), "triggers", many(func(c *Catalog) *[]Trigger { return &c.Triggers })},
			Query{extensionsSQL, "extensions", many(func(c *Catalog) *[]Extension { return &c.Extensions })},
			Query{policiesSQL(in), "policies", many(func(c *Catalog) *[]Policy { return &c.Policies })},
			Query{sizesSQL(in), "sizes", readSize},
			Query{definitionsSQL(in), "definitions", readDefinition},
			Query{databaseSizeSQL, "size", one(func(c *Catalog) *Server { return &c.Server })},
		)
	}
	return list
}

// one reads a row over a part of the catalog: what the row does not mention stays.
func one[T any](part func(*Catalog) *T) func(*Catalog, []byte) error {
	return func(c *Catalog, row []byte) error { return json.Unmarshal(row, part(c)) }
}

// many appends a row to a list of the catalog.
func many[T any](list func(*Catalog) *[]T) func(*Catalog, []byte) error {
	return func(c *Catalog, row []byte) error {
		var item T
		if err := json.Unmarshal(row, &item); err != nil {
			return err
		}
		*list(c) = append(*list(c), item)
		return nil
	}
}

func readSize(c *Catalog, row []byte) error {
	var size struct {
		Name
		Bytes *int64 `json:"bytes"`
	}
	if err := json.Unmarshal(row, &size); err != nil {
		return err
	}
	if r := c.Relation(size.Name); r != nil {
		r.Bytes = size.Bytes
	}
	return nil
}

func readDefinition(c *Catalog, row []byte) error {
	var view struct {
		Name
		Definition string `json:"definition"`
	}
	if err := json.Unmarshal(row, &view); err != nil {
		return err
	}
	if r := c.Relation(view.Name); r != nil {
		r.Definition = view.Definition
	}
	return nil
}

// statesAtOnce is how many sequences one statement asks.
const statesAtOnce = 200

// States are the statements that ask the readable ones of the sequences where they stand.
func States(sequences []Sequence) []Query {
	var out []Query
	var parts []string
	flush := func() {
		if len(parts) > 0 {
			out = append(out, Query{strings.Join(parts, "\nUNION ALL "), "sequences' states", readState})
		}
		parts = nil
	}
	for _, s := range sequences {
		if !s.Readable {
			continue
		}
		parts = append(parts, fmt.Sprintf(
			"SELECT pg_catalog.json_build_object('schema', %s, 'name', %s, 'last', last_value, 'called', is_called)::text FROM %s",
			literal(s.Schema), literal(s.Name.Name), s.Sanitize()))
		if len(parts) == statesAtOnce {
			flush()
		}
	}
	flush()
	return out
}

func readState(c *Catalog, row []byte) error {
	var state struct {
		Name
		Last   int64 `json:"last"`
		Called bool  `json:"called"`
	}
	if err := json.Unmarshal(row, &state); err != nil {
		return err
	}
	for i := range c.Sequences {
		if s := &c.Sequences[i]; s.Name == state.Name {
			s.Last, s.Called = &state.Last, state.Called
		}
	}
	return nil
}

// Relation is the relation of a name, nil if there is none.
func (c *Catalog) Relation(n Name) *Relation {
	i, found := slices.BinarySearchFunc(c.Relations, n, func(r Relation, n Name) int { return r.Compare(n) })
	if !found {
		return nil
	}
	return &c.Relations[i]
}

// Compare orders names by bytes, the schema first.
func (n Name) Compare(other Name) int {
	if d := strings.Compare(n.Schema, other.Schema); d != 0 {
		return d
	}
	return strings.Compare(n.Name, other.Name)
}

// String is the name for people: without the schema if that is public.
func (n Name) String() string {
	if n.Schema == "public" || n.Schema == "" {
		return n.Name
	}
	return n.Schema + "." + n.Name
}

// Quote is a name for a statement, in double quotes.
func Quote(name string) string { return identifier(name) }

// Sanitize is the name for a statement, in double quotes.
func (n Name) Sanitize() string { return identifier(n.Schema) + "." + identifier(n.Name) }

func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// literal writes a text for a statement, whatever standard_conforming_strings says.
func literal(s string) string {
	return "E'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "'", "''") + "'"
}
