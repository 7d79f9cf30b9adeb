package journal

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// Tail returns a reader of what this journal writes, from the record with a number on: only of what counts, and with what is sealed opened. Its
// NextWait waits for more.
func (j *Journal) Tail(from uint64) *Reader {
	return &Reader{dir: j.o.Directory, key: j.o.Key, from: max(from, 1), durable: j.settledSeq, wait: j.waitSettled}
}

// NextWait returns the next record, and waits for it. It ends with the context's error, and when the journal is closed.
func (r *Reader) NextWait(ctx context.Context) (Record, error) {
	for {
		if err := context.Cause(ctx); err != nil {
			return Record{}, err
		}
		record, err := r.Next()
		if !errors.Is(err, io.EOF) || r.wait == nil {
			return record, err
		}
		if _, err := r.wait(ctx, max(r.expect, r.from)-1); err != nil {
			return Record{}, err
		}
	}
}

// keepList is how long what a list has learnt is kept for the next page.
const keepList = time.Minute

// lists keeps the lister of a running journal from one page to the next.
type lists struct {
	mu     sync.Mutex
	lister *Lister
	forget *time.Timer
}

// borrow returns the lister of a journal. Its caller holds the lock.
func (l *lists) borrow(j *Journal) *Lister {
	if l.lister == nil {
		l.lister = &Lister{open: func(from uint64) (*Reader, error) {
			r := j.Tail(from)
			r.key = nil // nothing that is sealed is listed
			return r, nil
		}, born: j.born}
	}
	if l.forget == nil {
		l.forget = time.AfterFunc(keepList, l.drop)
	}
	l.forget.Reset(keepList)
	return l.lister
}

func (l *lists) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lister = nil
}

// close forgets what is kept, and will.
func (l *lists) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lister = nil
	if l.forget != nil {
		l.forget.Stop()
	}
}
