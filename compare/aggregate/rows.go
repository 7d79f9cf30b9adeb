package aggregate

import (
	"context"
	"errors"
	"fmt"
)

// maxRows is how many rows a side of a rows check may give. What is larger is a checksum's.
const maxRows = 10_000

// rows is a check of two small sets of rows, which are joined by a key.
type rows struct {
	statements [2]string
	key        []string
	columns    *columnMap
}

func newRows(c *Check) (inquiry, error) {
	statements, err := c.statements()
	columns, wrong := parseColumns(c.Columns, c.Key)
	return &rows{statements: statements, key: c.Key, columns: columns}, errors.Join(err, wrong)
}

func (q *rows) measure(ctx context.Context, both *pair, r *Result) error {
	answers, err := both.ask(ctx, q.statements, maxRows)
	if errors.Is(err, errTooManyRows) {
		return fmt.Errorf("%w: narrow both, or compare the tables by a check of type checksum", err)
	}
	if err != nil {
		return err
	}
	twins, err := q.columns.join(answers[0].columns, answers[1].columns)
	if err != nil {
		return err
	}
	key, err := keyOf(q.key, twins)
	if err != nil {
		return err
	}
	t := &table{twins: twins, key: key, rows: [2][][]value{answers[0].rows, answers[1].rows}}
	for i := range twins {
		t.allowed = append(t.allowed, twins[i].bounds(both))
	}
	if err := t.compare(ctx); err != nil {
		return err
	}
	t.report(r)
	return nil
}

// keyOf says which of the twins are the key: those named, else the first.
func keyOf(names []string, twins []twin) ([]int, error) {
	if len(twins) == 0 {
		return nil, errors.New("every column is ignored, so there is nothing to compare")
	}
	var key []int
	for _, name := range names {
		at := -1
		for i, t := range twins {
			if t.name == name {
				at = i
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("key: old's statement gives no column %s that is compared", name)
		}
		key = append(key, at)
	}
	if len(names) == 0 {
		key = []int{0}
	}
	for _, i := range key {
		if t := twins[i]; t.like.document {
			return nil, fmt.Errorf("rows cannot be joined by %s, which is a document: name other columns as the key", t.name)
		}
	}
	return key, nil
}
