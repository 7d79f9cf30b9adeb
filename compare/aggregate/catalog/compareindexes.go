package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// entries is what an index is, by new's names and apart from its own name.
type entries struct {
	*Index
	keys      []string // each column or expression
	whole     string   // keys with their order, method and rows: two indexes with this alike find the same rows
	columns   []string // those among the keys
	include   []string
	predicate string
}

func keep(s string) string { return s }

// entriesOf describes an index of either side; column and schema are for the names of old's.
func entriesOf(i *Index, column, schema func(string) string) *entries {
	e := &entries{Index: i, predicate: likeness(i.Predicate, column, schema)}
	// Read backwards an index is in the opposite order, so the first key's direction does not matter.
	flip := len(i.Keys) > 0 && i.Keys[0].Descending
	var parts []string
	for _, k := range i.Keys {
		name := identifier(column(k.Column))
		if k.Column == "" {
			name = likeness(k.Expression, column, schema)
		} else {
			e.columns = append(e.columns, column(k.Column))
		}
		e.keys = append(e.keys, name)
		part := name
		if i.Method == "btree" {
			part += fmt.Sprintf(" %v %v", k.Descending != flip, k.NullsFirst != flip)
		}
		parts = append(parts, part+" "+familyOf(k.Operators)+" "+k.Collation)
	}
	for _, c := range i.Include {
		e.include = append(e.include, column(c))
	}
	e.whole = fmt.Sprintf("%s (%s) where %s %v %v", i.Method, strings.Join(parts, ", "), e.predicate, i.Exclusion, i.NullsNotDistinct)
	return e
}

// familyOf is the family of operators; to look for beginnings a padded text has one of its own.
func familyOf(name string) string {
	return strings.Replace(name, "bpchar_pattern_ops", "text_pattern_ops", 1)
}

// carries says whether the index has all the columns of the other beside or among its keys.
func (e *entries) carries(other *entries) bool {
	return !slices.ContainsFunc(other.include, func(c string) bool {
		return !slices.Contains(e.include, c) && !slices.Contains(e.columns, c)
	})
}

// text is the index for people: its name, and what it indexes in its own side's names.
func (i *Index) text() string {
	s := strings.TrimPrefix(i.word()+" ", "index ") + quote(i.Name) + " " + i.subject()
	if i.Method != "btree" {
		s += " using " + i.Method
	}
	if len(i.Include) > 0 {
		s += " include " + quoteAll(i.Include)
	}
	if i.Predicate != "" {
		s += " where " + i.Predicate
	}
	if !i.Valid {
		s += ", invalid: it is being built, or that failed"
	}
	return s
}

func (i *Index) word() string {
	switch {
	case i.Primary:
		return "primary key"
	case i.Unique:
		return "unique"
	case i.Exclusion:
		return "exclusion"
	}
	return "index"
}

func (i *Index) subject() string {
	parts := make([]string, len(i.Keys))
	for n, k := range i.Keys {
		parts[n] = k.Expression
		if k.Column != "" {
			parts[n] = quote(k.Column)
		}
		if k.Operators != "" {
			parts[n] += " " + k.Operators
		}
		if k.Descending {
			parts[n] += " desc"
		}
		if k.NullsFirst != k.Descending {
			parts[n] += map[bool]string{true: " nulls first", false: " nulls last"}[k.NullsFirst]
		}
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// indexComparison is the comparison of the indexes of one table.
type indexComparison struct {
	*tableComparison
	old, new []*entries
	used     map[*entries]bool // new's, that are some index of old's
	reported map[*entries]bool // new's, that are in a finding
}

// compareIndexes compares the indexes by what they index, and what they let be there only once.
func (t *tableComparison) compareIndexes() {
	c := &indexComparison{tableComparison: t, used: map[*entries]bool{}, reported: map[*entries]bool{}}
	for _, i := range t.new.indexes {
		c.new = append(c.new, entriesOf(i, keep, keep))
	}
	column := func(name string) string {
		if t.old.column(name) == nil {
			return name
		}
		return t.m.column(t.old.Name, name)
	}
	schema := func(name string) string {
		if name == t.m.scope.Old {
			return t.m.scope.New
		}
		return name
	}
	for _, i := range t.old.indexes {
		if i.Valid {
			c.old = append(c.old, entriesOf(i, column, schema))
		}
	}
	seen := map[string]bool{}
	for _, a := range c.old {
		id := fmt.Sprint(a.whole, a.Unique, a.include)
		if a.Primary || seen[id] {
			continue // two of the same are one
		}
		seen[id] = true
		t.Compared++
		c.find(a)
	}
	c.compareUniqueness()
	for _, b := range c.new {
		if !c.used[b] && !b.Primary && b.Valid {
			t.Extra = append(t.Extra, "index "+key(t.old)+" "+b.subject())
		}
	}
}

// find looks for an index of old's among new's: at best the same, else the most similar.
func (c *indexComparison) find(a *entries) {
	f := Finding{Key: key(c.tableComparison.old) + " " + a.word() + " " + a.subject(), Old: a.text(), Class: Missing, severity: noIndex}
	if a.Unique {
		f.severity = noKey
	}
	var near, broken *entries
	for _, b := range c.new {
		alike := a.whole == b.whole && b.carries(a)
		switch {
		case alike && !b.Valid:
			broken = b
		case alike && (b.Unique || !a.Unique):
			c.used[b] = true // one that is unique on new alone is compareUniqueness's to judge
			return
		case b.Valid && (near == nil || alike) && sameSet(a.keys, b.keys):
			near = b
		}
	}
	switch {
	case near != nil:
		c.used[near], c.reported[near] = true, true
		f.Class, f.New = Differs, near.text()
	case broken != nil:
		f.New = broken.text()
	}
	c.Findings = append(c.Findings, f)
}

// compareUniqueness finds what new lets be there only once and old did not: new refuses rows that old takes. What is over
// columns that old does not have says nothing of old's rows.
func (c *indexComparison) compareUniqueness() {
	t := c.tableComparison
	known := map[string]bool{}
	for _, k := range t.old.columns {
		known[t.m.column(t.old.Name, k.Name)] = true
	}
	for _, b := range c.new {
		if b.Primary && len(t.old.constraint(PrimaryKey)) > 0 || c.reported[b] || !b.Unique || !b.Valid {
			continue // two primary keys are compared already
		}
		if slices.ContainsFunc(b.refers(t.new), func(name string) bool { return !known[name] }) {
			continue
		}
		implied := slices.ContainsFunc(c.old, func(a *entries) bool {
			covers := !slices.ContainsFunc(a.keys, func(k string) bool { return !slices.Contains(b.keys, k) })
			return a.Unique && covers && (a.predicate == "" || a.predicate == b.predicate)
		})
		if implied {
			continue
		}
		t.Compared++
		c.used[b] = true
		t.find(Finding{
			Key: key(t.old) + " " + b.word() + " " + b.subject(), Class: Narrower, Old: "not unique", New: b.text(), severity: refused,
		})
	}
}

// refers lists the columns of the table that the keys are made of.
func (e *entries) refers(t *table) []string {
	var out []string
	for _, k := range e.Keys {
		if k.Column != "" {
			out = append(out, k.Column)
		}
		for _, w := range tokens(k.Expression) {
			if w.kind == word && t.column(w.text) != nil {
				out = append(out, w.text)
			}
		}
	}
	return out
}
