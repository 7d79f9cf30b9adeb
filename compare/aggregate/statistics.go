package aggregate

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"paritygate/compare/aggregate/catalog"
)

// Statistics is what a database knows or was made to count about its data.
type Statistics struct {
	// Rows are the tables that were counted, and Uncounted says why others were not.
	Rows      map[catalog.Name]int64
	Uncounted map[catalog.Name]string
	// Distinct is how many values the columns have, as ANALYZE found: a number, or, if negative, a part of the rows. It
	// holds columns that the role may read.
	Distinct map[catalog.ColumnName]float64
}

const distinctSQL = `SELECT schemaname, tablename, attname, n_distinct FROM pg_catalog.pg_stats
	WHERE schemaname <> 'pg_catalog' AND schemaname <> 'information_schema'`

// ReadStatistics counts the rows of the tables, one after the other within one read-only transaction, and reads what the server
// knows about their columns. The side, old or new, is for errors, which hold no secret. A table that cannot be counted, for
// lack of rights or of time, does not keep the others from it.
func ReadStatistics(ctx context.Context, side string, d Database, tables []catalog.Name) (*Statistics, error) {
	db, err := newDatabase(side, d)
	if err != nil {
		return nil, err
	}
	s, err := db.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	out := &Statistics{Rows: map[catalog.Name]int64{}, Uncounted: map[catalog.Name]string{}, Distinct: map[catalog.ColumnName]float64{}}
	a, err := s.ask(ctx, distinctSQL, catalog.MostRows)
	if err != nil {
		return nil, err
	}
	for _, row := range a.rows {
		n, err := strconv.ParseFloat(row[3].text, 64)
		if err != nil {
			return nil, fmt.Errorf("read %s's statistics: %w", side, err)
		}
		out.Distinct[catalog.ColumnName{Relation: catalog.Name{Schema: row[0].text, Name: row[1].text}, Column: row[2].text}] = n
	}
	for _, t := range tables {
		rows, err := countRows(ctx, s, t)
		if ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			out.Uncounted[t] = err.Error()
			if s.conn.IsClosed() {
				return nil, err
			}
			continue
		}
		out.Rows[t] = rows
	}
	return out, nil
}

// countRows counts a table's rows. What goes wrong with one statement would end the transaction; a savepoint keeps it.
func countRows(ctx context.Context, s *session, t catalog.Name) (int64, error) {
	if _, err := s.ask(ctx, "SAVEPOINT counting", 1); err != nil {
		return 0, err
	}
	a, err := s.ask(ctx, "SELECT count(*) FROM "+t.Sanitize(), 1)
	if err != nil {
		_, back := s.ask(ctx, "ROLLBACK TO SAVEPOINT counting", 1)
		return 0, errors.Join(err, back)
	}
	v, err := a.single()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(v.text, 10, 64)
}
