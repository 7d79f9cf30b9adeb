package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
)

// notebook is a Journal in memory that fails and waits as a test asks.
type notebook struct {
	mu      sync.Mutex
	entries []*note
	missed  int
	spools  []*roll

	refuse      error             // of Begin
	begin       func(*note)       // called by Begin before it returns
	written     bool              // Begin has the write on the disk already when it is given up
	answered    func(*note) error // called by Answered before it returns
	spoolRoom   int               // bytes a spool takes; 0: all
	refuseSpool error
}

// note is a write as the notebook has it.
type note struct {
	book   *notebook
	write  JournalWrite
	body   []byte
	events []string
	answer *JournalAnswer // the outcome
	whole  *JournalAnswer // of Ended
}

func (b *notebook) Begin(ctx context.Context, w *JournalWrite) (JournalEntry, error) {
	if b.refuse != nil {
		return nil, b.refuse
	}
	n := &note{book: b, write: *w, body: bytes.Clone(w.Body)}
	if w.Spool != nil {
		r, err := w.Spool.Open()
		if err != nil {
			return nil, err
		}
		n.body, _ = io.ReadAll(r)
		_ = r.Close()
	}
	if b.begin != nil {
		b.begin(n)
	}
	if err := ctx.Err(); err != nil && !b.written {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n.events = append(n.events, "begun")
	b.entries = append(b.entries, n)
	return n, nil
}

func (b *notebook) Missed(Backend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missed++
}

func (b *notebook) Spool() (JournalSpool, error) {
	if b.refuseSpool != nil {
		return nil, b.refuseSpool
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &roll{room: b.spoolRoom}
	b.spools = append(b.spools, r)
	return r, nil
}

func (b *notebook) all() []*note {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.entries)
}

// only returns the one entry there is.
func (b *notebook) only(t *testing.T) *note {
	t.Helper()
	all := b.all()
	if len(all) != 1 {
		t.Fatalf("%d entries, want 1", len(all))
	}
	return all[0]
}

// add notes an event, and what it tells of an answer.
func (n *note) add(event string, to **JournalAnswer, a *JournalAnswer) {
	n.book.mu.Lock()
	defer n.book.mu.Unlock()
	n.events = append(n.events, event)
	if a != nil {
		kept := *a
		kept.Body, kept.Header, kept.Trailer = bytes.Clone(a.Body), a.Header.Clone(), a.Trailer.Clone()
		*to = &kept
	}
}

func (n *note) Answered(a *JournalAnswer) error {
	if n.book.answered != nil {
		if err := n.book.answered(n); err != nil {
			n.add("refused", nil, nil)
			return err
		}
	}
	n.add("answered", &n.answer, a)
	return nil
}
func (n *note) AnsweredSoon(a *JournalAnswer) { n.add("answered soon", &n.answer, a) }
func (n *note) Ended(a *JournalAnswer)        { n.add("ended", &n.whole, a) }
func (n *note) Lost(notSent bool, _ error) {
	if notSent {
		n.add("not sent", nil, nil)
	} else {
		n.add("unknown", nil, nil)
	}
}

func (n *note) happened() []string {
	n.book.mu.Lock()
	defer n.book.mu.Unlock()
	return slices.Clone(n.events)
}

// roll is a spool in memory.
type roll struct {
	mu        sync.Mutex
	bytes     []byte
	room      int
	discarded bool
	opened    int
	panics    bool // Open does
}

var errRollFull = errors.New("no space left")

func (r *roll) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.room > 0 && len(r.bytes)+len(p) > r.room {
		n := r.room - len(r.bytes)
		r.bytes = append(r.bytes, p[:n]...)
		return n, errRollFull
	}
	r.bytes = append(r.bytes, p...)
	return len(p), nil
}

func (r *roll) Open() (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.panics {
		panic(http.ErrAbortHandler)
	}
	r.opened++
	return io.NopCloser(bytes.NewReader(r.bytes)), nil
}
func (r *roll) Size() int64 { return int64(len(r.bytes)) }
func (r *roll) Discard()    { r.mu.Lock(); r.discarded = true; r.mu.Unlock() }

// startJournaled is start with a notebook, new in authority and everything durable first.
func startJournaled(t *testing.T, mode JournalMode, backend http.Handler, change ...func(*Options)) (*rig, *notebook) {
	t.Helper()
	book := &notebook{}
	plan := Plan{Epoch: 2, Reads: New, Writes: New, Journal: mode}
	if mode == JournalIfPossible {
		plan.Reads, plan.Writes = Old, Old
	}
	r := start(t, plan, backend, backend, append([]func(*Options){func(o *Options) { o.Journal = book; o.JournalBody = 1 << 10 }}, change...)...)
	return r, book
}
