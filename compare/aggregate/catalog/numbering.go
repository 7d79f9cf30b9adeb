package catalog

import (
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// Counter is a sequence of new that must be ahead: of the column that it numbers, or, where it numbers none, of the sequence
// of old that it stands for.
type Counter struct {
	Key      string // by old's names where old has it
	Sequence *Sequence
	Column   *Column   // nil: programs ask the sequence themselves
	Old      *Column   // old's column of numbers that is Column on new; nil: there is none
	Before   *Sequence // old's sequence, where there is no Column
}

// Numbering is how new numbers its rows, beside how old does.
type Numbering struct {
	Counters []Counter
	// Missing are the columns and sequences of old for which new has no sequence and no other default.
	Missing []Finding
	// Old is how many things old numbers; of these new numbers Otherwise without a sequence, as by a uuid.
	Old, Otherwise int
	Absent         []string // columns that old numbers and new does not have
	Unclear        []string // columns of new whose values are made of a sequence's, but are not those
}

// Numbering finds the sequences of new that number a column of the match, and what becomes of those of old.
func (m *Match) Numbering() *Numbering {
	n := &Numbering{}
	taken := map[ColumnName]bool{}
	for i := range m.new.Sequences {
		s := &m.new.Sequences[i]
		for _, name := range s.columns(m.new) {
			t := m.parts[1][name.Relation.Name]
			if t == nil || t.Parent != nil || !m.wanted(t) || name.Relation.Schema != m.scope.New {
				continue
			}
			k := t.column(name.Column)
			old := m.counterpart(name)
			key := quote(name.Relation.Name) + "." + quote(name.Column)
			if old != nil {
				key = quote(old.Relation.Name) + "." + quote(old.Name)
			}
			taken[name] = true
			if !m.new.counts(k) {
				n.Unclear = append(n.Unclear, key)
				continue
			}
			if old != nil && !m.old.isNumber(old) {
				old = nil
			}
			n.Counters = append(n.Counters, Counter{Key: key, Sequence: s, Column: k, Old: old})
		}
	}
	m.columnsOfOld(n, taken)
	if len(m.scope.Tables) == 0 {
		m.standAlone(n)
	}
	return n
}

// plain are the defaults that are a sequence's next value and nothing else.
var plain = regexp.MustCompile(`^nextval\('([^']|'')*'::regclass\)$|^nextval\(\(?'([^']|'')*'::text\)?(::regclass)?\)$`)

// late finds the sequence in a default that looks it up by name each time.
var late = regexp.MustCompile(`nextval\(\('([^']+)'::text\)::regclass\)`)

// wanted says whether a table of new is one of those that are compared.
func (m *Match) wanted(t *table) bool {
	return len(m.scope.Tables) == 0 || slices.ContainsFunc(m.chosen, func(old *table) bool { return m.table(old.Name.Name) == t.Name.Name })
}

// columns are those that the sequence numbers: its users, and its owner unless another sequence numbers that.
func (s *Sequence) columns(c *Catalog) []ColumnName {
	names := slices.Clone(s.Users)
	for i := range c.Columns {
		k := &c.Columns[i]
		if !strings.Contains(k.Default, "nextval((") {
			continue
		}
		if found := late.FindStringSubmatch(k.Default); found != nil && s.isCalled(found[1], k.Relation.Schema) {
			names = append(names, ColumnName{k.Relation, k.Name})
		}
	}
	if s.Owner != nil && !slices.Contains(names, *s.Owner) {
		other := slices.ContainsFunc(c.Sequences, func(o Sequence) bool { return o.Name != s.Name && slices.Contains(o.Users, *s.Owner) })
		if !other {
			names = append(names, *s.Owner)
		}
	}
	return names
}

// isCalled says whether a name in an expression of a table of the schema means the sequence.
func (s *Sequence) isCalled(name, schema string) bool {
	return name == s.Schema+"."+s.Name.Name || s.Schema == schema && (name == s.Name.Name || name == identifier(s.Name.Name))
}

// counts says whether a column that a sequence numbers holds the sequence's values as they are.
func (c *Catalog) counts(k *Column) bool {
	return c.isNumber(k) && (k.Default == "" || plain.MatchString(k.Default))
}

// isNumber says whether a column holds numbers.
func (c *Catalog) isNumber(k *Column) bool {
	of := c.kind(k.Of)
	return !of.Array && numbers[of.Name.Name] != nil
}

// columnsOfOld says what became on new of the columns that old numbers.
func (m *Match) columnsOfOld(n *Numbering, taken map[ColumnName]bool) {
	seen := map[ColumnName]bool{}
	for i := range m.old.Sequences {
		s := &m.old.Sequences[i]
		for _, name := range s.columns(m.old) {
			t := m.parts[0][name.Relation.Name]
			if t == nil || name.Relation.Schema != m.scope.Old || !slices.Contains(m.chosen, t) || seen[name] || !m.old.counts(t.column(name.Column)) {
				continue
			}
			seen[name] = true
			n.Old++
			key := columnKey(t, name.Column)
			to := ColumnName{Name{m.scope.New, m.table(t.Name.Name)}, m.column(t.Name, name.Column)}
			var k *Column
			if there := m.parts[1][to.Relation.Name]; there != nil {
				k = there.column(to.Column)
			}
			switch {
			case k == nil:
				n.Absent = append(n.Absent, key)
			case taken[to]:
			case !m.new.isNumber(k) || k.Default != "" || k.Generated != "":
				n.Otherwise++
			default:
				n.Missing = append(n.Missing, Finding{Key: key, Class: Missing, Old: "sequence " + quote(s.Name.Name)})
			}
		}
	}
}

// standAlone looks after the sequences of old's that number no column: programs ask them, or make codes of their values.
func (m *Match) standAlone(n *Numbering) {
	for i := range m.old.Sequences {
		s := &m.old.Sequences[i]
		columns := s.columns(m.old)
		if s.Schema != m.scope.Old || slices.ContainsFunc(columns, func(name ColumnName) bool {
			t := m.parts[0][name.Relation.Name]
			return t == nil || m.old.counts(t.column(name.Column))
		}) {
			continue
		}
		to := m.new.sequence(Name{m.scope.New, m.table(s.Name.Name)})
		switch {
		case to == nil && len(columns) > 0:
			continue // what became of the codes is not known
		case to == nil:
			n.Missing = append(n.Missing, Finding{Key: quote(s.Name.Name), Class: Missing, Old: "sequence " + quote(s.Name.Name)})
		case slices.ContainsFunc(n.Counters, func(c Counter) bool { return c.Sequence == to }):
			n.Otherwise++
		default:
			n.Counters = append(n.Counters, Counter{Key: quote(s.Name.Name), Sequence: to, Before: s})
		}
		n.Old++
	}
}

// Next is the value that the sequence gives next, nil if it is at its end. Where it stands must be known.
func (s *Sequence) Next() *big.Rat {
	next := big.NewInt(*s.Last)
	if !s.Called {
		return new(big.Rat).SetInt(next)
	}
	next.Add(next, big.NewInt(s.Increment))
	from, to := s.Min, s.Max
	switch {
	case next.Cmp(big.NewInt(from)) >= 0 && next.Cmp(big.NewInt(to)) <= 0:
	case !s.Cycle:
		return nil
	case s.Increment > 0:
		next.SetInt64(from)
	default:
		next.SetInt64(to)
	}
	return new(big.Rat).SetInt(next)
}

// Given is the last value that the sequence gave out, nil if it gave none. Where it stands must be known.
func (s *Sequence) Given() *big.Rat {
	if !s.Called {
		return nil
	}
	return new(big.Rat).SetInt64(*s.Last)
}

// Takes says whether a number fits into the column, if that is of one of the integer types.
func (c *Column) Takes(n *big.Rat) bool {
	most := int64(math.MaxInt64)
	switch c.Of.Name.Name {
	case "int2":
		most = math.MaxInt16
	case "int4":
		most = math.MaxInt32
	}
	return n.Cmp(new(big.Rat).SetInt64(most)) <= 0 && n.Cmp(new(big.Rat).SetInt64(-most-1)) >= 0
}
