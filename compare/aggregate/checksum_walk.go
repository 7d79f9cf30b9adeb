package aggregate

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"
)

const (
	// chunkTime is how long one statement should take: what production is asked to bear at once.
	chunkTime = 500 * time.Millisecond
	// leastChunk and mostChunk are rows of a chunk.
	leastChunk = 1_000
	mostChunk  = 5_000_000
	// canceled is the SQLSTATE of a statement that took longer than it may.
	canceled = "57014"
)

// firstChunk are the rows of the first chunk. Tests change it.
var firstChunk int64 = 20_000

// walk is one run of a checksum: over the table in chunks, by ranges of the key, each in transactions of its own.
type walk struct {
	both   *pair
	tables *checksumTables
	check  string
	pace   float64
	state  state
	saved  time.Time
	began  time.Time     // the chunk
	took   time.Duration // the sums of the chunk
}

// sums are the rows and the sum of their hashes in a part of the table, on one side.
type sums struct {
	rows int64
	sum  string
}

func (w *walk) run(ctx context.Context) error {
	for done := false; !done; {
		s := span{lo: w.state.Done}
		if err := w.renew(ctx); err != nil {
			return err
		}
		before := w.state
		err := w.cut(ctx, &s)
		if err == nil {
			err = w.look(ctx, s)
		}
		switch {
		case w.tooLong(err):
			w.state = before // what was found in the half of a chunk is found again
			w.state.Chunk = max(w.state.Chunk/4, leastChunk)
			continue
		case err != nil:
			return w.hint(err)
		}
		done = s.hi == nil
		if !done {
			w.state.Done = s.hi
			w.adapt()
			w.save(ctx)
		}
	}
	if w.tables.sides[0].nullable || w.tables.sides[1].nullable {
		if err := w.look(ctx, span{nulls: true}); err != nil {
			return w.hint(err)
		}
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	w.forget(ctx)
	return nil
}

// renew begins the transactions of a chunk, after a pause that gives the databases their part of the time.
func (w *walk) renew(ctx context.Context) error {
	if !w.began.IsZero() {
		took := time.Since(w.began)
		if err := w.both.renew(ctx, time.Duration(float64(took)*(1/w.pace-1))); err != nil {
			return err
		}
	}
	w.began = time.Now()
	return nil
}

// tooLong says whether a smaller chunk may do what this one could not.
func (w *walk) tooLong(err error) bool {
	var refused *refusal
	return errors.As(err, &refused) && refused.code == canceled && w.tables.ranged && w.state.Chunk > leastChunk
}

func (w *walk) hint(err error) error {
	var refused *refusal
	if errors.As(err, &refused) && refused.code == canceled && !w.tables.ranged {
		return fmt.Errorf("%w; the whole table was read at once, since not both sides have an index on the key in one order: "+
			"create one, or raise statement_timeout", err)
	}
	return err
}

// cut ends a span after a chunk of old's rows. What is beyond old's last row is all in the last span.
func (w *walk) cut(ctx context.Context, s *span) error {
	if !w.tables.ranged {
		return nil
	}
	old := &w.tables.sides[0]
	a, err := w.both.sides[0].ask(ctx, old.cutSQL(*s, w.state.Chunk), 1)
	if err != nil {
		return err
	}
	if len(a.rows) == 1 {
		s.hi = readKey(a.rows[0])
	}
	return nil
}

// look compares a span, and finds the rows in it that differ.
func (w *walk) look(ctx context.Context, s span) error {
	answers, err := w.both.ask(ctx, w.tables.each(func(t *checksumSide) string { return t.sumSQL(s) }), 1)
	if err != nil {
		return err
	}
	w.took = time.Since(w.began)
	var found [2]sums
	for i, a := range answers {
		if found[i], err = readSums(a.rows[0]); err != nil {
			return err
		}
	}
	if found[0] != found[1] {
		if err := w.narrow(ctx, s, found); err != nil {
			return err
		}
	}
	for i := range found {
		w.state.Rows[i] += found[i].rows
	}
	return nil
}

// adapt makes the next chunk take as long as one should.
func (w *walk) adapt() {
	factor := min(max(float64(chunkTime)/float64(max(w.took, time.Millisecond)), 0.25), 3)
	w.state.Chunk = min(max(int64(float64(w.state.Chunk)*factor), leastChunk), mostChunk)
}

// each makes a statement for each side.
func (t *checksumTables) each(statement func(t *checksumSide) string) (statements [2]string) {
	for i := range t.sides {
		statements[i] = statement(&t.sides[i])
	}
	return statements
}

func readKey(row []value) rowKey {
	k := make(rowKey, len(row))
	for i, v := range row {
		if !v.null {
			k[i] = &v.text
		}
	}
	return k
}

func readSums(row []value) (s sums, err error) {
	s.sum = row[1].text
	if s.rows, err = strconv.ParseInt(row[0].text, 10, 64); err != nil {
		return s, fmt.Errorf("a count of rows is no number: %q", row[0].text)
	}
	if _, ok := new(big.Int).SetString(s.sum, 10); !ok {
		return s, fmt.Errorf("a sum of hashes is no number: %q", s.sum)
	}
	return s, nil
}
