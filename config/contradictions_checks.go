package config

import (
	"slices"
	"strings"
)

// checkForm says what a check of one type is made of.
type checkForm struct {
	sides [][]string // the ways to say what a side is asked, each by its keys
	keys  []string   // beside those that every check may have
	none  bool       // a side may also say nothing
	exact bool       // nothing is allowed that the file does not allow
}

var checkForms = map[string]checkForm{
	Count:        {sides: [][]string{{"table"}, {"sql"}}, keys: []string{"columns", "settled"}},
	Scalar:       {sides: [][]string{{"sql"}}, keys: []string{"settled"}},
	Ratio:        {sides: [][]string{{"sql"}}, keys: []string{"settled"}},
	Top:          {sides: [][]string{{"sql"}}, keys: []string{"limit", "tolerance.overlap", "settled"}},
	Distribution: {sides: [][]string{{"sql"}, {"table", "column"}}, keys: []string{"columns", "settled"}},
	Rows:         {sides: [][]string{{"sql"}}, keys: []string{"key", "columns", "settled"}, exact: true},
	Checksum:     {sides: [][]string{{"table"}}, keys: []string{"key", "columns", "pace", "settled"}, exact: true},
	Schema:       {sides: [][]string{{"schema"}}, keys: []string{"tables", "rename"}, none: true},
	Sequences:    {sides: [][]string{{"schema"}}, keys: []string{"tables", "rename"}, none: true},
}

// keysOfSides are all that a side may have, in the order of the reference.
var keysOfSides = []string{"table", "sql", "column", "schema"}

// keysOfTypes are those of a check that not every type knows.
var keysOfTypes = []string{"limit", "tolerance.overlap", "key", "columns", "pace", "tables", "rename", "settled"}

func (d *decoder) check(path string, c *Check, databases *Databases) {
	if form, known := checkForms[c.Type]; known && d.ok(path+".type") {
		d.checkSide(path, "old", c.Type, form)
		d.checkSide(path, "new", c.Type, form)
		for _, key := range keysOfTypes {
			if at := path + "." + key; d.given(at) && !slices.Contains(form.keys, key) {
				d.contradict(at, "is not for a check of type %s", c.Type)
			}
		}
		if form.exact && !d.given(path+".tolerance.relative") {
			c.Tolerance.Relative = "0"
		}
	}
	if at := path + ".settled"; c.Settled != nil && d.ok(at) && !d.given(at+".column") && (d.given(path+".old.table") || d.given(path+".new.table")) {
		d.contradict(at, "must have column, which says how old a row of a table is")
	}
	if databases == nil && d.ok("databases") {
		d.contradict(path, "needs both databases; databases.old.dsn and databases.new.dsn are not configured")
	}
	if d.ok(path+".every", path+".max_age") && c.MaxAge < c.Every {
		at := path + ".max_age"
		if !d.given(at) {
			at = path + ".every" // or else both would be defaults, which do not contradict
		}
		d.contradict(at, "a pass would be older than max_age, %s, before the check runs again, every %s; raise max_age",
			formatDuration(c.MaxAge), formatDuration(c.Every))
	}
}

// checkSide reports a side that does not say, in one way, what it is asked.
func (d *decoder) checkSide(path, side, kind string, form checkForm) {
	at := path + "." + side
	if !d.ok(at) {
		return
	}
	var ways, given []string
	for _, way := range form.sides {
		ways = append(ways, strings.Join(way, " with "))
	}
	foreign := false
	for _, key := range keysOfSides {
		if !d.given(at + "." + key) {
			continue
		}
		if !slices.ContainsFunc(form.sides, func(way []string) bool { return slices.Contains(way, key) }) {
			d.contradict(at+"."+key, "is not for a check of type %s, which takes %s", kind, enumerate(ways, "or"))
			foreign = true
			continue
		}
		given = append(given, key)
	}
	fits := slices.ContainsFunc(form.sides, func(way []string) bool { return slices.Equal(way, given) })
	switch {
	case fits, foreign, len(given) == 0 && form.none:
	case len(given) == 0 && d.given(at):
		d.contradict(at, "must have %s", enumerate(ways, "or"))
	case len(given) == 0:
		d.contradict(path, "must have %s, with %s", side, enumerate(ways, "or"))
	case slices.ContainsFunc(form.sides, func(way []string) bool { return len(way) > len(given) && slices.Equal(way[:len(given)], given) }),
		slices.ContainsFunc(form.sides, func(way []string) bool { return len(given) == 1 && slices.Contains(way, given[0]) && len(way) > 1 }):
		d.contradict(at, "must have %s; %s is not enough", enumerate(ways, "or"), given[0])
	default:
		d.contradict(at, "must have one of %s, not both", enumerate(ways, "and"))
	}
}
