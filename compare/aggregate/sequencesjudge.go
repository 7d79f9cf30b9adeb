package aggregate

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"paritygate/compare/aggregate/catalog"
)

// late is a finding about a sequence, with the sentence that says it.
type late struct {
	catalog.Finding
	sentence string
	by       *big.Rat // how far it is behind; nil: nothing can be got out of it at all
}

// judgeSequences fills in what was found: numbers that new would give out twice. It is pure.
func judgeSequences(r *Result, allowed bounds, n *catalog.Numbering, highest [2]map[catalog.ColumnName]*big.Rat) {
	compared := len(n.Counters) + len(n.Missing) + n.Otherwise
	old, new := counted(n.Old, "numbered column or sequence", "numbered columns and sequences"), counted(len(n.Counters), "sequence", "sequences")
	r.Old, r.New = &old, &new
	if compared == 0 {
		r.inconclusive("Neither side has a sequence that numbers a column, so there is nothing to compare." + saidAside(n))
		return
	}
	var lates []late
	var unread []string
	for _, f := range n.Missing {
		lates = append(lates, late{Finding: f, sentence: fmt.Sprintf("%s: old has the %s, and new has none", f.Key, f.Old)})
	}
	for i := range n.Counters {
		c := &n.Counters[i]
		if c.Sequence.Last == nil || c.Before != nil && c.Before.Last == nil {
			unread = append(unread, c.Key)
			continue
		}
		if l := behind(c, highest); l != nil {
			lates = append(lates, *l)
		}
	}
	slices.SortStableFunc(lates, func(a, b late) int {
		switch {
		case a.by == nil && b.by == nil:
			return strings.Compare(a.Key, b.Key)
		case a.by == nil:
			return -1
		case b.by == nil:
			return 1
		}
		return cmp.Or(b.by.Cmp(a.by), strings.Compare(a.Key, b.Key))
	})
	findings := make([]catalog.Finding, len(lates))
	worst := ""
	for i, l := range lates {
		findings[i] = l.Finding
		worst = cmp.Or(worst, l.sentence)
	}
	if judgeFindings(r, allowed, compared, findings, worst) {
		r.Reason = fmt.Sprintf("On new %s beyond what is taken on either side.", counted(len(n.Counters), "sequence is", "sequences are"))
		if len(n.Counters) == 0 {
			r.Reason = "New numbers without sequences what old numbers by them."
		}
	}
	if len(unread) > 0 && r.Verdict != Fail {
		r.Variance = nil
		r.inconclusive("The role may not read the sequences of " + saidList(unread) + ": grant it USAGE on their schema and SELECT on them.")
	}
	r.Reason += saidAside(n)
}

// saidAside names what was not judged.
func saidAside(n *catalog.Numbering) string {
	s := ""
	if n.Otherwise > 0 && len(n.Counters) > 0 {
		s += fmt.Sprintf(" New numbers %s without one.", counted(n.Otherwise, "column", "columns"))
	}
	if len(n.Absent) > 0 {
		s += " Not on new by that name, and so not judged: " + saidList(n.Absent) + "; name what they became in rename."
	}
	if len(n.Unclear) > 0 {
		s += " Made of a sequence's values in some other way, and so not judged: " + saidList(n.Unclear) + "."
	}
	return s
}

// behind says what is wrong with a sequence, nil if nothing is.
func behind(c *catalog.Counter, highest [2]map[catalog.ColumnName]*big.Rat) *late {
	next := c.Sequence.Next()
	down := c.Sequence.Increment < 0
	switch {
	case next == nil:
		end := grouped(fmt.Sprint(*c.Sequence.Last))
		return stuck(c, c.Sequence.Name.Name+" at its end, "+end, "the sequence is at its end, "+end+", and gives no next value")
	case c.Column == nil:
		taken := c.Before.Given()
		if taken == nil || isBeyond(next, taken, down) {
			return nil
		}
		return overtaken(c, next, taken, "what old gave out, "+exact(taken), [2]string{"gave out " + exact(taken), saidNext(c, next)})
	case !c.Column.Takes(next):
		return stuck(c, saidNext(c, next), fmt.Sprintf("the next value %s does not fit into %s", exact(next), c.Column.Type))
	}
	taken := [2]*big.Rat{nil, highest[1][catalog.ColumnName{Relation: c.Column.Relation, Column: c.Column.Name}]}
	if c.Old != nil {
		taken[0] = highest[0][catalog.ColumnName{Relation: c.Old.Relation, Column: c.Old.Name}]
	}
	word := map[bool]string{false: "highest", true: "lowest"}[down]
	texts := [2]string{"", saidNext(c, next)}
	var furthest *big.Rat
	var what string
	for i, t := range taken {
		if t == nil {
			continue
		}
		texts[i] = strings.TrimPrefix(texts[i]+", "+word+" "+exact(t), ", ")
		switch {
		case furthest == nil || isBeyond(t, furthest, down):
			furthest = t
			what = fmt.Sprintf("the %s %s %s on %s", word, [2]*catalog.Column{c.Old, c.Column}[i].Name, exact(t), sides[i])
		case t.Cmp(furthest) == 0:
			what = strings.TrimSuffix(what, " on "+sides[0])
		}
	}
	if furthest == nil || isBeyond(next, furthest, down) {
		return nil
	}
	return overtaken(c, next, furthest, what, texts)
}

func saidNext(c *catalog.Counter, next *big.Rat) string {
	return fmt.Sprintf("next %s of %s", exact(next), c.Sequence.Name.Name)
}

// isBeyond says whether a sequence that goes up, or down, has passed a number.
func isBeyond(next, taken *big.Rat, down bool) bool {
	if down {
		return next.Cmp(taken) < 0
	}
	return next.Cmp(taken) > 0
}

// stuck is the finding of a sequence that gives nothing that can be used.
func stuck(c *catalog.Counter, text, sentence string) *late {
	return &late{Finding: catalog.Finding{Key: c.Key, Class: catalog.Behind, New: text}, sentence: c.Key + ": " + sentence}
}

// overtaken is the finding of a sequence that gives numbers that are taken.
func overtaken(c *catalog.Counter, next, taken *big.Rat, what string, texts [2]string) *late {
	distance := new(big.Rat).Sub(taken, next)
	return &late{
		Finding:  catalog.Finding{Key: c.Key, Class: catalog.Behind, Old: texts[0], New: texts[1]},
		sentence: fmt.Sprintf("%s: the next value %s is not beyond %s", c.Key, exact(next), what),
		by:       distance.Abs(distance),
	}
}
