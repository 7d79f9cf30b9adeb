package aggregate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultLimit = 100
	maxLimit     = 10_000
	// maxRanked is how much of a ranking is read. What lies beyond the limit tells a key that fell a little, or is at the
	// border by a tie, from one that is not there any more; the farther it goes, the fewer keys are in doubt.
	maxRanked = 2 * maxLimit
)

// top is a check of the leading keys of a ranking and their values.
type top struct {
	asked   rankings
	further *rankings // without the LIMIT that a statement ends with; nil if none does
}

// rankings are the statements of both sides.
type rankings struct {
	statements [2]string // as the check has them
	bounded    [2]string // as they are asked
	limit      int
}

func newTop(c *Check) (inquiry, error) {
	statements, err := c.statements()
	limit := c.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	if limit < 0 || limit > maxLimit {
		err = errors.Join(err, fmt.Errorf("limit: must be 1 to %s", grouped(strconv.Itoa(maxLimit))))
	}
	t := &top{asked: newRankings(statements, limit)}
	for i, sql := range statements {
		if open, own, ends := withoutLimit(sql); ends {
			statements[i], limit = open, min(limit, own)
			further := newRankings(statements, limit)
			t.further = &further
		}
	}
	return t, err
}

func newRankings(statements [2]string, limit int) rankings {
	return rankings{statements: statements, bounded: [2]string{bounded(statements[0]), bounded(statements[1])}, limit: limit}
}

func (c *top) measure(ctx context.Context, both *pair, r *Result) error {
	found := *r
	doubts, err := c.asked.measure(ctx, both, &found)
	if err == nil && doubts && c.further != nil {
		// What its own LIMIT keeps back tells whether keys fell behind the border or are not there any more. A statement that
		// makes no ranking without it has said what it can.
		more := *r
		if _, err := c.further.measure(ctx, both, &more); err == nil {
			found = more
		} else if ctx.Err() != nil {
			return err
		}
	}
	if err == nil {
		*r = found
	}
	return err
}

// measure also says whether keys were taken for shared that were not seen on one side.
func (c *rankings) measure(ctx context.Context, both *pair, r *Result) (doubts bool, err error) {
	answers, err := both.ask(ctx, c.bounded, maxRanked)
	if errors.Is(err, errTooManyRows) {
		return false, fmt.Errorf("%w: end it with LIMIT %d", err, maxRanked)
	}
	if err != nil {
		return false, err
	}
	found, err := entries(answers, "the key")
	if err != nil {
		return false, err
	}
	limit := c.limit
	var cut [2]bool
	for i := range found {
		rows := len(found[i])
		cut[i] = rows == maxRanked || cutShort(c.statements[i], rows)
		if cut[i] {
			limit = min(limit, rows) // its own LIMIT is the smaller one
		}
	}
	var rankings [2]*ranking
	for i := range found {
		if rankings[i], err = rank(found[i], limit, cut[i], len(found[i]) < maxRanked); err != nil {
			return false, fmt.Errorf("%s: %w", sides[i], err)
		}
	}
	if rankings[0].direction*rankings[1].direction < 0 {
		if cut[0] || cut[1] {
			return false, errDirections
		}
		for i := range found { // each is whole, so that its order may be an accident
			rankings[i] = rankAll(found[i], limit, false)
		}
	}
	return judgeTop(r, valueBounds(both.allowed, lastOf(answers[0]), lastOf(answers[1])), limit, rankings), nil
}

var errDirections = errors.New("one side has the largest value first and the other the smallest; give both the same ORDER BY in the check's sql")

// lastLimit is the LIMIT, or FETCH FIRST, that a statement ends with.
var lastLimit = regexp.MustCompile(`(?i)\s+(?:LIMIT\s+(\d{1,9})|FETCH\s+(?:FIRST|NEXT)\s+(\d{1,9})\s+ROWS?\s+ONLY)\s*;?\s*$`)

// withoutLimit takes the LIMIT off that a statement ends with. What may be in a comment is left alone.
func withoutLimit(sql string) (open string, limit int, ends bool) {
	found := lastLimit.FindStringSubmatch(sql)
	if found == nil || strings.Contains(sql, "--") || strings.Contains(sql, "/*") {
		return sql, 0, false
	}
	limit, err := strconv.Atoi(found[1] + found[2])
	return strings.TrimSuffix(sql, found[0]), limit, err == nil && limit > 0
}

// ownLimit finds where a statement says by itself how many rows it gives, the number if it is written out, and whether that is
// part of an expression.
var ownLimit = regexp.MustCompile(`(?i)\b(?:LIMIT|FETCH\s+(?:FIRST|NEXT))\b(?:\s+(\d+)\b(\s*[-+*/%])?)?`)

// cutShort says whether a statement that gave so many rows may have more, which its own LIMIT kept back.
func cutShort(sql string, rows int) bool {
	return rows > 0 && slices.ContainsFunc(ownLimit.FindAllStringSubmatch(sql, -1), func(found []string) bool {
		return found[1] == "" || found[2] != "" || found[1] == strconv.Itoa(rows)
	})
}

// mayHaveLimit says whether a statement might not take a LIMIT of ours: it has one somewhere, or has ended.
var mayHaveLimit = regexp.MustCompile(`(?i)\b(?:LIMIT|FETCH)\b|;`)

// bounded ends a statement with a LIMIT, unless it might not take one. It stands behind the statement's own ORDER BY, so that
// the database keeps no more than that while it sorts.
func bounded(sql string) string {
	if sql == "" || mayHaveLimit.MatchString(sql) {
		return sql
	}
	return fmt.Sprintf("(%s\n) LIMIT %d", sql, maxRanked) // a comment may end the statement
}
