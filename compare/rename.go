package compare

import (
	"errors"
	"fmt"
	"strings"
)

// target says where a renamed member of old is found in new.
type target struct {
	name []byte // its name there
	// segments lead to the member from the root, its name the last of them; nil if it stays in its object.
	segments []segment
}

// ofMember reports whether the path may lead to members of objects.
func (p *Path) ofMember() bool {
	return len(p.segments) > 0 && p.segments[len(p.segments)-1].selector != byIndex
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
	if wildcards(from) != wildcards(to) {
		return target{}, fmt.Errorf("%q must have as many * as %s: each stands for what it stood for in old", text, from)
	}
	return target{name: []byte(to.segments[last].name), segments: to.segments}, nil
}

func wildcards(p *Path) int {
	n := 0
	for _, s := range p.segments {
		if s.selector == byWildcard {
			n++
		}
	}
	return n
}
