package upstream

import "sync"

const (
	// readSize is how much of an answer is read before it is known how long it is: head and, mostly, a small body. What is
	// beyond goes straight into the caller's memory.
	readSize = 4 << 10
	// wireSize is room for the largest request.
	wireSize = MaxBody + 16<<10
)

// buffer holds the wire image of the request first, then what was read of the answer but not yet taken: b[r:w].
type buffer struct {
	b    []byte
	r, w int
}

var (
	small = sync.Pool{New: func() any { return &buffer{b: make([]byte, readSize)} }}
	large = sync.Pool{New: func() any { return &buffer{b: make([]byte, wireSize)} }}
)

func takeBuffer(size int) *buffer {
	if size > readSize {
		return large.Get().(*buffer)
	}
	return small.Get().(*buffer)
}

// give puts the buffer back, for others to use.
func (f *buffer) give() {
	f.r, f.w = 0, 0
	switch len(f.b) {
	case readSize:
		small.Put(f)
	case wireSize:
		large.Put(f)
	}
}

func (f *buffer) buffered() []byte { return f.b[f.r:f.w] }

// room returns where to read to; the buffer must not be full to its end. What is unread moves to the front if there is little
// room behind it.
func (f *buffer) room() []byte {
	if f.r == f.w {
		f.r, f.w = 0, 0
	}
	if f.r > 0 && len(f.b)-f.w < len(f.b)/2 {
		f.w = copy(f.b, f.b[f.r:f.w])
		f.r = 0
	}
	return f.b[f.w:min(len(f.b), f.w+readSize)]
}

// enlarge doubles the buffer, up to limit. It reports whether there is room now.
func (f *buffer) enlarge(limit int) bool {
	if f.w-f.r < len(f.b) {
		return true
	}
	if len(f.b) >= limit {
		return false
	}
	b := make([]byte, min(2*len(f.b), limit))
	f.w = copy(b, f.b[f.r:f.w])
	f.r, f.b = 0, b
	return true
}
