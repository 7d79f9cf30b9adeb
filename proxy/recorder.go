package proxy

import (
	"io"
	"net/http"

	"github.com/zeebo/xxh3"

	"paritygate/compare"
)

const scratchSize = 32 << 10

// recorder reads an answer's body piece by piece, captures it up to a limit and hashes what is beyond.
type recorder struct {
	kept    buffer
	keeping bool
	starved bool // the budget forbade to capture
	hint    int
	size    int64
	hasher  *xxh3.Hasher // from the first byte beyond the limit on
	scratch []byte
}

// newRecorder captures nothing if memory is nil.
func newRecorder(memory *budget, limit, length int64) *recorder {
	r := &recorder{keeping: memory != nil}
	if r.keeping {
		r.kept = buffer{budget: memory, limit: int(limit)}
		r.hint = int(min(max(length, 0), limit))
	}
	return r
}

// bodyLength is how long the body will be; -1 is unknown.
func bodyLength(resp *http.Response) int64 {
	if resp.Request != nil && resp.Request.Method == http.MethodHead {
		return 0
	}
	return resp.ContentLength
}

// next reads the next piece. It is valid until the call after.
func (r *recorder) next(source io.Reader) ([]byte, error) {
	if r.keeping && r.kept.grow(r.hint) {
		p := r.kept.room()
		n, err := source.Read(p)
		r.kept.bytes = r.kept.bytes[:len(r.kept.bytes)+n]
		r.size += int64(n)
		return p[:n], err
	}
	if r.scratch == nil {
		r.scratch = takeBytes(scratchSize)[:scratchSize]
	}
	n, err := source.Read(r.scratch)
	if r.keeping && n > 0 {
		r.beyond(r.scratch[:n])
	}
	r.size += int64(n)
	return r.scratch[:n], err
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
	a := &compare.Answer{Status: status, Header: header, Body: r.kept.bytes, Size: r.size}
	if r.hasher != nil {
		a.Digest = r.hasher.Sum128().Bytes()
	}
	for k, v := range trailer {
		if _, ok := header[k]; !ok {
			header[k] = v
		}
	}
	return a
}

// done gives back what only reading needed.
func (r *recorder) done() {
	if r.scratch != nil {
		giveBytes(r.scratch)
		r.scratch = nil
	}
}

func (r *recorder) drop() {
	r.done()
	r.kept.drop()
}
