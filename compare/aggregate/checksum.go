package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// checksum is a check of all rows of a table.
type checksum struct {
	names   [2]string // of the tables, quoted
	key     []string  // by old's names; empty: the primary key
	renamed map[string]string
	ignored map[string]bool // by old's names
	pace    float64
	settled [2]string // a condition for a row to be looked at; empty: all are
}

func newChecksum(c *Check) (inquiry, error) {
	s := &checksum{key: c.Key, renamed: map[string]string{}, ignored: map[string]bool{}, pace: c.Pace}
	var errs []error
	for i, side := range []Side{c.Old, c.New} {
		if c.Settled != nil {
			s.settled[i] = c.settled(i)
		}
		name, err := parseTable(side.Table)
		switch {
		case side.Table == "" || side.SQL != "":
			err = errors.New("give a table")
		case err == nil:
			s.names[i] = name.Sanitize()
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %w", sides[i], err))
	}
	taken := map[string]bool{}
	for _, column := range c.Columns {
		to := column.New
		if to == "" {
			to = column.Old
		}
		_, twice := s.renamed[column.Old]
		switch {
		case twice || taken[to]:
			errs = append(errs, fmt.Errorf("columns: another one is %s in old or %s in new too", column.Old, to))
		case column.Tolerance != nil:
			errs = append(errs, fmt.Errorf("columns: %s: a tolerance is not for a checksum, which compares hashes: use a check of type rows", column.Old))
		case column.Ignore && slices.Contains(c.Key, column.Old):
			errs = append(errs, fmt.Errorf("columns: %s is part of the key, which cannot be ignored", column.Old))
		}
		s.renamed[column.Old], s.ignored[column.Old], taken[to] = to, column.Ignore, true
	}
	for i, name := range c.Key {
		if slices.Contains(c.Key[:i], name) {
			errs = append(errs, fmt.Errorf("key: %s is there twice", name))
		}
	}
	if c.Pace < 0 || c.Pace > 1 {
		errs = append(errs, errors.New("pace: must be above 0 and at most 1"))
	}
	return s, errors.Join(errs...)
}

// pairs joins the columns of both sides by the map and by their names. Whatever is on one side alone is an error.
func (c *checksum) pairs(layouts [2]*layout) (pairs [][2]*tableColumn, errs []error) {
	paired := map[string]bool{}
	var alone [2][]string
	for i := range layouts[0].columns {
		a := &layouts[0].columns[i]
		to, mapped := c.renamed[a.name]
		if !mapped {
			to = a.name
		}
		b := layouts[1].find(to)
		switch {
		case c.ignored[a.name]:
			paired[to] = true
		case b == nil && mapped && to != a.name:
			errs = append(errs, fmt.Errorf("columns: new: table %s has no column %s, which is to be old's %s", c.names[1], to, a.name))
		case b == nil:
			alone[0] = append(alone[0], a.name)
		default:
			paired[to] = true
			pairs = append(pairs, [2]*tableColumn{a, b})
		}
	}
	for _, b := range layouts[1].columns {
		if !paired[b.name] && !c.ignored[b.name] {
			alone[1] = append(alone[1], b.name)
		}
	}
	for _, name := range sortedKeys(c.renamed) {
		missing := layouts[0].find(name) == nil && (!c.ignored[name] || layouts[1].find(name) == nil)
		if missing {
			errs = append(errs, fmt.Errorf("columns: old: table %s has no column %s", c.names[0], name))
		}
	}
	for i, names := range alone {
		if len(names) > 0 {
			errs = append(errs, fmt.Errorf("%s alone has %s: map or ignore them under columns", sides[i], columnList(names)))
		}
	}
	if len(pairs) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("columns: all are ignored"))
	}
	return pairs, errs
}

func columnList(names []string) string {
	if len(names) == 1 {
		return "column " + names[0]
	}
	return "columns " + strings.Join(names, ", ")
}

func sortedKeys(m map[string]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c *checksum) measure(ctx context.Context, both *pair, r *Result) error {
	layouts, err := readLayouts(ctx, both, c.names)
	if err != nil {
		return err
	}
	t, err := newTables(c, layouts)
	if err != nil {
		return err
	}
	indexes, err := both.ask(ctx, [2]string{t.sides[0].indexSQL, t.sides[1].indexSQL}, 1)
	if err != nil {
		return err
	}
	for _, a := range indexes {
		t.ranged = t.ranged && a.rows[0][0].text != "0"
	}
	w := &walk{both: both, tables: t, pace: c.pace, check: r.Name}
	if w.pace == 0 || both.strict {
		w.pace = 1 // while writes are held, nothing waits
	}
	w.resume(ctx, r.At)
	r.At = w.state.Began
	if err := w.run(ctx); err != nil {
		return err
	}
	w.state.judge(r, both.allowed)
	return nil
}
