package proxy

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"maps"
	"net/http"
	"time"
)

// How much of an answer is kept for the journal, and for how long an answer is held back for its end: a silence, and in all.
const (
	journalAnswer = 64 << 10
	journalQuiet  = 100 * time.Millisecond
	journalWait   = time.Second
)

// heldAnswer is the body of an answer that is read ahead and recorded:
//
//	ahead (up to the limit, the end, or a silence) ─► the outcome is recorded ─► Read serves what was read, then the source
//
// One goroutine uses it; what is under way when nobody waits for it any more is read by another, into a part of memory of its own.
type heldAnswer struct {
	source    io.ReadCloser
	announced http.Header // the trailers, as they were when nothing of the body had been read
	kept      buffer      // the first bytes; all of them, unless over
	served    int         // of kept
	over      bool
	size      int64
	hash      hash.Hash
	err       error // how the source ended
	pending   bool  // a read is under way, which late tells of
	late      chan lateRead
}

// lateRead is what a read brought.
type lateRead struct {
	n   int
	err error
}

// hold puts a heldAnswer in the place of the answer's body.
func (c *call) hold(memory *budget) *heldAnswer {
	c.held = &heldAnswer{
		source: c.resp.Body, announced: maps.Clone(c.resp.Trailer), kept: buffer{budget: memory, limit: journalAnswer}, hash: sha256.New(),
	}
	c.resp.Body = c.held
	return c.held
}

// whole reports whether all of the body was read.
func (h *heldAnswer) whole() bool { return errors.Is(h.err, io.EOF) }

// room makes room for more of a body of that length, -1 if it is unknown.
func (h *heldAnswer) room(length int64) bool {
	return h.err == nil && !h.over && h.kept.grow(int(min(max(length, 0), journalAnswer)))
}

// took notes what a read has brought to the end of kept.
func (h *heldAnswer) took(n int, err error) {
	at := len(h.kept.bytes)
	h.kept.bytes = h.kept.bytes[:at+n]
	h.count(h.kept.bytes[at:], err)
}

func (h *heldAnswer) count(p []byte, err error) {
	h.size += int64(len(p))
	_, _ = h.hash.Write(p)
	if err != nil {
		h.err = err
	}
}

// come reads ahead what has come already.
func (h *heldAnswer) come(length int64) {
	if length == 0 && h.room(1) {
		h.took(h.source.Read(h.kept.room())) // there is nothing to wait for
		return
	}
	source, ok := h.source.(eager)
	for ok && h.room(length) {
		n, err := source.TryRead(h.kept.room())
		if h.took(n, err); n == 0 {
			return
		}
	}
}

// ahead reads on until the body has ended, or is more than may be kept, or nothing comes for a while.
func (h *heldAnswer) ahead(length int64) {
	if h.come(length); h.err != nil {
		return
	}
	end, quiet := time.NewTimer(journalWait), time.NewTimer(journalQuiet)
	defer end.Stop()
	defer quiet.Stop()
	h.late = make(chan lateRead, 1)
	for h.room(length) {
		h.pending = true
		go func(p []byte) {
			n, err := fill(h.source, p)
			h.late <- lateRead{n, err}
		}(h.kept.room())
		select {
		case r := <-h.late:
			h.pending = false
			h.took(r.n, r.err)
		case <-quiet.C:
			return
		case <-end.C:
			return
		}
		quiet.Reset(journalQuiet)
	}
}

// Read implements io.Reader.
func (h *heldAnswer) Read(p []byte) (int, error) {
	if h.pending && h.served == len(h.kept.bytes) {
		r := <-h.late
		h.pending = false
		h.took(r.n, r.err)
	}
	return h.read(p, h.source.Read)
}

// TryRead is Read without waiting.
func (h *heldAnswer) TryRead(p []byte) (int, error) {
	if h.pending && h.served == len(h.kept.bytes) {
		select {
		case r := <-h.late:
			h.pending = false
			h.took(r.n, r.err)
		default:
			return 0, nil
		}
	}
	source, ok := h.source.(eager)
	if !ok {
		return h.read(p, func([]byte) (int, error) { return 0, nil })
	}
	return h.read(p, source.TryRead)
}

func (h *heldAnswer) read(p []byte, read func([]byte) (int, error)) (int, error) {
	if h.served < len(h.kept.bytes) {
		n := copy(p, h.kept.bytes[h.served:])
		if h.served += n; h.served < len(h.kept.bytes) || h.pending {
			return n, nil
		}
		return n, h.err
	}
	if h.err != nil {
		return 0, h.err
	}
	n, err := read(p)
	h.count(p[:n], err)
	h.keep(p[:n])
	return n, err
}

// keep keeps what has been served already, for the record.
func (h *heldAnswer) keep(p []byte) {
	for len(p) > 0 && !h.over {
		if !h.kept.grow(0) {
			h.over = true
			return
		}
		n := copy(h.kept.room(), p)
		h.kept.bytes = h.kept.bytes[:len(h.kept.bytes)+n]
		h.served, p = h.served+n, p[n:]
	}
}

// Close implements io.Closer. What was kept stays until drop.
func (h *heldAnswer) Close() error {
	err := h.source.Close()
	if h.pending {
		r := <-h.late
		h.pending = false
		h.took(r.n, r.err)
	}
	return err
}

// answer is what the journal is told of the answer to a call as far as it has come. It is valid until drop.
func (h *heldAnswer) answer(c *call) *JournalAnswer {
	a := &JournalAnswer{
		Status: c.resp.StatusCode, Counts: c.resp.StatusCode, Header: c.resp.Header, Trailer: c.resp.Trailer,
		Size: h.size, Whole: h.whole(), Duration: c.took,
	}
	if c.in.grpc && a.Status == http.StatusOK {
		a.Counts = callCounts(c.resp.Header, c.resp.Trailer)
	}
	h.hash.Sum(a.SHA256[:0])
	switch {
	case a.Whole && h.size == int64(len(h.kept.bytes)):
		a.Body = h.kept.bytes
	case !a.Whole && h.err != nil:
		a.Err = c.why(h.err)
	}
	return a
}

// drop gives back what was kept.
func (h *heldAnswer) drop() { h.kept.drop() }
