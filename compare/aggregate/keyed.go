package aggregate

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// entry is a row whose last column is a value and whose others are the key of it.
type entry struct {
	id    string // equal keys have the same, on both sides
	key   string // for people
	value value

	number *big.Rat // the value, once it was asked for; see rational
}

// rational is the number that the value is, which must not be changed.
func (e *entry) rational() (*big.Rat, bool) {
	if e.number == nil {
		e.number, _ = e.value.rational()
	}
	return e.number, e.number != nil
}

// entries takes the rows of both sides apart. What they give of different types is compared as the types' values are.
func entries(answers [2]*answer, what string) (both [2][]entry, err error) {
	for i, a := range answers {
		if len(a.columns) < 2 {
			return both, fmt.Errorf("%s: the statement must give %s and then its value, and gives %s", sides[i], what, columnsOf(a))
		}
	}
	columns := len(answers[0].columns)
	if len(answers[1].columns) != columns {
		return both, fmt.Errorf("old gives %s and new %s; they must give as many of them", columnsOf(answers[0]), columnsOf(answers[1]))
	}
	alike, err := alikeColumns(answers)
	if err != nil {
		return both, fmt.Errorf("%s: %w", what, err)
	}
	for i, a := range answers {
		folds := make([]fold, columns)
		for c, l := range alike {
			folds[c] = l.folds[i]
		}
		seen := make(map[string]bool, len(a.rows))
		for _, row := range a.rows {
			e := entryOf(row, folds)
			e.value.number = e.value.number || familyOf(lastOf(a)) == numbers // money
			if seen[e.id] {
				return both, fmt.Errorf("%s gives %s %s more than once; group by it in the check's sql", sides[i], what, named(e.key))
			}
			seen[e.id] = true
			both[i] = append(both[i], e)
		}
	}
	return both, nil
}

// alikeColumns says how the columns are compared. Values of kinds that do not go together are left to whoever judges them.
func alikeColumns(answers [2]*answer) ([]*likeness, error) {
	out := make([]*likeness, len(answers[0].columns))
	for c := range out {
		old, new := answers[0].columns[c], answers[1].columns[c]
		if c == len(out)-1 && (familyOf(old.oid) != familyOf(new.oid) || familyOf(old.oid) == numbers) {
			out[c] = &likeness{folds: [2]fold{foldValue(old.oid), foldValue(new.oid)}}
			continue
		}
		var err error
		if out[c], err = alike(old, new); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// foldValue leaves a value as it was written, since people are shown it, unless that is no plain number.
func foldValue(oid uint32) fold {
	if oid == moneyOID {
		return foldMoney
	}
	return asWritten
}

func columnsOf(a *answer) string {
	if len(a.columns) == 1 {
		return "1 column"
	}
	return fmt.Sprintf("%d columns", len(a.columns))
}

func entryOf(row []value, folds []fold) entry {
	last := len(row) - 1
	var id strings.Builder
	shown := make([]string, last)
	for i, v := range row[:last] {
		if v.null {
			id.WriteString("-")
			shown[i] = "NULL"
			continue
		}
		text, good := folds[i](v)
		if !good {
			text = v.text // which stands for nothing of the other side's type, and so is equal to itself alone
		}
		id.WriteString(strconv.Itoa(len(text)) + ":" + text)
		shown[i] = shownKey(text, last > 1)
	}
	e := entry{id: id.String(), key: strings.Join(shown, ", "), value: row[last]}
	if text, good := folds[last](e.value); good && !e.value.null {
		e.value.text = text
	}
	return e
}

// valueBounds are what is allowed between the values of two columns: floating point numbers that were added up in another
// order are equal only about.
func valueBounds(t bounds, oids ...uint32) bounds { return t.rounding(epsilonOf(oids)) }

// lastOf is the type of an answer's values.
func lastOf(a *answer) uint32 { return a.columns[len(a.columns)-1].oid }

// shownKey is a part of a key as people read it: as it is, where that can not be mistaken.
func shownKey(text string, several bool) string {
	odd := text == "" || text == "NULL" || strings.TrimSpace(text) != text || strings.HasPrefix(text, `"`) ||
		strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) || several && c == ',' })
	if odd {
		text = strconv.Quote(text)
	}
	return shorten(text)
}

// named is a key within a sentence.
func named(key string) string {
	if key == "NULL" || strings.HasPrefix(key, `"`) || decimalText(key) {
		return key
	}
	return `"` + key + `"`
}

// place is a key and what either side has there.
type place struct {
	id, key string
	values  [2]*value // nil: it is missing
	finding
}

// unite joins the entries of both sides by their keys, in their order, those of old first.
func unite(found [2][]entry) []*place {
	var all []*place
	byID := map[string]*place{}
	for i := range found {
		for j := range found[i] {
			e := &found[i][j]
			p := byID[e.id]
			if p == nil {
				p = &place{id: e.id, key: e.key}
				byID[e.id] = p
				all = append(all, p)
			}
			p.values[i] = &e.value
		}
	}
	return all
}

// said is what both sides have at the place, within a sentence.
func (p *place) said() string {
	var has [2]string
	for i, v := range p.values {
		has[i] = "none"
		if v != nil {
			has[i] = v.said()
		}
	}
	s := fmt.Sprintf("%s: old has %s and new has %s", named(p.key), has[0], has[1])
	if p.distance != nil {
		s += " (" + p.apart() + ")"
	}
	return s
}

func (p *place) difference() Difference {
	d := Difference{Key: p.key, Kind: p.kind, Variance: new(p.variance)} // a pointer into p would keep all rows in memory
	if p.values[0] != nil {
		d.Old = p.values[0].shown()
	}
	if p.values[1] != nil {
		d.New = p.values[1].shown()
	}
	return d
}

// addDifference adds to what a result names, as far as there is room; the worst come first.
func (r *Result) addDifference(d Difference) {
	if len(r.Differences) == MaxDifferences {
		r.Dropped++
		return
	}
	r.Differences = append(r.Differences, d)
}
