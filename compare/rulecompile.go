package compare

import (
	"errors"
	"fmt"
	"math"
)

// compileRules checks every rule and returns all that is wrong with them.
func compileRules(in []Rule) (*ruleset, []error) {
	if len(in) > math.MaxUint16 {
		err := fmt.Errorf("at most %d rules are allowed, and there are %d", math.MaxUint16, len(in))
		return nil, []error{&RuleError{Index: math.MaxUint16, Err: err}}
	}
	s := &ruleset{rules: make([]rule, len(in))}
	paths, families := make([]*Path, len(in)), make([]family, len(in))
	var errs []error
	for i, r := range in {
		fail := func(field string, err error) {
			errs = append(errs, &RuleError{Index: i, Field: field, Err: err})
		}
		paths[i] = compilePlace(r, &s.rules[i], fail)
		compileAction(r, paths[i], &s.rules[i], fail)
		families[i] = s.rules[i].action.family()
	}
	s.paths = newAutomaton(paths, families)
	if len(errs) == 0 {
		s.compileRenames(paths)
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
		if a := actionsOf(r); len(a) > 0 && (len(a) > 1 || a[0] != actIgnore) {
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

// actionsOf returns what a rule says.
func actionsOf(r Rule) []action {
	var out []action
	for _, a := range []struct {
		given  bool
		action action
	}{
		{r.Ignore != IgnoreNothing, actIgnore},
		{r.Number != nil, actNumber},
		{r.Time != nil, actTime},
		{r.CoerceNumber, actCoerce},
		{r.Unordered != Ordered, actUnordered},
		{r.Key != "", actKey},
		{r.Rename != "", actRename},
		{r.CSV != nil, actCSV},
		{r.AbsentEqualsNull, actAbsent},
	} {
		if a.given {
			out = append(out, a.action)
		}
	}
	return out
}

// compileAction sets what the rule does; it must be one thing. path is nil if it is wrong, or the rule is about a header.
func compileAction(r Rule, path *Path, out *rule, fail func(string, error)) {
	const all = "ignore, number, time, coerce, unordered, key, rename, csv and absent_equals_null"
	actions := actionsOf(r)
	switch len(actions) {
	case 0:
		fail("", errors.New("says nothing: give it one of "+all))
		return
	case 1:
		out.action = actions[0]
	default:
		fail("", errors.New("says several things: make a rule of each of "+all))
	}
	for _, a := range actions {
		compileOne(a, r, path, out, fail)
	}
}

func compileOne(a action, r Rule, path *Path, out *rule, fail func(string, error)) {
	switch a {
	case actIgnore:
		out.ignore = r.Ignore
		if r.Ignore > IgnoreValue {
			fail("ignore", fmt.Errorf("unknown mode %d", r.Ignore))
		}
	case actUnordered:
		out.set = r.Unordered == Set
		if r.Unordered > Set {
			fail("unordered", fmt.Errorf("unknown order %d", r.Unordered))
		}
	case actNumber:
		compileNumber(r.Number, out, fail)
	case actTime:
		if r.Time.Skew < 0 {
			fail("time.skew", fmt.Errorf("%v is negative", r.Time.Skew))
		}
		out.skew = nanosOf(r.Time.Skew)
	case actKey:
		key, err := compileKey(r.Key)
		if err != nil {
			fail("key", err)
		}
		out.key = key
	case actRename:
		to, err := compileTarget(r.Rename, path)
		if err != nil {
			fail("rename", err)
		}
		out.rename = to
	case actAbsent:
		if path != nil && !path.ofMember() {
			fail("absent_equals_null", errors.New("is for members of objects, and the path leads to none: it must not end in $ or an index"))
		}
	case actCSV:
		if path != nil && !path.ofBody() {
			fail("csv", errors.New("is for a body as a whole, and the path leads to none: write $, or $[1] for a part of a multipart body"))
		}
		out.csvHeader = r.CSV.Header
	case actNothing, actCoerce:
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

// compileKey reads the path from an element to its key.
func compileKey(text string) ([]segment, error) {
	p, err := ParsePath(text)
	if err != nil {
		return nil, err
	}
	for _, s := range p.segments {
		if s.descend || s.selector == byWildcard {
			return nil, fmt.Errorf("%q leads to several places: a key is one value, named without .. and *", text)
		}
	}
	return p.segments, nil
}
