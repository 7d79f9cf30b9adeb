package upstream

import (
	"context"
	"net/http"
	"time"
)

// maxInformational answers may come before the final one.
const maxInformational = 32

// exchange sends the request and reads the head of its answer. When it fails the connection is the caller's to close.
func (cn *conn) exchange(req *http.Request, call *Call, wire *buffer, limit time.Duration) (*http.Response, error) {
	ctx := req.Context()
	if err := cn.send(ctx, wire, limit, call.Wrote); err != nil {
		return nil, cn.failed(err)
	}
	for n := 0; ; n++ {
		d, err := cn.head(call.Header)
		if err != nil {
			return nil, cn.failed(err)
		}
		if d.code >= 200 {
			return cn.respond(req, d)
		}
		if n == maxInformational {
			return nil, errInformational
		}
		if err := cn.inform(req, call, d); err != nil {
			return nil, err
		}
	}
}

// inform passes an informational answer on.
func (cn *conn) inform(req *http.Request, call *Call, d head) error {
	if d.code == http.StatusSwitchingProtocols {
		return errSwitch
	}
	if _, err := d.frame(req.Method); err != nil || call.Informed == nil {
		return err
	}
	h := d.header
	if call.Header != nil {
		h = h.Clone() // the map is needed for the final answer
	}
	if err := call.Informed(d.code, h); err != nil {
		return err
	}
	if ctx := req.Context(); ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// head reads one head.
func (cn *conn) head(h http.Header) (head, error) {
	f, limit := cn.buf, cn.client.options.MaxHeaderBytes
	scan, line := 0, 0 // how far it has been searched for its end, and how many lines that were
	for {
		b := f.buffered()
		next, lines, found := headEnd(b, scan)
		scan, line = next, line+lines
		if found {
			if next > limit {
				return head{}, errHeaderTooLarge
			}
			f.r += next
			return parseHead(b[:next], max(line, 1), h)
		}
		switch {
		case !mayBeHead(b):
			return head{}, errMalformed
		case len(b) > limit:
			return head{}, errHeaderTooLarge
		case len(b) == len(f.b):
			f.enlarge(limit + readSize)
		}
		if err := cn.fill(true); err != nil {
			return head{}, err
		}
	}
}

// respond makes the response. A body that is in the buffer to its end, or that is none, sets the connection free at once.
func (cn *conn) respond(req *http.Request, d head) (*http.Response, error) {
	f, err := d.frame(req.Method)
	if err != nil {
		return nil, err
	}
	a := &answer{}
	r := &a.resp
	r.Status, r.StatusCode, r.Proto, r.ProtoMajor, r.ProtoMinor = d.status, d.code, "HTTP/1.1", 1, d.minor
	if d.minor != 1 {
		r.Proto = "HTTP/1." + string(rune('0'+d.minor))
	}
	r.Header, r.ContentLength, r.Close, r.Trailer = d.header, f.length, f.close, f.trailer
	r.Request, r.TLS = req, cn.state
	if f.chunked {
		a.encoding[0] = "chunked"
		r.TransferEncoding = a.encoding[:]
	}
	keep := !f.close && !f.drop && !req.Close
	cn.suspect = f.suspect
	buf := cn.buf
	have := int64(len(buf.buffered()))
	switch {
	case f.none:
		cn.buf = nil
		buf.give()
		cn.done(keep && have == 0)
		r.Body = http.NoBody
		return r, nil
	case !f.chunked && f.length >= 0 && have >= f.length:
		cn.buf = nil
		a.body = body{buf: buf, left: f.length}
		cn.done(keep && have == f.length)
		r.Body = &a.body
		return r, nil
	}
	cn.sock.headRead()
	switch {
	case f.chunked:
		a.body = body{conn: cn, buf: buf, keep: keep, kind: chunked, resp: r}
	case f.length >= 0:
		a.body = body{conn: cn, buf: buf, keep: keep, left: f.length}
	default:
		a.body = body{conn: cn, buf: buf, kind: untilClose}
	}
	r.Body = &a.body
	return r, nil
}
