package aggregate

import (
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"paritygate/compare"
)

// tally are rows that differ, by how.
type tally struct {
	Missing, Extra, Changed int64
}

func (c *tally) add(missing, extra, changed int64) {
	c.Missing, c.Extra, c.Changed = c.Missing+missing, c.Extra+extra, c.Changed+changed
}

// rows counts the rows of one key that have no equal on the other side.
func (c *tally) rows(old, new int) {
	changed := min(old, new)
	c.add(int64(old-changed), int64(new-changed), int64(changed))
}

func (c *tally) total() int64 { return c.Missing + c.Extra + c.Changed }

// count counts the rows of one key, and names them while there is room.
func (w *walk) count(k rowKey, old, new sameKey) {
	left := [2]sameKey{old.without(new), new.without(old)}
	var changed []string // what to say of each pair that differs
	var values [2][]string
	pairs := min(len(left[0]), len(left[1]))
	for i := range pairs {
		o, n, same := w.tables.changes(left[0][i], left[1][i])
		if same {
			continue
		}
		changed = append(changed, o)
		values[0], values[1] = append(values[0], o), append(values[1], n)
	}
	missing, extra := len(left[0])-pairs, len(left[1])-pairs
	w.state.Counts.add(int64(missing), int64(extra), int64(len(changed)))
	if missing+extra+len(changed) == 0 || len(w.state.Named) == MaxDifferences {
		return
	}
	d := Difference{Key: w.tables.keyText(k), Kind: compare.KindValue, Variance: new64(1)}
	switch {
	case len(new) == 0 && len(old) == 1:
		d.Kind, d.Old = compare.KindMissing, w.tables.whole(0, old[0])
	case len(old) == 0 && len(new) == 1:
		d.Kind, d.New = compare.KindExtra, w.tables.whole(1, new[0])
	case missing > 0:
		d.Kind, d.Old, d.New = compare.KindMissing, times(len(old)), times(len(new))
	case extra > 0:
		d.Kind, d.Old, d.New = compare.KindExtra, times(len(old)), times(len(new))
	default:
		o, n := shorten(strings.Join(values[0], "; ")), shorten(strings.Join(values[1], "; "))
		d.Old, d.New = &o, &n
	}
	w.state.Named = append(w.state.Named, d)
}

func new64(v float64) *float64 { return &v }

// times says how often a row is there.
func times(n int) *string {
	s := plural(int64(n), "row")
	return &s
}

// changes writes the columns in which two rows differ, each with its name and value.
func (t *checksumTables) changes(a, b hashedRow) (old, new string, same bool) {
	var texts [2][]string
	for i := range a.values {
		x, y := a.values[i], b.values[i]
		if x.text.null == y.text.null && (x.hash == y.hash || t.sides[0].columns[i].json && sameDocument(x.text.text, y.text.text)) {
			continue
		}
		texts[0] = append(texts[0], t.sides[0].columns[i].name+"="+x.written())
		texts[1] = append(texts[1], t.sides[1].columns[i].name+"="+y.written())
	}
	return strings.Join(texts[0], ", "), strings.Join(texts[1], ", "), len(texts[0]) == 0
}

// written is a value within a list of them: NULL is not the text of that name, nor the empty text.
func (v columnValue) written() string {
	const longest = 80
	text := v.text.text
	switch {
	case v.text.null:
		return "NULL"
	case text == "", text == "NULL", strings.ContainsAny(text, `,;="`):
		text = `"` + text + `"`
	}
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// whole writes a row that is on one side alone, without its key.
func (t *checksumTables) whole(side int, r hashedRow) *string {
	var texts []string
	for i, v := range r.values {
		name := t.sides[side].columns[i].name
		if !t.isKey(i) {
			texts = append(texts, name+"="+v.written())
		}
	}
	s := shorten(strings.Join(texts, ", "))
	if s == "" {
		s = "1 row"
	}
	return &s
}

func (t *checksumTables) isKey(column int) bool {
	for _, k := range t.sides[0].keys {
		if k.column == columnOf(t.sides[0].columns[column].name) {
			return true
		}
	}
	return false
}

// keyText writes a key with old's names of its columns.
func (t *checksumTables) keyText(k rowKey) string {
	parts := make([]string, len(k))
	for i, v := range k {
		c := columnValue{text: value{null: v == nil}}
		if v != nil {
			c.text.text = *v
		}
		parts[i] = t.names[i] + "=" + c.written()
	}
	return shorten(strings.Join(parts, ", "))
}

// sameDocument says whether two JSON texts mean the same. One that was cut tells nothing of what is behind the cut.
func sameDocument(a, b string) bool {
	if max(utf8.RuneCountInString(a), utf8.RuneCountInString(b)) >= maxDocument {
		return false
	}
	d, err := weighDocuments([2]string{a, b}, bounds{})
	return err == nil && d.agree
}

// judge fills in the result. A row that differs counts as one, however much of it does.
func (s *state) judge(r *Result, allowed bounds) {
	r.Old, r.New = new(fmt.Sprint(s.Rows[0])), new(fmt.Sprint(s.Rows[1]))
	if s.Rows == [2]int64{} {
		r.inconclusive("Both sides are empty, so there is nothing to compare.")
		return
	}
	differing := s.Counts.total()
	d := apart{distance: big.NewRat(differing, 1), larger: big.NewRat(max(s.Rows[0], s.Rows[1]), 1)}
	variance := min(d.variance(), 1)
	r.Variance = &variance
	what := fmt.Sprintf("Old has %s and new has %s: ", plural(s.Rows[0], "row"), plural(s.Rows[1], "row"))
	if differing == 0 {
		r.Verdict, r.Reason = Pass, what+"all of them are equal."
		return
	}
	what += fmt.Sprintf("%s (%s) (%s), ", verbed(differing), percent(d.ratio()), s.Counts.said())
	limit := d.allowed(allowed)
	switch {
	case d.distance.Cmp(limit) <= 0:
		r.Verdict, r.Reason = Pass, what+fmt.Sprintf("within the %s allowed.", exact(limit))
		return
	case limit.Sign() == 0:
		r.Reason = what + "and none may."
	default:
		r.Reason = what + fmt.Sprintf("more than the %s allowed.", exact(limit))
	}
	r.Verdict, r.Differences = Fail, s.Named
	if first := s.Named; len(first) > 0 {
		r.Reason = strings.TrimSuffix(r.Reason, ".") + "; the first is " + first[0].said() + "."
	}
	r.Dropped = max(int(differing)-len(s.Named), 0)
}

func (d *Difference) said() string {
	switch {
	case d.Kind == compare.KindMissing && d.New == nil:
		return d.Key + ", which new does not have"
	case d.Kind == compare.KindExtra && d.Old == nil:
		return d.Key + ", which old does not have"
	case d.Kind != compare.KindValue:
		return fmt.Sprintf("%s, %s in old and %s in new", d.Key, *d.Old, *d.New)
	}
	return fmt.Sprintf("%s: %s in old, %s in new", d.Key, *d.Old, *d.New)
}

// said says how rows differ.
func (c *tally) said() string {
	var parts []string
	for _, part := range []struct {
		n    int64
		what string
	}{{c.Missing, "missing in new"}, {c.Extra, "only in new"}, {c.Changed, "with other values"}} {
		if part.n > 0 {
			parts = append(parts, grouped(fmt.Sprint(part.n))+" "+part.what)
		}
	}
	return strings.Join(parts, ", ")
}

func plural(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return grouped(fmt.Sprint(n)) + " " + what
}

func verbed(n int64) string {
	if n == 1 {
		return "1 row differs"
	}
	return plural(n, "row") + " differ"
}
