package journal

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
)

// Query says which writes are listed.
type Query struct {
	// Unknown are those that an operator decides on, Unsent those that the next replay sends. With both, either.
	Unknown, Unsent bool
	Path            string    // what the path begins with
	Since           time.Time // of their arrival
	After           uint64    // the number of the last one that is known already
	Limit           int       // how many at most, the oldest first; 0: all
}

// Item is a write as it is listed: nothing of it is secret. With Gap it stands for writes that are in no record.
type Item struct {
	Seq     uint64
	ID      string
	Time    time.Time // of its arrival
	Epoch   uint64
	At      Side
	Route   string
	Method  string
	Path    string // and query, without the values of secret parameters
	Client  string
	Outcome Outcome // empty: it is in flight
	Status  int     // 0: there is none
	Error   string  // why there is none
	Carried Carried
	Forced  bool  // an operator wants it sent also where it is a conflict
	Gap     int64 // how many writes are missing
}

// Lister lists the writes of a directory. It remembers what it has read, so that the next page costs little: a byte for each record.
type Lister struct {
	open func(from uint64) (*Reader, error)
	// born is the number of the last record of the processes before the one that writes; what they left open is unknown.
	born uint64
	// gone says that nobody writes: what is open is unknown.
	gone bool

	fates    *Fates
	unended  map[uint64]bool // intents without an outcome
	identity string
	read     uint64 // the number of the last record that is known
	damage   *Damage
}

// NewLister returns a lister of a directory that nobody writes to, or of a copy.
func NewLister(dir string) *Lister {
	return &Lister{gone: true, open: func(from uint64) (*Reader, error) {
		r, err := OpenReader(dir, ReadOptions{From: from})
		if err == nil {
			err = inhabited(dir)
		}
		return r, err
	}}
}

// Damage is the first place that could not be read, or nil. What stands behind it in its segment is not listed.
func (l *Lister) Damage() *Damage { return l.damage }

// List gives the writes of a query to emit, in the order of their numbers. Damage does not end it: see Damage.
func (l *Lister) List(ctx context.Context, q Query, emit func(Item) error) error {
	if err := l.learn(ctx); err != nil {
		return err
	}
	w := &window{l: l, q: q, emit: emit, open: map[uint64]*pendingItem{}}
	err := l.walk(ctx, q.After+1, false, func(r *Record) error {
		if r.Seq > l.read {
			return errEnough
		}
		return w.take(r)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err != nil {
		return err
	}
	return w.flush(true)
}

// Find returns what is known of a write.
func (l *Lister) Find(ctx context.Context, id string) (f Fate, ok bool, err error) {
	if err := l.learn(ctx); err != nil {
		return Fate{}, false, err
	}
	identity, seq, ok := SplitID(id)
	if !ok || identity != l.identity || seq > l.read {
		return Fate{}, false, nil
	}
	f, ok = l.tell(seq)
	return f, ok, nil
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

// walk reads records from a number on, lean ones with no more than Fates needs. Where one is damaged it goes on in the next segment.
func (l *Lister) walk(ctx context.Context, from uint64, lean bool, each func(*Record) error) error {
	r, err := l.open(from)
	if err != nil {
		return err
	}
	r.lean = lean
	defer r.Close() //nolint:errcheck // it was only read
	for ctx.Err() == nil {
		record, err := r.Next()
		if damage, ok := errors.AsType[*Damage](err); ok {
			if l.damage == nil {
				l.damage = damage
			}
			r.skip()
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(&record); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// learn reads what has been written since the last time.
func (l *Lister) learn(ctx context.Context) error {
	if l.fates == nil {
		l.fates, l.unended = NewFates(), map[uint64]bool{}
	}
	return l.walk(ctx, l.read+1, true, func(r *Record) error {
		if r.Type == HeaderRecord {
			l.identity = r.Header.Identity
			return nil
		}
		if l.read <= l.born && r.Seq > l.born {
			l.fates.Abandon()
		}
		l.read = r.Seq
		l.fates.Apply(r)
		if r.Type == IntentRecord {
			l.unended[r.Seq] = true
		}
		if _, seq, ok := SplitID(r.ID); ok && r.Type == OutcomeRecord {
			delete(l.unended, seq)
		}
		return nil
	})
}

// tell is the fate of a write as of now.
func (l *Lister) tell(seq uint64) (Fate, bool) {
	f := l.fates.at(seq)
	if l.gone || l.read <= l.born {
		f = f.step(changeAbandoned)
	}
	return f.tell(), f.state() != stateNone
}

// window are the writes that match and whose outcome has not been read yet, in their order.
type window struct {
	l       *Lister
	q       Query
	emit    func(Item) error
	items   []*pendingItem
	open    map[uint64]*pendingItem
	emitted int
}

type pendingItem struct {
	Item
	ready bool
}

// full reports whether no more writes are wanted.
func (w *window) full() bool {
	return w.q.Limit > 0 && w.emitted+len(w.items) >= w.q.Limit
}

func (w *window) take(r *Record) error {
	switch r.Type {
	case IntentRecord, GapRecord:
		if w.full() {
			break
		}
		if item := w.item(r); item != nil {
			w.items = append(w.items, item)
			if !item.ready {
				w.open[r.Seq] = item
			}
		}
	case OutcomeRecord:
		_, seq, _ := SplitID(r.ID)
		if item := w.open[seq]; item != nil {
			item.Status, item.Error, item.ready = r.Answer.Status, r.Answer.Error, true
			delete(w.open, seq)
		}
	case HeaderRecord, BodyRecord, SendingRecord, SentRecord, ResolvedRecord, DiscardedRecord:
		return nil
	}
	if err := w.flush(false); err != nil {
		return err
	}
	if w.full() && len(w.items) == 0 {
		return errEnough
	}
	return nil
}

// item is the record as it is listed, or nil if it does not match.
func (w *window) item(r *Record) *pendingItem {
	f, ok := w.l.tell(r.Seq)
	at := timeOf(r)
	if !ok || at.Before(w.q.Since) || !w.wants(f) {
		return nil
	}
	item := &pendingItem{Item: Item{
		Seq: r.Seq, ID: WriteID(w.l.identity, r.Seq), Time: at, At: f.At, Outcome: f.Outcome, Carried: f.Carried, Forced: f.Forced,
	}}
	if r.Type == GapRecord {
		item.Gap, item.Error, item.ready = r.Mark.Count, r.Mark.Reason, true
		if w.q.Path != "" {
			return nil
		}
		return item
	}
	if !strings.HasPrefix(r.Write.Target, w.q.Path) {
		return nil
	}
	item.Epoch, item.Route, item.Method = r.Write.Epoch, r.Write.Route, r.Write.Method
	item.Path, item.Client = r.Write.Target, r.Write.Client
	item.ready = w.l.unended[r.Seq]
	return item
}

func (w *window) wants(f Fate) bool {
	if !w.q.Unknown && !w.q.Unsent {
		return true
	}
	return w.q.Unknown && f.Carried == CarriedUnknown || w.q.Unsent && (f.Carried == Unsent || f.Carried == Sending)
}

// flush emits what is ready in front, or all.
func (w *window) flush(all bool) error {
	for len(w.items) > 0 && (all || w.items[0].ready) {
		if err := w.emit(w.items[0].Item); err != nil {
			return err
		}
		w.items = w.items[1:]
		w.emitted++
	}
	return nil
}
