package journal

import (
	"context"
	"errors"
	"fmt"
)

// Errors of a resolution; what wraps them says more.
var (
	// ErrNoWrite says that there is no such write in the journal.
	ErrNoWrite = errors.New("there is no such write in the journal")
	// ErrSettled says that there is nothing for an operator to decide.
	ErrSettled = errors.New("there is nothing to resolve")
)

// Resolution is what an operator says of a write: whether the other side has it, or must not get it (Sent), or lacks it.
type Resolution struct {
	ID     string
	Sent   bool
	By     string
	Reason string
	// Carrying is the side that is being sent what it lacks at this moment, if any: what is unsent may be on its way by the time this is durable.
	Carrying Side
}

// List gives the writes of a query to emit, in the order of their numbers, and returns the first damage, if any. It reads files, and takes its
// time.
func (j *Journal) List(ctx context.Context, q Query, emit func(Item) error) (*Damage, error) {
	j.lists.mu.Lock()
	defer j.lists.mu.Unlock()
	j.catchUp(ctx)
	if j.Status().Segments == 0 { // nothing was written yet, or all of it was purged
		return nil, nil
	}
	l := j.lists.borrow(j)
	err := l.List(ctx, q, emit)
	return l.Damage(), err
}

// catchUp makes durable what was recorded without a wait: only what is can be read, and whoever asks knows of it already, as of a mirror that
// stopped at a write. A disk that takes nothing leaves the list behind.
func (j *Journal) catchUp(ctx context.Context) { _ = j.Sync(ctx) }

// Resolve records, durably, what an operator says of a write, and returns the write as it is then. The same again changes nothing, and isNew is
// false. Errors wrap ErrNoWrite, ErrSettled or ErrUnavailable.
func (j *Journal) Resolve(ctx context.Context, r Resolution) (item Item, isNew bool, err error) {
	j.lists.mu.Lock()
	defer j.lists.mu.Unlock()
	j.catchUp(ctx)
	l := j.lists.borrow(j)
	f, ok, err := l.Find(ctx, r.ID)
	if err != nil {
		return Item{}, false, err
	}
	if !ok {
		return Item{}, false, fmt.Errorf("%w: %q; `paritygate journal list` has their ids", ErrNoWrite, r.ID)
	}
	if isNew, err = r.needed(f); err != nil {
		return Item{}, false, err
	}
	if isNew {
		mark := &Mark{To: f.At.Other(), By: r.By, Reason: r.Reason, Sent: r.Sent}
		if err := j.Mark(ctx, Record{Type: ResolvedRecord, ID: r.ID, Mark: mark}); err != nil {
			return Item{}, false, err
		}
	}
	_, seq, _ := SplitID(r.ID)
	err = l.List(ctx, Query{After: seq - 1, Limit: 1}, func(i Item) error {
		item = i
		return nil
	})
	return item, isNew, err
}

// needed reports whether the resolution says anything new of a write; an error says that it cannot be.
func (r *Resolution) needed(f Fate) (bool, error) {
	switch {
	case f.Gap && !r.Sent:
		return false, fmt.Errorf("%w: %s stands for writes that are in no record, so they cannot be sent; --sent says that they are no matter", ErrSettled, r.ID)
	case f.Carried == CarriedUnknown:
		return true, nil
	case f.Carried == Unsent && f.At.Other() == r.Carrying:
		return false, fmt.Errorf("%w: write %s is about to be sent to %s by the mirror", ErrSettled, r.ID, r.Carrying)
	case f.Carried == Unsent:
		return r.Sent || !f.Forced, nil
	case f.Carried == Resolved && r.Sent:
		return false, nil
	}
	return false, fmt.Errorf("%w: write %s %s", ErrSettled, r.ID, settled(f))
}

// settled says why a write is not for an operator to resolve.
func settled(f Fate) string {
	switch f.Carried {
	case Sending:
		return "is being sent to " + string(f.At.Other()) + " at this moment"
	case Sent:
		return "was sent to " + string(f.At.Other()) + ", which took it"
	case Resolved:
		return "was resolved as sent"
	case Discarded:
		return "was given up when the run was resumed with --discard"
	case Nothing, Unsent, CarriedUnknown:
	}
	switch f.Outcome {
	case Rejected:
		return "was rejected by " + string(f.At) + ", and changed nothing"
	case NotSent:
		return "never reached " + string(f.At)
	case Acknowledged, Unknown:
	}
	return "is in flight: its outcome is not known yet"
}
