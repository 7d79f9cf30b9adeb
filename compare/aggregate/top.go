package aggregate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
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
	statements [2]string // as the check has them
	bounded    [2]string // as they are asked
	limit      int
}

func newTop(c *Check) (inquiry, error) {
	statements, err := c.statements()
	t := &top{statements: statements, bounded: [2]string{bounded(statements[0]), bounded(statements[1])}, limit: c.Limit}
	if t.limit == 0 {
		t.limit = defaultLimit
	}
	if t.limit < 0 || t.limit > maxLimit {
		err = errors.Join(err, fmt.Errorf("limit: must be 1 to %s", grouped(strconv.Itoa(maxLimit))))
	}
	return t, err
}

func (c *top) measure(ctx context.Context, both *pair, r *Result) error {
	answers, err := both.ask(ctx, c.bounded, maxRanked)
	if errors.Is(err, errTooManyRows) {
		return fmt.Errorf("%w: end it with LIMIT %d", err, maxRanked)
	}
	if err != nil {
		return err
	}
	found, err := entries(answers, "the key")
	if err != nil {
		return err
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
			return fmt.Errorf("%s: %w", sides[i], err)
		}
	}
	judgeTop(r, valueBounds(both.allowed, lastOf(answers[0]), lastOf(answers[1])), limit, rankings)
	return nil
}

// ownLimit finds where a statement says by itself how many rows it gives, and the number if it is written out.
var ownLimit = regexp.MustCompile(`(?i)\b(?:LIMIT|FETCH\s+(?:FIRST|NEXT))\b(?:\s+(\d+)\b)?`)

// cutShort says whether a statement that gave so many rows may have more, which its own LIMIT kept back.
func cutShort(sql string, rows int) bool {
	return rows > 0 && slices.ContainsFunc(ownLimit.FindAllStringSubmatch(sql, -1), func(found []string) bool {
		return found[1] == "" || found[1] == strconv.Itoa(rows)
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
