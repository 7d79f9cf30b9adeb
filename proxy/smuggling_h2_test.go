package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// downgrade is a request of HTTP/2 that means something else when it is written as HTTP/1.1: its fields in order, names and values
// in turn, and its body.
type downgrade struct {
	name     string
	fields   []string
	body     string
	trailers []string
	taken    bool // it is passed on, as one request
}

func downgrades() []downgrade {
	const crlf = "\r\n\r\nGET /smuggled/ID/ HTTP/1.1\r\nHost: x\r\n\r\n"
	request := func(more ...string) []string {
		return append([]string{":method", "POST", ":scheme", "http", ":path", "/case/ID/", ":authority", "x"}, more...)
	}
	with := func(name, value string) []string {
		f := request()
		f[slices.Index(f, name)+1] = value
		return f
	}
	out := []downgrade{
		{name: "plain", fields: request(), body: "abc", taken: true},
		{name: "right length", fields: request("content-length", "3"), body: "abc", taken: true},
		{name: "request as the body", fields: request(), body: crlf, taken: true},
		{name: "shorter length", fields: request("content-length", "3"), body: "abc" + crlf},
		{name: "longer length", fields: request("content-length", "300"), body: "abc"},
		{name: "length without a body", fields: request("content-length", "3")},
		{name: "length of none with a body", fields: request("content-length", "0"), body: crlf},
		{name: "two lengths", fields: request("content-length", "3", "content-length", "0"), body: "abc"},
		{name: "path in absolute form", fields: with(":path", "http://y/case/ID/")},
		{name: "host besides the authority", fields: request("host", "y")},
		{name: "authority with a user", fields: with(":authority", "x@y")},
		{name: "trailer that is a length", fields: request("trailer", "content-length"), body: "abc", trailers: []string{"content-length", "5"}},
		{name: "trailer that is a coding", fields: request(), body: "abc", trailers: []string{"transfer-encoding", "chunked"}},
		{name: "trailer with a pseudo-header", fields: request(), body: "abc", trailers: []string{":path", "/smuggled/ID/"}},
		{name: "trailer with lines", fields: request(), body: "abc", trailers: []string{"x", "y" + crlf}},
		{name: "te trailers", fields: request("te", "trailers"), body: "abc", taken: true},
		{name: "regular before pseudo", fields: append([]string{"x", "y"}, request()...)},
		{name: "unknown pseudo", fields: request(":x", "y")},
		{name: "pseudo of an answer", fields: request(":status", "200")},
		{name: "no method", fields: request()[2:]},
		{name: "no scheme", fields: slices.Concat(request()[:2], request()[4:])},
		{name: "no path", fields: slices.Concat(request()[:4], request()[6:])},
		{name: "protocol", fields: request(":protocol", "websocket")},
		{name: "CONNECT with a path", fields: with(":method", "CONNECT")},
		{name: "upper case", fields: request("Transfer-Encoding", "chunked"), body: crlf},
		{name: "empty name", fields: request("", "y")},
	}
	for _, again := range []string{":method", ":scheme", ":path", ":authority"} {
		out = append(out, downgrade{name: again + " twice", fields: request(again, "/smuggled/ID/")})
	}
	for _, v := range []string{"+3", "-3", "0x3", "3, 3", "3 3", "", "3\r\n\r\n", "３", "99999999999999999999999"} {
		out = append(out, downgrade{name: "length", fields: request("content-length", v), body: "abc"})
	}
	for _, f := range []string{"transfer-encoding", "connection", "proxy-connection", "keep-alive", "upgrade", "te"} {
		for _, v := range []string{"chunked", "Transfer-Encoding", "h2c"} {
			out = append(out, downgrade{name: f, fields: request(f, v), body: "0" + crlf})
		}
	}
	for _, bad := range []string{crlf, "\r\nx: y", "\nx: y", "\ry", "\x00", "\nTransfer-Encoding: chunked"} {
		out = append(
			out,
			downgrade{name: "lines in a value", fields: request("x", "y"+bad)},
			downgrade{name: "lines in a name", fields: request("x"+bad, "y")},
			downgrade{name: "lines in the method", fields: with(":method", "GET"+bad)},
			downgrade{name: "lines in the path", fields: with(":path", "/case/ID/"+bad)},
			downgrade{name: "lines in the authority", fields: with(":authority", "x"+bad)},
			downgrade{name: "lines in the scheme", fields: with(":scheme", "http"+bad)},
		)
	}
	for _, name := range []string{"x y", "x:y", " x", "x ", "x\t", "transfer-encoding ", "content-length:", "x\x7f", "x\xff"} {
		out = append(out, downgrade{name: "name", fields: request(name, "3"), body: "abc"})
	}
	for _, method := range []string{"GET /smuggled/ID/ HTTP/1.1", "GET /", "G(T", "", " GET"} {
		out = append(out, downgrade{name: "method", fields: with(":method", method)})
	}
	for _, path := range []string{"/case/ID/ HTTP/1.1", "/case/ID/ x", "", "case/ID/", "*", "?x", "/case/ID/\x7f", "/case/ID/\t"} {
		out = append(out, downgrade{name: "path", fields: with(":path", path)})
	}
	return out
}

// TestNoRequestIsSmuggledByHTTP2 is TestNoRequestIsSmuggled for what HTTP/2 can carry and HTTP/1.1 cannot.
func TestNoRequestIsSmuggledByHTTP2(t *testing.T) {
	old, fresh := newStrictBackend(t), newStrictBackend(t)
	r := startAt(t, shadowPlan, old.Server, fresh.Server, func(o *Options) {
		o.Table.Routes = []Route{{Name: "all", Methods: []string{"GET", "POST"}, Kind: Read}}
	})
	for i, d := range downgrades() {
		id := fmt.Sprint(1000 + i)
		t.Run(fmt.Sprintf("%s %q", d.name, d.fields), func(t *testing.T) {
			status, body := send(t, r.address, d, id)
			body = strings.ReplaceAll(body, id, "ID")
			_, after := r.do("GET", "/after/"+id+"/", nil)
			if after != "GET /after/"+id+"/ " {
				t.Errorf("a request on another connection got %q", after)
			}
			seen := complete(old.about("/" + id + "/"))
			seen = seen[:len(seen)-1] // the one after
			switch {
			case d.taken && (status != "200" || len(seen) != 1 || body != "POST /case/ID/ "+d.body):
				t.Errorf("answered %s %q; old saw %+v", status, body, seen)
			case !d.taken && (status == "200" || len(seen) != 0):
				t.Errorf("answered %s %q; old saw %+v", status, body, seen)
			}
		})
	}
	r.stop()
	for _, x := range slices.Concat(old.about(""), fresh.about("")) {
		if x.flaw != "" || strings.Contains(x.target, "smuggled") {
			t.Errorf("a backend saw %+v", x)
		}
	}
}

// send sends a request on a connection of its own, and returns the answer's status, or how the stream or the connection ended.
func send(t *testing.T, address string, d downgrade, id string) (status, body string) {
	t.Helper()
	h := dialH2(t, address)
	encode := func(fields []string) []byte {
		h.block.Reset()
		for i := 0; i+1 < len(fields); i += 2 {
			f := hpack.HeaderField{Name: strings.ReplaceAll(fields[i], "ID", id), Value: strings.ReplaceAll(fields[i+1], "ID", id)}
			if err := h.encoder.WriteField(f); err != nil {
				t.Fatal(err)
			}
		}
		return h.block.Bytes()
	}
	only := d.body == "" && d.trailers == nil
	_ = h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encode(d.fields), EndHeaders: true, EndStream: only})
	if !only { // the server may have hung up by now
		_ = h.WriteData(1, d.trailers == nil, []byte(strings.ReplaceAll(d.body, "ID", id)))
	}
	if d.trailers != nil {
		_ = h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encode(d.trailers), EndHeaders: true, EndStream: true})
	}
	for {
		f, err := h.ReadFrame()
		if err != nil {
			return "closed", ""
		}
		switch f := f.(type) {
		case *http2.GoAwayFrame:
			return f.ErrCode.String(), ""
		case *http2.RSTStreamFrame:
			return f.ErrCode.String(), ""
		case *http2.MetaHeadersFrame:
			status = f.PseudoValue("status")
		case *http2.DataFrame:
			body += string(f.Data())
		}
		if f.Header().StreamID == 1 && f.Header().Flags.Has(http2.FlagDataEndStream) {
			return status, body
		}
	}
}
