package demo

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// cents is an amount of money, exact. In the databases it is a numeric with two decimals.
type cents int64

// String writes the amount with two decimals, which is how the databases take it.
func (c cents) String() string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d.%02d", sign, c/100, c%100)
}

// Scan reads what a driver makes of a numeric: text from PostgreSQL, a number from SQLite.
func (c *cents) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*c = 0
	case int64:
		*c = cents(v * 100)
	case float64:
		*c = cents(math.Round(v * 100))
	case []byte:
		return c.parse(string(v))
	case string:
		return c.parse(v)
	default:
		return fmt.Errorf("an amount cannot be read from a %T", value)
	}
	return nil
}

func (c *cents) parse(s string) error {
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	if err != nil {
		return fmt.Errorf("an amount cannot be read from %q: %w", s, err)
	}
	*c = cents(n)
	return nil
}
