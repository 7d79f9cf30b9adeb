package proxy

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// budget bounds the bytes that captured bodies take together.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) reserve(n int) bool {
	if b.used.Add(int64(n)) > b.limit {
		b.used.Add(-int64(n))
		return false
	}
	return true
}

// admit is reserve for what may be larger than the limit: it finds room where nothing else is.
func (b *budget) admit(n int) bool {
	if used := b.used.Add(int64(n)); used > b.limit && used > int64(n) {
		b.used.Add(-int64(n))
		return false
	}
	return true
}

func (b *budget) release(n int) { b.used.Add(-int64(n)) }

// buffer is a body in memory, accounted in a budget. It grows up to limit, by pooled pieces.
type buffer struct {
	bytes  []byte
	piece  *[]byte // what bytes lies in
	budget *budget
	limit  int
	// lent says that a transport may read the bytes after they were dropped, so that they must not be used again.
	lent bool
}

// grow makes room for more, or reports that the limit or the budget forbids it. hint is the expected size; 0 is unknown.
func (f *buffer) grow(hint int) bool {
	if len(f.bytes) < cap(f.bytes) && len(f.bytes) < f.limit {
		return true
	}
	if len(f.bytes) >= f.limit {
		return false
	}
	if hint <= 0 {
		hint = usual
	}
	want := min(max(hint, 2*cap(f.bytes), smallest), max(f.limit, smallest))
	size := poolSize(want)
	if !f.budget.reserve(size - cap(f.bytes)) { // a body of more than half of the budget must find room, too
		return false
	}
	next := takePiece(size)
	grown := (*next)[:len(f.bytes)]
	copy(grown, f.bytes)
	f.free()
	f.bytes, f.piece = grown, next
	return true
}

// room is the free part of the buffer, within the limit.
func (f *buffer) room() []byte { return f.bytes[len(f.bytes):min(cap(f.bytes), f.limit)] }

func (f *buffer) drop() {
	if f.bytes != nil {
		f.budget.release(cap(f.bytes))
		f.free()
		f.bytes, f.piece = nil, nil
	}
}

func (f *buffer) free() {
	if f.piece != nil && !f.lent {
		givePiece(f.piece)
	}
}

// Buffers are pooled in powers of two, from 1 KiB to 4 MiB; larger ones are left to the garbage collector. A body of unknown length
// begins with the usual size.
const (
	smallest     = 1 << smallestBits
	usual        = 4 << 10
	smallestBits = 10
	largestBits  = 22
)

var bytePools [largestBits - smallestBits + 1]sync.Pool

func poolSize(n int) int {
	if n > 1<<largestBits {
		return n
	}
	return 1 << max(smallestBits, bits.Len(uint(max(n, 1)-1)))
}

// takePiece returns an empty slice with room for size bytes.
func takePiece(size int) *[]byte {
	if size <= 1<<largestBits {
		if p, ok := bytePools[bits.Len(uint(size))-1-smallestBits].Get().(*[]byte); ok {
			return p
		}
	}
	b := make([]byte, 0, size)
	return &b
}

// givePiece lets a piece be used again.
func givePiece(p *[]byte) {
	if n := bits.Len(uint(cap(*p))) - 1; n >= smallestBits && n <= largestBits && cap(*p) == 1<<n {
		bytePools[n-smallestBits].Put(p)
	}
}
