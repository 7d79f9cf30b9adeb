package proxy

import (
	"errors"
	"io"
	"net/http"

	"golang.org/x/net/http/httpguts"
)

var errBadTrailer = errors.New("a trailer of the request's body is malformed")

// trailerGuard ends a body with an error whose trailers are malformed: net/http looks at those of HTTP/1 neither when it receives
// nor, all of them, when it sends them.
type trailerGuard struct {
	io.ReadCloser
	request *http.Request
}

// Read implements io.Reader. The trailers are known at the end.
func (g *trailerGuard) Read(p []byte) (int, error) {
	n, err := g.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !validTrailers(g.request.Trailer) {
		err = errBadTrailer
	}
	return n, err
}

// validTrailers reports whether names and values are what RFC 9110 allows, and none tells where the message ends or goes.
func validTrailers(trailer http.Header) bool {
	for name, values := range trailer {
		switch name {
		case "Content-Length", "Transfer-Encoding", "Trailer", "Host":
			return false
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return false
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return false
			}
		}
	}
	return true
}
