package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// relayed says how the way of an answer to the client ended. Both errors are nil if the client has the whole answer.
type relayed struct {
	backend error // it broke off
	client  error // the client did not take it
}

// relay streams an answer to the client, through the recorder. detached goes on reading from the backend when the client is
// gone, for as long as the backend's timeout, so that the request is not cut short.
func (p *Proxy) relay(w http.ResponseWriter, c *call, rec *recorder, detached bool) relayed {
	defer rec.done()
	defer c.flight.leave()
	resp := c.resp
	h := w.Header()
	for k, v := range resp.Header {
		h[k] = v
	}
	h["Via"] = withVia(h["Via"], p.via.of(resp.ProtoMajor, resp.ProtoMinor))
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // the server would guess one
	}
	if resp.StatusCode == http.StatusNotModified {
		respell(h, "Content-Type", "Content-Length")
	}
	trailer := resp.Trailer
	if c.held != nil {
		trailer = c.held.announced // the others are there already where the body was read ahead
	}
	announced := len(trailer)
	for name := range trailer {
		h.Add("Trailer", name)
	}
	if c.length < 0 && c.in.major == 1 && c.in.minor == 1 {
		h["Transfer-Encoding"] = inChunks[:] // a short answer would get a length
	}
	if p.leaving.Load() {
		h["Connection"] = lastAnswer[:]
	}
	w.WriteHeader(resp.StatusCode)
	if c.body != nil && c.in.major == 1 {
		c.body.want() // the answer is final: the server no longer tells the client to go on, but it may
	}
	control := http.NewResponseController(w)
	out := p.copyBody(w, control, c, rec, detached)
	_ = resp.Body.Close()
	c.envelope.release()
	if out.backend != nil || out.client != nil {
		return out
	}
	sendTrailers(h, resp.Trailer, announced, control)
	return out
}

// These are never changed.
var (
	inChunks   = [1]string{"chunked"}
	lastAnswer = [1]string{"close"} // on its connection; in HTTP/2 net/http makes it a GOAWAY
)

// copyBody passes every piece on as it comes. Only what ends the answer may wait in the server's buffer: it is flushed with it.
func (p *Proxy) copyBody(w io.Writer, control *http.ResponseController, c *call, rec *recorder, detached bool) (out relayed) {
	var passed int64
	piece, err := []byte(nil), error(nil)
	if c.length != 0 {
		if piece, err = rec.ready(c.resp.Body); len(piece) == 0 && err == nil || c.length < 0 && c.in.major > 1 {
			out.client = control.Flush() // the headers may be all that comes for a while
		}
	}
	for {
		if len(piece) > 0 && out.client == nil {
			passed += int64(len(piece))
			out.client = c.writeTogether(w, piece)
			// The last piece of an answer that is mirrored is flushed as well: the client does not wait for what the mirror does next.
			if ends := errors.Is(err, io.EOF) || passed == c.length; out.client == nil && (!ends || c.early && passed == c.length) {
				out.client = control.Flush()
			}
			if out.client != nil && detached {
				limit := time.AfterFunc(c.backend.options.Timeout, func() { c.cancel(errTimeout) })
				defer limit.Stop()
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			out.backend = c.why(err)
			if errors.Is(out.backend, errClientGone) {
				out.backend, out.client = nil, errClientGone
			}
			return out
		case out.client != nil && !detached:
			c.cancel(errClientGone)
			return out
		}
		c.flight.reading.Store(true)
		piece, err = rec.next(c.resp.Body)
		c.flight.reading.Store(false)
		c.pieces.Add(1)
	}
}

// sendTrailers passes on the trailers, those too that were not announced.
func sendTrailers(h, trailer http.Header, announced int, control *http.ResponseController) {
	if len(trailer) == 0 {
		return
	}
	_ = control.Flush() // without it a short answer would get a length, and no trailers
	prefix := ""
	if len(trailer) != announced {
		prefix = http.TrailerPrefix
	}
	for k, v := range trailer {
		h[prefix+k] = v
	}
}

// respell spells the names of headers in small letters. A 304 may say what a 200 would have said of the content, but the server
// drops that by its usual names.
func respell(h http.Header, names ...string) {
	for _, name := range names {
		if values, ok := h[name]; ok {
			delete(h, name)
			h[strings.ToLower(name)] = values
		}
	}
}

// cutOff ends an answer that is not whole so that it cannot be taken for one that is.
func cutOff(w http.ResponseWriter, in *inbound) {
	if in.major != 1 || in.minor != 0 {
		panic(http.ErrAbortHandler)
	}
	// The end of the connection may be what ends an answer in HTTP/1.0: only a reset tells that this one is cut.
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if c, _ := clientConnOf(conn); c != nil {
		conn = c // below TLS, which would bid farewell
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	_ = conn.Close()
}

// endless reports whether an answer is a stream of events: it has no end to wait for.
func endless(resp *http.Response) bool {
	mediaType, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "text/event-stream")
}
