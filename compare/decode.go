package compare

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
)

// encoding is what a body's Content-Encoding names, in lower case and without `identity`: codings joined by commas, in the order in
// which they were applied.
type encoding string

// identity is no encoding at all.
const identity encoding = ""

// maxCodings is how many codings may lie on top of one another; with more of them a body counts as one that cannot be read.
const maxCodings = 4

// maxRatio is how many times its size on the wire a body may grow when it is decoded, once it is larger than ratioFrom.
const (
	maxRatio  = 200
	ratioFrom = 1 << 20
)

var (
	errTooLarge  = errors.New("too large when decoded")
	errNoDecoder = errors.New("no decoder for its Content-Encoding")
)

// encodingError says that a body is not what its Content-Encoding claims.
type encodingError struct {
	coding string
	err    error
}

func (e *encodingError) Error() string { return fmt.Sprintf("not valid %s: %v", e.coding, e.err) }
func (e *encodingError) Unwrap() error { return e.err }

// damaged reports whether an error of decode says that a body is not what its Content-Encoding claims.
func damaged(err error) bool {
	_, is := errors.AsType[*encodingError](err)
	return is
}

// encoding returns the answer's Content-Encoding.
func (a *Answer) encoding() encoding {
	values := a.Header["Content-Encoding"]
	switch len(values) {
	case 0:
		return identity
	case 1:
		if e, ok := single(values[0]); ok {
			return e
		}
	}
	var all []string
	for _, v := range values {
		for token := range strings.SplitSeq(v, ",") {
			if e, ok := single(token); !ok {
				all = append(all, lower(trimSpace(token)))
			} else if e != identity {
				all = append(all, string(e))
			}
		}
	}
	return encoding(strings.Join(all, ","))
}

// trimSpace removes the white space that RFC 9110 allows around a token.
func trimSpace(s string) string { return strings.Trim(s, " \t") }

// single returns the encoding that a token names, if it is a known one.
func single(token string) (encoding, bool) {
	token = trimSpace(token)
	switch {
	case token == "" || strings.EqualFold(token, "identity"):
		return identity, true
	case strings.EqualFold(token, "x-gzip"): // RFC 9110, section 8.4.1.3
		return "gzip", true
	}
	for coding := range decoders {
		if strings.EqualFold(token, string(coding)) {
			return coding, true
		}
	}
	return identity, false
}

// decoder undoes one coding. It appends to dst, which has no bytes yet, and returns errTooLarge if there are more than limit. Before it
// holds more than maxKept it waits for its turn by the opener.
type decoder interface {
	decode(dst, body []byte, limit int, o *opener) ([]byte, error)
}

// decoders are the codings that can be undone. A decoder is dear to make, so each is kept from body to body.
var decoders = map[encoding]*sync.Pool{
	"gzip":    {New: func() any { return new(gunzip) }},
	"deflate": {New: func() any { return new(inflate) }},
	"br":      {New: func() any { return new(unbrotli) }},
	"zstd":    {New: func() any { return new(unzstd) }},
}

// decoded is a body without its Content-Encoding. It is valid until release.
type decoded struct {
	body []byte
	own  *[]byte // where body lies, if it is not as it came
}

// maxKept is the largest buffer that is kept for the next body.
const maxKept = 1 << 20

var outputs = sync.Pool{New: func() any { return new([]byte) }}

func (d decoded) release() {
	if d.own != nil && cap(d.body) <= maxKept {
		*d.own = d.body[:0]
		outputs.Put(d.own)
	}
}

// decode undoes a body's Content-Encoding. The limit is in bytes; a nil opener never waits. The error is errTooLarge, errNoDecoder or an *encodingError.
func decode(body []byte, e encoding, limit int64, o *opener) (decoded, error) {
	d := decoded{body: body}
	limit = min(limit, max(ratioFrom, int64(len(body))*maxRatio))
	for n := 0; e != identity && len(d.body) > 0; n++ {
		rest, last := cutLast(e)
		pool := decoders[last]
		if pool == nil || n == maxCodings {
			d.release()
			return decoded{}, errNoDecoder
		}
		next, err := undo(pool, d.body, int(limit), o)
		d.release()
		switch {
		case errors.Is(err, errTooLarge) || errors.Is(err, errNoDecoder):
			return decoded{}, err
		case err != nil:
			return decoded{}, &encodingError{string(last), err}
		}
		d, e = next, rest
	}
	return d, nil
}

// cutLast returns the coding that was applied last, and those before it.
func cutLast(e encoding) (rest, last encoding) {
	if i := strings.LastIndexByte(string(e), ','); i >= 0 {
		return e[:i], e[i+1:]
	}
	return identity, e
}

// undo undoes one coding. A decoder that failed is not used again, since it may hold the memory that hostile input asked for.
func undo(pool *sync.Pool, body []byte, limit int, o *opener) (decoded, error) {
	decoder := pool.Get().(decoder) //nolint:forcetypeassert // see decoders
	own := outputs.Get().(*[]byte)  //nolint:forcetypeassert // nothing else is in the pool
	out, err := decoder.decode((*own)[:0], body, limit, o)
	d := decoded{body: out, own: own}
	if err != nil {
		d.release()
		return decoded{}, err
	}
	if cap(out) <= maxKept {
		pool.Put(decoder)
	}
	return d, nil
}

// large bounds the comparisons that hold a decoded body of more than maxKept: more of them than cores would only take memory.
var large = make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))

// opener decodes the bodies of one comparison. Before the first of them becomes large it waits for its turn, once for all of them.
type opener struct{ turn bool }

// newOpener returns what opens the two answers; nil, which does too, if nothing is to be decoded.
func newOpener(old, new *Answer) *opener {
	if old.encoding() == identity && new.encoding() == identity {
		return nil
	}
	return &opener{}
}

// open returns the answer's body without its Content-Encoding, as decode does. It is valid until it is released.
func (o *opener) open(a *Answer, limit int64) (decoded, error) {
	return decode(a.Body, a.encoding(), limit, o)
}

func (o *opener) await() {
	if o != nil && !o.turn {
		large <- struct{}{}
		o.turn = true
	}
}

// close ends the comparison. Nothing that was opened may be used any more.
func (o *opener) close() {
	if o != nil && o.turn {
		<-large
		o.turn = false
	}
}
