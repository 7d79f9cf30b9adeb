package compare

import (
	"encoding/json"
	"strconv"
)

// The tolerances for numbers that are proposed: nothing below what a float64 loses, nothing above the contract's usual 1 %.
const (
	leastRelative = -9 // powers of ten
	mostRelative  = -2
	maxDecimals   = 20
)

// proposeNumber is for numbers close to each other: what floating-point arithmetic loses, what rounding does to the last decimal
// place, and measures that differ by a small share.
func proposeNumber(p *spot, name string) (*Rule, string) {
	if !p.every(func(d Difference) bool { return isNumber(d.Old) && isNumber(d.New) }) {
		return nil, ""
	}
	relative := func(mantissa, exponent int) *Rule {
		r := &Rule{Number: &Number{Relative: scientific(mantissa, exponent)}}
		if !p.allows(*r) {
			return nil
		}
		return r
	}
	if r := relative(1, leastRelative); r != nil {
		return r, "what floating-point arithmetic loses"
	}
	if r := rounding(p); r != nil {
		return r, "up to " + r.Number.Absolute + " between the two numbers, as rounding makes it"
	}
	if identifying(name) {
		return nil, "another number here may be another thing"
	}
	for exponent := leastRelative; exponent <= mostRelative; exponent++ {
		for _, mantissa := range []int{1, 2, 5} {
			if exponent == mostRelative && mantissa > 1 {
				break
			}
			if r := relative(mantissa, exponent); r != nil {
				return r, "up to " + percentText(r.Number.Relative) + " of the larger number"
			}
		}
	}
	return nil, "the numbers are more than 1% apart"
}

func isNumber(shown string) bool { return shown != "" && scanNumber([]byte(shown), 0) == len(shown) }

// identifying reports whether a member's name says that its number is no measure.
func identifying(name string) bool {
	words := tokenName.MatchString(name)
	for _, end := range []string{"id", "Id", "ID", "key", "code", "no", "number", "version", "port", "status", "index", "rank", "page"} {
		if name == end || len(name) > len(end) && name[len(name)-len(end):] == end && (name[len(name)-len(end)-1] == '_' || end[0] < 'a') {
			words = true
		}
	}
	return words
}

// rounding proposes an absolute tolerance if no pair is further apart than one in the last decimal place of the side that has more
// of them, or half of one in the last of the other.
func rounding(p *spot) *Rule {
	finest := 0
	for _, d := range p.seen {
		a, b := parseDecimal([]byte(d.Old)), parseDecimal([]byte(d.New))
		more, fewer := max(decimals(d.Old), decimals(d.New)), min(decimals(d.Old), decimals(d.New))
		if !a.bounded() || !b.bounded() || more == 0 || more > maxDecimals {
			return nil
		}
		close := a.within(b, decimal{digits: []byte("1"), exponent: int64(-more)}, decimal{}) ||
			fewer > 0 && a.within(b, decimal{digits: []byte("5"), exponent: int64(-fewer - 1)}, decimal{})
		if !close {
			return nil
		}
		finest = max(finest, more)
	}
	for exponent := -finest; exponent <= 0; exponent++ {
		for _, mantissa := range []int{1, 2, 5} {
			if r := (Rule{Number: &Number{Absolute: plainText(mantissa, exponent)}}); p.allows(r) {
				return &r
			}
		}
	}
	return nil
}

// decimals is the number of digits behind the point, as the number is written; many if it has an exponent.
func decimals(number string) int {
	n, behind := 0, false
	for _, c := range number {
		switch {
		case c == '.':
			behind = true
		case c == 'e' || c == 'E':
			return maxDecimals + 1
		case behind:
			n++
		}
	}
	return n
}

func scientific(mantissa, exponent int) string {
	return strconv.Itoa(mantissa) + "e" + strconv.Itoa(exponent)
}

func plainText(mantissa, exponent int) string {
	return parseDecimal([]byte(scientific(mantissa, exponent))).plain()
}

// textual proposes a tolerance for numbers in a format that knows nothing but text, such as CSV or XML: only the answers themselves can
// show that it is one.
func (s *suggester) textual(p *spot) *Proposal {
	bare := spot{location: p.location, path: p.path, kinds: p.kinds}
	for _, d := range p.seen {
		var old, new string
		if json.Unmarshal([]byte(d.Old), &old) != nil || json.Unmarshal([]byte(d.New), &new) != nil {
			return nil
		}
		d.Old, d.New = old, new
		bare.seen = append(bare.seen, d)
	}
	steps := splitPath(p.path)
	name, _ := memberName(steps[len(steps)-1])
	r, reason := proposeNumber(&bare, name)
	if r == nil {
		return nil
	}
	r.Path = s.narrow(p)
	if s.try(*r, p) != works {
		return nil
	}
	return &Proposal{Rule: r, Reason: reason}
}
