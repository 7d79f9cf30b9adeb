package compare

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

var errTrailing = errors.New("there is more behind its end")

// drain appends what a reader gives to dst, up to limit bytes. Before it takes more than maxKept it waits for its turn.
func drain(dst []byte, from io.Reader, limit int, o *opener) ([]byte, error) {
	const least = 4 << 10
	for {
		if len(dst) == cap(dst) {
			more := max(least, len(dst))
			if len(dst)+more > maxKept {
				o.await()
			}
			dst = slices.Grow(dst, more)
		}
		n, err := from.Read(dst[len(dst):min(cap(dst), limit+1)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return dst, errTooLarge
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// gunzip undoes gzip, of one member or several. What follows the last member and is none is an error.
type gunzip struct {
	reader gzip.Reader
	source bytes.Reader
}

func (g *gunzip) decode(dst, body []byte, limit int, o *opener) ([]byte, error) {
	g.source.Reset(body)
	defer g.source.Reset(nil)
	if err := g.reader.Reset(&g.source); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return dst, err
	}
	return drain(dst, &g.reader, limit, o)
}

// inflate undoes deflate: the zlib format, as RFC 9110 has it, or a bare deflate stream, as some servers send.
type inflate struct {
	zlib, bare io.ReadCloser
	source     bytes.Reader
}

func (f *inflate) decode(dst, body []byte, limit int, o *opener) ([]byte, error) {
	f.source.Reset(body)
	defer f.source.Reset(nil)
	reader, err := f.reader(body)
	if errors.Is(err, zlib.ErrDictionary) {
		return dst, errNoDecoder
	}
	if err != nil {
		return dst, err
	}
	if dst, err = drain(dst, reader, limit, o); err == nil && f.source.Len() > 0 {
		err = errTrailing
	}
	return dst, err
}

// reader returns the reader for a body's format. A bare stream does not begin as zlib does: its first block would be a stored one
// with other bits before its length than the zeros that encoders write.
func (f *inflate) reader(body []byte) (io.Reader, error) {
	var err error
	isZlib := len(body) > 1 && body[0]&0x0f == 8 && body[0]>>4 <= 7 && (int(body[0])<<8|int(body[1]))%31 == 0
	switch {
	case isZlib && f.zlib == nil:
		f.zlib, err = zlib.NewReader(&f.source)
	case isZlib:
		err = f.zlib.(zlib.Resetter).Reset(&f.source, nil) //nolint:forcetypeassert // as zlib documents
	case f.bare == nil:
		f.bare = flate.NewReader(&f.source)
	default:
		err = f.bare.(flate.Resetter).Reset(&f.source, nil) //nolint:forcetypeassert // as flate documents
	}
	if isZlib {
		return f.zlib, err
	}
	return f.bare, err
}

// unbrotli undoes br. Its window is 16 MiB at most, and no larger than what the stream says it holds.
type unbrotli struct {
	reader brotli.Reader
	source bytes.Reader
}

func (b *unbrotli) decode(dst, body []byte, limit int, o *opener) ([]byte, error) {
	b.source.Reset(body)
	defer b.source.Reset(nil)
	_ = b.reader.Reset(&b.source) // never fails
	return drain(dst, &b.reader, limit, o)
}
