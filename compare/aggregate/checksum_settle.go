package aggregate

import (
	"context"
	"slices"
	"time"
)

const (
	// looked is how many keys are looked up in one statement.
	looked = 250
	// lookedRows bounds what they may give.
	lookedRows = 20_000
	// maxDocument is how many characters of a JSON document are compared by their meaning; a longer one is compared by its text.
	maxDocument = 1 << 16
)

// lookAgain is how long is waited before each time that rows which differ are looked at again. Tests change it.
var lookAgain = []time.Duration{250 * time.Millisecond, 750 * time.Millisecond}

// counting says that enough rows were proven to differ: the others are counted as they are found.
func (w *walk) counting() bool {
	return w.state.Counts.total() >= pendingMost && !w.tables.json && w.tables.sides[0].settled == ""
}

// settle looks again at the rows that differed, since a row may have been on its way from old to new; what differs still is
// named and counted. Each time is a transaction of its own.
func (w *walk) settle(ctx context.Context) error {
	pending := w.state.Pending
	w.state.Pending = nil
	var before [2]rowset
	for _, wait := range lookAgain {
		if len(pending) == 0 {
			return nil
		}
		if w.state.Counts.total() >= pendingMost {
			wait = 0 // this is no lag
		}
		if err := w.both.renew(ctx, wait); err != nil {
			return err
		}
		now, err := w.lookUp(ctx, pending, false)
		if err != nil {
			return err
		}
		pending = slices.DeleteFunc(pending, func(k rowKey) bool {
			id := k.encode()
			a, b := now[0][id], now[1][id]
			return a.same(b) || slices.ContainsFunc(a, hashedRow.isFresh) || slices.ContainsFunc(b, hashedRow.isFresh) || before[0] != nil && !a.same(before[0][id]) && b.same(before[0][id]) // new follows old
		})
		before = now
	}
	return w.name(ctx, pending)
}

func (r sameKey) same(others sameKey) bool {
	return len(r) == len(others) && len(r.without(others)) == 0
}

// name counts rows that differ, and names as many as a result may. Whether JSON differs in what it means is seen only here.
func (w *walk) name(ctx context.Context, differing []rowKey) error {
	if w.tables.json {
		return w.nameAll(ctx, differing)
	}
	whole := min(len(differing), max(MaxDifferences-len(w.state.Named), 0))
	if err := w.nameAll(ctx, differing[:whole]); err != nil {
		return err
	}
	rest := differing[whole:]
	if len(rest) == 0 {
		return nil
	}
	now, err := w.lookUp(ctx, rest, false)
	if err != nil {
		return err
	}
	for _, id := range union(now) {
		a, b := now[0][id], now[1][id]
		w.state.Counts.rows(len(a.without(b)), len(b.without(a)))
	}
	return nil
}

func (w *walk) nameAll(ctx context.Context, differing []rowKey) error {
	for batch := range slices.Chunk(differing, looked/10) { // with their columns they are large
		now, err := w.lookUp(ctx, batch, true)
		if err != nil {
			return err
		}
		for _, k := range batch {
			id := k.encode()
			w.count(k, now[0][id], now[1][id])
		}
	}
	return nil
}

// lookUp asks both sides for the rows of some keys.
func (w *walk) lookUp(ctx context.Context, keys []rowKey, columns bool) (found [2]rowset, err error) {
	found = [2]rowset{{}, {}}
	for batch := range slices.Chunk(keys, looked) {
		answers, err := w.both.ask(ctx, w.tables.each(func(t *checksumSide) string { return t.lookSQL(batch, columns) }), lookedRows)
		if err != nil {
			return found, err
		}
		for i, a := range answers {
			collectRows(a, len(w.tables.names), found[i])
		}
	}
	return found, nil
}
