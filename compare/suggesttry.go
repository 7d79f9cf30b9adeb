package compare

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// kept is an exchange whose answers can be compared again.
type kept struct {
	exchange int
	old, new *Answer
	found    []Difference // with the rules in force
}

// trial is what comes of trying a rule on the kept answers.
type trial uint8

const (
	untried trial = iota // there are no answers to try it on
	works                // what it is about is gone, and nothing came in its stead
	refuted
)

// keepBodies keeps the answers that show again what was seen: redaction may have changed them.
func (s *suggester) keepBodies(seen []Seen) {
	c, err := New(s.options)
	if err != nil {
		return
	}
	for i, one := range seen {
		if one.Old == nil || one.New == nil || !one.Old.Whole() || !one.New.Whole() {
			continue
		}
		r := c.Compare(one.Old, one.New)
		again := !slices.ContainsFunc(one.Differences, func(d Difference) bool {
			return d.Location == InBody && !slices.ContainsFunc(r.Differences, func(f Difference) bool {
				return f.Location == InBody && f.Path == d.Path && f.Kind == d.Kind
			})
		})
		if again && r.Dropped == 0 {
			s.bodies = append(s.bodies, kept{i, one.Old, one.New, r.Differences})
		}
	}
}

// try compares the kept answers with the rule before those in force.
func (s *suggester) try(r Rule, about ...*spot) trial {
	o := s.options
	o.Rules = append([]Rule{r}, o.Rules...)
	c, err := New(o)
	if err != nil {
		return refuted
	}
	result := untried
	for _, k := range s.bodies {
		if !slices.ContainsFunc(k.found, func(d Difference) bool { return at(d, about) }) {
			continue
		}
		after := c.Compare(k.old, k.new)
		if after.Verdict == Skipped || after.Dropped > 0 || slices.ContainsFunc(after.Differences, func(d Difference) bool {
			return at(d, about) || !slices.ContainsFunc(k.found, func(f Difference) bool { return samePlace(d, f) })
		}) {
			return refuted
		}
		result = works
	}
	return result
}

func at(d Difference, spots []*spot) bool {
	return slices.ContainsFunc(spots, func(p *spot) bool { return p.location == d.Location && p.path == GroupPath(d.Path) })
}

func samePlace(a, b Difference) bool {
	return a.Location == b.Location && a.Kind == b.Kind && GroupPath(a.Path) == GroupPath(b.Path)
}

// allows reports whether a rule's action allows all differences of values that were seen at a spot.
func (p *spot) allows(r Rule) bool {
	var old, new bytes.Buffer
	old.WriteString(`{"v":[`)
	new.WriteString(`{"v":[`)
	for i, d := range p.seen {
		if i > 0 {
			old.WriteByte(',')
			new.WriteByte(',')
		}
		old.Write(asJSON(d.Old))
		new.Write(asJSON(d.New))
	}
	old.WriteString(`]}`)
	new.WriteString(`]}`)
	r.Path = "$.v[*]"
	return sameJSON(old.Bytes(), new.Bytes(), r)
}

// sameJSON reports whether two documents differ only as the rules allow.
func sameJSON(old, new []byte, rules ...Rule) bool {
	c, err := New(Options{Rules: rules})
	if err != nil {
		return false
	}
	header := map[string][]string{"Content-Type": {"application/json"}}
	r := c.Compare(&Answer{Status: 200, Header: header, Body: old, Size: int64(len(old))},
		&Answer{Status: 200, Header: header, Body: new, Size: int64(len(new))})
	return r.Verdict == Match || r.Verdict == Tolerated
}

// asJSON is a shown value as JSON: as it is if it is valid, else as a string.
func asJSON(shown string) []byte {
	if json.Valid([]byte(shown)) {
		return []byte(shown)
	}
	text, err := json.Marshal(shown)
	if err != nil {
		return []byte("null")
	}
	return text
}

// shownWhole reports whether a value is shown whole, and not withheld.
func shownWhole(shown string) bool {
	return !strings.HasSuffix(shown, "…") && !strings.Contains(shown, redactedShown)
}
