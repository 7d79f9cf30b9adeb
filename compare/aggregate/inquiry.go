package aggregate

import (
	"context"
	"time"
)

// inquiry is a check that was validated, of one of the types: what is asked, and how the answers are judged.
type inquiry interface {
	// measure asks both sides and fills in the result. An error means that nothing was measured; it holds no secret.
	measure(ctx context.Context, both *pair, r *Result) error
}

// inquiries make an inquiry of each type of check. Their errors say which key of the check is wrong and why.
var inquiries = map[Type]func(c *Check) (inquiry, error){
	Count:        newValues,
	Scalar:       newValues,
	Ratio:        newRatio,
	Distribution: newDistribution,
	Top:          newTop,
	Rows:         newRows,
	Checksum:     newChecksum,
	Schema:       newSchema,
	Sequences:    newSequences,
}

// Types lists every type of check.
var Types = []Type{Count, Scalar, Ratio, Top, Distribution, Rows, Checksum, Schema, Sequences}

// source is a side while it is asked: a database within a transaction.
type source interface {
	// ask returns what the statement gives, which may be no more than so many rows.
	ask(ctx context.Context, sql string, most int) (*answer, error)
}

// pair are both sides while they are asked, and what is allowed between them.
type pair struct {
	sides   [2]source // old, new
	allowed bounds
	strict  bool // nothing is allowed, whatever a column of its own says
	// planning says that statements are but planned: what both sides would be asked at once ends the inquiry.
	planning bool
	// renew ends what is open on both sides, lets other checks have their turn for at least the pause, and opens both anew, at
	// one moment. After an error there is nothing open, and nothing is to be asked.
	renew func(ctx context.Context, pause time.Duration) error
	// databases tells the databases apart from others, without a secret.
	databases string
	progress  Progress // nil: nothing is kept
}

// ask asks both sides at once.
func (p *pair) ask(ctx context.Context, statements [2]string, most int) (answers [2]*answer, err error) {
	err = onSides(ctx, func(ctx context.Context, i int) (err error) {
		answers[i], err = p.sides[i].ask(ctx, statements[i], most)
		return err
	})
	if err == nil && p.planning && (len(answers[0].columns) == 0 || len(answers[1].columns) == 0) {
		err = errExplained
	}
	if err == nil {
		answers[0].adopt(answers[1])
		answers[1].adopt(answers[0])
	}
	return answers, err
}
