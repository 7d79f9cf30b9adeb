package proxy

import (
	"io"
	"net/http"

	"github.com/zeebo/xxh3"

	"paritygate/compare"
)

const scratchSize = 32 << 10

// recorder reads an answer's body piece by piece. If it is told to, it captures it up to a limit and hashes what is beyond.
type recorder struct {
	kept    buffer
	keeping bool
	starved bool // the budget forbade to capture
	hint    int
	size    int64
	hasher  *xxh3.Hasher // from the first byte beyond the limit on
	scratch *[]byte
	made    compare.Answer
	header  http.Header // the answer's, from the pool; nil if it is not
}

// capture has what is read from now on captured, up to limit bytes; length is how much is expected, -1 if unknown.
func (r *recorder) capture(memory *budget, limit, length int64) {
	r.keeping = true
	r.kept = buffer{budget: memory, limit: int(limit)}
	r.hint = int(min(max(length, 0), limit))
}

// bodyLength is how long the body of the answer to a method will be; -1 is unknown.
func bodyLength(resp *http.Response, method string) int64 {
	if method == http.MethodHead {
		return 0
	}
	return resp.ContentLength
}

// eager is a body that can be read without waiting. TryRead returns 0 and no error if nothing has come yet.
type eager interface {
	TryRead(p []byte) (int, error)
}

// fill reads into p: it waits for the first bytes, and takes what else has come already, so that many small pieces become one.
func fill(source io.Reader, p []byte) (int, error) {
	n, err := source.Read(p)
	more, ok := source.(eager)
	for ok && n > 0 && n < len(p) && err == nil {
		var m int
		if m, err = more.TryRead(p[n:]); m == 0 {
			break
		}
		n += m
	}
	return n, err
}

// next reads the next piece: it waits for the first bytes, and takes what else has come already, so that many small pieces
// become one. It is valid until the call after.
func (r *recorder) next(source io.Reader) ([]byte, error) { return r.read(source, fill) }

// ready reads what has come already, like next; nothing if nothing has, or if the source does not know.
func (r *recorder) ready(source io.Reader) ([]byte, error) {
	if _, ok := source.(eager); !ok {
		return nil, nil
	}
	return r.read(source, func(source io.Reader, p []byte) (int, error) { return source.(eager).TryRead(p) }) //nolint:forcetypeassert // see above
}

// read reads a piece to where it belongs.
func (r *recorder) read(source io.Reader, read func(io.Reader, []byte) (int, error)) ([]byte, error) {
	if r.keeping && r.kept.grow(r.hint) {
		p := r.kept.room()
		n, err := read(source, p)
		r.kept.bytes = r.kept.bytes[:len(r.kept.bytes)+n]
		r.size += int64(n)
		return p[:n], err
	}
	if r.scratch == nil {
		r.scratch = takePiece(scratchSize)
	}
	p := (*r.scratch)[:scratchSize]
	n, err := read(source, p)
	if r.keeping && n > 0 {
		r.beyond(p[:n])
	}
	r.size += int64(n)
	return p[:n], err
}

func (r *recorder) beyond(p []byte) {
	if r.hasher == nil {
		if len(r.kept.bytes) < r.kept.limit {
			r.starved, r.keeping = true, false
			r.kept.drop()
			return
		}
		r.hasher = xxh3.New()
		_, _ = r.hasher.Write(r.kept.bytes)
	}
	_, _ = r.hasher.Write(p)
}

// answer returns what was captured. It is valid until drop.
func (r *recorder) answer(status int, header, trailer http.Header) *compare.Answer {
	a := &r.made
	*a = compare.Answer{Status: status, Header: header, Trailer: trailer, Body: r.kept.bytes, Size: r.size}
	if r.hasher != nil {
		a.Digest = r.hasher.Sum128().Bytes()
	}
	return a
}

// done gives back what only reading needed.
func (r *recorder) done() {
	if r.scratch != nil {
		givePiece(r.scratch)
		r.scratch = nil
	}
}

// drop gives back what was captured, and the header. Nobody may read them any more.
func (r *recorder) drop() {
	r.done()
	r.kept.drop()
	giveHeader(r.header)
	r.header = nil
}
