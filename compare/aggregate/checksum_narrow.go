package aggregate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// fetched is how many rows of a side are fetched, as keys and hashes, rather than narrowed further.
	fetched = 8192
	// fetchedMost is how many may share one key, or come while we look.
	fetchedMost = 100_000
	// parts is how many parts a span is cut into that differs.
	parts = 32
	// pendingMost is how many rows that differ are held to be looked at again.
	pendingMost = 1000
)

// narrow finds the rows of a span in which both sides are not the same.
func (w *walk) narrow(ctx context.Context, s span, found [2]sums) error {
	type piece struct {
		span  span
		found [2]sums
	}
	for stack := []piece{{s, found}}; len(stack) > 0; {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		larger := 0
		if p.found[1].rows > p.found[0].rows {
			larger = 1
		}
		rows := p.found[larger].rows
		if p.found[1-larger].rows == 0 && w.counting() {
			w.state.Counts.add(rows*int64(1-larger), rows*int64(larger), 0)
			continue
		}
		if p.span.nulls && rows > fetchedMost {
			return fmt.Errorf("%s rows have a NULL in their key: give the check a key that tells rows apart", grouped(fmt.Sprint(rows)))
		}
		if rows <= fetched || p.span.nulls {
			if err := w.fetch(ctx, p.span); err != nil {
				return err
			}
			continue
		}
		spans, sums, err := w.split(ctx, p.span, larger, rows)
		if err != nil {
			return err
		}
		if len(spans) == 1 {
			if rows > fetchedMost {
				return fmt.Errorf("%s rows share the key %s: give the check a key that tells rows apart",
					grouped(fmt.Sprint(rows)), w.tables.keyText(spans[0].hi))
			}
			if err := w.fetch(ctx, p.span); err != nil {
				return err
			}
			continue
		}
		for i := len(spans) - 1; i >= 0; i-- { // the first on top: rows are named in the order of their keys
			if sums[i][0] != sums[i][1] {
				stack = append(stack, piece{spans[i], sums[i]})
			}
		}
	}
	return nil
}

// split cuts a span by the keys of the side that has more rows in it, and sums up each part on both sides.
func (w *walk) split(ctx context.Context, s span, larger int, rows int64) (spans []span, found [][2]sums, err error) {
	a, err := w.both.sides[larger].ask(ctx, w.tables.sides[larger].cutsSQL(s, max(rows/parts, 1)), fetchedMost)
	if err != nil {
		return nil, nil, err
	}
	var cuts []rowKey
	for _, row := range a.rows {
		if k := readKey(row); len(cuts) == 0 || k.encode() != cuts[len(cuts)-1].encode() {
			cuts = append(cuts, k)
		}
	}
	lo := s.lo
	for _, cut := range cuts {
		spans = append(spans, span{lo: lo, hi: cut})
		lo = cut
	}
	spans = append(spans, span{lo: lo, hi: s.hi})
	found = make([][2]sums, len(spans))
	for i := range found {
		found[i] = [2]sums{{sum: "0"}, {sum: "0"}}
	}
	answers, err := w.both.ask(ctx, w.tables.each(func(t *checksumSide) string { return t.sumsSQL(s, cuts) }), len(spans))
	if err != nil {
		return nil, nil, err
	}
	for side, a := range answers {
		for _, row := range a.rows {
			i, err := strconv.Atoi(row[0].text)
			if err != nil || i < 0 || i >= len(found) {
				return nil, nil, fmt.Errorf("%s: there is no part %q of a range", sides[side], row[0].text)
			}
			if found[i][side], err = readSums(row[1:]); err != nil {
				return nil, nil, err
			}
		}
	}
	for i := range found { // a single key that many rows share is in one part, whatever is cut
		if found[i][larger].rows == rows && len(cuts) == 1 {
			return []span{{lo: s.lo, hi: cuts[0]}}, nil, nil
		}
	}
	return spans, found, nil
}

// fetch compares a span row by row. Its rows that differ are looked at again later, unless so many were already proven to differ
// that counting the others is enough.
func (w *walk) fetch(ctx context.Context, s span) error {
	answers, err := w.both.ask(ctx, w.tables.each(func(t *checksumSide) string { return t.hashesSQL(s) }), fetchedMost)
	if err != nil {
		return err
	}
	var rows [2]rowset
	for i, a := range answers {
		rows[i] = collectRows(a, len(w.tables.names), nil)
	}
	for _, id := range union(rows) {
		a, b := rows[0][id], rows[1][id]
		old, new := a.without(b), b.without(a)
		switch {
		case len(old) == 0 && len(new) == 0:
		case w.counting():
			w.state.Counts.rows(len(old), len(new))
		default:
			w.state.Pending = append(w.state.Pending, append(a, b...)[0].key)
		}
	}
	if len(w.state.Pending) < pendingMost {
		return nil
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	return w.both.renew(ctx, 0)
}

// hashedRow is a row of a side: its key, its hash, and its columns if they were asked for.
type hashedRow struct {
	key    rowKey
	hash   string
	values []columnValue
	fresh  bool // too new to be compared
}

// columnValue is the text of a value, perhaps cut, and the hash of the whole.
type columnValue struct {
	text value
	hash string
}

func (r hashedRow) isFresh() bool { return r.fresh }

// sameKey are those of a side that share a key.
type sameKey []hashedRow

// rowset are rows by their key's encoding.
type rowset map[string]sameKey

// encode writes a key so that no two have one text.
func (k rowKey) encode() string {
	var b strings.Builder
	for _, v := range k {
		if v == nil {
			b.WriteString("n")
			continue
		}
		fmt.Fprintf(&b, "%d:%s", len(*v), *v)
	}
	return b.String()
}

func collectRows(a *answer, keys int, into rowset) rowset {
	if into == nil {
		into = make(rowset, len(a.rows))
	}
	for _, r := range a.rows {
		found := hashedRow{key: readKey(r[:keys]), hash: r[keys].text}
		if len(r) > keys+1 {
			found.fresh = r[keys+1].text == "f"
		}
		for i := keys + 2; i+1 < len(r); i += 2 {
			found.values = append(found.values, columnValue{text: r[i], hash: r[i+1].text})
		}
		id := found.key.encode()
		into[id] = append(into[id], found)
	}
	return into
}

// union are the keys of both sides, in one order.
func union(both [2]rowset) []string {
	var ids []string
	for id := range both[0] {
		ids = append(ids, id)
	}
	for id := range both[1] {
		if both[0][id] == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// without are the rows that have no partner of the same hash among the others.
func (r sameKey) without(others sameKey) (left sameKey) {
	partners := map[string]int{}
	for _, o := range others {
		partners[o.hash]++
	}
	for _, one := range r {
		if partners[one.hash] > 0 {
			partners[one.hash]--
			continue
		}
		left = append(left, one)
	}
	return left
}
