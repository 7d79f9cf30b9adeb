package inventory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Step is something of the migration that a person has to see to.
type Step struct {
	Number int    `json:"number"` // of the playbook's ten steps
	What   string `json:"what"`
	// Items are what it concerns here.
	Items []string `json:"items"`
}

// maxItems bounds what a step names.
const maxItems = 30

func (i *Inventory) steps() []Step {
	const copyData = "Copy the data; row-count every table. The `count`, `checksum` and `sequences` checks watch over it."
	backup := Step{3, "Back up twice, to two places, and verify both by a restore and by the row counts above (`paritygate attest`).", nil}
	if i.Old == nil || i.New == nil {
		return []Step{
			{1, "Read the other side as well, once it is there: then tables are matched and checks are drafted.", nil},
			backup,
			{7, copyData, i.withoutKey()},
		}
	}
	schema := slices.Concat(lacking("extension", i.Extensions), lacking("view", i.Views), i.columnsToPort(),
		lacking("foreign key", i.ForeignKeys), lacking("policy", i.Policies))
	return []Step{
		{1, "Confirm the proposed renames, and decide what becomes of each table that only old has.", i.undecided()},
		backup,
		{4, "Port the schema: what new still lacks, and what it has otherwise. The `schema` check watches over it.", schema},
		{5, "Port the functions and triggers.", slices.Concat(lacking("function", i.Functions), lacking("trigger", i.Triggers))},
		{7, copyData, slices.Concat(i.otherCounts(), i.withoutKey())},
		{8, "Paste the checks below into paritygate.yaml, run `paritygate check`, then run in parallel for 48 hours at least.", nil},
		{9, "Before the writes are cut over, set new's sequences beyond the highest ids.", lacking("sequence", i.Sequences)},
	}
}

func (i *Inventory) undecided() (out []string) {
	for n := range i.Tables {
		switch p := &i.Tables[n]; {
		case p.New == nil:
			out = append(out, fmt.Sprintf("%s is on old alone", p.Name()))
		case p.Old != nil && p.Match == BySimilarity:
			out = append(out, fmt.Sprintf("%s may be %s (score %.2f)", p.Old.Name, p.New.Name, p.Score))
		}
	}
	return out
}

func (i *Inventory) columnsToPort() (out []string) {
	for n := range i.Tables {
		p := &i.Tables[n]
		if !p.Paired() {
			continue
		}
		for _, c := range p.Columns {
			if c.New == nil {
				out = append(out, fmt.Sprintf("column %s.%s (%s) is not on new", p.Old.Name, c.Old.Name, c.Old.Type))
			}
		}
		if p.Old.RowSecurity && !p.New.RowSecurity {
			out = append(out, fmt.Sprintf("row-level security is on for old's %s and off for new's %s", p.Old.Name, p.New.Name))
		}
	}
	return out
}

func (i *Inventory) otherCounts() (out []string) {
	for n := range i.Tables {
		p := &i.Tables[n]
		if p.Paired() && p.Old.Exact && p.New.Exact && *p.Old.Rows != *p.New.Rows {
			out = append(out, fmt.Sprintf("%s has %s rows on old, and %s has %s on new", p.Old.Name, grouped(*p.Old.Rows), p.New.Name, grouped(*p.New.Rows)))
		}
	}
	return out
}

func (i *Inventory) withoutKey() (out []string) {
	for n := range i.Tables {
		if t := i.Tables[n].Old; t != nil && len(t.Key) == 0 {
			out = append(out, fmt.Sprintf("%s has no primary key: neither logical replication nor a checksum can tell its rows apart", t.Name))
		}
	}
	return out
}

// lacking says what new has not, or otherwise.
func lacking(what string, pairs []Pair) (out []string) {
	for _, p := range pairs {
		switch {
		case p.New == "":
			out = append(out, fmt.Sprintf("%s %s is not on new", what, p.Old))
		case p.Differs:
			out = append(out, fmt.Sprintf("%s %s differs on new: %s", what, p.Old, p.New))
		case p.behind:
			out = append(out, fmt.Sprintf("%s %s is behind on new: %s", what, p.Old, p.New))
		}
	}
	return out
}

// grouped writes a number with commas between its thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return sign + s
}
