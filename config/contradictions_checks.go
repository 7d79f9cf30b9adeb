package config

import (
	"fmt"
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

// overHTTP is how a side without SQL is asked.
var overHTTP = []string{"http", "value"}

var checkForms = map[string]checkForm{
	Count:        {sides: [][]string{{"table"}, {"sql"}, overHTTP}, keys: []string{"columns", "settled"}},
	Scalar:       {sides: [][]string{{"sql"}, overHTTP}, keys: []string{"settled"}},
	Ratio:        {sides: [][]string{{"sql"}, overHTTP}, keys: []string{"settled"}},
	Top:          {sides: [][]string{{"sql"}, overHTTP}, keys: []string{"limit", "tolerance.overlap", "settled"}},
	Distribution: {sides: [][]string{{"sql"}, {"table", "column"}, overHTTP}, keys: []string{"columns", "settled"}},
	Rows:         {sides: [][]string{{"sql"}, overHTTP}, keys: []string{"key", "columns", "settled"}, exact: true},
	Checksum:     {sides: [][]string{{"table"}}, keys: []string{"key", "columns", "pace", "settled"}, exact: true},
	Schema:       {sides: [][]string{{"schema"}}, keys: []string{"tables", "rename"}, none: true, exact: true},
	Sequences:    {sides: [][]string{{"schema"}}, keys: []string{"tables", "rename"}, none: true, exact: true},
}

// keysOfSides are all that a side may have, in the order of the reference.
var keysOfSides = []string{"table", "sql", "column", "schema", "http", "value"}

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
		if c.Type == Count || c.Type == Distribution {
			d.checkColumns(path, c)
		}
		if form.exact && !d.given(path+".tolerance.relative") {
			c.Tolerance.Relative = "0"
		}
	}
	if at := path + ".settled"; c.Settled != nil && d.ok(at) && !d.given(at+".column") && (d.given(path+".old.table") || d.given(path+".new.table")) {
		d.contradict(at, "must have column, which says how old a row of a table is")
	}
	d.checkHTTP(path+".old.http", c.Old.HTTP)
	d.checkHTTP(path+".new.http", c.New.HTTP)
	d.checkDatabases(path, c, databases)
	if d.ok(path+".every", path+".max_age") && c.MaxAge < c.Every {
		at := path + ".max_age"
		if !d.given(at) {
			at = path + ".every" // or else both would be defaults, which do not contradict
		}
		d.contradict(at, "a pass would be older than max_age, %s, before the check runs again, every %s; raise max_age",
			formatDuration(c.MaxAge), formatDuration(c.Every))
	}
}

// checkColumns reports what columns says to a check that compares none of them, and would not heed it.
func (d *decoder) checkColumns(path string, c *Check) {
	at := path + ".columns"
	if !d.given(at) || !d.ok(at) {
		return
	}
	if c.Settled == nil {
		d.contradict(at, "is used by a check of type %s only with settled: it says what new calls settled.column", c.Type)
		return
	}
	for i := range c.Columns {
		for _, key := range []string{"ignore", "tolerance"} {
			if of := fmt.Sprintf("%s[%d].%s", at, i, key); d.given(of) {
				d.contradict(of, "is not for a check of type %s, which compares no columns", c.Type)
			}
		}
	}
}

func (d *decoder) checkHTTP(at string, h *CheckHTTP) {
	if h != nil && h.Method == "GET" && d.given(at+".body") && d.ok(at+".method") {
		d.contradict(at+".body", "needs method: POST")
	}
}

// checkDatabases reports a check that needs a database which is not there.
func (d *decoder) checkDatabases(path string, c *Check, databases *Databases) {
	if !d.ok("databases") {
		return
	}
	if databases == nil {
		databases = &Databases{}
	}
	var lacks []string
	for _, s := range []struct {
		name     string
		http     bool
		database Database
	}{{"old", c.Old.HTTP != nil, databases.Old}, {"new", c.New.HTTP != nil, databases.New}} {
		if at := "databases." + s.name; !s.http && s.database.DSN == "" && d.ok(at, at+".dsn", path+"."+s.name) && !d.given(path+"."+s.name+".http") {
			lacks = append(lacks, at+".dsn")
		}
	}
	switch len(lacks) {
	case 1:
		d.contradict(path, "needs both databases, or http in place of one; %s is not configured", lacks[0])
	case 2:
		d.contradict(path, "needs both databases; %s and %s are not configured", lacks[0], lacks[1])
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
		d.contradict(at, "must have only one of %s", enumerate(ways, "and"))
	}
}
