package compare

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// encoding is what a body's Content-Encoding names.
type encoding string

const (
	identity encoding = ""
	gzipped  encoding = "gzip"
)

// maxRatio is how many times its size a body may grow when it is decoded, once it is larger than ratioFrom.
const (
	maxRatio  = 200
	ratioFrom = 1 << 20
)

var (
	errTooLarge  = errors.New("too large when decoded")
	errNoDecoder = errors.New("no decoder for its Content-Encoding")
)

// encodingError says that a body is not what its Content-Encoding claims.
type encodingError struct{ err error }

func (e *encodingError) Error() string { return fmt.Sprintf("not valid gzip: %v", e.err) }
func (e *encodingError) Unwrap() error { return e.err }

// encoding returns the answer's Content-Encoding in lower case without `identity`; several are joined by commas.
func (a *Answer) encoding() encoding {
	values := a.Header["Content-Encoding"]
	if len(values) == 0 {
		return identity
	}
	var all []string
	for _, v := range values {
		for token := range strings.SplitSeq(v, ",") {
			switch token = lower(strings.Trim(token, " \t")); token {
			case "", "identity":
			case "x-gzip":
				all = append(all, string(gzipped))
			default:
				all = append(all, token)
			}
		}
	}
	return encoding(strings.Join(all, ","))
}

// gunzip is a decoder with its memory, kept from body to body.
type gunzip struct {
	reader gzip.Reader
	source bytes.Reader
	out    bytes.Buffer
}

// maxKept is the largest buffer that is kept.
const maxKept = 1 << 20

var gunzips = sync.Pool{New: func() any { return new(gunzip) }}

// decoded is a body without its Content-Encoding. It is valid until release.
type decoded struct {
	body   []byte
	gunzip *gunzip
}

func (d decoded) release() {
	if d.gunzip != nil && d.gunzip.out.Cap() <= maxKept {
		d.gunzip.source.Reset(nil)
		gunzips.Put(d.gunzip)
	}
}

// decode undoes a body's Content-Encoding. The error is errTooLarge, errNoDecoder or an *encodingError.
func decode(body []byte, e encoding, limit int64) (decoded, error) {
	switch {
	case e == identity || len(body) == 0:
		return decoded{body: body}, nil
	case e != gzipped:
		return decoded{}, errNoDecoder
	}
	g := gunzips.Get().(*gunzip)
	err := g.decode(body, limit)
	d := decoded{body: g.out.Bytes(), gunzip: g}
	if err != nil {
		d.release()
		return decoded{}, err
	}
	return d, nil
}

func (g *gunzip) decode(body []byte, limit int64) error {
	g.source.Reset(body)
	g.out.Reset()
	if err := g.reader.Reset(&g.source); err != nil {
		return &encodingError{err}
	}
	limit = min(limit, max(ratioFrom, int64(len(body))*maxRatio))
	n, err := g.out.ReadFrom(io.LimitReader(&g.reader, limit+1))
	switch {
	case err != nil:
		return &encodingError{err}
	case n > limit:
		return errTooLarge
	}
	return nil
}
