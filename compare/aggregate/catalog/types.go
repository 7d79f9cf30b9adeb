package catalog

// Catalog is what a database, or some of its schemas, is made of. Every list is in the order of the names.
type Catalog struct {
	Server      Server       `json:"server"`
	Schemas     []string     `json:"schemas"` // those that were asked for and are there; all but the system's if none was asked for
	Relations   []Relation   `json:"relations"`
	Columns     []Column     `json:"columns"` // in the order of their relations and positions
	Constraints []Constraint `json:"constraints"`
	Indexes     []Index      `json:"indexes"`
	Sequences   []Sequence   `json:"sequences"`
	Types       []Type       `json:"types"` // of all schemas, since columns may have them from anywhere
	Functions   []Function   `json:"functions"`
	Triggers    []Trigger    `json:"triggers"`
	Extensions  []Extension  `json:"extensions"` // of the whole database
	Policies    []Policy     `json:"policies"`
}

// Server is what the database runs on.
type Server struct {
	Database string `json:"database"`
	Version  string `json:"version"` // such as 15.4
	Bytes    *int64 `json:"bytes"`   // of the whole database; nil if the role may not know, and without Full
}

// Name is a name within a schema.
type Name struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

// RelationKind says what sort of relation it is.
type RelationKind string

// The kinds of relations.
const (
	Table        RelationKind = "table"
	Partitioned  RelationKind = "partitioned table"
	Foreign      RelationKind = "foreign table"
	View         RelationKind = "view"
	Materialized RelationKind = "materialized view"
)

// Relation is a table or a view.
type Relation struct {
	Name
	Kind        RelationKind `json:"kind"`
	Parent      *Name        `json:"parent"` // of a partition
	RowSecurity bool         `json:"row_security"`
	Unlogged    bool         `json:"unlogged"`
	Definition  string       `json:"definition"` // of a view; without Full empty
	Rows        *int64       `json:"rows"`       // estimated, of a partitioned table the sum of its parts; nil: never estimated, or a view
	Bytes       *int64       `json:"bytes"`      // with indexes and TOAST, of a partitioned table the sum of its parts; nil without Full
}

// IsTable says whether the relation holds rows of its own, or of a server elsewhere.
func (r *Relation) IsTable() bool {
	return r.Kind == Table || r.Kind == Partitioned || r.Kind == Foreign
}

// Column is a column of a relation.
type Column struct {
	Relation  Name      `json:"relation"`
	Name      string    `json:"name"`
	Position  int       `json:"position"` // from 1, without gaps
	Type      string    `json:"type"`     // as PostgreSQL writes it, with its modifier: numeric(12,2)
	Of        ValueType `json:"of"`
	NotNull   bool      `json:"not_null"`
	Default   string    `json:"default"`   // an expression; empty: none
	Identity  string    `json:"identity"`  // always, by default, or empty
	Generated string    `json:"generated"` // an expression; empty: none
}

// ValueType is a type for comparing it.
type ValueType struct {
	Name
	Modifier int  `json:"modifier"` // the server's number for what stands in parentheses; -1: nothing
	Array    bool `json:"array"`    // of that type, with any number of dimensions
}

// Type is a type that users made.
type Type struct {
	Name
	Kind    string     `json:"kind"`   // enum, domain, composite or range
	Labels  []string   `json:"labels"` // of an enum, in order
	Base    *ValueType `json:"base"`   // of a domain; may be a domain itself
	NotNull bool       `json:"not_null"`
	Checks  []string   `json:"checks"` // of a domain
}

// ConstraintKind says what a constraint holds.
type ConstraintKind string

// The kinds of constraints.
const (
	PrimaryKey ConstraintKind = "primary key"
	Unique     ConstraintKind = "unique"
	ForeignKey ConstraintKind = "foreign key"
	Check      ConstraintKind = "check"
	Exclusion  ConstraintKind = "exclusion"
)

// Constraint is a constraint of a table.
type Constraint struct {
	Name       string         `json:"name"`
	Relation   Name           `json:"relation"`
	Kind       ConstraintKind `json:"kind"`
	Columns    []string       `json:"columns"`
	Target     *Name          `json:"target"`         // of a foreign key: the table that it leads to
	Targets    []string       `json:"target_columns"` // in the order of Columns
	OnDelete   string         `json:"on_delete"`      // of a foreign key: no action, restrict, cascade, set null, set default
	OnUpdate   string         `json:"on_update"`
	Deferrable bool           `json:"deferrable"`
	Validated  bool           `json:"validated"`
	Definition string         `json:"definition"`
}

// Index is an index of a table or of a materialized view, that of a constraint too.
type Index struct {
	Name             string     `json:"name"`
	Relation         Name       `json:"relation"`
	Method           string     `json:"method"`
	Unique           bool       `json:"unique"`
	Primary          bool       `json:"primary"`
	Exclusion        bool       `json:"exclusion"`
	Valid            bool       `json:"valid"` // false while it is built, and if that failed
	NullsNotDistinct bool       `json:"nulls_not_distinct"`
	Keys             []IndexKey `json:"keys"`
	Include          []string   `json:"include"`   // columns that it carries beside its keys
	Predicate        string     `json:"predicate"` // empty: it covers every row
	Definition       string     `json:"definition"`
}

// IndexKey is one of the things that an index is ordered by.
type IndexKey struct {
	Column     string `json:"column"` // empty where there is an expression
	Expression string `json:"expression"`
	Descending bool   `json:"descending"`
	NullsFirst bool   `json:"nulls_first"`
	Operators  string `json:"operators"` // the family of the operator class, where it is not the type's default
	Collation  string `json:"collation"` // where it is not the column's
}

// ColumnName is a column of a relation.
type ColumnName struct {
	Relation Name   `json:"relation"`
	Column   string `json:"column"`
}

// Sequence is a sequence, that of an identity column too.
type Sequence struct {
	Name
	Type      string       `json:"type"`
	Start     int64        `json:"start"`
	Increment int64        `json:"increment"`
	Min       int64        `json:"min"`
	Max       int64        `json:"max"`
	Cycle     bool         `json:"cycle"`
	Owner     *ColumnName  `json:"owner"` // the column that it goes with
	Users     []ColumnName `json:"users"` // the columns that take their default from it
	Readable  bool         `json:"readable"`
	Last      *int64       `json:"last"`   // where it stands; nil: not asked yet, or not readable
	Called    bool         `json:"called"` // Last was given out; if not, it is the next value
}

// Function is a function or procedure.
type Function struct {
	Name
	Kind            string `json:"kind"`      // function, procedure, aggregate, window
	Arguments       string `json:"arguments"` // as they identify it
	Returns         string `json:"returns"`
	Language        string `json:"language"`
	Volatility      string `json:"volatility"` // immutable, stable, volatile
	SecurityDefiner bool   `json:"security_definer"`
}

// Trigger is a trigger that users made.
type Trigger struct {
	Name       string `json:"name"`
	Relation   Name   `json:"relation"`
	Function   Name   `json:"function"`
	Enabled    bool   `json:"enabled"`
	Definition string `json:"definition"`
}

// Extension is an installed extension.
type Extension struct {
	Name
	Version string `json:"version"`
}

// Policy is a policy of row-level security.
type Policy struct {
	Name       string   `json:"name"`
	Relation   Name     `json:"relation"`
	Command    string   `json:"command"` // all, select, insert, update, delete
	Permissive bool     `json:"permissive"`
	Roles      []string `json:"roles"` // public: everybody
	Using      string   `json:"using"`
	WithCheck  string   `json:"with_check"`
}
