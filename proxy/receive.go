package proxy

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// receive prepares the server for a request with a body, and returns what is to be called when the request has been answered.
//
// An answer may begin before the body is at its end. Without full duplex the server would then swallow what is left of the body
// instead of leaving it to the transport, and would hold the answer back until that has come.
func receive(w http.ResponseWriter, r *http.Request, body *requestBody) (done func()) {
	if r.Header["Expect"] != nil {
		body.wanted = make(chan struct{})
	}
	if r.ContentLength < 0 && r.Trailer == nil {
		r.Trailer = http.Header{} // takes up those that are not announced
	}
	control := http.NewResponseController(w)
	body.interrupt = func() { _ = control.SetReadDeadline(time.Now()) }
	if r.ProtoMajor != 1 {
		return body.close // a stream ends without its connection
	}
	_ = control.EnableFullDuplex() // every connection of the server can
	return func() {
		body.close() // the server minds a reader that outlives its handler
		if !body.finished() {
			closeConnection(w)
			_ = control.SetReadDeadline(time.Now().Add(lingerTime)) // the server reads some of the rest
		}
	}
}

// closeConnection has the server close an HTTP/1 connection once the answer is out, and take in for a moment what is still
// coming. The rest of a body would be taken for the next request otherwise. Only a reader past its limit can ask for that.
func closeConnection(w http.ResponseWriter) {
	for { // what is wrapped, as for the access log, is not asked for it
		wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = wrapped.Unwrap()
	}
	past := http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0)
	_, _ = past.Read(make([]byte, 1))
}
