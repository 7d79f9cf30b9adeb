package aggregate

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// maxAnswer bounds what one statement may make us hold, in bytes.
const maxAnswer = 64 << 20

// cellSize is what a value takes besides its text: a row of a thousand NULLs is not nothing.
const cellSize = 32

// value is one value as the database wrote it.
type value struct {
	text   string
	null   bool
	number bool // of one of the number types
}

// column is a column of an answer.
type column struct {
	name string
	oid  uint32 // its type; 0 where there are no types
	// modifier is one more than the type's modifier, such as the digits after the second; 0 is none.
	modifier int32
}

// answer is what a side gave for a statement.
type answer struct {
	columns []column
	rows    [][]value
	web     bool // of an endpoint, whose types are those of JSON
	unnamed bool // the names of the columns are but their numbers
}

var (
	errShape       = errors.New("the statement must give one row with one column")
	errTooManyRows = errors.New("the statement gives more rows than such a check may have")
)

// single is the one value of an answer; without a row it is NULL, as a scalar subquery is in SQL.
func (a *answer) single() (value, error) {
	switch {
	case len(a.columns) != 1:
		return value{}, fmt.Errorf("%w: it gives %s", errShape, counted(len(a.columns), "column", "columns"))
	case len(a.rows) == 0:
		return value{null: true, number: isNumber(a.columns[0].oid)}, nil
	}
	return a.rows[0][0], nil
}

// ask runs a statement and reads its rows, which may be no more than most. The extended protocol takes a single statement,
// and the unnamed prepared statement that it uses does not outlive it.
func (s *session) ask(ctx context.Context, sql string, most int) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.db.timeout+grace)
	defer cancel()
	rows := s.conn.ExecParams(ctx, sql, nil, nil, nil, nil)
	a, tooMuch := readAnswer(rows, most)
	if tooMuch != nil {
		cancel() // what is left of a large answer is not fetched
	}
	_, err := rows.Close()
	if tooMuch != nil {
		return nil, fmt.Errorf("%s: %w", s.db.side, tooMuch)
	}
	if err != nil {
		return nil, s.db.failure(ctx, "ask", err)
	}
	return a, nil
}

func readAnswer(rows *pgconn.ResultReader, most int) (*answer, error) {
	a := &answer{}
	for size := 0; rows.NextRow(); {
		if len(a.rows) == most {
			if most == 1 {
				return nil, fmt.Errorf("%w: there is more than one row", errShape)
			}
			return nil, fmt.Errorf("%w, %s", errTooManyRows, grouped(strconv.Itoa(most)))
		}
		fields := rows.FieldDescriptions()
		row := make([]value, len(fields))
		for i, raw := range rows.Values() {
			row[i] = value{text: string(raw), null: raw == nil, number: isNumber(fields[i].DataTypeOID)}
			size += len(raw) + cellSize
		}
		if size > maxAnswer {
			return nil, fmt.Errorf("the statement gives more than %d MiB; narrow it", maxAnswer>>20)
		}
		a.rows = append(a.rows, row)
	}
	for _, f := range rows.FieldDescriptions() {
		a.columns = append(a.columns, column{name: f.Name, oid: f.DataTypeOID, modifier: f.TypeModifier + 1})
	}
	return a, nil
}

func isNumber(oid uint32) bool {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID, pgtype.OIDOID:
		return true
	}
	return false
}
