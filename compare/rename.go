package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// target says where a renamed member of old is found in new.
type target struct {
	name []byte // its name there
	// segments lead to the member from the root, its name the last of them; nil if it stays in its object.
	segments []segment
	// shared is how many segments the two paths begin with in common; wildcards are the places of the * in the path in old.
	shared    int
	wildcards []int
}

// ofMember reports whether the path may lead to members of objects.
func (p *Path) ofMember() bool {
	return len(p.segments) > 0 && p.segments[len(p.segments)-1].selector != byIndex
}

// ofBody reports whether the path may lead to a body as a whole: the answer's, or that of a part of a multipart body, which has no name.
func (p *Path) ofBody() bool {
	return !slices.ContainsFunc(p.segments, func(s segment) bool { return s.selector == byName })
}

// isPath tells a path from a name that begins with $.
func isPath(text string) bool {
	rest, dollar := strings.CutPrefix(text, "$")
	return dollar && (rest == "" || strings.IndexByte(".[ \t\r\n", rest[0]) >= 0)
}

// compileTarget reads where a rule renames to. from is the rule's path, nil if that is wrong.
func compileTarget(text string, from *Path) (target, error) {
	if from != nil && (len(from.segments) == 0 || from.segments[len(from.segments)-1].selector != byName) {
		return target{}, fmt.Errorf("renames a member, so the path must end in a name; %s does not", from)
	}
	if !isPath(text) {
		if from != nil && from.segments[len(from.segments)-1].name == text {
			return target{}, errors.New("is the name that the member has already")
		}
		return target{name: []byte(text)}, nil
	}
	to, err := ParsePath(text)
	if err != nil || from == nil {
		return target{}, err
	}
	last := len(to.segments) - 1
	if last < 0 || to.segments[last].selector != byName {
		return target{}, fmt.Errorf("%q must end in a name, that of the member in new", text)
	}
	for _, s := range append(from.segments[:len(from.segments):len(from.segments)], to.segments...) {
		if s.descend {
			return target{}, errors.New("to a path needs a path without .. on both sides, since it must say where each member goes; rename to a name instead")
		}
	}
	out := target{name: []byte(to.segments[last].name), segments: to.segments, wildcards: wildcards(from)}
	if len(out.wildcards) != len(wildcards(to)) {
		return target{}, fmt.Errorf("%q must have as many * as %s: each stands for what it stood for in old", text, from)
	}
	for out.shared < min(last, len(from.segments)-1) && from.segments[out.shared] == to.segments[out.shared] {
		out.shared++
	}
	if out.shared == last && len(from.segments) == len(to.segments) && from.segments[last] == to.segments[last] {
		return target{}, errors.New("is the place that the member has already")
	}
	return out, nil
}

// wildcards returns the places of the segments of p that are *.
func wildcards(p *Path) []int {
	var out []int
	for i, s := range p.segments {
		if s.selector == byWildcard {
			out = append(out, i)
		}
	}
	return out
}

// renamed is a rename to a name, seen from new.
type renamed struct {
	rule int
	name string // in old
}

// compileRenames gathers what must be known of all renames together.
func (s *ruleset) compileRenames(paths []*Path) {
	s.vague = map[string]bool{}
	anyName := false
	for i := range s.rules {
		if s.rules[i].action != actRename {
			continue
		}
		if !s.renames {
			s.renames, s.inverse = true, map[string][]renamed{}
		}
		to, last := &s.rules[i].rename, len(paths[i].segments)-1
		if to.segments == nil {
			s.inverse[string(to.name)] = append(s.inverse[string(to.name)], renamed{i, paths[i].segments[last].name})
			continue
		}
		s.moves, s.vague[string(to.name)] = true, true
		for _, p := range append(paths[i].segments[:last:last], to.segments[:len(to.segments)-1]...) {
			s.vague[p.name] = true
			anyName = anyName || p.selector == byWildcard
		}
	}
	if anyName {
		s.vague = nil
		return
	}
	// What a move leaves empty may have another name in new.
	for to, from := range s.inverse {
		for _, r := range from {
			if s.vague[r.name] {
				s.vague[to] = true
			}
		}
	}
}
