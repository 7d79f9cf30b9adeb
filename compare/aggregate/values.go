package aggregate

import (
	"context"
	"fmt"
)

// values is a check of one value on each side: a count or a scalar.
type values struct{ statements [2]string }

func newValues(c *Check) (inquiry, error) {
	statements, err := c.statements()
	return &values{statements: statements}, err
}

func (v *values) measure(ctx context.Context, both *pair, r *Result) error {
	answers, err := both.ask(ctx, v.statements, 1)
	if err != nil {
		return err
	}
	var found [2]value
	for i, a := range answers {
		if found[i], err = a.single(); err != nil {
			return fmt.Errorf("%s: %w", sides[i], err)
		}
	}
	judge(r, both.allowed, [2]column{answers[0].columns[0], answers[1].columns[0]}, found[0], found[1])
	return nil
}
