package aggregate

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5/pgtype"
)

// entry is a row whose last column is a value and whose others are the key of it.
type entry struct {
	id    string // equal keys have the same, on both sides
	key   string // for people
	value value
}

// entries takes the rows of both sides apart.
func entries(answers [2]*answer, what string) (both [2][]entry, err error) {
	for i, a := range answers {
		if len(a.columns) < 2 {
			return both, fmt.Errorf("%s: the statement must give %s and then its value, and gives %s", sides[i], what, columnsOf(a))
		}
	}
	if len(answers[0].columns) != len(answers[1].columns) {
		return both, fmt.Errorf("old gives %s and new %s; they must give as many of them", columnsOf(answers[0]), columnsOf(answers[1]))
	}
	for i, a := range answers {
		seen := make(map[string]bool, len(a.rows))
		for _, row := range a.rows {
			e := a.entry(row)
			if seen[e.id] {
				return both, fmt.Errorf("%s gives %s %s more than once; group by it in the check's sql", sides[i], what, named(e.key))
			}
			seen[e.id] = true
			both[i] = append(both[i], e)
		}
	}
	return both, nil
}

func columnsOf(a *answer) string {
	if len(a.columns) == 1 {
		return "1 column"
	}
	return fmt.Sprintf("%d columns", len(a.columns))
}

func (a *answer) entry(row []value) entry {
	last := len(row) - 1
	var id strings.Builder
	shown := make([]string, last)
	for i, v := range row[:last] {
		text := v.text
		switch {
		case v.null:
			id.WriteString("-")
			shown[i] = "NULL"
			continue
		case v.number:
			text = canonicalNumber(text)
		case a.columns[i].oid == pgtype.BPCharOID:
			text = strings.TrimRight(text, " ") // padded, which has no meaning
		}
		id.WriteString(strconv.Itoa(len(text)) + ":" + text)
		shown[i] = shownKey(text, last > 1)
	}
	return entry{id: id.String(), key: strings.Join(shown, ", "), value: row[last]}
}

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

// canonicalNumber writes equal numbers alike: 1.0 as 1, 1e3 as 1000. NaN and the infinities stay.
func canonicalNumber(s string) string {
	if strings.ContainsAny(s, "eE") {
		if r, ok := new(big.Rat).SetString(s); ok {
			digits, _ := r.FloatPrec()
			return r.FloatString(digits)
		}
	}
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
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
	d := Difference{Key: p.key, Kind: p.kind, Variance: &p.variance}
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
