package aggregate

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// differences keeps the worst ones, the earlier first among those that are alike, and counts all.
type differences struct {
	kept  []found
	total int
}

// found is a difference, and what is needed to tell of it.
type found struct {
	Difference
	lone   bool // a row of one side alone
	inside bool // within a document
}

func (f *differences) add(d found) {
	f.total++
	if f.kept = append(f.kept, d); len(f.kept) >= 4*MaxDifferences {
		f.rank()
	}
}

// rank leaves at most MaxDifferences of them, the worst first.
func (f *differences) rank() {
	slices.SortStableFunc(f.kept, func(a, b found) int { return cmp.Compare(*b.Variance, *a.Variance) })
	f.kept = f.kept[:min(len(f.kept), MaxDifferences)]
}

// label names a row by its key, as in `id=17` and `id=17 lang=de`.
func (t *table) label(row []value, side int) string {
	parts := make([]string, len(t.key))
	for i, k := range t.key {
		twin := &t.twins[k]
		parts[i] = twin.name + "=" + row[twin.at[side]].word()
	}
	return strings.Join(parts, " ")
}

// text is what a row holds besides its key.
func (t *table) text(row []value, side int) string {
	var parts []string
	for i := range t.twins {
		if twin := &t.twins[i]; !slices.Contains(t.key, i) {
			parts = append(parts, twin.name+"="+row[twin.at[side]].word())
		}
	}
	if parts == nil {
		return t.label(row, side)
	}
	return shorten(strings.Join(parts, " "))
}

// word is the value within a line of several, in quotes where it would not be seen to end.
func (v value) word() string {
	switch {
	case v.null:
		return "NULL"
	case v.text == "" || v.text == "NULL" || strings.ContainsAny(v.text, " =\"\\") || strings.ContainsFunc(v.text, func(c rune) bool { return !strconv.IsPrint(c) }):
		return strconv.Quote(shorten(v.text))
	}
	return shorten(v.text)
}

// excerpts are two values that differ, for a result: of long ones that part in which they begin to differ.
func excerpts(a, b value) (old, new *string) {
	if a.null || b.null || len(a.text) <= maxShown && len(b.text) <= maxShown {
		return a.shown(), b.shown()
	}
	const before = 64
	at := 0
	for at < min(len(a.text), len(b.text)) && a.text[at] == b.text[at] {
		at++
	}
	if at -= before; at <= 0 {
		return a.shown(), b.shown()
	}
	for at > 0 && !utf8.RuneStart(a.text[at]) {
		at-- // the same in both
	}
	x, y := shorten("…"+a.text[at:]), shorten("…"+b.text[at:])
	return &x, &y
}

// report fills in what was found.
func (t *table) report(r *Result) {
	old, new := counted(len(t.rows[0]), "row", "rows"), counted(len(t.rows[1]), "row", "rows")
	r.Old, r.New = &old, &new
	var worst float64
	switch {
	case len(t.rows[0]) == 0 && len(t.rows[1]) == 0:
		r.inconclusive("Both sides gave no rows, so there is nothing to compare.")
		return
	case t.found.total > 0:
		r.Verdict = Fail
		t.found.rank()
		for _, d := range t.found.kept {
			r.Differences = append(r.Differences, d.Difference)
		}
		r.Dropped = t.found.total - len(r.Differences)
		worst = *r.Differences[0].Variance
		r.Reason = t.failed()
	case t.tolerated != nil:
		r.Verdict, worst = Pass, *t.tolerated.Variance
		r.Reason = fmt.Sprintf("%s, within what is allowed: the furthest apart is %s.", agreeing(len(t.rows[0])), t.tolerated.said())
	default:
		r.Verdict = Pass
		r.Reason = agreeing(len(t.rows[0])) + "."
	}
	r.Variance = &worst
	r.Reason += t.notes()
}

// agreeing begins the sentence of a pass.
func agreeing(n int) string {
	if n == 1 {
		return "The only row agrees"
	}
	return "All " + counted(n, "row", "rows") + " agree"
}

// failed says how many rows differ, and which one the most.
func (t *table) failed() string {
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, grouped(strconv.Itoa(n))+" "+what)
		}
	}
	add(t.missing, "missing in new")
	add(t.extra, "in new alone")
	add(t.changed, "with other values")
	if last := len(parts) - 1; last > 0 {
		parts = append(parts[:last-1], parts[last-1]+" and "+parts[last])
	}
	return fmt.Sprintf("Old gave %s and new gave %s: %s; the worst is %s.",
		counted(len(t.rows[0]), "row", "rows"), counted(len(t.rows[1]), "row", "rows"), strings.Join(parts, ", "), t.found.kept[0].said())
}

// said is the difference within a sentence.
func (d *found) said() string {
	switch {
	case d.lone && d.New == nil:
		return d.Key + ", which new lacks"
	case d.lone:
		return d.Key + ", which old lacks"
	case *d.Variance == 1: // nothing that was measured, or all of it
		return fmt.Sprintf("%s, %s in old and %s in new", d.Key, d.brief(d.Old), d.brief(d.New))
	}
	return fmt.Sprintf("%s, %s in old and %s in new (%s)", d.Key, d.brief(d.Old), d.brief(d.New), percent(new(big.Rat).SetFloat64(*d.Variance)))
}

// brief is one of the two values within a sentence.
func (d *found) brief(s *string) string {
	switch {
	case s == nil && d.inside:
		return "nothing"
	case s == nil:
		return "NULL"
	}
	return cut(value{text: *s}.word(), 80)
}

// notes are what to know of how columns were compared.
func (t *table) notes() string {
	var b strings.Builder
	for i := range t.twins {
		twin := &t.twins[i]
		if twin.byPlace {
			fmt.Fprintf(&b, " %s was compared with %s, which stands at its place.", twin.name, twin.other)
		}
		if twin.like.note != "" {
			fmt.Fprintf(&b, " "+twin.like.note+".", twin.name)
		}
	}
	return b.String()
}
