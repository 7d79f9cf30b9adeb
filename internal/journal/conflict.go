package journal

import (
	"hash/maphash"
	"strings"
	"time"
)

// touch is a write to the side that is being written to, as far as it is kept.
type touch struct {
	seq   uint64 // of its intent; 0: there was none
	last  uint64 // of the record that told of it last: its intent, or its outcome
	epoch uint64
	at    int64 // of its arrival, in Unix nanoseconds
}

// touched knows which resources a side wrote, and in which epoch at the latest. It keeps hashes of their paths: some 100 bytes for each,
// whatever its length.
type touched struct {
	side Side
	seed maphash.Seed
	own  map[uint64]touch // written itself
	far  map[uint64]touch // something below it was written
	all  map[uint64]touch // replaced or deleted, with all that is below
	open map[uint64]*underway
	gaps map[uint64]touch // writes that are in no record, unless an operator resolved them
}

// underway is a write whose outcome is not known yet.
type underway struct {
	write *Write
	path  string
	touch
}

func newTouched(side Side) *touched {
	return &touched{
		side: side, seed: maphash.MakeSeed(), own: map[uint64]touch{}, far: map[uint64]touch{}, all: map[uint64]touch{},
		open: map[uint64]*underway{}, gaps: map[uint64]touch{},
	}
}

// apply takes the records in their order.
func (t *touched) apply(r *Record) {
	switch r.Type {
	case IntentRecord:
		if r.Write.At == t.side {
			t.begin(r)
		}
	case OutcomeRecord:
		_, seq, _ := SplitID(r.ID)
		u := t.open[seq]
		if u == nil {
			return
		}
		delete(t.open, seq)
		if r.Answer.Outcome == Acknowledged || r.Answer.Outcome == Unknown {
			u.last = r.Seq
			t.wrote(resourceOf(u.write, u.path, r.Answer), replaces(u.write), u.touch)
		}
	case GapRecord:
		if gapAt(r.Mark) == t.side {
			t.gaps[r.Seq] = touch{seq: r.Seq, last: r.Seq, at: r.Mark.From.UnixNano()}
		}
	case ResolvedRecord:
		if _, seq, ok := SplitID(r.ID); ok {
			delete(t.gaps, seq)
		}
	case DiscardedRecord:
		for seq := range t.gaps {
			if seq <= r.Mark.Through && r.Mark.To == t.side.Other() {
				delete(t.gaps, seq)
			}
		}
	case HeaderRecord, BodyRecord, SendingRecord, SentRecord:
	}
}

// keptBody is how much of a body is kept while its write is under way, in bytes.
const keptBody = 4 << 10

func (t *touched) begin(r *Record) {
	w := *r.Write
	w.Spool, w.Body = nil, nil
	if len(r.Write.Body) <= keptBody {
		w.Body = r.Write.Body // tells later whether the server made an id
	}
	t.open[r.Seq] = &underway{&w, pathOf(w.Target), touch{r.Seq, r.Seq, w.Epoch, arrival(r).UnixNano()}}
}

func arrival(r *Record) time.Time {
	if r.Write.Time.IsZero() {
		return r.Time
	}
	return r.Write.Time
}

func (t *touched) wrote(resource string, whole bool, by touch) {
	if resource == "" {
		return
	}
	t.keep(t.own, resource, by)
	if whole {
		t.keep(t.all, resource, by)
	}
	for up := parent(resource); up != ""; up = parent(up) {
		t.keep(t.far, up, by)
	}
}

// keep notes a write unless one of a later epoch is noted: an answer may come after those to writes which were made after a rollback.
func (t *touched) keep(in map[uint64]touch, path string, by touch) {
	if at := t.hash(path); in[at].epoch <= by.epoch {
		in[at] = by
	}
}

// hash takes no notice of case: there are backends that take none either.
func (t *touched) hash(path string) uint64 { return maphash.String(t.seed, strings.ToLower(path)) }

// conflict is what stands in the way of a write.
type conflict struct {
	touch
	how string
	gap bool
}

// against finds what was written since, in a later epoch, to what the write changed; nil if nothing was.
func (t *touched) against(w *task) *conflict {
	for _, gap := range t.gaps {
		if gap.seq > max(w.outcome, w.excused) {
			return &conflict{gap, "writes that are in no record", true}
		}
	}
	resource := w.resource
	if resource == "" {
		return nil
	}
	since := func(by touch) bool { return by.seq != 0 && by.epoch > w.write.Epoch && by.last > w.excused }
	if by := t.own[t.hash(resource)]; since(by) {
		return &conflict{by, "the same resource", false}
	}
	for up := parent(resource); up != ""; up = parent(up) {
		if by := t.all[t.hash(up)]; since(by) {
			return &conflict{by, up + " with all below it", false}
		}
	}
	whole := replaces(w.write)
	if by := t.far[t.hash(resource)]; whole && since(by) {
		return &conflict{by, "something below it, which this one replaces or deletes", false}
	}
	for _, u := range t.open {
		if since(u.touch) && meet(resource, whole, u.path, replaces(u.write)) {
			return &conflict{u.touch, "the same resource, and that write has no outcome yet", false}
		}
	}
	return nil
}

// meet reports whether two writes change the same thing.
func meet(a string, wholeA bool, b string, wholeB bool) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return a == b || wholeA && below(b, a) || wholeB && below(a, b)
}

// below reports whether a path is inside another one.
func below(path, of string) bool {
	return of == "/" || strings.HasPrefix(path, of) && len(path) > len(of) && path[len(of)] == '/'
}

// parent is the path above; empty above the root.
func parent(path string) string {
	if path == "/" || path == "" {
		return ""
	}
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}
