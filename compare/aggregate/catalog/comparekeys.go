package catalog

import (
	"slices"
	"strings"
)

// compareKeys compares the primary keys. Unique constraints are compared as the indexes that they are.
func (t *tableComparison) compareKeys() {
	old, new := t.old.constraint(PrimaryKey), t.new.constraint(PrimaryKey)
	if len(old) == 0 {
		return
	}
	t.Compared++
	f := Finding{Key: key(t.old) + " primary key", Old: quote(old[0].Name) + " " + quoteAll(old[0].Columns), severity: noKey}
	switch {
	case len(new) == 0:
		f.Class = Missing
	case !slices.Equal(t.m.names(t.old.Name, old[0].Columns), new[0].Columns):
		f.Class, f.New = Differs, quote(new[0].Name)+" "+quoteAll(new[0].Columns)
	default:
		return
	}
	t.find(f)
}

// compareReferences compares the foreign keys, whatever their names.
func (t *tableComparison) compareReferences() {
	theirs := t.new.constraint(ForeignKey)
	used := map[*Constraint]bool{}
	for _, a := range t.old.constraint(ForeignKey) {
		t.Compared++
		want := t.translate(a)
		var near *Constraint
		found := false
		for _, b := range theirs {
			if !sameSet(b.Columns, want.Columns) {
				continue
			}
			used[b], near = true, b
			if found = leads(want) == leads(b) && follows(want, b) && (b.Validated || !a.Validated); found {
				break
			}
		}
		f := Finding{
			Key: key(t.old) + " foreign key " + quoteAll(a.Columns), Old: a.text(), Class: Missing, severity: noReference,
		}
		switch {
		case found:
			continue
		case near != nil:
			f.Class, f.New = Differs, near.text()
		}
		t.find(f)
	}
	for _, b := range theirs {
		if !used[b] {
			t.Extra = append(t.Extra, "foreign key "+key(t.old)+" "+quoteAll(b.Columns))
		}
	}
}

// translate is a foreign key of old's by new's names.
func (t *tableComparison) translate(a *Constraint) *Constraint {
	b := *a
	b.Columns = t.m.names(t.old.Name, a.Columns)
	b.Targets = t.m.names(*a.Target, a.Targets)
	target := t.m.name(*a.Target)
	b.Target = &target
	return &b
}

// leads says where a foreign key leads to and what a deletion there does, in whatever order its columns are.
func leads(c *Constraint) string {
	pairs := make([]string, len(c.Columns))
	for i := range c.Columns {
		pairs[i] = identifier(c.Columns[i]) + ">" + identifier(c.Targets[i])
	}
	slices.Sort(pairs)
	return strings.Join(append(pairs, c.Target.Sanitize(), action(c.OnDelete)), " ")
}

// follows says whether new takes the changes of keys that old takes. Where old refuses them nothing is asked of new.
func follows(old, new *Constraint) bool {
	return action(old.OnUpdate) == noAction || old.OnUpdate == new.OnUpdate
}

const noAction = "no action"

// action is what a foreign key does: refusing at once and refusing in the end are the same to a program.
func action(s string) string { return strings.Replace(s, "restrict", noAction, 1) }

func (c *Constraint) text() string {
	target := c.Target.String()
	if c.Target.Schema == c.Relation.Schema {
		target = quote(c.Target.Name)
	}
	s := quote(c.Name) + " " + quoteAll(c.Columns) + " references " + target + " " + quoteAll(c.Targets)
	if c.OnDelete != noAction {
		s += " on delete " + c.OnDelete
	}
	if c.OnUpdate != noAction {
		s += " on update " + c.OnUpdate
	}
	if !c.Validated {
		s += ", not validated"
	}
	return s
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
