package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// spooled is what of a body is in a file of the journal's, instead of in memory.
type spooled struct {
	spool JournalSpool // nil: nothing is
	size  int64        // bytes that the file holds for certain
	taken bool         // the journal keeps the file; else it is discarded with the body
	fault error        // why the journal did not take all of the body

	file io.ReadCloser // open while the backend is sent it
	left int64
}

// streamQuiet is how long a gRPC call may be silent before it is taken for one that streams, where it may pass without a record.
const streamQuiet = time.Second

// callBody is how large such a call may be, in bytes: what gRPC takes for one message by default, and a bit.
const callBody = 4<<20 + 1<<10

// gather reads a write's whole body, before the write is admitted: into memory as far as Options.JournalBody and the budget allow, else
// into a spool. A client that is slow neither counts as in flight then nor is cut off by a change of plan. An error that is no errJournal
// is the client's, and nothing has happened.
func (p *Proxy) gather(w http.ResponseWriter, in *inbound, body *requestBody, mode JournalMode) error {
	if body == nil {
		return nil
	}
	if body.gathered {
		return body.fault
	}
	body.gathered = true
	if in.grpc && mode != JournalFirst {
		return p.gatherCall(body)
	}
	control, silence := http.NewResponseController(w), p.patience.whole
	body.pace = func() bool {
		_ = control.SetReadDeadline(time.Now().Add(silence)) // where it cannot be set, the client's own pace counts
		return false
	}
	body.pace()
	err := p.gatherAll(body)
	body.pace = nil
	_ = control.SetReadDeadline(time.Time{})
	switch {
	case err == nil || errors.Is(err, errJournal):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded) && in.grpc:
		return errStreamedWrite
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errClientStalled
	}
	return errors.Join(errClientGone, err)
}

// gatherAll reads the body to its end, into memory or a file.
func (p *Proxy) gatherAll(body *requestBody) error {
	body.hold(&p.journalMemory, p.options.JournalBody)
	err := body.prefetch(&p.journalMemory, p.options.JournalBody)
	if memory, whole := body.whole(); err == nil && (!whole || int64(len(memory)) > p.options.JournalBody) {
		return body.spoolRest(p.options.Journal)
	}
	return err
}

// gatherCall is gather for a gRPC call that may pass without a record. One that streams waits for answers before it goes on: as soon as it
// is silent for a while, or longer than a message, it is passed on as it comes.
func (p *Proxy) gatherCall(body *requestBody) error {
	quiet := time.NewTimer(streamQuiet)
	defer quiet.Stop()
	var enough atomic.Bool
	limit := max(p.options.JournalBody, callBody)
	body.hold(&p.journalMemory, limit)
	body.pace = func() bool { quiet.Reset(streamQuiet); return enough.Load() }
	done := make(chan error, 1)
	body.fetching.Lock() // whoever reads it next waits for the read that is under way
	body.waiting.Store(true)
	go func() {
		err := body.prefetch(&p.journalMemory, limit)
		body.waiting.Store(false)
		body.fetching.Unlock()
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return errors.Join(errClientGone, err)
		}
	case <-quiet.C:
		enough.Store(true)
	}
	memory, whole := body.whole()
	switch {
	case enough.Load() || !whole:
		body.fault = fmt.Errorf("%w: %w", errJournal, errStreamedWrite)
		return body.fault
	case int64(len(memory)) > p.options.JournalBody:
		return body.spoolRest(p.options.Journal)
	}
	return nil
}

// spoolRest puts what was read ahead, and the rest of the source, into a file. Where the journal does not take it nothing is lost: what is
// not in the file is in memory or still to come.
func (b *requestBody) spoolRest(journal Journal) error {
	spool, err := journal.Spool()
	if err != nil {
		return b.spoolFailed(err)
	}
	if _, err := spool.Write(b.prefix()); err != nil {
		spool.Discard()
		return b.spoolFailed(err)
	}
	b.mu.Lock()
	kept := b.kept
	b.spool, b.size = spool, int64(len(kept.bytes))
	b.kept, b.keeping, b.served = buffer{}, false, 0
	b.mu.Unlock()
	kept.drop()
	if n, err := spool.Write(b.beyond); err != nil {
		b.size, b.beyond = b.size+int64(n), b.beyond[n:]
		return b.spoolFailed(err)
	}
	b.size, b.beyond = b.size+int64(len(b.beyond)), nil
	return b.spoolSource()
}

func (b *requestBody) spoolSource() error {
	piece := takePiece(scratchSize)
	defer givePiece(piece)
	for p := (*piece)[:scratchSize]; !b.finished() && b.failure() == nil; {
		n, err := b.source.Read(p)
		b.mu.Lock()
		_, _ = b.hash.Write(p[:n])
		b.ended(err)
		b.mu.Unlock()
		m, err := b.spool.Write(p[:n])
		b.size += int64(m)
		if err != nil {
			b.beyond = slices.Clone(p[m:n])
			return b.spoolFailed(err)
		}
		b.pace()
	}
	return b.failure()
}

func (b *requestBody) spoolFailed(err error) error {
	b.fault = fmt.Errorf("%w: %w", errJournal, err)
	return b.fault
}

// open has the backend sent the file first.
func (s *spooled) open() (err error) {
	if s.spool == nil {
		return nil
	}
	s.left = s.size
	s.file, err = s.spool.Open()
	return err
}

// close is for the end of the request.
func (s *spooled) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
	if s.spool != nil && !s.taken {
		s.spool.Discard()
	}
}

// fromFile serves what is in the file; nothing, and no error, where that is over.
func (b *requestBody) fromFile(p []byte) (int, error) {
	b.fetching.Lock()
	defer b.fetching.Unlock()
	if b.givenUp.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.left == 0 {
		return 0, nil
	}
	n, err := b.file.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if f := b.progress.Load(); f != nil {
		(*f)()
	}
	switch {
	case !errors.Is(err, io.EOF):
		return n, err
	case b.left > 0:
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}

// openBody has the file with the body ready, if it is in one.
func (c *call) openBody() error {
	if c.body == nil {
		return nil
	}
	if err := c.body.open(); err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	return nil
}
