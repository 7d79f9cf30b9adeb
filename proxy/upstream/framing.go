package upstream

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// framing is where the body of an answer ends, and what becomes of the connection then.
type framing struct {
	length  int64 // ContentLength of the response: -1 is unknown
	chunked bool
	none    bool // there is no body, whatever the header says
	close   bool // the answer says that the connection cannot be used again, or its body needs that
	drop    bool // it should not be, although the answer does not say so
	suspect bool // look at it before it is used again: backends are known to send a body here in spite of all
	trailer http.Header
}

// frame says how the body is framed, and takes out of the header what net/http takes out.
func (d *head) frame(method string) (f framing, err error) {
	h := d.header
	if d.minor == 0 || d.saw&sawConnection != 0 {
		f.close = d.closes()
	}
	if d.saw&sawTransferEncoding != 0 {
		if f.chunked, err = d.transferEncoding(); err != nil {
			return f, err
		}
	}
	f.length = -1
	if d.saw&sawContentLength != 0 {
		if f.length, err = d.contentLength(); err != nil {
			return f, err
		}
	}
	announced := f.length
	switch {
	case method == http.MethodHead:
		f.none, f.suspect = true, true
	case d.code < 200:
		f.none, f.length = true, 0
	case d.code == http.StatusNoContent, d.code == http.StatusNotModified:
		f.none, f.suspect, f.length = true, true, 0
	case f.chunked:
		if announced >= 0 {
			delete(h, "Content-Length") // RFC 9112, 6.3
		}
		f.length = -1
	case f.length == 0:
		f.none = true
	case f.length < 0:
		f.close = true // the body ends with the connection
	}
	if d.code == http.StatusNoContent && (announced > 0 || f.chunked) {
		f.drop = true // whether that body comes is anybody's guess
	}
	if f.chunked && d.saw&sawTrailer != 0 {
		f.trailer, err = d.announcedTrailers()
	}
	return f, err
}

// closes reports whether the connection ends with this answer.
func (d *head) closes() bool {
	values := d.header["Connection"]
	closing := hasToken(values, "close")
	if d.minor == 0 {
		return closing || !hasToken(values, "keep-alive")
	}
	if closing {
		delete(d.header, "Connection")
	}
	return closing
}

func (d *head) transferEncoding() (chunked bool, err error) {
	values, ok := d.header["Transfer-Encoding"]
	if !ok {
		return false, nil
	}
	delete(d.header, "Transfer-Encoding")
	if d.minor == 0 {
		return false, nil // HTTP/1.0 does not know it
	}
	if len(values) != 1 || len(values[0]) != len("chunked") || !strings.EqualFold(values[0], "chunked") {
		return false, errTransfer
	}
	return true, nil
}

func (d *head) contentLength() (int64, error) {
	values, ok := d.header["Content-Length"]
	if !ok {
		return -1, nil
	}
	first := textproto.TrimString(values[0])
	for _, other := range values[1:] {
		if textproto.TrimString(other) != first {
			return 0, errLength
		}
	}
	if len(values) > 1 {
		d.header["Content-Length"] = []string{first}
	}
	n, err := strconv.ParseUint(first, 10, 63)
	if err != nil {
		return 0, errLength
	}
	return int64(n), nil
}

// announcedTrailers returns the names that the header announces, and takes them out of it.
func (d *head) announcedTrailers() (http.Header, error) {
	values, ok := d.header["Trailer"]
	if !ok {
		return nil, nil
	}
	delete(d.header, "Trailer")
	var trailer http.Header
	for _, list := range values {
		for list != "" {
			var key string
			key, list, _ = strings.Cut(list, ",")
			if key = textproto.TrimString(key); key == "" {
				continue
			}
			key = textproto.CanonicalMIMEHeaderKey(key)
			switch key {
			case "Transfer-Encoding", "Trailer", "Content-Length":
				return nil, errTrailerName
			}
			if trailer == nil {
				trailer = make(http.Header)
			}
			trailer[key] = nil
		}
	}
	return trailer, nil
}
