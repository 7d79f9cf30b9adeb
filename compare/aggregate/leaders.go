package aggregate

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"paritygate/compare"
)

// leader is a key that leads on one side at least.
type leader struct {
	place
	ranks  [2]int // from 0; -1 where it was not seen
	leads  [2]bool
	shared bool // it counts as leading on both
	unseen bool // it is shared for want of knowledge: on one side it may stand behind what was read
}

// leaders is the comparison of two rankings.
type leaders struct {
	found  [2]*ranking
	all    []*leader // the worst first
	wanted int       // the number that should lead on both
	misses int       // how many of those do not
	unseen int       // the number that are shared for want of knowledge
	most   int       // how many of those lead on one side
	shift  int       // by how much the rank of a shared key differs the most
	moved  *leader   // that key
}

// judgeTop compares two rankings and fills in what was found. It is pure, and the order of entries of one value does not
// matter where all of them are known.
//
// A key that leads on one side is looked for in all that is known of the other. If its value is there, and agrees, the key is
// no difference whatever its rank: its rank is another one because of other keys, which are differences by themselves.
// doubts says that keys which one side does not show were taken for shared.
func judgeTop(r *Result, t bounds, limit int, found [2]*ranking) (doubts bool) {
	r.Old, r.New = found[0].shown(), found[1].shown()
	if len(found[0].entries)+len(found[1].entries) == 0 {
		r.inconclusive("Both sides are empty, so there is nothing to compare.")
		return false
	}
	l := join(found)
	for _, k := range l.all {
		l.judge(k, t)
	}
	slices.SortStableFunc(l.all, func(a, b *leader) int { return b.worse(a.finding) })
	l.count()
	l.measureShift()
	l.report(r, t, limit)
	return l.unseen > 0
}

// shown is a ranking in short.
func (r *ranking) shown() *string {
	s := counted(r.first, "key", "keys")
	if r.first > 0 {
		s += fmt.Sprintf(", from %s to %s", r.entries[0].value.said(), r.entries[r.first-1].value.said())
	}
	return &s
}

// join finds the keys that lead on one side at least, in the order of old's ranking and then of new's.
func join(found [2]*ranking) *leaders {
	l := &leaders{found: found, wanted: max(found[0].first, found[1].first)}
	for i, ranking := range found {
		for _, e := range ranking.entries[:ranking.leading] {
			if rank, known := found[0].byID[e.id]; i == 1 && known && rank < found[0].leading {
				continue // it was there when old's were looked at
			}
			k := &leader{place: place{id: e.id, key: e.key}}
			for side, other := range found {
				if rank, known := other.byID[e.id]; known {
					k.ranks[side], k.leads[side], k.values[side] = rank, rank < other.leading, &other.entries[rank].value
				} else {
					k.ranks[side] = -1
				}
			}
			l.all = append(l.all, k)
		}
	}
	return l
}

// judge compares what both sides have for a key.
func (l *leaders) judge(k *leader, t bounds) {
	for side, kind := range []compare.Kind{compare.KindExtra, compare.KindMissing} {
		if k.values[side] != nil {
			continue
		}
		ranking, v := l.found[side], *k.values[1-side]
		if ranking.cut && ranking.mayFollow(t, v, l.direction(side)) {
			k.finding, k.shared, k.unseen = finding{verdict: Pass}, true, true
			return
		}
		k.finding = compareMissing(t, v, kind)
		k.shared = k.verdict == Pass
		return
	}
	k.finding = compareValues(t, *k.values[0], *k.values[1])
	k.shared = k.verdict != Fail || k.leads[0] && k.leads[1]
}

func (l *leaders) direction(side int) int {
	for _, r := range []*ranking{l.found[side], l.found[1-side]} {
		if r.direction != 0 {
			return r.direction
		}
	}
	return 1
}

func (l *leaders) count() {
	var misses, unseen [2]int
	for _, k := range l.all {
		for side := range misses {
			if k.leads[side] && !k.shared {
				misses[side]++
			}
			if k.leads[side] && k.unseen {
				unseen[side]++
			}
		}
	}
	l.misses = min(l.wanted, max(misses[0], misses[1]))
	l.unseen, l.most = unseen[0]+unseen[1], max(unseen[0], unseen[1])
}

func (l *leaders) measureShift() {
	ranks := [2][][2]int{l.found[0].ranks(), l.found[1].ranks()}
	for _, k := range l.all {
		if !k.shared || k.ranks[0] < 0 || k.ranks[1] < 0 {
			continue
		}
		a, b := ranks[0][k.ranks[0]], ranks[1][k.ranks[1]]
		if shift := max(a[0]-b[1], b[0]-a[1]); shift > l.shift {
			l.shift, l.moved = shift, k
		}
	}
}

// overlap is the part of the wanted keys that lead on both sides.
func (l *leaders) overlap() *big.Rat { return big.NewRat(int64(l.wanted-l.misses), int64(l.wanted)) }

func (l *leaders) report(r *Result, t bounds, limit int) {
	whose := "All " + counted(l.wanted, "key", "keys")
	if l.wanted == limit {
		whose = "The leading " + counted(l.wanted, "key", "keys")
	}
	tooFew := l.overlap().Cmp(t.overlap) < 0
	var off, lacking []*leader
	var doubt *leader
	known := false
	for _, k := range l.all {
		blank := k.values[0] != nil && k.values[1] != nil && k.values[0].null && k.values[1].null
		known = known || !blank && !k.unseen
		switch {
		case k.verdict == Inconclusive && !blank && doubt == nil:
			doubt = k
		case k.verdict == Fail && k.shared:
			off = append(off, k)
		case k.verdict == Fail:
			lacking = append(lacking, k)
		}
		if k.verdict == Fail && (k.shared || tooFew) {
			r.addDifference(k.difference())
		}
	}
	switch {
	case len(r.Differences) > 0:
		r.Verdict = Fail
	case doubt != nil:
		r.inconclusive(fmt.Sprintf("The value of the key %s %s.", named(doubt.key), doubt.doubt))
		return
	case !known:
		r.inconclusive("There is no value to compare: all that lead are NULL, or not seen on both sides.")
		return
	case 2*l.most > l.wanted:
		r.inconclusive(fmt.Sprintf("%s of %s that lead on one side may stand on the other behind the last row that was read, which are too many: "+
			"drop the LIMIT of the check's sql, or take a limit at which the values are apart.",
			grouped(strconv.Itoa(l.most)), counted(l.wanted, "key", "keys")))
		return
	default:
		r.Verdict = Pass
	}
	r.Variance = new(l.all[0].variance)
	r.Reason = l.sentence(whose, off, lacking, t.overlap)
}

// sentence says what was found, in the parts that matter.
func (l *leaders) sentence(whose string, off, lacking []*leader, wanted *big.Rat) string {
	var parts []string
	if len(off) > 0 {
		parts = append(parts, fmt.Sprintf("%s by more than is allowed, the worst is that of %s",
			differing(len(off), l.wanted, "value", "values"), off[0].said()))
	}
	worst := l.all[0]
	switch {
	case len(lacking) > 0:
		parts = append(parts, fmt.Sprintf("%s of %s lead on both sides (%s, and at least %s must): %s", grouped(strconv.Itoa(l.wanted-l.misses)),
			counted(l.wanted, "key", "keys"), percent(l.overlap()), percent(wanted), examples(lacking)))
	case len(off) > 0:
	case worst.variance == 0:
		parts = append(parts, whose+" and their values are the same on both sides")
	default:
		parts = append(parts, whose+" are the same on both sides", "the worst value is within what is allowed, "+worst.said())
	}
	if l.moved != nil {
		parts = append(parts, fmt.Sprintf("the largest shift of rank is %d, of %s", l.shift, named(l.moved.key)))
	}
	if l.unseen > 0 {
		parts = append(parts, fmt.Sprintf("of these, %s may stand at the border of one side behind the last row that was read",
			grouped(strconv.Itoa(l.unseen))))
	}
	return strings.Join(parts, "; ") + "."
}

// examples names the first few.
func examples(some []*leader) string {
	const most = 3
	var said []string
	for _, k := range some[:min(most, len(some))] {
		said = append(said, k.said())
	}
	s := strings.Join(said, "; ")
	if more := len(some) - most; more > 0 {
		s += fmt.Sprintf("; and %s more", grouped(strconv.Itoa(more)))
	}
	return s
}
