package compare

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// hash returns a number that is equal for all values that the comparison at this place would let pass as equal; others may
// share it. It leaves out what rules ignore, keeps only the type of what has a tolerance, and ignores the order of members.
func (w *walker) hash(d *document, i uint32) uint64 {
	n := &d.nodes[i]
	if !w.spend(1 + int(n.end-n.start)>>8) {
		return 0
	}
	rules := w.rules.decide(&w.at)
	timed, coerced := w.rules.does(rules, actTime), w.rules.does(rules, actCoerce)
	scalar := n.kind != jsonObject && n.kind != jsonArray
	mode := w.rules.ignores(rules)
	switch {
	case mode == IgnoreAll:
		return 0
	case timed && scalar, w.rules.textual && scalar && w.rules.does(rules, actNumber):
		return 1 // a time rule may equate a string with a number
	case mode == IgnoreValue && coerced && (n.kind == jsonNumber || n.kind == jsonString):
		return 2 // the rule may equate the two
	case mode == IgnoreValue:
		return mix(2, uint64(n.kind))
	}
	if coerced && scalar {
		if number, ok := d.coerced(i); ok {
			return mix(mix(3, uint64(jsonNumber)), number.hash())
		}
	}
	seed := mix(3, uint64(n.kind))
	switch n.kind {
	case jsonObject:
		return mix(seed, w.hashMembers(d, i))
	case jsonArray:
		return mix(seed, w.hashElements(d, i, rules))
	case jsonNumber:
		if rules[familyValue] != none {
			return seed
		}
		return mix(seed, parseDecimal(d.raw(i)).hash())
	case jsonString:
		return mix(seed, xxh3.Hash(d.string(i)))
	default:
		return mix(seed, xxh3.Hash(d.raw(i)))
	}
}

func (w *walker) hashMembers(d *document, i uint32) uint64 {
	var sum uint64
	for c := i + 1; c < d.nodes[i].next; c = d.nodes[c].next {
		if w.rules.renames && w.vague(d, c) {
			continue
		}
		w.enterNamesake(d, c)
		rules := w.rules.decide(&w.at)
		forgiven := w.rules.ignores(rules) == IgnoreAll || d.nodes[c].kind == jsonNull && w.rules.does(rules, actAbsent)
		if !forgiven {
			name := xxh3.Hash(d.name(c))
			h := uint64(1)
			if !w.rules.renames || w.certain(d, c) {
				h = w.hash(d, c)
			}
			sum += mix(name, h)
		}
		w.at.pop()
	}
	return sum
}

func (w *walker) hashElements(d *document, i uint32, rules decision) uint64 {
	var sum uint64
	var seen map[uint64]bool
	if w.rules.set(rules) {
		seen = map[uint64]bool{}
	}
	unordered := w.rules.orderless(rules)
	index := 0
	for c := i + 1; c < d.nodes[i].next; c = d.nodes[c].next {
		if unordered {
			w.at.element()
		} else {
			w.at.index(index)
		}
		if w.rules.ignores(w.rules.decide(&w.at)) != IgnoreAll {
			place := uint64(0)
			if !unordered {
				place = uint64(index)
			}
			if h := mix(place+1, w.hash(d, c)); !seen[h] {
				sum += h
				if seen != nil {
					seen[h] = true
				}
			}
		}
		w.at.pop()
		index++
	}
	return sum
}

// hash is equal for equal numbers.
func (d decimal) hash() uint64 {
	h := xxh3.Hash(d.digits)
	if d.negative {
		h = ^h
	}
	if d.huge != nil {
		return h
	}
	// A number with a huge exponent can equal one whose exponent is not, if only just: both then have 18 digits.
	if d.exponent > 1e17 || d.exponent < -1e17 {
		return h
	}
	return mix(h, uint64(d.exponent))
}

// mix joins two numbers into one that depends on their order.
func mix(a, b uint64) uint64 {
	var buf [16]byte
	binary.LittleEndian.PutUint64(buf[:8], a)
	binary.LittleEndian.PutUint64(buf[8:], b)
	return xxh3.Hash(buf[:])
}
