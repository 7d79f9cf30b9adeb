package aggregate

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"paritygate/compare/aggregate/catalog"
)

// sequences is a check of whether new's sequences are ahead of the numbers that are taken.
type sequences struct{ scope *catalog.Scope }

func newSequences(c *Check) (inquiry, error) {
	scope, err := scopeOf(c)
	return &sequences{scope: scope}, err
}

// measure asks for the highest numbers before it asks where the sequences stand: those know no snapshot and only go on.
func (s *sequences) measure(ctx context.Context, both *pair, r *Result) error {
	catalogs, m, err := match(ctx, both, s.scope)
	if err != nil {
		return err
	}
	n := m.Numbering()
	var highest [2]map[catalog.ColumnName]*big.Rat
	err = onSides(ctx, func(ctx context.Context, i int) (err error) {
		if highest[i], err = extremes(ctx, both.sides[i], extremesOf(n, i)); err != nil {
			return err
		}
		var asked []catalog.Sequence
		for _, c := range n.Counters {
			if q := [2]*catalog.Sequence{c.Before, c.Sequence}[i]; q != nil {
				asked = append(asked, *q)
			}
		}
		return readStates(ctx, both.sides[i], catalogs[i], asked)
	})
	if err != nil {
		return err
	}
	judgeSequences(r, both.allowed, n, highest)
	return nil
}

// extreme is a column whose highest value, or lowest where its sequence counts down, is asked for.
type extreme struct {
	column *catalog.Column
	down   bool
}

func (e extreme) name() catalog.ColumnName {
	return catalog.ColumnName{Relation: e.column.Relation, Column: e.column.Name}
}

// extremesOf are those of one side, each once.
func extremesOf(n *catalog.Numbering, side int) []extreme {
	var list []extreme
	for _, c := range n.Counters {
		if column := [2]*catalog.Column{c.Old, c.Column}[side]; column != nil {
			list = append(list, extreme{column, c.Sequence.Increment < 0})
		}
	}
	slices.SortFunc(list, func(a, b extreme) int { return a.column.Relation.Compare(b.column.Relation) })
	return list
}

// extremes asks with one statement for each table. With an index on the column, as keys have, that is one look into it; without
// one the table is read, as a count does.
func extremes(ctx context.Context, s source, list []extreme) (map[catalog.ColumnName]*big.Rat, error) {
	found := map[catalog.ColumnName]*big.Rat{}
	for len(list) > 0 {
		table := list[0].column.Relation
		end := slices.IndexFunc(list, func(e extreme) bool { return e.column.Relation != table })
		if end < 0 {
			end = len(list)
		}
		parts := make([]string, end)
		for i, e := range list[:end] {
			parts[i] = map[bool]string{false: "max", true: "min"}[e.down] + "(" + catalog.Quote(e.column.Name) + ")"
		}
		a, err := s.ask(ctx, "SELECT "+strings.Join(parts, ", ")+" FROM "+table.Sanitize(), 1)
		if err != nil {
			return nil, err
		}
		row := make([]value, end) // without a row, as where the statement is only planned, nothing is taken
		if len(a.rows) == 1 {
			row = a.rows[0]
		}
		for i, e := range list[:end] {
			v := row[i]
			if v.null || v.text == "" {
				continue
			}
			number, ok := new(big.Rat).SetString(v.text)
			if !ok {
				return nil, fmt.Errorf("the highest %s of %s is %s, which no sequence can be beyond", e.column.Name, table, v.said())
			}
			found[e.name()] = number
		}
		list = list[end:]
	}
	return found, nil
}
