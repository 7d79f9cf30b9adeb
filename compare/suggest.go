package compare

import (
	"slices"
	"strings"
)

// Seen is what one exchange of a group of mismatches showed.
type Seen struct {
	Differences []Difference
	// Old and New are both answers, nil if they are not kept with their whole bodies. Some rules are proposed only where they can be
	// tried on them.
	Old, New *Answer
}

// Proposal is the rule that would express the differences at some places of a group, and hide no more than it must.
type Proposal struct {
	// Places are what the rule is about: paths as GroupPath gives them, no values.
	Places []Difference
	// Rule is nil where no rule is honest.
	Rule *Rule
	// Reason says what the rule hides, or why there is none.
	Reason string
}

// Suggest proposes rules for a group of mismatches: exchanges that differ at the same places. The options are those by which they
// were compared; what is proposed is meant to go before their rules. noise tells of a place, its path as GroupPath gives it, whether the
// authority is known to differ from itself there; nil: of none. Every place is in one of the proposals, which come in the
// order of the places.
func Suggest(o Options, seen []Seen, noise func(Difference) bool) []Proposal {
	s := &suggester{options: o}
	for i, one := range seen {
		s.gather(i, one)
	}
	s.keepBodies(seen)
	for _, p := range s.spots {
		if noise != nil && p.all(noise) {
			s.noise(p)
		}
	}
	s.columns()
	s.orders()
	s.renames()
	for _, p := range s.spots {
		if p.proposal == nil {
			s.claim(s.single(p), p)
		}
	}
	var out []Proposal
	var told []*Proposal
	for _, p := range s.spots {
		if !slices.Contains(told, p.proposal) {
			told, out = append(told, p.proposal), append(out, *p.proposal)
		}
	}
	return out
}

// suggester looks for rules; every spot gets its proposal from the first that finds one.
type suggester struct {
	options Options
	spots   []*spot
	bodies  []kept
}

// spot is one place of the group with what was seen there.
type spot struct {
	location Location
	path     string // as GroupPath gives it
	kinds    []Kind
	seen     []sight
	proposal *Proposal
}

// sight is one difference at a spot.
type sight struct {
	exchange int
	Difference
}

// maxSights bounds how many differences of one spot are looked at.
const maxSights = 200

func (s *suggester) gather(exchange int, one Seen) {
	for _, d := range one.Differences {
		path := GroupPath(d.Path)
		at := slices.IndexFunc(s.spots, func(p *spot) bool { return p.location == d.Location && p.path == path })
		if at < 0 {
			at = len(s.spots)
			s.spots = append(s.spots, &spot{location: d.Location, path: path})
		}
		s.spots[at].note(sight{exchange, d})
	}
}

func (p *spot) note(d sight) {
	if !slices.Contains(p.kinds, d.Kind) {
		p.kinds = append(p.kinds, d.Kind)
	}
	if len(p.seen) < maxSights {
		p.seen = append(p.seen, d)
	}
}

// all reports whether something holds for the spot with each of its kinds.
func (p *spot) all(holds func(Difference) bool) bool {
	return !slices.ContainsFunc(p.kinds, func(k Kind) bool { return !holds(Difference{Location: p.location, Path: p.path, Kind: k}) })
}

// only reports whether the spot was seen with these kinds alone.
func (p *spot) only(kinds ...Kind) bool {
	return !slices.ContainsFunc(p.kinds, func(k Kind) bool { return !slices.Contains(kinds, k) })
}

// claim makes a proposal that of the spots.
func (s *suggester) claim(p Proposal, spots ...*spot) {
	for _, at := range spots {
		at.proposal = &p
		for _, k := range at.kinds {
			p.Places = append(p.Places, Difference{Location: at.location, Path: at.path, Kind: k})
		}
	}
}

// offer claims the spots for a rule, if it is one that New takes.
func (s *suggester) offer(r Rule, reason string, spots ...*spot) bool {
	if _, err := New(Options{Rules: []Rule{r}}); err != nil {
		return false
	}
	s.claim(Proposal{Rule: &r, Reason: reason}, spots...)
	return true
}

func noRule(reason string) Proposal { return Proposal{Reason: reason} }

// noise proposes to ignore a place at which the authority differs from itself.
func (s *suggester) noise(p *spot) {
	const why = "old differs from itself here about as often as new does from it"
	r := Rule{Ignore: IgnoreValue}
	reason := "any other value of the same type: " + why
	if !p.only(KindValue) {
		r.Ignore, reason = IgnoreAll, "whatever is there, and whether it is there: "+why
	}
	switch {
	case p.location == InHeader:
		r.Header = p.path
	case p.location == InBody && len(splitPath(p.path)) > 0:
		r.Path = p.path
	default:
		return
	}
	s.offer(r, reason, p)
}

// single proposes what one spot allows by itself.
func (s *suggester) single(p *spot) Proposal {
	switch {
	case p.location == InStatus:
		return noRule("no rule is about the status: new must give the one that old gives")
	case p.location == InHeader && p.only(KindValue):
		return Proposal{Rule: &Rule{Header: p.path, Ignore: IgnoreValue}, Reason: "any other value of the header, which must still be there"}
	case p.location == InHeader:
		return Proposal{Rule: &Rule{Header: p.path, Ignore: IgnoreAll}, Reason: "any value of the header, and whether it is there"}
	case len(splitPath(p.path)) == 0:
		return noRule("the bodies differ as a whole, and a rule for that would compare nothing of them")
	}
	r, reason := s.value(p)
	if r == nil {
		if number := s.textual(p); number != nil {
			return *number
		}
		return noRule(reason)
	}
	r.Path = s.narrow(p)
	if _, err := New(Options{Rules: []Rule{*r}}); err != nil || s.try(*r, p) == refuted {
		return noRule("no rule was found that would hide this alone")
	}
	return Proposal{Rule: r, Reason: reason}
}

// splitPath returns the steps of a path: `.name`, `['name']`, `[3]`, `[*]`; none of what is no path.
func splitPath(path string) []string {
	if path == "" || path[0] != '$' {
		return nil
	}
	var steps []string
	for at := 1; at < len(path); {
		end := at + 1
		switch {
		case strings.HasPrefix(path[at:], "['"):
			for end = at + 2; end < len(path) && path[end] != '\''; end++ {
				if path[end] == '\\' {
					end++
				}
			}
			end = min(end+2, len(path))
		case path[at] == '[':
			for end < len(path) && path[end-1] != ']' {
				end++
			}
		default:
			for end < len(path) && path[end] != '.' && path[end] != '[' {
				end++
			}
		}
		steps = append(steps, path[at:end])
		at = end
	}
	return steps
}

// isMember reports whether a step leads to a member, not to an element.
func isMember(step string) bool { return strings.HasPrefix(step, ".") || strings.HasPrefix(step, "['") }

// memberName returns the name in a step; false if it is none.
func memberName(step string) (string, bool) {
	p, err := ParsePath("$" + step)
	if err != nil || len(p.segments) != 1 || p.segments[0].selector != byName {
		return "", false
	}
	return p.segments[0].name, true
}
