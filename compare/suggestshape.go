package compare

import (
	"bytes"
	"slices"
	"strings"
)

// columns proposes to read CSV by the names of its columns, where that takes all differences away.
func (s *suggester) columns() {
	var spots []*spot
	for _, p := range s.spots {
		if p.proposal == nil && p.location == InBody {
			spots = append(spots, p)
		}
	}
	r := Rule{Path: "$", CSV: &CSV{Header: true}}
	if len(spots) > 0 && slices.ContainsFunc(s.bodies, kept.table) && s.try(r, spots...) == works {
		s.offer(r, "the order of the columns, which the first record names", spots...)
	}
}

// table reports whether the answers say that they are CSV.
func (k kept) table() bool {
	return strings.HasPrefix(lower(headerText(k.old.Header["Content-Type"])), "text/csv")
}

// narrow returns the path for a rule about the spot: in CSV without names that of its column, where it is but one.
func (s *suggester) narrow(p *spot) string {
	if p.path != "$[*][*]" || !slices.ContainsFunc(s.bodies, kept.table) {
		return p.path
	}
	column := splitPath(p.seen[0].Path)[1]
	if !p.every(func(d Difference) bool { return splitPath(d.Path)[1] == column }) {
		return p.path
	}
	return "$[*]" + column
}

// orders proposes unordered for arrays that hold the same elements in another order.
func (s *suggester) orders() {
	for _, p := range s.spots {
		if p.proposal != nil || p.location != InBody {
			continue
		}
		steps := splitPath(p.path)
		for i := len(steps) - 1; i >= 0 && p.proposal == nil; i-- { // the innermost array first
			if steps[i] == "[*]" {
				s.order("$" + strings.Join(steps[:i], ""))
			}
		}
	}
}

// order looks at one array, its path as GroupPath gives it.
func (s *suggester) order(array string) {
	var within []*spot
	for _, p := range s.spots {
		if p.proposal == nil && p.within(array) {
			within = append(within, p)
		}
	}
	multiset := Rule{Path: array, Unordered: Multiset}
	switch s.try(multiset, within...) {
	case works:
		s.offer(multiset, "the order of the elements", within...)
	case refuted:
		if set := (Rule{Path: array, Unordered: Set}); s.try(set, within...) == works {
			s.offer(set, "the order of the elements, and how often one is there", within...)
		} else {
			s.keyed(array, within)
		}
	case untried:
		if len(within) == 1 && within[0].path == array+"[*]" && s.permuted(within[0], len(splitPath(array))) {
			s.offer(multiset, "the order of the elements", within[0])
		}
	}
}

// permuted reports whether in each array on its own the elements that differ are the same ones in another order. depth is how many
// steps lead to the array.
func (s *suggester) permuted(p *spot, depth int) bool {
	if !p.only(KindValue, KindType) || len(p.seen) >= MaxDifferences || !p.every(func(d Difference) bool { return shownWhole(d.Old) && shownWhole(d.New) }) {
		return false // what is not shown may be no permutation
	}
	type one struct {
		exchange int
		array    string
	}
	old, new := map[one][]string{}, map[one][]string{}
	for _, d := range p.seen {
		at := one{d.exchange, strings.Join(splitPath(d.Path)[:depth], "")}
		old[at], new[at] = append(old[at], d.Old), append(new[at], d.New)
	}
	for at := range old {
		join := func(values []string) []byte { return []byte(`{"v":[` + strings.Join(values, ",") + `]}`) }
		if !sameJSON(join(old[at]), join(new[at]), Rule{Path: "$.v", Unordered: Multiset}) {
			return false
		}
	}
	return true
}

// renames proposes rename for what is missing under one name and there under another, with the same values.
func (s *suggester) renames() {
	missing, extra := s.lone(KindMissing), s.lone(KindExtra)
	for _, m := range missing {
		var fits []*spot
		for _, e := range extra {
			if e.proposal == nil && s.moved(m, e) {
				fits = append(fits, e)
			}
		}
		if len(fits) != 1 {
			continue
		}
		e := fits[0]
		if rivals := slices.DeleteFunc(slices.Clone(missing), func(o *spot) bool { return o == m || !s.moved(o, e) }); len(rivals) > 0 {
			continue // it may be the other one as well
		}
		s.rename(m, e)
	}
}

func (s *suggester) rename(m, e *spot) {
	r := Rule{Path: m.path, Rename: e.path}
	from, to := splitPath(m.path), splitPath(e.path)
	last := len(from) - 1
	if len(to) == len(from) && slices.Equal(from[:last], to[:last]) {
		if name, ok := memberName(to[last]); ok && !strings.HasPrefix(name, "$") {
			r.Rename = name
		}
	}
	if s.try(r, m, e) != refuted {
		s.offer(r, "that new has the member at "+e.path+", with the value that old has at "+m.path+shapeChanges, m, e)
	}
}

// lone lists the members that only one side has, in every exchange, and never as null.
func (s *suggester) lone(kind Kind) []*spot {
	var out []*spot
	for _, p := range s.spots {
		steps := splitPath(p.path)
		if p.proposal == nil && p.location == InBody && p.only(kind) && len(steps) > 0 && isMember(steps[len(steps)-1]) &&
			p.every(func(d Difference) bool { return d.Old+d.New != "null" }) {
			out = append(out, p)
		}
	}
	return out
}

// moved reports whether each value that is missing at m is there at e, in the same object or in one that no array lies above, and
// the other way round.
func (s *suggester) moved(m, e *spot) bool {
	from, to := splitPath(m.path), splitPath(e.path)
	siblings := len(from) == len(to) && slices.Equal(from[:len(from)-1], to[:len(to)-1])
	if !siblings && (strings.Contains(m.path+e.path, "[*]") || !telling(m.seen[0].Old)) {
		return false
	}
	if len(m.seen) != len(e.seen) {
		return false
	}
	for _, d := range m.seen {
		parent := func(path string) string {
			if !siblings {
				return ""
			}
			steps := splitPath(path)
			return strings.Join(steps[:len(steps)-1], "")
		}
		if !slices.ContainsFunc(e.seen, func(x sight) bool {
			return x.exchange == d.exchange && parent(x.Path) == parent(d.Path) && s.sameValue(d.Old, x.New)
		}) {
			return false
		}
	}
	return true
}

// sameValue reports whether two shown values are the same. Of long ones only the beginnings are shown: then the answers themselves must
// show it.
func (s *suggester) sameValue(old, new string) bool {
	if !shownWhole(old) || !shownWhole(new) {
		return old == new && len(s.bodies) > 0
	}
	return old == new || sameJSON(wrap(old), wrap(new))
}

func wrap(shown string) []byte {
	return slices.Concat([]byte(`{"v":`), bytes.TrimSpace(asJSON(shown)), []byte("}"))
}

// telling reports whether a value is so particular that the same one elsewhere is no chance.
func telling(shown string) bool { return len(shown) > 6 }
