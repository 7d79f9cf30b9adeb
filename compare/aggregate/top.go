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
	// maxLimit bounds the leading keys, and so what is held of both rankings.
	maxLimit = 10_000
	// leastMargin is how far beyond the limit is looked at the least: there a key is found that is at the border of one
	// ranking and just beyond it in the other.
	leastMargin = 100
)

// top is a check of the leading keys of a ranking and their values.
type top struct {
	statements [2]string
	limit      int
}

func newTop(c *Check) (inquiry, error) {
	statements, err := c.statements()
	t := &top{statements: statements, limit: c.Limit}
	if t.limit == 0 {
		t.limit = defaultLimit
	}
	if t.limit < 0 || t.limit > maxLimit {
		err = errors.Join(err, fmt.Errorf("limit: must be 1 to %s", grouped(strconv.Itoa(maxLimit))))
	}
	return t, err
}

func (c *top) measure(ctx context.Context, both *pair, r *Result) error {
	most := c.limit + max(c.limit, leastMargin)
	answers, err := both.leading(ctx, c.statements, most)
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
		cut[i] = rows == most || cutShort(c.statements[i], rows)
		if cut[i] {
			limit = min(limit, rows) // its own LIMIT is the smaller one
		}
	}
	var rankings [2]*ranking
	for i := range found {
		if rankings[i], err = rank(found[i], limit, cut[i], len(found[i]) < most); err != nil {
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

// leading asks both sides for the first rows of their statements, so many at most.
func (p *pair) leading(ctx context.Context, statements [2]string, most int) (answers [2]*answer, err error) {
	err = onSides(ctx, func(ctx context.Context, i int) (err error) {
		answers[i], err = leading(ctx, p.sides[i], statements[i], most)
		return err
	})
	return answers, err
}

// mayHaveLimit says whether a statement might not take a LIMIT of ours: it has one, or has ended.
var mayHaveLimit = regexp.MustCompile(`(?i)\b(?:LIMIT|FETCH)\b|;`)

// leading asks for the first rows of a statement. A LIMIT behind its own ORDER BY lets the database keep the first rows
// alone while it sorts. Where it does not take one they are taken from a cursor, for which a database does not work in parallel;
// to break off the answer instead would write an error into its log at each run.
func leading(ctx context.Context, s source, sql string, most int) (*answer, error) {
	if !mayHaveLimit.MatchString(sql) {
		return s.ask(ctx, fmt.Sprintf("(%s\n) LIMIT %d", sql, most), most) // a comment may end the statement
	}
	if _, err := s.ask(ctx, "DECLARE ranking NO SCROLL CURSOR FOR "+sql, 0); err != nil {
		return nil, err
	}
	a, err := s.ask(ctx, fmt.Sprintf("FETCH FORWARD %d FROM ranking", most), most)
	if err != nil {
		return nil, err
	}
	_, err = s.ask(ctx, "CLOSE ranking", 0)
	return a, err
}
