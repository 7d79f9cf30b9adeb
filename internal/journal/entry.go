package journal

import (
	"context"
	"time"
)

// Entry is a write whose intent is recorded.
type Entry struct {
	j  *Journal
	id string
}

// ID is the name of the write: JOURNAL-SEQ. It is the Idempotency-Key of a replay, unless the client sent one.
func (e *Entry) ID() string { return e.id }

// Begin records that a write is about to be forwarded, and returns once that counts. The error is an ErrUnavailable: the write must not be
// forwarded. A body in a spool is finished and takes its final name. The write is not kept, but for its Header's values.
func (j *Journal) Begin(ctx context.Context, w *Write) (*Entry, error) {
	w, err := j.spooled(w)
	if err != nil {
		j.refused(w.At)
		return nil, err
	}
	j.gather.came()
	clear, hidden := j.guard.write(w)
	r := Record{Type: IntentRecord, Time: j.o.Now(), Write: clear}
	it := &item{draft: newDraft(nil, &r, hidden), record: r, waits: true, sync: j.o.Interval == 0, open: 1}
	// The ledger needs no more of it; the body must not stay for as long as the write is open.
	it.record.Write = &Write{At: w.At, Epoch: w.Epoch, Time: w.Time, Method: w.Method, Idempotent: w.Idempotent}
	if w.Spool != nil {
		ctx = context.WithoutCancel(ctx) // a record that is taken none the less would name a body that is gone
	}
	if err = j.commit(ctx, it); err == nil {
		err = it.err
	}
	if err != nil {
		j.gather.went()
		j.refused(w.At)
		if w.Spool != nil {
			w.Spool.Discard()
		}
		return nil, err
	}
	return &Entry{j: j, id: it.record.ID}, nil
}

// spooled returns the write with its body where it belongs, and durable there if that is a spool.
func (j *Journal) spooled(w *Write) (*Write, error) {
	if w.Spool == nil {
		if int64(len(w.Body)) <= j.o.Body {
			return w, nil
		}
		s, err := j.NewSpool()
		if err != nil {
			return w, err
		}
		if _, err := s.Write(w.Body); err != nil {
			s.Discard()
			return w, err
		}
		large := *w
		large.Body, large.Spool = nil, s
		w = &large
	}
	if err := j.keepSpool(w.Spool); err != nil {
		w.Spool.Discard()
		return w, err
	}
	return w, nil
}

func (j *Journal) refused(at Side) {
	if at == New {
		j.metrics.refused.Inc()
	}
}

// Answered records how the write ended, and returns once that is durable. After an error nobody must be told the answer; the outcome is
// recorded all the same should the disk come back.
func (e *Entry) Answered(a *Answer) error {
	defer e.j.gather.went()
	it := e.j.outcome(e.id, a, true)
	if err := e.j.commit(context.Background(), it); err != nil { // without the outcome the write would be unknown for nothing
		return err
	}
	if it.err != nil {
		e.j.later(e.j.outcome(e.id, a, false))
		return it.err
	}
	return nil
}

// AnsweredSoon records how the write ended. It waits for no sync: that comes with the next one.
func (e *Entry) AnsweredSoon(a *Answer) {
	e.j.gather.went()
	e.j.later(e.j.outcome(e.id, a, false))
}

// Ended records the end of an answer's body whose outcome was recorded before it.
func (e *Entry) Ended(a *Answer) {
	it := e.j.outcome(e.id, a, false)
	clear, hidden := e.j.guard.answer(a)
	it.record.Type, it.open = BodyRecord, 0
	it.draft = newDraft(nil, &Record{Type: BodyRecord, Time: it.record.Time, ID: e.id, Answer: clear}, hidden)
	it.small = nil
	e.j.later(it)
}

// outcome is the item of how a write ended.
func (j *Journal) outcome(id string, a *Answer, waits bool) *item {
	clear, hidden := j.guard.answer(a)
	r := Record{Type: OutcomeRecord, Time: j.o.Now(), ID: id, Answer: clear}
	it := &item{draft: newDraft(nil, &r, hidden), waits: waits, sync: waits && j.o.Interval == 0, open: -1}
	bare := Answer{Outcome: clear.Outcome, Status: clear.Status, Size: clear.Size, SHA256: clear.SHA256, Duration: clear.Duration, Error: clear.Error}
	bare.Error = bare.Error[:min(len(bare.Error), 256)]
	if len(it.draft.tail)+2*len(it.draft.plain) > outcomeRoom/2 {
		small := newDraft(nil, &Record{Type: OutcomeRecord, Time: r.Time, ID: id, Answer: &bare}, nil)
		it.small = &small
	}
	it.record = Record{Type: OutcomeRecord, Time: r.Time, ID: id, Answer: &bare} // the ledger needs no body
	return it
}

// Mark records what became of writes, and returns once that is durable. Type, ID, Mark and Answer of each must be set.
func (j *Journal) Mark(ctx context.Context, marks ...Record) error {
	if len(marks) == 0 {
		return nil
	}
	items := j.marks(marks, true)
	if err := j.commit(ctx, items...); err != nil {
		return err
	}
	for _, it := range items {
		if it.err != nil {
			return it.err
		}
	}
	return nil
}

// MarkSoon records what became of writes without waiting for a sync: that comes with the next one. The error says that the disk does not
// take it at the moment; it is recorded once the disk does.
func (j *Journal) MarkSoon(marks ...Record) error {
	j.later(j.marks(marks, false)...)
	return j.Err()
}

func (j *Journal) marks(marks []Record, waits bool) []*item {
	items := make([]*item, len(marks))
	for i := range marks {
		r := marks[i]
		r.Time = j.o.Now()
		clear := r
		var hidden *private
		if r.Answer != nil {
			clear.Answer, hidden = j.guard.answer(r.Answer)
		}
		items[i] = &item{draft: newDraft(nil, &clear, hidden), record: r, waits: waits, sync: waits && j.o.Interval == 0}
	}
	return items
}

// missedWrites are writes that passed without a record.
type missedWrites struct {
	count int64
	from  time.Time
	why   string // empty: the disk took no records
}

// Missed counts a write that was forwarded to a side without a record. A gap record says so once the disk takes it.
func (j *Journal) Missed(at Side) {
	j.metrics.missed.Inc()
	j.mu.Lock()
	m := j.missed[at]
	if m == nil {
		m = &missedWrites{from: j.o.Now()}
		j.missed[at] = m
	}
	m.count++
	j.mu.Unlock()
	j.later()
}

// takeMissed turns what was missed into gap records. Its caller holds the lock.
func (j *Journal) takeMissed() []*item {
	if d := j.down.Load(); len(j.missed) == 0 || d != nil && j.o.Now().Before(d.retry) {
		return nil
	}
	var items []*item
	for _, side := range []Side{Old, New} {
		if m := j.missed[side]; m != nil {
			r := Record{Type: GapRecord, Time: j.o.Now(), Mark: &Mark{To: side.Other(), Count: m.count, From: m.from, Reason: m.why}}
			items = append(items, &item{draft: newDraft(nil, &r, nil), record: r})
			delete(j.missed, side)
		}
	}
	return items
}
