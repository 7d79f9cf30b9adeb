package journal

import (
	"context"
	"fmt"
	"time"
)

// feed reads the journal and hands out what is to be carried, in the order in which it was answered, until something ends it.
func (f *Follower) feed(ctx context.Context, to Side, limit uint64, names *renamed, tasks chan<- *task) error {
	from := f.log.Since(to)
	if from == 0 {
		from = limit + 1
	}
	r := &feed{to: to, limit: limit, names: names, fates: NewFates(), open: map[uint64]*Write{}}
	known := from
	if first := f.log.Renamed(to); first != 0 {
		known = min(known, first)
	}
	if known <= limit {
		if err := r.look(ctx, f.log.tail(known)); err != nil {
			return err
		}
	}
	tail := f.log.tail(from)
	defer tail.Close() //nolint:errcheck // it was only read
	for {
		record, err := tail.NextWait(ctx)
		if err != nil {
			return readable(ctx, err)
		}
		t, err := r.take(&record)
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		select {
		case tasks <- t:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// readable says why the journal cannot be read on: damage stops the mirror for good.
func readable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("reading the journal: %w", err)
}

// feed makes tasks of records.
type feed struct {
	to    Side
	limit uint64 // up to there the fates are known
	fates *Fates
	names *renamed
	open  map[uint64]*Write // without an outcome yet
}

// look learns what became of what is in the journal already.
func (r *feed) look(ctx context.Context, tail source) error {
	defer tail.Close() //nolint:errcheck // it was only read
	for {
		record, err := tail.NextWait(ctx)
		if err != nil {
			return readable(ctx, err)
		}
		r.fates.Apply(&record)
		if record.Type == SentRecord && record.Mark.To == r.to && record.Mark.Differs != "" {
			_, seq, _ := SplitID(record.ID)
			r.names.add(parseRenames(record.Mark.Differs), seq)
		}
		if record.Seq >= r.limit {
			r.fates.Abandon()
			return nil
		}
	}
}

// take reads the next record: a task if a write is to be carried, an error if nothing may be from here on.
func (r *feed) take(record *Record) (*task, error) {
	switch record.Type {
	case IntentRecord:
		return r.began(record), nil
	case OutcomeRecord:
		return r.ended(record)
	case GapRecord:
		if gapAt(record.Mark) == r.to.Other() && r.pending(record.Seq) {
			return nil, &stopAt{record.ID, fmt.Sprintf("%d writes to %s since %s are in no record, since the journal could not be written",
				record.Mark.Count, r.to.Other(), record.Mark.From.UTC().Format(time.RFC3339))}
		}
	case ResolvedRecord, DiscardedRecord:
		if record.Seq > r.limit {
			return nil, errResolved // what it is about may be behind
		}
	case HeaderRecord, BodyRecord, SendingRecord, SentRecord:
	}
	return nil, nil //nolint:nilnil // there is nothing to carry
}

// pending reports whether the other side lacks the write, or may; what comes after the limit it does.
func (r *feed) pending(seq uint64) bool {
	fate, ok := r.fates.Find(seq)
	return seq > r.limit || ok && fate.Pending()
}

// began keeps a write until it is known how it ended. Of one of which that will never be known, and that an operator wants sent, it makes
// a task.
func (r *feed) began(record *Record) *task {
	if record.Write.At != r.to.Other() || !r.pending(record.Seq) {
		return nil
	}
	if fate, ok := r.fates.Find(record.Seq); ok && record.Seq <= r.limit && fate.Outcome == Unknown && fate.Carried == Unsent {
		return taskOf(record.ID, record.Write, nil, record.Seq, record.Seq, fate)
	}
	r.open[record.Seq] = record.Write
	return nil
}

// ended makes a task of a write that was acknowledged, unless the other side has it.
func (r *feed) ended(record *Record) (*task, error) {
	_, seq, ok := SplitID(record.ID)
	w := r.open[seq]
	if !ok || w == nil {
		return nil, nil //nolint:nilnil // there is nothing to carry
	}
	delete(r.open, seq)
	if record.Answer.Outcome != Acknowledged {
		return nil, nil //nolint:nilnil // it changed nothing, or an operator decides
	}
	fate, known := r.fates.Find(seq)
	if known && record.Seq <= r.limit && fate.Carried == CarriedUnknown {
		return nil, &stopAt{record.ID, fmt.Sprintf("whether %s %s arrived at %s is unknown: it was being sent when a process ended, or got no answer", w.Method, pathOf(w.Target), r.to)}
	}
	return taskOf(record.ID, w, record.Answer, seq, record.Seq, fate), nil
}

func taskOf(id string, w *Write, recorded *Answer, intent, outcome uint64, fate Fate) *task {
	t := &task{id: id, write: w, recorded: recorded, intent: intent, outcome: outcome, path: pathOf(w.Target)}
	t.line = t.path // also what was made at one path: both sides' sequences are to count alike
	if fate.Forced {
		t.excused = outcome
	}
	return t
}
