package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"paritygate/compare/aggregate/catalog"
)

// Pair is something else than a table on both sides, in words; empty on the side that lacks it.
type Pair struct {
	Old string `json:"old"`
	New string `json:"new"`
	// Differs says that both sides have it, and not the same.
	Differs bool `json:"differs"`

	behind bool // a sequence of new's stands behind old's
}

// object is one of a side.
type object struct {
	key    string // what it is called in new's names
	shown  string // to people
	detail string // what must be the same on both sides
	at     *int64 // where a sequence stands, in its own direction
}

// objects fills in everything but the tables. Old's names are led to new's, so that a trigger of a renamed table finds its own.
func (i *Inventory) objects(old, newer *Side, to *renames) {
	same := &renames{}
	for _, list := range []struct {
		into *[]Pair
		of   func(*catalog.Catalog, *renames) []object
	}{
		{&i.Views, views},
		{&i.Functions, functions},
		{&i.Triggers, triggers},
		{&i.Extensions, extensions},
		{&i.Sequences, sequences},
		{&i.Policies, policies},
		{&i.ForeignKeys, foreignKeys},
	} {
		var olds, news []object
		if old != nil {
			olds = list.of(old.Catalog, to)
		}
		if newer != nil {
			news = list.of(newer.Catalog, same)
		}
		*list.into = pairObjects(olds, news)
	}
}

// pairObjects pairs by key, several of one key in their order.
func pairObjects(olds, news []object) []Pair {
	waiting := map[string][]object{}
	for _, n := range news {
		waiting[n.key] = append(waiting[n.key], n)
	}
	out := []Pair{}
	for _, o := range olds {
		p := Pair{Old: o.shown}
		if same := waiting[o.key]; len(same) > 0 {
			n := same[0]
			p.New, p.Differs = n.shown, n.detail != o.detail
			p.behind = o.at != nil && n.at != nil && *n.at < *o.at
			waiting[o.key] = same[1:]
		}
		out = append(out, p)
	}
	for _, n := range news {
		if same := waiting[n.key]; len(same) > 0 && same[0] == n {
			out = append(out, Pair{New: n.shown})
			waiting[n.key] = same[1:]
		}
	}
	slices.SortStableFunc(out, func(a, b Pair) int { return cmp.Compare(cmp.Or(a.Old, a.New), cmp.Or(b.Old, b.New)) })
	return out
}

func views(c *catalog.Catalog, to *renames) (out []object) {
	for _, r := range c.Relations {
		if r.Kind == catalog.View || r.Kind == catalog.Materialized {
			shown := r.Name.String()
			if r.Kind == catalog.Materialized {
				shown += ", materialized"
			}
			out = append(out, object{key: to.name(r.Name).String(), shown: shown, detail: string(r.Kind)})
		}
	}
	return out
}

func functions(c *catalog.Catalog, to *renames) (out []object) {
	for _, f := range c.Functions {
		shown := fmt.Sprintf("%s(%s) in %s", f.Name, f.Arguments, f.Language)
		if f.Kind != "function" {
			shown += ", " + f.Kind
		}
		detail := strings.Join([]string{f.Kind, f.Returns, f.Volatility, fmt.Sprint(f.SecurityDefiner)}, " ")
		if f.Volatility != "" && f.Volatility != "volatile" {
			shown += ", " + f.Volatility
		}
		if f.SecurityDefiner {
			shown += ", security definer"
		}
		out = append(out, object{key: fmt.Sprintf("%s(%s)", to.name(f.Name), f.Arguments), shown: shown, detail: detail})
	}
	return out
}

func triggers(c *catalog.Catalog, to *renames) (out []object) {
	for _, t := range c.Triggers {
		shown, detail := fmt.Sprintf("%s on %s, runs %s", t.Name, t.Relation, t.Function), "enabled"
		if !t.Enabled {
			shown, detail = shown+", disabled", "disabled"
		}
		out = append(out, object{key: to.name(t.Relation).String() + " " + t.Name, shown: shown, detail: detail})
	}
	return out
}

func extensions(c *catalog.Catalog, _ *renames) (out []object) {
	for _, e := range c.Extensions {
		out = append(out, object{key: e.Name.Name, shown: e.Name.Name + " " + e.Version, detail: e.Version})
	}
	return out
}

func sequences(c *catalog.Catalog, to *renames) (out []object) {
	for _, s := range c.Sequences {
		key, shown := "sequence "+to.name(s.Name).String(), s.Name.String()
		if o := s.Owner; o != nil {
			key = "column " + to.name(o.Relation).String() + "." + to.list(o.Relation, []string{o.Column})
			shown += fmt.Sprintf(" of %s.%s", o.Relation, o.Column)
		}
		switch {
		case s.Last == nil:
			shown += ", not readable"
		case s.Called:
			shown += fmt.Sprintf(", at %s", grouped(*s.Last))
		default:
			shown += fmt.Sprintf(", begins with %s", grouped(*s.Last))
		}
		if s.Increment != 1 {
			shown += fmt.Sprintf(", in steps of %d", s.Increment)
		}
		o := object{key: key, shown: shown, detail: fmt.Sprint(s.Increment, s.Cycle)}
		if s.Last != nil {
			at := *s.Last
			if s.Increment < 0 {
				at = -at
			}
			o.at = &at
		}
		out = append(out, o)
	}
	return out
}

func policies(c *catalog.Catalog, to *renames) (out []object) {
	for _, p := range c.Policies {
		kind := "permissive"
		if !p.Permissive {
			kind = "restrictive"
		}
		shown := fmt.Sprintf("%s on %s, %s, %s, for %s", p.Name, p.Relation, kind, p.Command, strings.Join(p.Roles, ", "))
		detail := strings.Join([]string{kind, p.Command, strings.Join(p.Roles, ","), p.Using, p.WithCheck}, "\x00")
		out = append(out, object{key: to.name(p.Relation).String() + " " + p.Name, shown: shown, detail: detail})
	}
	return out
}

func foreignKeys(c *catalog.Catalog, to *renames) (out []object) {
	for _, k := range c.Constraints {
		if k.Kind != catalog.ForeignKey || k.Target == nil {
			continue
		}
		shown := fmt.Sprintf("%s(%s) to %s(%s)", k.Relation, strings.Join(k.Columns, ", "), *k.Target, strings.Join(k.Targets, ", "))
		if k.OnDelete != "" && k.OnDelete != "no action" {
			shown += ", on delete " + k.OnDelete
		}
		if k.OnUpdate != "" && k.OnUpdate != "no action" {
			shown += ", on update " + k.OnUpdate
		}
		key := fmt.Sprintf("%s(%s) %s(%s)", to.name(k.Relation), to.list(k.Relation, k.Columns), to.name(*k.Target), to.list(*k.Target, k.Targets))
		out = append(out, object{key: key, shown: shown, detail: k.OnDelete + " " + k.OnUpdate})
	}
	return out
}
