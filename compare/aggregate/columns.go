package aggregate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// columnMap is what a check says of single columns, by old's names.
type columnMap struct {
	columns []Column
	bounds  []*bounds // of each column; nil: those of the check
}

// parseColumns refuses what cannot be meant.
func parseColumns(columns []Column, key []string) (*columnMap, error) {
	m := &columnMap{columns: columns}
	var errs []error
	names := [2]map[string]bool{{}, {}}
	for i, c := range columns {
		for side, name := range []string{c.Old, c.inNew()} {
			if names[side][name] {
				errs = append(errs, fmt.Errorf("columns[%d]: another one has %s in %s", i, name, sides[side]))
			}
			names[side][name] = true
		}
		if c.Ignore && slices.Contains(key, c.Old) {
			errs = append(errs, fmt.Errorf("columns[%d]: %s is part of the key and cannot be ignored", i, c.Old))
		}
		var own *bounds
		if c.Tolerance != nil {
			b, err := c.Tolerance.parse()
			if err != nil {
				errs = append(errs, fmt.Errorf("columns[%d].%w", i, err))
			}
			own = &b
		}
		m.bounds = append(m.bounds, own)
	}
	for i, name := range key {
		if slices.Contains(key[:i], name) {
			errs = append(errs, fmt.Errorf("key: %s is in it twice", name))
		}
	}
	return m, errors.Join(errs...)
}

func (c Column) inNew() string {
	if c.New != "" {
		return c.New
	}
	return c.Old
}

// twin is a column of old and the one of new that it is compared with.
type twin struct {
	name, other string // old's, and new's
	at          [2]int // where it is in the rows of each side
	like        *likeness
	own         *bounds // in place of the check's
	byPlace     bool    // the names differ, and nobody said that they are one
}

// bounds is what may be between the two.
func (t *twin) bounds(both *pair) bounds {
	if t.own != nil && !both.strict {
		return *t.own
	}
	return both.allowed
}

// join finds the twins of two answers: those that the map names, those of one name, and of the rest those that stand at one
// place. What has no twin is an error that names it.
func (m *columnMap) join(old, new []column) ([]twin, error) {
	j := joining{sides: [2][]column{old, new}}
	for i, columns := range j.sides {
		j.taken[i] = make([]bool, len(columns))
		if len(columns) == 0 {
			return nil, fmt.Errorf("the statement of %s gives no columns", sides[i])
		}
	}
	var errs []error
	for i, c := range m.columns {
		errs = append(errs, j.named(c, m.bounds[i]))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for i, c := range old {
		if k := columnAt(new, c.name); !j.taken[0][i] && columnAt(old, c.name) >= 0 && k >= 0 && !j.taken[1][k] {
			j.pair(i, k, nil)
		}
	}
	if err := j.rest(); err != nil {
		return nil, err
	}
	slices.SortFunc(j.twins, func(a, b twin) int { return a.at[0] - b.at[0] })
	for i := range j.twins {
		t := &j.twins[i]
		var err error
		if t.like, err = alike(old[t.at[0]], new[t.at[1]]); err != nil {
			errs = append(errs, fmt.Errorf("column %s: %w", t.name, err))
		}
	}
	return j.twins, errors.Join(errs...)
}

// joining is what join has found so far.
type joining struct {
	sides [2][]column
	taken [2][]bool
	twins []twin
}

func (j *joining) pair(old, new int, own *bounds) *twin {
	j.taken[0][old], j.taken[1][new] = true, true
	j.twins = append(j.twins, twin{name: j.sides[0][old].name, other: j.sides[1][new].name, at: [2]int{old, new}, own: own})
	return &j.twins[len(j.twins)-1]
}

// named does what the map says of one column. One that is ignored may be on one side alone.
func (j *joining) named(c Column, own *bounds) error {
	at := [2]int{columnAt(j.sides[0], c.Old), columnAt(j.sides[1], c.inNew())}
	if c.Ignore {
		for side, k := range at {
			if k >= 0 {
				j.taken[side][k] = true
			}
		}
		if at[0] < 0 && at[1] < 0 {
			return fmt.Errorf("columns has %s, which neither side gives once; %s", c.Old, j.lists())
		}
		return nil
	}
	for side, k := range at {
		if k < 0 {
			return fmt.Errorf("columns has %s, which %s does not give once; %s", []string{c.Old, c.inNew()}[side], sides[side], j.lists())
		}
	}
	j.pair(at[0], at[1], own)
	return nil
}

// rest pairs what is left by its place, if it is as many on both sides and at the same places.
func (j *joining) rest() error {
	var left [2][]int
	var names [2][]string
	for side, taken := range j.taken {
		for i, t := range taken {
			if !t {
				left[side] = append(left[side], i)
				names[side] = append(names[side], j.sides[side][i].name)
			}
		}
	}
	if !slices.Equal(left[0], left[1]) {
		return fmt.Errorf("%s; %s have no counterpart: give the columns that belong together one name (AS), or name them under columns",
			j.lists(), strings.Join(slices.DeleteFunc([]string{
				of(names[0], "old"), of(names[1], "new"),
			}, func(s string) bool { return s == "" }), " and "))
	}
	for _, i := range left[0] {
		t := j.pair(i, i, nil)
		t.byPlace = t.name != t.other
	}
	return nil
}

// of says whose columns these are; empty for none.
func of(names []string, side string) string {
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, ", ") + " of " + side
}

// lists are the names that both sides gave.
func (j *joining) lists() string {
	var names [2][]string
	for side, columns := range j.sides {
		for _, c := range columns {
			names[side] = append(names[side], c.name)
		}
	}
	return fmt.Sprintf("old gives %s, and new gives %s", strings.Join(names[0], ", "), strings.Join(names[1], ", "))
}

// columnAt is where the column of a name is; -1 if there is none, or several.
func columnAt(columns []column, name string) int {
	is := func(c column) bool { return c.name == name }
	at := slices.IndexFunc(columns, is)
	if at >= 0 && slices.ContainsFunc(columns[at+1:], is) {
		return -1
	}
	return at
}
