package aggregate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"paritygate/compare"
)

// table are the rows of both sides while they are compared, and what was found of them.
type table struct {
	twins   []twin
	allowed []bounds // of each twin
	key     []int    // which twins tell one row from another
	rows    [2][][]value

	missing, extra, changed int // rows
	found                   differences
	tolerated               *found // the one furthest apart of those that are allowed
}

// group are the rows of one key.
type group [2][][]value

// compare joins the rows by their key. Several rows of one key are a multiset: which one is which does not count.
func (t *table) compare(ctx context.Context) error {
	groups := map[string]*group{}
	var order []*group
	for side, rows := range t.rows {
		for _, row := range rows {
			key := t.form(row, side, t.key)
			g := groups[key]
			if g == nil {
				g = &group{}
				groups[key] = g
				order = append(order, g)
			}
			g[side] = append(g[side], row)
		}
	}
	for _, g := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.group(*g); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) group(g group) error {
	if len(g[0]) > 1 || len(g[1]) > 1 {
		g = t.strike(g)
		var err error
		if g, err = t.match(g); err != nil {
			return err
		}
		if err = t.arrange(g); err != nil {
			return err
		}
	}
	both := min(len(g[0]), len(g[1]))
	for i := range both {
		if err := t.pair(g[0][i], g[1][i]); err != nil {
			return err
		}
	}
	for _, row := range g[0][both:] {
		t.missing++
		t.lone(row, 0, compare.KindMissing)
	}
	for _, row := range g[1][both:] {
		t.extra++
		t.lone(row, 1, compare.KindExtra)
	}
	return nil
}

// form writes the values of some columns so that equal values are one text. A value that is none of the column's family stands
// for itself.
func (t *table) form(row []value, side int, twins []int) string {
	var b strings.Builder
	for _, i := range twins {
		v := row[t.twins[i].at[side]]
		if v.null {
			b.WriteString("-;")
			continue
		}
		form, ok := t.twins[i].like.folds[side](v)
		kind := 'v'
		if !ok {
			form, kind = v.text, 'r'
		}
		fmt.Fprintf(&b, "%c%d:%s", kind, len(form), form)
	}
	return b.String()
}

// strike takes out the rows that are in both sides as they are.
func (t *table) strike(g group) group {
	all := make([]int, len(t.twins))
	for i := range all {
		all[i] = i
	}
	count := map[string]int{}
	for _, row := range g[1] {
		count[t.form(row, 1, all)]++
	}
	struck := map[string]int{}
	g[0] = slices.DeleteFunc(g[0], func(row []value) bool {
		form := t.form(row, 0, all)
		if struck[form] == count[form] {
			return false
		}
		struck[form]++
		return true
	})
	g[1] = slices.DeleteFunc(g[1], func(row []value) bool {
		form := t.form(row, 1, all)
		if struck[form] == 0 {
			return false
		}
		struck[form]--
		return true
	})
	return g
}

// pair compares two rows that are taken for one.
func (t *table) pair(old, new []value) error {
	cells, err := t.cells(old, new)
	if err != nil {
		return fmt.Errorf("row %s: %w", t.label(old, 0), err)
	}
	differs := false
	for i, f := range cells {
		if f.agree && f.variance == 0 {
			continue
		}
		twin := &t.twins[i]
		a, b := old[twin.at[0]], new[twin.at[1]]
		d := found{Difference: Difference{Key: t.label(old, 0) + " " + twin.name, Kind: f.kind, Variance: &f.variance}}
		d.Old, d.New = excerpts(a, b)
		if f.agree {
			if t.tolerated == nil || f.variance > *t.tolerated.Variance {
				t.tolerated = &d
			}
			continue
		}
		differs = true
		if len(f.inside) == 0 {
			t.found.add(d)
		}
		for _, inner := range f.inside {
			t.found.add(within(d, inner))
		}
	}
	if differs {
		t.changed++
	}
	return nil
}

// within is a difference at a place within a document.
func within(d found, inner compare.Difference) found {
	d.inside = true
	d.Kind = inner.Kind
	if inner.Path != "$" {
		d.Key += " " + inner.Path
	}
	d.Old, d.New = &inner.Old, &inner.New
	switch inner.Kind {
	case compare.KindMissing:
		d.New = nil
	case compare.KindExtra:
		d.Old = nil
	case compare.KindValue, compare.KindType, compare.KindInvalid:
	}
	return d
}

// cells compares two rows, twin by twin. Those of the key are equal.
func (t *table) cells(old, new []value) ([]distinction, error) {
	cells := make([]distinction, len(t.twins))
	for i := range t.twins {
		twin := &t.twins[i]
		var err error
		if cells[i], err = twin.like.compare(old[twin.at[0]], new[twin.at[1]], t.allowed[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", twin.name, err)
		}
	}
	return cells, nil
}

// lone is a row of one side alone.
func (t *table) lone(row []value, side int, kind compare.Kind) {
	whole := 1.0
	text := t.text(row, side)
	d := found{Difference: Difference{Key: t.label(row, side), Kind: kind, Variance: &whole}, lone: true}
	if side == 0 {
		d.Old = &text
	} else {
		d.New = &text
	}
	t.found.add(d)
}
