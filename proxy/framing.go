package proxy

import (
	"bytes"
	"net/http"
	"sync/atomic"
)

// framing looks, on a client's connection without TLS, for header sections that say twice where the body ends. net/http takes chunks for
// the body and forgets a Content-Length beside them, and in HTTP/1.0 it forgets the chunks: whoever stands before the proxy and went
// by the other line takes the next request for a part of this one. RFC 9112 6.1 asks to close the connection after such a request;
// only the bytes tell of it. Part of a body that looks alike counts as well: then a connection is closed that need not be.
type framing struct {
	both    atomic.Int64 // sections with Content-Length and Transfer-Encoding
	codings atomic.Int64 // lines with Transfer-Encoding

	// Of the reader.
	begun, blind   bool     // blind: it is not HTTP/1
	holding        bool     // a line has begun with the last bytes read
	held           int      // how much of it
	line           [18]byte // and what
	length, coding bool     // what the section has so far

	knownCodings int64 // of the handler: those that net/http told of
}

// watch looks at bytes that were read. Lines are looked at by their beginning, which may come in pieces.
func (f *framing) watch(p []byte) {
	const handshake = 22 // the first byte of TLS
	if !f.begun && len(p) > 0 {
		f.begun, f.blind = true, p[0] == handshake || bytes.HasPrefix(p, []byte("PRI "))
	}
	if f.blind {
		return
	}
	if f.holding {
		n := copy(f.line[f.held:], p)
		whole := f.held+n == len(f.line) || bytes.IndexByte(p[:n], '\n') >= 0
		if f.held += n; !whole {
			return
		}
		f.judge(f.line[:f.held])
		f.holding = false
	}
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return
		}
		p = p[i+1:]
		if len(p) < len(f.line) && bytes.IndexByte(p, '\n') < 0 {
			f.holding, f.held = true, copy(f.line[:], p)
			return
		}
		f.judge(p)
	}
}

var (
	lengthLine = []byte("content-length:")
	codingLine = []byte("transfer-encoding:")
)

// judge takes in a line, of which there is the beginning.
func (f *framing) judge(line []byte) {
	switch c := line[0]; {
	case c == '\n' || c == '\r' && line[1] == '\n': // the section ends
		f.length, f.coding = false, false
	case c|0x20 == 'c' && begins(line, lengthLine):
		f.length = true
	case c|0x20 == 't' && begins(line, codingLine):
		f.coding = true
		f.codings.Add(1)
	}
	if f.length && f.coding {
		f.both.Add(1)
		f.length = false
	}
}

func begins(line, with []byte) bool {
	return len(line) >= len(with) && bytes.EqualFold(line[:len(with)], with)
}

// ambiguous reports whether others may see another end of the request than net/http does. It must be asked about every request of
// the connection, in their order. A connection that nobody watched, or that TLS hides, leaves it open whether they do.
func (f *framing) ambiguous(r *http.Request) bool {
	chunked := len(r.TransferEncoding) > 0
	if f == nil || r.TLS != nil {
		return chunked
	}
	if chunked {
		f.knownCodings++
	}
	if r.ProtoAtLeast(1, 1) {
		return chunked && f.both.Load() > 0
	}
	return f.codings.Load() > f.knownCodings
}
