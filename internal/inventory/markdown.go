package inventory

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// Markdown is the inventory for people.
func (i *Inventory) Markdown() string {
	w := &writer{}
	w.linef("# Migration inventory\n\nRead %s by `paritygate inventory`. Row counts are exact where they have no `~`; the others are estimates of the server's.\n",
		i.At.Format(time.RFC3339))
	i.writeDatabases(w)
	i.writeTables(w)
	i.writeColumns(w)
	for _, list := range []struct {
		title string
		pairs []Pair
	}{
		{"Views", i.Views},
		{"Functions", i.Functions},
		{"Triggers", i.Triggers},
		{"Extensions", i.Extensions},
		{"Sequences", i.Sequences},
		{"Row-level-security policies", i.Policies},
		{"Foreign keys", i.ForeignKeys},
	} {
		w.pairs(list.title, list.pairs)
	}
	w.linef("## What is to be done\n")
	for _, s := range i.Checklist {
		w.linef("- [ ] Step %d. %s", s.Number, s.What)
		for n, item := range s.Items {
			if n == maxItems {
				w.linef("  - and %d more", len(s.Items)-n)
				break
			}
			w.linef("  - [ ] %s", text(item))
		}
	}
	if i.Checks != "" {
		w.linef("\n## Checks\n\nA draft for `paritygate.yaml`: look it through, paste it, and run `paritygate check`.\n\n%syaml\n%s%[1]s", fence(i.Checks), i.Checks)
	}
	return w.out.String() + seal(w.out.String())
}

// seal ends a page with what tells whether anybody edited it.
func seal(page string) string {
	return fmt.Sprintf("\n<!-- sha256 %x: `paritygate inventory` replaces this page as long as nobody edits it -->\n", sha256.Sum256([]byte(page)))
}

// Untouched reports whether a page is one of Markdown's that nobody edited.
func Untouched(page string) bool {
	i := strings.LastIndex(page, "\n<!-- sha256 ")
	return i >= 0 && page[i:] == seal(page[:i])
}

// fence is a row of back quotes that is not in the text.
func fence(s string) string {
	f := "```"
	for strings.Contains(s, f) {
		f += "`"
	}
	return f
}

type writer struct{ out strings.Builder }

func (w *writer) linef(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }

// row writes a row of a table; an empty cell is a dash.
func (w *writer) row(cells ...string) {
	for _, c := range cells {
		w.out.WriteString("| " + cmp.Or(text(c), "–") + " ")
	}
	w.out.WriteString("|\n")
}

// head writes the first two rows of a table.
func (w *writer) head(cells ...string) {
	w.out.WriteString("| " + strings.Join(cells, " | ") + " |\n" + strings.Repeat("|---", len(cells)) + "|\n")
}

// markdown are the characters that would be taken for more than themselves.
var markdown = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "&", "&amp;", "*", "\\*", "`", "\\`", "[", "\\[", "]", "\\]")

// text writes a text that stands for itself, on one line. An underline within a word is none of Markdown's, but for names that begin with one.
func text(s string) string {
	s = markdown.Replace(oneLine(s))
	if strings.HasPrefix(s, "_") {
		s = "\\" + s
	}
	return s
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// pairs writes a list side by side.
func (w *writer) pairs(title string, pairs []Pair) {
	w.linef("## %s\n", title)
	if len(pairs) == 0 {
		w.linef("None.\n")
		return
	}
	w.head("old", "new", "found")
	for _, p := range pairs {
		note := "both"
		switch {
		case p.New == "":
			note = "only on old"
		case p.Old == "":
			note = "only on new"
		case p.Differs:
			note = "differs"
		}
		w.row(p.Old, p.New, note)
	}
	w.linef("")
}

func (i *Inventory) writeDatabases(w *writer) {
	w.head("", "old", "new")
	side := func(d *Database, of func(*Database) string) string {
		if d == nil {
			return "not read"
		}
		return of(d)
	}
	for _, line := range []struct {
		name string
		of   func(*Database) string
	}{
		{"database", func(d *Database) string { return d.Name }},
		{"PostgreSQL", func(d *Database) string { return d.Version }},
		{"size", func(d *Database) string { return size(d.Bytes) }},
		{"schemas", func(d *Database) string { return strings.Join(d.Schemas, ", ") }},
		{"tables", func(d *Database) string { return fmt.Sprint(d.Tables) }},
	} {
		w.row(line.name, side(i.Old, line.of), side(i.New, line.of))
	}
	w.linef("")
	for _, d := range []*Database{i.Old, i.New} {
		if d != nil {
			for _, note := range d.Notes {
				w.linef("- %s", text(note))
			}
		}
	}
}

func (i *Inventory) writeTables(w *writer) {
	w.linef("## Tables\n")
	if len(i.Tables) == 0 {
		w.linef("None.\n")
		return
	}
	w.head("old", "new", "matched by", "rows on old", "rows on new", "size on old", "size on new", "primary key", "remarks")
	for n := range i.Tables {
		p := &i.Tables[n]
		cells := [2][4]string{p.Old.cells(), p.New.cells()}
		w.row(cells[0][0], cells[1][0], p.how(), cells[0][1], cells[1][1], cells[0][2], cells[1][2], keys(p), p.remarks())
	}
	w.linef("\nA pair by similarity is a proposal: its score is at least %.2f of 1.\n", TableThreshold)
}

func (t *Table) cells() [4]string {
	if t == nil {
		return [4]string{}
	}
	rows := "unknown"
	if t.Rows != nil {
		rows = grouped(*t.Rows)
		if !t.Exact {
			rows = "~" + rows
		}
	}
	return [4]string{t.Name.String(), rows, size(t.Bytes)}
}

func (p *TablePair) how() string {
	switch {
	case p.Old == nil:
		return "only on new"
	case p.New == nil:
		return "only on old"
	case p.Match == BySimilarity:
		return fmt.Sprintf("similarity, %.2f", p.Score)
	}
	return p.Match
}

func keys(p *TablePair) string {
	var parts []string
	for _, t := range []*Table{p.Old, p.New} {
		if t != nil {
			parts = append(parts, cmp.Or(strings.Join(t.Key, ", "), "none"))
		}
	}
	if len(parts) == 2 && parts[0] == parts[1] {
		parts = parts[:1]
	}
	return strings.Join(parts, " / ")
}

func (p *TablePair) remarks() string {
	var out []string
	for _, side := range []struct {
		name string
		t    *Table
		of   *table
	}{{"old", p.Old, p.old}, {"new", p.New, p.new}} {
		if side.t == nil {
			continue
		}
		if side.t.Kind != "table" {
			out = append(out, fmt.Sprintf("a %s on %s", side.t.Kind, side.name))
		}
		if side.of.relation.Unlogged {
			out = append(out, "unlogged on "+side.name)
		}
		if side.t.RowSecurity {
			out = append(out, "row-level security on "+side.name)
		}
	}
	return strings.Join(out, ", ")
}

// writeColumns writes the pairs of tables whose columns are not the same.
func (i *Inventory) writeColumns(w *writer) {
	w.linef("## Columns that are not the same\n")
	some := false
	for n := range i.Tables {
		p := &i.Tables[n]
		if !p.Paired() {
			continue
		}
		var rows [][]string
		for _, c := range p.Columns {
			if note := c.note(); note != "" {
				rows = append(rows, []string{c.Old.text(), c.New.text(), note})
			}
		}
		if len(rows) == 0 {
			continue
		}
		some = true
		w.linef("%s and %s:\n", text(p.Old.Name.String()), text(p.New.Name.String()))
		w.head("old", "new", "found")
		for _, row := range rows {
			w.row(row...)
		}
		w.linef("")
	}
	if !some {
		w.linef("None.\n")
	}
}

func (c *Column) text() string {
	switch {
	case c == nil:
		return ""
	case c.NotNull:
		return c.Name + " " + c.Type + " not null"
	}
	return c.Name + " " + c.Type
}

func (c *ColumnPair) note() string {
	switch {
	case c.Old == nil:
		return "only on new"
	case c.New == nil:
		return "only on old"
	case c.Match == BySimilarity:
		return fmt.Sprintf("similarity, %.2f", c.Score)
	case c.Match == BySpelling:
		return "spelled otherwise"
	case c.Old.Type != c.New.Type:
		return "another type"
	case c.Old.NotNull != c.New.NotNull:
		return "another nullability"
	}
	return ""
}

// size writes a number of bytes for people.
func size(bytes *int64) string {
	if bytes == nil {
		return "unknown"
	}
	value, unit := float64(*bytes), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", *bytes)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
