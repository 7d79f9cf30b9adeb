package compare

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// compareTable compares two tables of comma- or tab-separated values: as arrays of rows, which are arrays of cells. A rule that
// says so makes each row but the first an object, whose members have the names in the first.
func compareTable(c *Comparer, old, new part, rec *recorder) outcome {
	if !asciiSuperset(old.parameter("charset")) || !asciiSuperset(new.parameter("charset")) {
		return compareText(c, old, new, rec)
	}
	a, oldErr := readTable(&old, c.maxNodes)
	b, newErr := readTable(&new, c.maxNodes)
	if errors.Is(oldErr, errTooComplex) || errors.Is(newErr, errTooComplex) {
		return outcome{tooComplex: true}
	}
	if oldErr != nil || newErr != nil {
		return outcome{old: oldErr, new: newErr}
	}
	write := (*table).rows
	if rule := c.headerRule(rec.origin); rule != none {
		c.forgiveColumns(rule, a, b, rec)
		write = (*table).records
		if len(a.starts) <= 1 && len(b.starts) <= 1 {
			// Without records the columns show in their names alone.
			write = (*table).columns
		} else if o := c.compareUnseen(a, b, rec); o.tooComplex {
			return o
		}
	}
	oldText, ok1 := write(a, c.rewriter(len(old.body)))
	newText, ok2 := write(b, c.rewriter(len(new.body)))
	if !ok1 || !ok2 {
		return outcome{tooComplex: true}
	}
	return c.text.compare(oldText, newText, rec)
}

// headerRule returns the rule that says that the first row of a table at a place names the columns, or none.
func (c *Comparer) headerRule(o *origin) int {
	var at cursor
	at.start(c.rules.paths)
	o.enter(&at)
	d := c.rules.decide(&at)
	if rule := d[familyStructure]; c.rules.does(d, actCSV) && c.rules.rules[rule].csvHeader {
		return rule
	}
	return none
}

// forgiveColumns counts the rule that lets the columns of two tables stand in another order, if they do.
func (c *Comparer) forgiveColumns(rule int, a, b *table, rec *recorder) {
	if len(a.starts) == 0 || len(b.starts) == 0 {
		return
	}
	old, new := a.names(), b.names()
	if slices.EqualFunc(old, new, bytes.Equal) {
		return
	}
	slices.SortFunc(old, bytes.Compare)
	slices.SortFunc(new, bytes.Compare)
	if slices.EqualFunc(old, new, bytes.Equal) {
		rec.forgive(rule, len(c.rules.rules))
	}
}

// compareUnseen compares the columns that no record shows, since all are too short: each is a member of the first record.
func (c *Comparer) compareUnseen(a, b *table, rec *recorder) outcome {
	old, new := a.unseen(b), b.unseen(a)
	if len(old) == 0 && len(new) == 0 {
		return outcome{}
	}
	return c.text.compare(emptyRecord(old), emptyRecord(new), rec)
}

// unseen returns the names of the columns without cells that the other table has not got.
func (t *table) unseen(other *table) [][]byte {
	longest := 0
	for i := 1; i < len(t.starts); i++ {
		longest = max(longest, len(t.row(i)))
	}
	names := t.names()
	if longest >= len(names) {
		return nil
	}
	known := map[string]int{}
	for _, name := range other.names() {
		known[string(name)]++
	}
	var out [][]byte
	for i, name := range names {
		if known[string(name)]--; known[string(name)] < 0 && i >= longest {
			out = append(out, name)
		}
	}
	return out
}

// emptyRecord writes an array of one record, whose members have the names and are empty.
func emptyRecord(names [][]byte) []byte {
	out := []byte(`[{`)
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, name...), `:""`...)
	}
	return append(out, `}]`...)
}

// table is a table that was read: all cells one behind the other, and where each row begins.
type table struct {
	text   []byte
	cells  []cell
	starts []int
}

// cell is a cell as it is written, the quotes around it included.
type cell struct {
	start, end uint32
	quoted     bool
	doubled    bool // quotes within are written twice
	bom        bool // a byte order mark stands in front
}

// row returns the cells of a row.
func (t *table) row(i int) []cell {
	if i+1 < len(t.starts) {
		return t.cells[t.starts[i]:t.starts[i+1]]
	}
	return t.cells[t.starts[i]:]
}

// append appends a cell as a JSON string.
func (t *table) append(out []byte, c *cell) []byte {
	out = append(out, '"')
	if c.bom {
		out = append(out, bom...)
	}
	text := t.text[c.start:c.end]
	if c.quoted {
		text = text[1 : len(text)-1]
	}
	for {
		if !c.doubled {
			return append(appendQuotedPart(out, text), '"')
		}
		i := bytes.Index(text, []byte(`""`))
		if i < 0 {
			return append(appendQuotedPart(out, text), '"')
		}
		out = appendQuotedPart(out, text[:i+1])
		text = text[i+2:]
	}
}

// rows writes the table as an array of arrays.
func (t *table) rows(w *rewriter) ([]byte, bool) {
	w.out = append(w.out, '[')
	for i := range t.starts {
		w.separate()
		if !t.array(w, t.row(i)) {
			return nil, false
		}
	}
	return append(w.out, ']'), true
}

// array writes an array of cells.
func (t *table) array(w *rewriter, cells []cell) bool {
	w.out = append(w.out, '[')
	for i := range cells {
		w.separate()
		w.out = t.append(w.out, &cells[i])
	}
	w.out = append(w.out, ']')
	return w.spend(1 + len(cells))
}

// records writes the rows behind the first as objects. Cells beyond the named columns are an array of their own, under an empty
// name: no column is an array.
func (t *table) records(w *rewriter) ([]byte, bool) {
	names := t.names()
	w.out = append(w.out, '[')
	for i := 1; i < len(t.starts); i++ {
		row := t.row(i)
		w.separate()
		w.out = append(w.out, '{')
		for k := range min(len(row), len(names)) {
			w.separate()
			w.out = append(append(w.out, names[k]...), ':')
			w.out = t.append(w.out, &row[k])
		}
		if !w.spend(1 + len(row)) {
			return nil, false
		}
		if len(row) > len(names) {
			w.separate()
			w.out = append(w.out, `"":`...)
			if !t.array(w, row[len(names):]) {
				return nil, false
			}
		}
		w.out = append(w.out, '}')
	}
	return append(w.out, ']'), true
}

// columns writes the first row as the one record, with nothing in it.
func (t *table) columns(w *rewriter) ([]byte, bool) {
	w.out = append(w.out, '[')
	if len(t.starts) > 0 {
		w.out = append(w.out, '{')
		for _, name := range t.names() {
			w.separate()
			w.out = append(append(w.out, name...), `:""`...)
		}
		w.out = append(w.out, '}')
	}
	return append(w.out, ']'), w.spend(1 + len(t.cells))
}

// names returns the cells of the first row as JSON strings.
func (t *table) names() [][]byte {
	if len(t.starts) == 0 {
		return nil
	}
	row := t.row(0)
	names := make([][]byte, len(row))
	for i := range row {
		names[i] = t.append(nil, &row[i])
	}
	return names
}

const bom = "\ufeff"

// tableReader reads a table from front to end.
type tableReader struct {
	table
	at     int
	line   int
	comma  byte
	quotes bool // CSV's; a cell of TSV cannot be quoted
	limit  int  // how many cells there may be
}

// readTable reads a table of at most so many cells. The error is errTooComplex, or says what is wrong.
func readTable(p *part, limit int) (*table, error) {
	r := newTableReader(p, limit)
	for r.at < len(r.text) {
		if err := r.row(); err != nil {
			return nil, err
		}
	}
	r.dropBlankRows()
	return &r.table, nil
}

func newTableReader(p *part, limit int) *tableReader {
	r := &tableReader{table: table{text: p.body}, line: 1, comma: ',', quotes: true, limit: limit}
	if strings.HasSuffix(p.media, "tab-separated-values") {
		r.comma, r.quotes = '\t', false
	}
	return r
}

// row reads a row and the line's end behind it.
func (r *tableReader) row() error {
	r.starts = append(r.starts, len(r.cells))
	for {
		if len(r.cells) >= r.limit {
			return errTooComplex
		}
		if err := r.cell(); err != nil {
			return err
		}
		if r.at == len(r.text) {
			return nil
		}
		separator := r.text[r.at]
		r.at++
		if separator != r.comma {
			if separator == '\r' {
				r.at++
			}
			r.line++
			return nil
		}
	}
}

// cell reads a cell, and stops at what ends it.
func (r *tableReader) cell() error {
	c := cell{}
	if r.at == 0 && bytes.HasPrefix(r.text, []byte(bom)) {
		c.bom = true
		r.at += len(bom)
	}
	c.start = uint32(r.at)
	if r.quotes && r.at < len(r.text) && r.text[r.at] == '"' {
		line := r.line
		if !r.quoted(&c) {
			return fmt.Errorf("line %d: the quoted cell does not end", line)
		}
		if r.ended() {
			c.quoted, c.end = true, uint32(r.at)
			r.cells = append(r.cells, c)
			return nil
		}
		// Text behind the closing quote: the quotes quote nothing, and are kept.
		c.doubled = false
	}
	for !r.ended() {
		r.at++
	}
	c.end = uint32(r.at)
	r.cells = append(r.cells, c)
	return nil
}

// quoted goes from an opening quote to behind the closing one; false if there is none.
func (r *tableReader) quoted(c *cell) bool {
	for r.at++; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case '\n':
			r.line++
		case '"':
			if r.at+1 == len(r.text) || r.text[r.at+1] != '"' {
				r.at++
				return true
			}
			c.doubled = true
			r.at++
		}
	}
	return false
}

// ended reports whether a cell ends here: at a separator, a line's end or the end of the text.
func (r *tableReader) ended() bool {
	if r.at == len(r.text) {
		return true
	}
	switch r.text[r.at] {
	case r.comma, '\n':
		return true
	case '\r':
		return r.at+1 < len(r.text) && r.text[r.at+1] == '\n'
	}
	return false
}

// dropBlankRows takes out the blank lines, unless the table has but one column: there each is an empty cell.
func (t *table) dropBlankRows() {
	blank := false
	columns := 0
	for i := range t.starts {
		row := t.row(i)
		columns = max(columns, len(row))
		blank = blank || isBlank(row)
	}
	if !blank || columns < 2 {
		return
	}
	kept := table{text: t.text}
	for i := range t.starts {
		if row := t.row(i); !isBlank(row) {
			kept.starts = append(kept.starts, len(kept.cells))
			kept.cells = append(kept.cells, row...)
		}
	}
	*t = kept
}

// isBlank reports whether a row is nothing but the end of a line.
func isBlank(row []cell) bool {
	return len(row) == 1 && row[0].start == row[0].end && !row[0].bom
}
