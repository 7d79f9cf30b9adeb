package journal

import (
	"context"
	"errors"
	"sync/atomic"
)

// item is a record on its way into the journal.
type item struct {
	draft  draft
	record Record // as the ledger takes it; its number and id are set when its turn comes
	// small is the record once more, without what can be left out, for a full disk; nil: it has no such form.
	small *draft
	// waits says that somebody waits until it counts, and is told where it is refused; else it is kept until the disk takes it. sync says that
	// it counts once it is synced, and not as soon as it is written.
	waits, sync bool
	// open is 1 of an intent, for whose outcome room is kept, and -1 of an outcome.
	open int
	// left says that who waited has left: a write whose record is taken none the less is not forwarded.
	left bool
	err  error // why it was refused
}

// batch is what one commit takes: the records of all who came while the one before was under way.
type batch struct {
	items []*item
	// waiting is how many wait for it.
	waiting int
	sync    bool          // what was written before is synced, whether or not a record comes
	done    chan struct{} // closed when it has been written
	lead    chan struct{} // tells one of those who wait to write it
	arrived atomic.Int64  // how many have come to wait
	alone   []func()      // are called by whoever has written it, before the next one is
	want    atomic.Int64  // how many the leader waits for; 0: it does not
	full    chan struct{} // tells it that they have come
}

func newBatch() *batch {
	return &batch{done: make(chan struct{}), lead: make(chan struct{}, 1), full: make(chan struct{}, 1)}
}

// commit writes the items and waits until they are written and, if they ask for it, synced. Whoever finds nobody at it does it for all that
// have come. Their err says which of them were refused.
func (j *Journal) commit(ctx context.Context, items ...*item) error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return j.fail("writing", errClosed)
	}
	b := j.join(items)
	b.waiting++
	n := b.arrived.Add(1)
	if j.leading {
		j.mu.Unlock()
		if n == b.want.Load() {
			b.full <- struct{}{}
		}
		select {
		case <-b.done:
			return nil
		case <-b.lead:
		case <-ctx.Done():
			return j.leave(ctx, b, items)
		}
	} else {
		j.leading = true
		j.mu.Unlock()
	}
	j.lead(b)
	return nil
}

var errClosed = errors.New("it has been closed")

// later hands items over which nobody waits for. They are written at once unless somebody is writing: then with what that one writes next.
func (j *Journal) later(items ...*item) {
	j.mu.Lock()
	if len(items) > 0 {
		j.join(items)
	}
	if j.leading || j.closed {
		j.mu.Unlock()
		return
	}
	j.leading = true
	if j.next == nil {
		j.next = newBatch()
	}
	b := j.next
	j.mu.Unlock()
	j.lead(b)
}

func (j *Journal) join(items []*item) *batch {
	if j.next == nil {
		j.next = newBatch()
	}
	j.next.items = append(j.next.items, items...)
	return j.next
}

// leave is for those who wait no longer. Their items are taken out where they have not been written; what has been is marked.
func (j *Journal) leave(ctx context.Context, b *batch, items []*item) error {
	j.mu.Lock()
	b.waiting--
	if j.next == b {
		kept := b.items[:0]
		for _, it := range b.items {
			if !contains(items, it) {
				kept = append(kept, it)
			}
		}
		b.items = kept
	} else {
		for _, it := range items {
			it.left = true
		}
	}
	lead := false
	select {
	case <-b.lead: // it fell to the one who leaves
		lead = true
	default:
	}
	j.mu.Unlock()
	if lead {
		j.lead(b)
	}
	return j.fail("writing", context.Cause(ctx))
}

func contains(items []*item, one *item) bool {
	for _, it := range items {
		if it == one {
			return true
		}
	}
	return false
}

// lead writes the batch, and hands the lead over to somebody of the next one. What nobody waits for it writes itself.
func (j *Journal) lead(b *batch) {
	j.gatherMore(b)
	for {
		j.mu.Lock()
		j.next = nil
		gaps := j.takeMissed()
		j.mu.Unlock()

		j.write(b, gaps)
		for _, f := range b.alone {
			f()
		}

		j.mu.Lock()
		j.settle(b)
		close(b.done)
		b = j.next
		if b == nil {
			j.leading = false
			j.mu.Unlock()
			return
		}
		if b.waiting > 0 {
			b.lead <- struct{}{}
			j.mu.Unlock()
			return
		}
		j.mu.Unlock()
	}
}

// settle tells what follows from a batch that was written. Its caller holds the lock.
func (j *Journal) settle(b *batch) {
	for _, it := range b.items {
		if it.left && it.err == nil && it.record.Type == IntentRecord {
			j.join([]*item{j.outcome(it.record.ID, &Answer{Outcome: NotSent, Error: "nobody waited for its record any longer"}, false)})
		}
	}
	settled := j.log.synced
	if j.o.Interval > 0 {
		settled = j.log.seq
	}
	if settled != j.settled {
		j.settled = settled
		if j.news != nil {
			close(j.news)
			j.news = nil
		}
	}
}

// settledSeq is the number up to which records count: all of them can be read.
func (j *Journal) settledSeq() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.settled
}

// waitSettled waits until records behind a number count, and returns up to which.
func (j *Journal) waitSettled(ctx context.Context, after uint64) (uint64, error) {
	for {
		j.mu.Lock()
		settled, closed := j.settled, j.closed
		if settled > after {
			j.mu.Unlock()
			return settled, nil
		}
		if closed {
			j.mu.Unlock()
			return settled, errClosed
		}
		if j.news == nil {
			j.news = make(chan struct{})
		}
		news := j.news
		j.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return settled, ctx.Err()
		}
	}
}

// exclusively runs f while nobody writes. Where somebody does that one calls it: who waits for a moment in which nobody does would wait for
// as long as there is traffic.
func (j *Journal) exclusively(f func() error) error {
	j.mu.Lock()
	if !j.leading {
		j.leading = true
		j.mu.Unlock()
		err := f()
		j.handOver()
		return err
	}
	var err error
	b := j.join(nil)
	b.alone = append(b.alone, func() { err = f() })
	j.mu.Unlock()
	<-b.done
	return err
}

// handOver gives the lead to those who came meanwhile, or up.
func (j *Journal) handOver() {
	j.mu.Lock()
	b := j.next
	switch {
	case b == nil:
		j.leading = false
		j.mu.Unlock()
	case b.waiting > 0:
		b.lead <- struct{}{}
		j.mu.Unlock()
	default:
		j.mu.Unlock()
		j.lead(b)
	}
}
