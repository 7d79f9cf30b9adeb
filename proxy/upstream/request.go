package upstream

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// usualHead is room for the head of most requests.
const usualHead = 1 << 10

// image writes the request as it goes over the wire into a buffer, body and all, and closes the body. It refuses what this client
// cannot send.
func image(req *http.Request, call *Call) (*buffer, error) {
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	length, err := acceptable(req)
	if err != nil {
		return nil, err
	}
	wire := takeBuffer(int(length) + usualHead)
	b, err := appendHead(wire.b[:0], req, call, length)
	if err == nil && length > 0 {
		b, err = appendBody(b, req.Body, int(length))
	}
	if err != nil {
		wire.give()
		return nil, err
	}
	if &b[0] != &wire.b[0] { // it did not fit
		wire.give()
		wire = &buffer{b: b[:cap(b)]}
	}
	wire.w = len(b)
	return wire, nil
}

// acceptable returns the length of the body, or why the request is not for this client.
func acceptable(req *http.Request) (int64, error) {
	switch {
	case req.URL == nil:
		return 0, errors.New("upstream: the request has no URL")
	case req.Method == http.MethodConnect:
		return 0, refused("CONNECT")
	case len(req.TransferEncoding) > 0:
		return 0, refused("it has a transfer encoding")
	case len(req.Trailer) > 0:
		return 0, refused("it has trailers")
	case len(req.Header["Upgrade"]) > 0:
		return 0, refused("it asks for another protocol")
	case len(req.Header["Expect"]) > 0:
		return 0, refused("it expects an informational answer")
	case req.Body == nil && req.ContentLength != 0:
		return 0, errors.New("upstream: the request has a length and no body")
	case req.Body == nil, req.Body == http.NoBody && req.ContentLength == 0:
		return 0, nil
	case req.ContentLength <= 0:
		return 0, refused("its body has no known length")
	case req.ContentLength > MaxBody:
		return 0, refused("its body is too large")
	}
	return req.ContentLength, nil
}

// appendBody reads the body, which must be as long as it was said to be.
func appendBody(b []byte, body io.Reader, length int) ([]byte, error) {
	start := len(b)
	if cap(b)-start < length+1 {
		b = append(make([]byte, 0, start+length+1), b...)
	}
	n, err := io.ReadFull(body, b[start:start+length])
	if err != nil {
		return nil, err
	}
	if n, err := body.Read(b[start+n : start+n+1]); n > 0 {
		return nil, errors.New("upstream: the request's body is longer than its ContentLength")
	} else if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:start+length], nil
}

func appendHead(b []byte, req *http.Request, call *Call, length int64) ([]byte, error) {
	b, err := appendRequestLine(b, req, call)
	if err != nil {
		return nil, err
	}
	if b, err = appendHost(b, req); err != nil {
		return nil, err
	}
	if req.Close {
		b = append(b, "Connection: close\r\n"...)
	}
	if length > 0 || req.Method == http.MethodPost || req.Method == http.MethodPut || req.Method == http.MethodPatch {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, length, 10)
		b = append(b, "\r\n"...)
	}
	if call.Fields != nil {
		b = call.Fields(b)
	} else if b, err = appendFields(b, req.Header, req.Close); err != nil {
		return nil, err
	}
	return append(b, "\r\n"...), nil
}

func appendRequestLine(b []byte, req *http.Request, call *Call) ([]byte, error) {
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	if !isToken(method) {
		return nil, errors.New("upstream: invalid method")
	}
	b = append(b, method...)
	b = append(b, ' ')
	start := len(b)
	switch {
	case call.Target != "":
		b = append(b, call.Target...)
	case req.URL.Opaque != "" && !strings.HasPrefix(req.URL.Opaque, "//"):
		b = append(b, req.URL.Opaque...)
		if req.URL.ForceQuery || req.URL.RawQuery != "" {
			b = append(append(b, '?'), req.URL.RawQuery...)
		}
	default:
		b = append(b, req.URL.RequestURI()...)
	}
	for _, c := range b[start:] {
		if c <= ' ' || c == 0x7f {
			return nil, errors.New("upstream: white space or a control character in the request target")
		}
	}
	return append(b, " HTTP/1.1\r\n"...), nil
}

func appendHost(b []byte, req *http.Request) ([]byte, error) {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	for i := range len(host) {
		if !hostBytes[host[i]] {
			return nil, errors.New("upstream: invalid Host")
		}
	}
	b = append(b, "Host: "...)
	if strings.HasPrefix(host, "[") {
		host = withoutZone(host)
	}
	b = append(b, host...)
	return append(b, "\r\n"...), nil
}

// withoutZone removes the zone of an IPv6 address: it means nothing on another machine.
func withoutZone(host string) string {
	end := strings.LastIndexByte(host, ']')
	if end < 0 {
		return host
	}
	zone := strings.LastIndexByte(host[:end], '%')
	if zone < 0 {
		return host
	}
	return host[:zone] + host[end:]
}

// appendFields writes the header, but for what the request's own fields say.
func appendFields(b []byte, h http.Header, closing bool) ([]byte, error) {
	for name, values := range h {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		case "User-Agent":
			if len(values) == 0 || values[0] == "" {
				continue
			}
			values = values[:1]
		case "Connection":
			if asksUpgrade(values) {
				return nil, refused("it asks for another protocol")
			}
			if closing && hasToken(values, "close") {
				continue
			}
		}
		if !isToken(name) {
			return nil, errors.New("upstream: invalid name of a header field")
		}
		for _, value := range values {
			b = append(b, name...)
			b = append(b, ": "...)
			start := len(b)
			b = append(b, trimSpace(value)...)
			if !validValue(b[start:]) {
				return nil, errors.New("upstream: invalid value of the header field " + name)
			}
			b = append(b, "\r\n"...)
		}
	}
	return b, nil
}

func asksUpgrade(values []string) bool { return hasToken(values, "upgrade") }
