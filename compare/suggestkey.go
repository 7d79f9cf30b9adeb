package compare

import (
	"slices"
	"strings"
)

// keyNames are the members by which elements are joined, the likeliest first.
var keyNames = []string{"id", "_id", "uuid", "guid", "key", "code", "sku", "slug", "ref", "number", "name"}

// keyed proposes key for an array whose elements stand in another order and differ besides, and goes on with what is left then: it is that
// which other rules must express. All exchanges must be there to be compared again.
func (s *suggester) keyed(array string, within []*spot) {
	for _, name := range keyNames {
		member := slices.IndexFunc(within, func(p *spot) bool { return p.path == array+"[*]."+name })
		if member < 0 {
			continue
		}
		r := Rule{Path: array, Key: "$." + name}
		left, ok := s.left(r, within)
		if !ok || slices.ContainsFunc(left, func(k kept) bool {
			return slices.ContainsFunc(k.found, func(d Difference) bool { return at(d, within[member:member+1]) })
		}) {
			continue
		}
		s.options.Rules = append([]Rule{r}, s.options.Rules...)
		s.bodies = left
		gone := slices.DeleteFunc(slices.Clone(within), func(p *spot) bool { return p.again(left) })
		s.offer(r, "the order of the elements, which are told apart by "+name, gone...)
		return
	}
}

// left compares the kept exchanges with the rule, and returns what is found then; false if that is more than was found before anywhere,
// or if an exchange that differs at the spots cannot be compared again.
func (s *suggester) left(r Rule, about []*spot) ([]kept, bool) {
	o := s.options
	o.Rules = append([]Rule{r}, o.Rules...)
	c, err := New(o)
	if err != nil {
		return nil, false
	}
	for _, p := range about {
		if slices.ContainsFunc(p.seen, func(d sight) bool {
			return !slices.ContainsFunc(s.bodies, func(k kept) bool { return k.exchange == d.exchange })
		}) {
			return nil, false
		}
	}
	left := slices.Clone(s.bodies)
	for i, k := range left {
		after := c.Compare(k.old, k.new)
		if after.Verdict == Skipped || after.Dropped > 0 || len(after.Differences) > len(k.found) || slices.ContainsFunc(after.Differences, func(d Difference) bool {
			return !slices.ContainsFunc(k.found, func(f Difference) bool { return samePlace(d, f) })
		}) {
			return nil, false
		}
		left[i].found = after.Differences
	}
	return left, true
}

// again takes what the exchanges show now for what was seen at the spot, if they show anything.
func (p *spot) again(exchanges []kept) bool {
	now := spot{location: p.location, path: p.path}
	for _, k := range exchanges {
		for _, d := range k.found {
			if at(d, []*spot{p}) {
				now.note(sight{k.exchange, d})
			}
		}
	}
	if len(now.seen) == 0 {
		return false
	}
	p.seen, p.kinds = now.seen, now.kinds
	return true
}

// within reports whether the spot lies in an element of the array.
func (p *spot) within(array string) bool {
	return p.location == InBody && strings.HasPrefix(p.path, array+"[*]")
}
