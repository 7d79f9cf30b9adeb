package proxy

import (
	"errors"
	"hash/maphash"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// requestBody hands a client's body to the authority and keeps what passes, if it is asked to. The transport may read it on
// a goroutine that outlives the exchange, hence the lock.
type requestBody struct {
	source io.ReadCloser
	length int64
	// interrupt ends a read from the source that is under way.
	interrupt func()
	givenUp   atomic.Bool
	fetching  sync.Mutex
	// wanted is closed when the body may be asked for, where the client waits for that; nil: it does not.
	wanted  chan struct{}
	wanting sync.Once

	mu      sync.Mutex
	kept    buffer
	keeping bool
	served  int    // of kept, what the authority has read
	beyond  []byte // the byte after kept, read ahead to know whether there is one
	eof     bool   // the source is at its end
	over    bool   // larger than what may be kept
	starved bool   // the budget forbids to keep it
	err     error  // of the source, io.EOF excepted
	hash    maphash.Hash
	spooled // the first part of it, or all, may be in a file

	// pace, if there is one, is called when a piece has been read ahead, and may end that; gathered says that as much was as there may ever
	// be.
	pace     func() (enough bool)
	gathered bool

	// waiting says that the client is being waited for; progress is called when bytes have come.
	waiting  atomic.Bool
	progress atomic.Pointer[func()]
	came     atomic.Int64 // when the last piece came from the client while the authority read it, in nanoseconds since origin; 0: none did
}

func newRequestBody(source io.ReadCloser, length int64, seed maphash.Seed) *requestBody {
	b := &requestBody{source: source, length: length, interrupt: func() {}}
	b.hash.SetSeed(seed)
	return b
}

// keep has what is read from now on kept, up to limit bytes.
func (b *requestBody) keep(memory *budget, limit int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.keeping && b.kept.bytes == nil {
		b.keeping, b.kept = true, buffer{budget: memory, limit: int(limit), lent: true}
	}
}

// expected is how much room to make: what the client announced, but no more than a few times what it has sent, so that
// announcements alone take no memory.
func (b *requestBody) expected() int {
	const first = 64 << 10
	return int(min(max(b.length, 0), int64(max(first, 4*len(b.kept.bytes)))))
}

// hold has the body kept in another budget and up to another limit from now on, whatever was read ahead of it. Nobody may have
// been served of it.
func (b *requestBody) hold(memory *budget, limit int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := cap(b.kept.bytes)
	if !memory.reserve(size) {
		b.keeping = false
		return
	}
	if size > 0 {
		b.kept.budget.release(size)
	}
	b.keeping, b.over, b.starved = true, false, false
	b.kept.budget, b.kept.limit, b.kept.lent = memory, int(limit), true
	if len(b.beyond) == 0 {
		return
	}
	if !b.kept.grow(b.expected()) {
		b.stopKeeping()
		return
	}
	b.kept.bytes, b.beyond = append(b.kept.bytes, b.beyond...), nil
}

// prefetch reads the whole body ahead, as far as it may be kept. What was read is served first, whole or not.
func (b *requestBody) prefetch(memory *budget, limit int64) error {
	b.keep(memory, limit)
	for {
		p, full, err := b.ahead()
		switch {
		case full:
			return b.peek()
		case p == nil:
			return err
		}
		n, err := b.source.Read(p)
		b.mu.Lock()
		b.kept.bytes = b.kept.bytes[:len(b.kept.bytes)+n]
		_, _ = b.hash.Write(p[:n])
		b.ended(err)
		b.mu.Unlock()
		if b.pace != nil && b.pace() {
			b.stop()
			return nil
		}
	}
}

// peek reads one byte more where the body fills its limit, for only the end of the source says that this was all.
func (b *requestBody) peek() error {
	one := make([]byte, 1)
	for {
		n, err := b.source.Read(one)
		if n == 0 && err == nil {
			continue
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.beyond = one[:n]
		_, _ = b.hash.Write(b.beyond)
		if n > 0 {
			b.stopKeeping()
		}
		b.ended(err)
		return b.err
	}
}

// ahead returns where to read the next piece to, nil if there is no more to read or no room; full if that is for the limit.
func (b *requestBody) ahead() (room []byte, full bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.eof || b.err != nil || !b.keeping {
		return nil, false, b.err
	}
	if b.kept.grow(b.expected()) {
		return b.kept.room(), false, nil
	}
	if len(b.kept.bytes) >= b.kept.limit {
		return nil, true, nil
	}
	b.stopKeeping()
	return nil, false, nil
}

// stopKeeping notes why the body is not kept in full.
func (b *requestBody) stopKeeping() {
	b.keeping = false
	b.over = len(b.kept.bytes) >= b.kept.limit
	b.starved = !b.over
}

// stop ends the keeping of a body that goes on.
func (b *requestBody) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keeping = false
}

func (b *requestBody) ended(err error) {
	switch {
	case errors.Is(err, io.EOF):
		b.eof = true
	case err != nil:
		b.err = err
	}
}

// Read serves what was read ahead, then the source.
func (b *requestBody) Read(p []byte) (int, error) {
	if b.file != nil {
		if n, err := b.fromFile(p); n > 0 || err != nil {
			return n, err
		}
	}
	if n, err := b.fromMemory(p); n > 0 || err != nil {
		return n, err
	}
	return b.fetch(p)
}

// fromMemory serves what was read ahead; nothing, and no error, where that is over.
func (b *requestBody) fromMemory(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.served < len(b.kept.bytes) {
		n := copy(p, b.kept.bytes[b.served:])
		b.served += n
		return n, nil
	}
	if n := copy(p, b.beyond); n > 0 {
		b.beyond = b.beyond[n:]
		return n, nil
	}
	if b.err == nil && b.eof {
		return 0, io.EOF
	}
	return 0, b.err
}

// fetch reads from the source into p, for the authority.
func (b *requestBody) fetch(p []byte) (int, error) {
	b.fetching.Lock()
	defer b.fetching.Unlock()
	if b.wanted != nil {
		<-b.wanted
	}
	if n, err := b.fromMemory(p); n > 0 || err != nil {
		return n, err // it came while somebody else was reading
	}
	b.waiting.Store(true)
	if b.givenUp.Load() {
		b.waiting.Store(false)
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.source.Read(p)
	b.waiting.Store(false)
	b.came.Store(int64(time.Since(origin)))
	if f := b.progress.Load(); f != nil {
		(*f)()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_, _ = b.hash.Write(p[:n])
	b.store(p[:n])
	b.served = len(b.kept.bytes)
	b.ended(err)
	return n, err
}

func (b *requestBody) store(p []byte) {
	for b.keeping && len(p) > 0 {
		if !b.kept.grow(b.expected()) {
			b.stopKeeping()
			return
		}
		n := copy(b.kept.room(), p)
		b.kept.bytes = b.kept.bytes[:len(b.kept.bytes)+n]
		p = p[n:]
	}
}

// Close does nothing: the server owns the source, and a kept body may be read again.
func (b *requestBody) Close() error { return nil }

// whole returns the kept body if it is all there.
func (b *requestBody) whole() ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.bytes, b.keeping && b.eof && b.err == nil
}

// prefix returns what is kept of the body, whole or not.
func (b *requestBody) prefix() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.bytes
}

// want lets the body be asked for: the server tells the client to go on when it is first read.
func (b *requestBody) want() {
	if b.wanted != nil {
		b.wanting.Do(func() { close(b.wanted) })
	}
}

// giveUp ends the reading of the body: a transport that waits for more of it does not return before it has that.
func (b *requestBody) giveUp() {
	b.givenUp.Store(true)
	b.want()
	if b.waiting.Load() && !b.finished() {
		b.interrupt()
	}
}

// close ends the reading of the body, and returns once nobody is at it.
func (b *requestBody) close() {
	b.giveUp()
	b.fetching.Lock()
	defer b.fetching.Unlock()
	b.release()
}

// finished reports whether the source was read to its end.
func (b *requestBody) finished() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.eof
}

// failure returns why the client's body could not be read, if it could not.
func (b *requestBody) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// sum identifies what was read of the body, within this process.
func (b *requestBody) sum() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hash.Sum64()
}

// take hands the kept body over to the caller, who drops it.
func (b *requestBody) take() buffer {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.kept
	if b.err == nil && b.served < len(b.kept.bytes)+len(b.beyond) {
		b.err = http.ErrBodyReadAfterClose // a transport that reads on must not take the rest for the end
	}
	b.kept, b.beyond, b.keeping, b.served = buffer{}, nil, false, 0
	return f
}

func (b *requestBody) release() {
	f := b.take()
	f.drop()
	b.spooled.close()
}

// ranOut reports whether the memory's budget kept the body from being kept.
func (b *requestBody) ranOut() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.starved
}
