package aggregate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"paritygate/compare"
)

// maxBuckets bounds a distribution, so that a column of single values is not mistaken for one.
const maxBuckets = 10_000

// distribution is a check of counts per bucket.
type distribution struct{ statements [2]string }

func newDistribution(c *Check) (inquiry, error) {
	statements, err := c.statements()
	return &distribution{statements: statements}, err
}

func (c *distribution) measure(ctx context.Context, both *pair, r *Result) error {
	answers, err := both.ask(ctx, c.statements, maxBuckets)
	if errors.Is(err, errTooManyRows) {
		return fmt.Errorf("%w: group into fewer buckets, or compare the tables by a check of type checksum", err)
	}
	if err != nil {
		return err
	}
	buckets, err := entries(answers, "the bucket")
	if err != nil {
		return err
	}
	judgeDistribution(r, valueBounds(both.allowed, lastOf(answers[0]), lastOf(answers[1])), buckets)
	return nil
}

// judgeDistribution compares the buckets of both sides and fills in what was found. It is pure, and the order of the
// buckets does not matter.
func judgeDistribution(r *Result, t bounds, found [2][]entry) {
	buckets := unite(found)
	var shown [2]string
	for i := range found {
		shown[i] = counted(len(found[i]), "bucket", "buckets") + ", " + saidTotal(total(found[i]))
	}
	r.Old, r.New = &shown[0], &shown[1]
	filled, known := false, 0
	for _, b := range buckets {
		b.finding = b.judgeCount(t)
		filled = filled || !b.isZero()
		if b.verdict != Inconclusive {
			known++
		}
	}
	slices.SortFunc(buckets, func(a, b *place) int {
		if c := b.worse(a.finding); c != 0 {
			return c
		}
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.id, b.id))
	})
	var failed []*place
	for _, b := range buckets {
		if b.verdict == Fail {
			failed = append(failed, b)
			r.addDifference(b.difference())
		}
	}
	doubtful := slices.IndexFunc(buckets, func(b *place) bool { return b.verdict == Inconclusive && !b.isBlank() })
	variation := saidVariation(found)
	switch {
	case len(failed) > 0:
		r.Verdict, r.Variance = Fail, new(buckets[0].variance)
		r.Reason = fmt.Sprintf("%s by more than is allowed, the worst is bucket %s; %s.",
			differing(len(failed), len(buckets), "bucket", "buckets"), failed[0].said(), variation)
	case doubtful >= 0:
		r.inconclusive(fmt.Sprintf("The value of the bucket %s %s.", named(buckets[doubtful].key), buckets[doubtful].doubt))
	case !filled:
		r.inconclusive("Both sides are empty, so there is nothing to compare.")
	case known == 0:
		r.inconclusive("Every bucket is NULL on both sides, so there is nothing to compare.")
	case buckets[0].variance == 0:
		r.Verdict, r.Variance = Pass, new(float64)
		r.Reason = fmt.Sprintf("Both sides have %s, and the same in each: no difference.", *r.Old)
	default:
		r.Verdict, r.Variance = Pass, new(buckets[0].variance)
		r.Reason = fmt.Sprintf("All of %s are within what is allowed, the worst is bucket %s; %s.",
			counted(len(buckets), "bucket", "buckets"), buckets[0].said(), variation)
	}
}

// judgeCount compares the two counts; a missing one is 0.
func (p *place) judgeCount(t bounds) finding {
	switch {
	case p.values[0] == nil:
		return compareMissing(t, *p.values[1], compare.KindExtra)
	case p.values[1] == nil:
		return compareMissing(t, *p.values[0], compare.KindMissing)
	}
	return compareQuantities(t, *p.values[0], *p.values[1])
}

// isZero says whether neither side has anything in the bucket.
func (p *place) isZero() bool {
	for _, v := range p.values {
		if v == nil {
			continue
		}
		if x, ok := v.rational(); !ok || x.Sign() != 0 {
			return false
		}
	}
	return true
}

// isBlank says whether both sides have NULL.
func (p *place) isBlank() bool {
	return p.values[0] != nil && p.values[1] != nil && p.values[0].null && p.values[1].null
}

// total is the sum of the counts, nil if one of them is no number.
func total(found []entry) *big.Rat {
	sum := new(big.Rat)
	for i := range found {
		x, ok := found[i].rational()
		if !ok {
			return nil
		}
		sum.Add(sum, x)
	}
	return sum
}

func saidTotal(sum *big.Rat) string {
	if sum == nil {
		return "not all of them numbers"
	}
	return exact(sum) + " in all"
}

// variation is the total variation distance: half the sum of what the shares of the buckets differ by, which is the part
// of the rows that would have to move. It is nil where there are no shares: on a side without rows, or with negative counts.
func variation(found [2][]entry) *big.Rat {
	shares := [2]map[string]*big.Rat{{}, {}}
	for i := range found {
		sum := total(found[i])
		if sum == nil || sum.Sign() <= 0 {
			return nil
		}
		for j := range found[i] {
			x, _ := found[i][j].rational()
			if x.Sign() < 0 {
				return nil
			}
			shares[i][found[i][j].id] = new(big.Rat).Quo(x, sum)
		}
	}
	distance := new(big.Rat)
	for id, p := range shares[0] {
		d := new(big.Rat).Set(p)
		if q := shares[1][id]; q != nil {
			d.Sub(d, q)
		}
		distance.Add(distance, d.Abs(d))
	}
	for id, q := range shares[1] {
		if shares[0][id] == nil {
			distance.Add(distance, q)
		}
	}
	return distance.Quo(distance, big.NewRat(2, 1))
}

func saidVariation(found [2][]entry) string {
	d := variation(found)
	if d == nil {
		return "there is no total variation distance of what has no shares"
	}
	return "the total variation distance is " + percent(d)
}

// counted writes how many there are of something.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(strconv.Itoa(n)) + " " + many
}

// differing writes how many of all differ, as a subject with its verb.
func differing(n, all int, one, many string) string {
	verb := "differ"
	if n == 1 {
		verb = "differs"
	}
	return fmt.Sprintf("%s of %s %s", grouped(strconv.Itoa(n)), counted(all, one, many), verb)
}
