// Package upstream is a synchronous HTTP/1.1 client for one backend, behind http.RoundTripper. It has no goroutines: a request is
// written and its answer read on the caller's, which is what makes it cheaper than http.Transport.
//
//	Do → wire image of the request (refused here: what this client cannot do) → pool: newest idle connection, or dial
//	   → one write → wait → head → 1xx? (Call.Informed) → final head → Response
//	   body all in the buffer: the connection is back in the pool before Do returns
//	   else: Body reads from the connection, and gives it back at its end
//
// A connection (conn) is a socket (sock: deadlines, cancelling, reads that do not wait), TLS over it perhaps, and, while an
// exchange is under way, one pooled buffer that holds the request first and the answer then. Nothing but that buffer is kept per
// request that waits.
//
// What it takes: HTTP/1.1 without a body, or with one in memory of a known length up to MaxBody. Everything else is refused with
// ErrUnsupported before anything is sent, so that the caller may use another client for it: an early answer to a long upload
// would deadlock a client without goroutines.
//
// What it reads: the same answers as net/http's client, read in the same way, but for these, which are errors here: a version that is
// not HTTP/1.x; a status that is not three digits from 100 on; white space in the name of a field; a 101 (nobody asked for it); more
// than 32 informational answers; trailers that are not well-formed lines ending in CRLF. An answer with 204 that announces a body
// costs its connection. A `Pragma: no-cache` adds no Cache-Control.
package upstream
