package upstream

import (
	"net/http"
	"time"
)

// Call is what a caller may say about, and hear of, one request beyond http.Request. It is passed to Client.Do, or found by
// RoundTrip as the context's value of CallKey (a *Call). All of it is used on the caller's goroutine, before Do returns.
type Call struct {
	// Target is the request target, sent bit for bit: path and query as they stand in the request line. Empty: it is taken from
	// the request's URL as net/http does.
	Target string
	// Fields appends the request's header fields to b and returns it, in place of the request's Header: whole lines, each ended by
	// CRLF, for whose form the caller vouches. Host, Connection and Content-Length are not among them. Nil: the Header is sent.
	Fields func(b []byte) []byte
	// Once forbids that the request is sent a second time, whatever its method. What the backend cannot have seen (not a byte
	// went to the wire) is still sent on another connection.
	Once bool
	// Wrote is called when the whole request has been handed to the operating system, perhaps once more when it is sent again.
	// Nil: nobody wants to know.
	Wrote func()
	// Informed is called for each informational answer but 101; the header is the callee's. An error ends the request with
	// that error. Nil: they are skipped.
	Informed func(status int, h http.Header) error
	// HeaderTimeout, if it is more than 0 and less than the client's own, takes its place.
	HeaderTimeout time.Duration
	// Touched is set by Do where it fails: something of the request may have reached the backend all the same.
	Touched bool
	// Header, if not nil, becomes the header of the answer; it is cleared first. It saves the allocation of a map.
	Header http.Header
}

// CallKey is the key of the context's value that RoundTrip looks for, a *Call.
type CallKey struct{}
