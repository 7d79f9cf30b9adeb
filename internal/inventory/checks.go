package inventory

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"paritygate/compare/aggregate/catalog"
)

const (
	// fewValues is how many values a column may have for its distribution to be drafted.
	fewValues = 50
	// eachTable bounds the distributions, and the sums, that are drafted for one table.
	eachTable = 3
)

// draft is a list of checks in the making.
type draft struct {
	out   strings.Builder
	types []string
	taken map[string]bool
}

// draft writes the checks that would watch over the pairs, as the YAML of the configuration.
func (i *Inventory) draft(types []string) string {
	d := &draft{types: types, taken: map[string]bool{}}
	d.out.WriteString("checks:\n")
	empty := d.out.Len()
	i.draftSchemas(d)
	for n := range i.Tables {
		if p := &i.Tables[n]; p.Paired() {
			d.table(p)
		}
	}
	if d.out.Len() == empty {
		return ""
	}
	return d.out.String()
}

// check writes the beginning of a check, and reports whether there is such a type.
func (d *draft) check(name, kind string) bool {
	if !slices.Contains(d.types, kind) {
		return false
	}
	fmt.Fprintf(&d.out, "  - name: %s\n    type: %s\n", quoted(d.name(name)), kind)
	return true
}

var oddInName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// maxName is how long a check's name may be.
const maxName = 63

// name makes a check's name of a text: of the letters that it may have, and no other check's.
func (d *draft) name(text string) string {
	text = strings.TrimLeft(oddInName.ReplaceAllString(text, "_"), "-._")
	if text == "" {
		text = "check"
	}
	name := text[:min(len(text), maxName)]
	for n := 2; d.taken[name]; n++ {
		end := "-" + strconv.Itoa(n)
		name = text[:min(len(text), maxName-len(end))] + end
	}
	d.taken[name] = true
	return name
}

var (
	plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	// reserved are what some YAML reader takes for something else than a text.
	reserved = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null|nan|inf)$`)
)

// quoted writes a text as a YAML scalar that stands for itself.
func quoted(s string) string { return quotedKey(strings.ReplaceAll(s, "${", "$${")) }

// quotedKey does so for the key of a mapping, in which variables of the environment are not replaced.
func quotedKey(s string) string {
	if plain.MatchString(s) && !reserved.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// reference names a table as a check does: exactly as it is stored, with its schema if that is not public.
func reference(n catalog.Name) string {
	if n.Schema == "public" {
		return part(n.Name)
	}
	return part(n.Schema) + "." + part(n.Name)
}

func part(s string) string {
	if strings.Contains(s, ".") || strings.HasPrefix(s, `"`) {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// table drafts what watches over one pair.
func (d *draft) table(p *TablePair) {
	name := p.Old.Name.String()
	if p.Old.empty() && p.New.empty() {
		fmt.Fprintf(&d.out, "  # %s is empty on both sides, and what compares nothing is inconclusive: draft again when there are rows.\n", oneLine(name))
		return
	}
	if p.Match == BySimilarity {
		fmt.Fprintf(&d.out, "  # %s is proposed for %s with a score of %.2f: confirm it, or take these checks out.\n", oneLine(p.New.Name.String()), oneLine(name), p.Score)
	}
	sides := fmt.Sprintf("    old: {table: %s}\n    new: {table: %s}\n", quoted(reference(p.Old.Name)), quoted(reference(p.New.Name)))
	if d.check("count-"+name, "count") {
		d.out.WriteString(sides + "    tolerance: {relative: 1%}              # the two sides may be synced at different moments\n    strict_at_cutover: true\n")
	}
	if p.sameKeys() && p.sayable() && d.check("data-"+name, "checksum") {
		d.out.WriteString(sides)
		d.columns(p)
		d.out.WriteString("    every: 6h\n    max_age: 24h                         # it reads the whole table\n")
		if p.Old.large() || p.New.large() {
			d.out.WriteString("    strict_at_cutover: false             # while writes are held there is no time for so many rows\n")
		}
	}
	distributions, sums := 0, 0
	for i := range p.Columns {
		c := &p.Columns[i]
		if c.Old == nil || c.New == nil {
			continue
		}
		switch {
		case c.old.few() && distributions < eachTable && d.check("spread-"+name+"."+c.Old.Name, "distribution"):
			distributions++
			fmt.Fprintf(&d.out, "    old: {table: %s, column: %s}\n    new: {table: %s, column: %s}\n    tolerance: {relative: 1%%}\n",
				quoted(reference(p.Old.Name)), quoted(c.Old.Name), quoted(reference(p.New.Name)), quoted(c.New.Name))
		case c.old.money() && c.new.sums() && sums < eachTable && d.check("sum-"+name+"."+c.Old.Name, "scalar"):
			sums++
			fmt.Fprintf(&d.out, "    old: {sql: %s}\n    new: {sql: %s}\n    tolerance: {relative: 1%%}\n    strict_at_cutover: true\n", sum(p.Old.Name, c.Old.Name), sum(p.New.Name, c.New.Name))
		}
	}
}

func sum(table catalog.Name, column string) string {
	return quoted(fmt.Sprintf(`SELECT sum("%s") FROM %s`, strings.ReplaceAll(column, `"`, `""`), table.Sanitize()))
}

// sameKeys reports whether both have a primary key, of columns that are pairs.
func (p *TablePair) sameKeys() bool {
	if len(p.Old.Key) == 0 || len(p.Old.Key) != len(p.New.Key) {
		return false
	}
	for i := range p.Columns {
		c := &p.Columns[i]
		old := c.Old != nil && slices.Contains(p.Old.Key, c.Old.Name)
		newer := c.New != nil && slices.Contains(p.New.Key, c.New.Name)
		if old != newer {
			return false
		}
	}
	return true
}

// columns writes those that are called otherwise on new, and leaves out those that one side alone has.
func (d *draft) columns(p *TablePair) {
	head := "    columns:\n"
	for _, c := range p.Columns {
		switch {
		case c.New == nil:
			fmt.Fprintf(&d.out, "%s      - {old: %s, ignore: true}   # new has no such column\n", head, quoted(c.Old.Name))
		case c.Old == nil:
			fmt.Fprintf(&d.out, "%s      - {old: %s, ignore: true}   # old has no such column\n", head, quoted(c.New.Name))
		case c.inexact():
			fmt.Fprintf(&d.out, "%s      - {old: %s, new: %s, ignore: true}   # floating point on one side: a check of type rows has tolerances\n",
				head, quoted(c.Old.Name), quoted(c.New.Name))
		case c.Old.Name != c.New.Name:
			fmt.Fprintf(&d.out, "%s      - {old: %s, new: %s}\n", head, quoted(c.Old.Name), quoted(c.New.Name))
		default:
			continue
		}
		head = ""
	}
}

// large says that reading the table may take seconds, which the writes held at the cutover would have to wait.
func (t *Table) large() bool { return t.Rows == nil || *t.Rows > 1_000_000 }

func (t *Table) empty() bool { return t.Exact && *t.Rows == 0 }

// inexact reports whether the values of a pair of columns have no common exact form.
func (c *ColumnPair) inexact() bool {
	return c.Old.Type != c.New.Type && (c.old.family == "float" || c.new.family == "float")
}

// sayable reports whether the columns can be told apart by the names that a check uses: a column that only new has must not be
// called as one of old's.
func (p *TablePair) sayable() bool {
	olds := map[string]bool{}
	for _, c := range p.Columns {
		if c.Old != nil {
			olds[c.Old.Name] = true
		}
	}
	return !slices.ContainsFunc(p.Columns, func(c ColumnPair) bool { return c.Old == nil && olds[c.New.Name] })
}

// few reports whether the column has so few values that they can be counted one by one.
func (c *column) few() bool {
	switch c.family {
	case "text", "enum", "bool", "int":
		if n := len(c.name.words); n > 0 && c.name.words[n-1] == "id" {
			return false // it classifies nothing, however few there are so far
		}
		return c.distinct >= 2 && c.distinct <= fewValues && !c.inKey && !c.unique && !c.leads
	}
	return false
}

var moneyWords = []string{
	"amount", "balance", "charge", "cost", "credit", "debit", "discount", "fee", "fund", "income", "paid", "payment", "price", "profit", "refund", "revenue",
	"salary", "sale", "subtotal", "tax", "total", "turnover", "value", "vat", "wage", "cent",
}

// money reports whether the column is likely to hold amounts of money: a numeric, or a whole number by such a name.
func (c *column) money() bool {
	named := slices.ContainsFunc(c.name.words, func(w string) bool { return slices.Contains(moneyWords, w) })
	switch {
	case c.inKey, c.leads, c.unique, c.null:
		return false
	case c.family == "decimal":
		return named || strings.HasSuffix(c.of.Type, ",2)") || strings.HasSuffix(c.of.Type, ",4)")
	}
	return c.family == "int" && named
}

// sums reports whether the values can be added up exactly.
func (c *column) sums() bool { return c.family == "decimal" || c.family == "int" }

// move is a schema of old's, and the one of new's in which some of its tables are.
type move struct{ old, new string }

// moved is what a move takes along.
type moved struct {
	tables, renames strings.Builder
	numbered        bool // some of the tables are, by sequences
}

// draftSchemas drafts the checks of the schemas and of their sequences, with what the two sides call differently.
func (i *Inventory) draftSchemas(d *draft) {
	moves, order, targets := map[move]*moved{}, []move{}, map[string]int{}
	for n := range i.Tables {
		p := &i.Tables[n]
		if !p.Paired() {
			continue
		}
		m := move{p.Old.Schema, p.New.Schema}
		if moves[m] == nil {
			moves[m] = &moved{}
			order = append(order, m)
			targets[m.old]++
		}
		moves[m].add(p)
	}
	for _, m := range order {
		text := fmt.Sprintf("    old: {schema: %s}\n    new: {schema: %s}\n", quoted(m.old), quoted(m.new))
		if targets[m.old] > 1 {
			text += "    tables:                              # the others of this schema are elsewhere on new\n" + moves[m].tables.String()
		}
		if moves[m].renames.Len() > 0 {
			text += "    rename:\n" + moves[m].renames.String()
		}
		end := ""
		if m != (move{"public", "public"}) {
			end = "-" + m.old + "-" + m.new
		}
		if d.check("schema"+end, "schema") {
			d.out.WriteString(text)
		}
		if moves[m].numbered && d.check("sequences"+end, "sequences") {
			d.out.WriteString(text + "    strict_at_cutover: true\n")
		}
	}
}

func (m *moved) add(p *TablePair) {
	m.numbered = m.numbered || p.old.numbered || p.new.numbered
	old := part(p.Old.Name.Name)
	fmt.Fprintf(&m.tables, "      - %s\n", quoted(old))
	if p.Old.Name.Name != p.New.Name.Name {
		fmt.Fprintf(&m.renames, "      %s: %s\n", quotedKey(old), quoted(part(p.New.Name.Name)))
	}
	for _, c := range p.Columns {
		if c.Old != nil && c.New != nil && c.Old.Name != c.New.Name {
			fmt.Fprintf(&m.renames, "      %s: %s\n", quotedKey(old+"."+part(c.Old.Name)), quoted(part(c.New.Name)))
		}
	}
}
