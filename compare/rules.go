package compare

import (
	"errors"
	"fmt"
	"math"
)

// family is a kind of rule; at each place the first rule of each family decides.
type family uint8

const (
	familySuppress family = iota
	familyStructure
	familyValue
	familyCount
)

// none says that no rule decides.
const none = -1

// rule is a Rule that was checked and made ready.
type rule struct {
	family   family
	ignore   IgnoreMode
	header   string // lower case; empty for a rule with a path
	absolute decimal
	relative decimal
	time     bool
	skew     nanos
}

// ruleset is all rules; paths has nil where a rule is about a header.
type ruleset struct {
	rules []rule
	paths []*Path
}

// decision is the index of the deciding rule of each family, or none.
type decision [familyCount]int

// decide returns the rules that decide at the cursor's place.
func (s *ruleset) decide(c *cursor) decision {
	d := decision{none, none, none}
	for _, p := range c.top() {
		if int(p.segment) < len(s.paths[p.path].segments) {
			continue
		}
		f := s.rules[p.path].family
		if d[f] == none {
			d[f] = int(p.path)
		}
	}
	return d
}

// ignores returns what the suppressing rule of d ignores.
func (s *ruleset) ignores(d decision) IgnoreMode {
	if d[familySuppress] == none {
		return IgnoreNothing
	}
	return s.rules[d[familySuppress]].ignore
}

// rootRule returns the rule that suppresses at `$`, or none. It is asked for bodies that are not JSON.
func rootRule(s *ruleset) int {
	var c cursor
	c.start(s.paths)
	return s.decide(&c)[familySuppress]
}

// compileRules checks every rule and returns all that is wrong with them.
func compileRules(in []Rule) (*ruleset, []error) {
	if len(in) > math.MaxUint16 {
		err := fmt.Errorf("at most %d rules are allowed, and there are %d", math.MaxUint16, len(in))
		return nil, []error{&RuleError{Index: math.MaxUint16, Err: err}}
	}
	s := &ruleset{rules: make([]rule, len(in)), paths: make([]*Path, len(in))}
	var errs []error
	for i, r := range in {
		fail := func(field string, err error) {
			errs = append(errs, &RuleError{Index: i, Field: field, Err: err})
		}
		s.paths[i] = compilePlace(r, &s.rules[i], fail)
		compileAction(r, &s.rules[i], fail)
	}
	return s, errs
}

// compilePlace sets the rule's header or returns its path.
func compilePlace(r Rule, out *rule, fail func(string, error)) *Path {
	switch {
	case r.Path == "" && r.Header == "":
		fail("", errors.New("needs a path or a header"))
	case r.Path != "" && r.Header != "":
		fail("", errors.New("has a path and a header: make two rules of it"))
	case r.Header != "":
		if !isToken(r.Header) {
			fail("header", fmt.Errorf("%q is no header name", r.Header))
		}
		if r.Number != nil || r.Time != nil || r.Unordered {
			fail("header", errors.New("a header can only be ignored"))
		}
		out.header = lower(r.Header)
	default:
		p, err := ParsePath(r.Path)
		if err != nil {
			fail("path", err)
		}
		return p
	}
	return nil
}

// compileAction sets what the rule does; it must be one thing.
func compileAction(r Rule, out *rule, fail func(string, error)) {
	actions := 0
	if r.Ignore != IgnoreNothing {
		actions++
		out.family, out.ignore = familySuppress, r.Ignore
		if r.Ignore > IgnoreValue {
			fail("ignore", fmt.Errorf("unknown mode %d", r.Ignore))
		}
	}
	if r.Unordered {
		actions++
		out.family = familyStructure
	}
	if r.Number != nil {
		actions++
		out.family = familyValue
		compileNumber(r.Number, out, fail)
	}
	if r.Time != nil {
		actions++
		out.family, out.time = familyValue, true
		if r.Time.Skew < 0 {
			fail("time.skew", fmt.Errorf("%v is negative", r.Time.Skew))
		}
		out.skew = nanosOf(r.Time.Skew)
	}
	switch {
	case actions == 0:
		fail("", errors.New("says nothing: give it ignore, number, time or unordered"))
	case actions > 1:
		fail("", errors.New("says several things: make a rule of each of ignore, number, time and unordered"))
	}
}

func compileNumber(n *Number, out *rule, fail func(string, error)) {
	if n.Absolute == "" && n.Relative == "" {
		fail("number", errors.New("needs absolute or relative"))
	}
	tolerance := func(field, text string) decimal {
		if text == "" {
			return decimal{}
		}
		end := scanNumber([]byte(text), 0)
		d := decimal{}
		if end == len(text) {
			d = parseDecimal([]byte(text))
		}
		switch {
		case end != len(text):
			fail("number."+field, fmt.Errorf("%q is no decimal number such as 0.005", text))
		case d.negative:
			fail("number."+field, fmt.Errorf("%q is negative", text))
		case !d.bounded():
			fail("number."+field, fmt.Errorf("%q has too many digits", text))
		}
		return d
	}
	out.absolute = tolerance("absolute", n.Absolute)
	out.relative = tolerance("relative", n.Relative)
}
