package aggregate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// placeholder stands in a statement where the moment is to be put before which rows are settled.
const placeholder = "{settled}"

// check returns what is wrong with the window of a check.
func (s *Settled) check(c *Check) error {
	switch {
	case s == nil:
		return nil
	case s.Lag <= 0:
		return errors.New("settled.lag: must be above 0")
	case s.Column == "" && (c.Old.Table != "" || c.New.Table != ""):
		return errors.New("settled.column: is needed for a side with a table: the column that says how old a row is")
	case len(s.Column) > maxIdentifier:
		return fmt.Errorf("settled.column: %q is longer than PostgreSQL's %d bytes", s.Column, maxIdentifier)
	}
	return nil
}

// placed returns an error if a statement does not have the placeholder that it must have.
func (s *Settled) placed(sql string) error {
	if strings.Contains(sql, placeholder) {
		return nil
	}
	return fmt.Errorf("sql: must have %s where the check has settled: in its place comes the moment before which rows are settled, "+
		"as in WHERE updated_at <= %s", placeholder, placeholder)
}

// settled is the condition by which a statement of one side, 0 for old and 1 for new, leaves out what is not yet settled, with
// the placeholder in it; TRUE if the check has no such window. A row without a time would else never be compared.
func (c *Check) settled(side int) string {
	if c.Settled == nil {
		return "TRUE"
	}
	name := pgx.Identifier{c.columnName(side, c.Settled.Column)}.Sanitize()
	return fmt.Sprintf("(%s <= %s OR %s IS NULL)", name, placeholder, name)
}

// columnName is the name that a column of old's has on a side, 0 for old and 1 for new.
func (c *Check) columnName(side int, old string) string {
	for _, k := range c.Columns {
		if side == 1 && k.Old == old && k.New != "" {
			return k.New
		}
	}
	return old
}

// clock is the statement that asks a database for its time.
const clock = "SELECT clock_timestamp()"

// timeLayout is how a database in UTC writes a timestamptz.
const timeLayout = "2006-01-02 15:04:05.999999-07"

// now asks a database for its time.
func now(ctx context.Context, s source) (time.Time, error) {
	a, err := s.ask(ctx, clock, 1)
	if err != nil {
		return time.Time{}, err
	}
	v, err := a.single()
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(timeLayout, v.text)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock: %w", err)
	}
	return at, nil
}

// filled is a database whose statements have a moment in the placeholder's stead.
type filled struct {
	source
	moment string
}

func (f filled) ask(ctx context.Context, sql string, most int) (*answer, error) {
	return f.source.ask(ctx, strings.ReplaceAll(sql, placeholder, f.moment), most)
}

// cutoff is the moment before which rows are settled.
type cutoff struct {
	at   time.Time
	none bool // nothing is left out
}

// sql is the moment as a statement has it.
func (c cutoff) sql() string {
	if c.none {
		return "timestamptz 'infinity'"
	}
	return "timestamptz '" + c.at.UTC().Format(timeLayout) + "'"
}

// text is the moment as a request has it: a time that JSON and URLs usually have.
func (c cutoff) text() string {
	if c.none {
		return "9999-12-31T23:59:59.999999Z"
	}
	return c.at.UTC().Format("2006-01-02T15:04:05.000000Z")
}
