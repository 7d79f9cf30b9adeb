package compare

// family is a kind of rule; at each place the first rule of each family decides.
type family uint8

const (
	familySuppress family = iota
	familyStructure
	familyValue
	familyCount
)

// action is what a rule does.
type action uint8

const (
	actNothing action = iota
	actIgnore
	actUnordered
	actKey
	actRename
	actCSV
	actAbsent
	actNumber
	actTime
	actCoerce
)

// family returns the family that an action belongs to.
func (a action) family() family {
	switch a {
	case actUnordered, actKey, actRename, actCSV, actAbsent:
		return familyStructure
	case actNumber, actTime, actCoerce:
		return familyValue
	case actNothing, actIgnore:
	}
	return familySuppress
}

// none says that no rule decides.
const none = -1

// rule is a Rule that was checked and made ready.
type rule struct {
	action    action
	ignore    IgnoreMode
	header    string // lower case; empty for a rule with a path
	absolute  decimal
	relative  decimal
	skew      nanos
	set       bool      // of unordered: repeats do not count
	key       []segment // from an element to its key; empty for the element itself
	rename    target
	csvHeader bool
}

// ruleset is all rules. Those about headers have no path.
type ruleset struct {
	rules   []rule
	paths   *automaton
	renames bool                 // there is a rule that renames
	moves   bool                 // one of them moves members to other containers
	inverse map[string][]renamed // by the name in new: the renames to a name
	// vague holds the names of members that a move may add or leave empty; nil if those may be any.
	vague   map[string]bool
	textual bool // all values are texts, as in CSV: rules for numbers and times read them
}

// asText returns the rules for documents whose values are all texts.
func (s *ruleset) asText() *ruleset {
	textual := *s
	textual.textual = true
	return &textual
}

// decision is the index of the deciding rule of each family, or none.
type decision [familyCount]int

// decide returns the rules that decide at the cursor's place.
func (s *ruleset) decide(c *cursor) decision { return c.top().decision }

// ignores returns what the suppressing rule of d ignores.
func (s *ruleset) ignores(d decision) IgnoreMode {
	if d[familySuppress] == none {
		return IgnoreNothing
	}
	return s.rules[d[familySuppress]].ignore
}

// does reports whether the rule of d's family for an action does just that.
func (s *ruleset) does(d decision, a action) bool {
	i := d[a.family()]
	return i != none && s.rules[i].action == a
}

// orderless reports whether the order of an array does not count.
func (s *ruleset) orderless(d decision) bool { return s.does(d, actUnordered) || s.does(d, actKey) }

// set reports whether repeats in an array do not count either.
func (s *ruleset) set(d decision) bool {
	return s.does(d, actUnordered) && s.rules[d[familyStructure]].set
}

// rootRule returns the rule that suppresses at `$`, or none. It is asked for bodies that are not JSON.
func rootRule(s *ruleset) int {
	var c cursor
	c.start(s.paths)
	return s.decide(&c)[familySuppress]
}
