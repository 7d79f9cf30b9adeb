package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// scripted is a connection that takes everything and answers with given segments, each the result of one read, and the end.
type scripted struct {
	segments [][]byte
	wrote    bytes.Buffer
	writes   int
	closed   bool
}

func (c *scripted) Read(p []byte) (int, error) {
	if len(c.segments) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.segments[0])
	if c.segments[0] = c.segments[0][n:]; len(c.segments[0]) == 0 {
		c.segments = c.segments[1:]
	}
	return n, nil
}

func (c *scripted) Write(p []byte) (int, error) {
	c.writes++
	return c.wrote.Write(p)
}

func (c *scripted) Close() error                       { c.closed = true; return nil }
func (c *scripted) LocalAddr() net.Addr                { return &net.TCPAddr{} }
func (c *scripted) RemoteAddr() net.Addr               { return &net.TCPAddr{} }
func (c *scripted) SetDeadline(time.Time) error        { return nil }
func (c *scripted) SetReadDeadline(time.Time) error    { return nil }
func (c *scripted) SetWriteDeadline(t time.Time) error { return nil }

// dialling makes a client that gets the connection from dial.
func dialling(dial func() net.Conn, shape ...func(*Options)) *Client {
	o := Options{URL: &url.URL{Scheme: "http", Host: "backend.example"}}
	for _, f := range shape {
		f(&o)
	}
	c := New(o)
	c.dial = func(context.Context, string, string) (net.Conn, error) { return dial(), nil }
	return c
}

// seen is what a client made of an answer.
type seen struct {
	status   string
	proto    string
	code     int
	header   http.Header
	length   int64
	encoding []string
	close    bool
	body     string
	trailer  http.Header
	informed []string
	err      error // of the head
	bodyErr  error
	keep     bool
}

func (s *seen) String() string {
	return fmt.Sprintf("%q %s %d %v length %d %v close %t body %q trailer %v informed %v err %v, %v keep %t",
		s.status, s.proto, s.code, s.header, s.length, s.encoding, s.close, s.body, s.trailer, s.informed, s.err, s.bodyErr, s.keep)
}

func (s *seen) take(resp *http.Response) {
	s.status, s.proto, s.code = resp.Status, resp.Proto, resp.StatusCode
	s.header, s.length, s.encoding, s.close = resp.Header.Clone(), resp.ContentLength, resp.TransferEncoding, resp.Close
}

func request(method string) *http.Request {
	return &http.Request{Method: method, URL: &url.URL{Scheme: "http", Host: "backend.example", Path: "/"}, Header: http.Header{}}
}

// ours has this client read segments as the answer to a request.
func ours(segments [][]byte, method string, room int) *seen {
	c := dialling(func() net.Conn { return &scripted{segments: segments} })
	s := &seen{}
	call := &Call{Informed: func(code int, h http.Header) error {
		s.informed = append(s.informed, fmt.Sprint(code, h))
		return nil
	}}
	resp, err := c.Do(request(method), call)
	if err != nil {
		s.err = err
		return s
	}
	s.take(resp)
	s.body, s.bodyErr = readAll(resp.Body, room)
	s.trailer = resp.Trailer
	_ = resp.Body.Close()
	s.keep = len(c.pool.idle) == 1
	if open := c.Conns(); open != len(c.pool.idle) {
		panic(fmt.Sprintf("%d connections open, %d idle", open, len(c.pool.idle)))
	}
	return s
}

func readAll(r io.Reader, room int) (string, error) {
	var out []byte
	p := make([]byte, room)
	for {
		n, err := r.Read(p)
		out = append(out, p[:n]...)
		if errors.Is(err, io.EOF) {
			return string(out), nil
		}
		if err != nil {
			return string(out), err
		}
	}
}

// theirs reads the same bytes with net/http, in the way http.Transport does.
func theirs(data []byte, method string) *seen {
	s := &seen{}
	all := bytes.NewReader(data)
	r := bufio.NewReaderSize(all, 4<<10)
	for {
		resp, err := http.ReadResponse(r, request(method))
		if err != nil {
			s.err = err
			return s
		}
		fixed, pragma := resp.Header["Cache-Control"], resp.Header["Pragma"]
		if len(pragma) > 0 && pragma[0] == "no-cache" && len(fixed) == 1 && !strings.Contains(strings.ToLower(string(data)), "cache-control") {
			delete(resp.Header, "Cache-Control")
		}
		if resp.StatusCode >= 100 && resp.StatusCode < 200 && resp.StatusCode != 101 {
			s.informed = append(s.informed, fmt.Sprint(resp.StatusCode, resp.Header))
			continue
		}
		s.take(resp)
		s.body, s.bodyErr = readAll(resp.Body, 512)
		s.trailer = resp.Trailer
		s.keep = !resp.Close && resp.StatusCode > 199 && s.bodyErr == nil && r.Buffered() == 0 && all.Len() == 0
		return s
	}
}

// oddLine is a line end without a carriage return, a continued line, or white space in a name.
var oddLine = regexp.MustCompile(`(?s)[^\r]\n|\n[ \t]|\n[^\r\n:]*[ \t][^\r\n:]*:`)

// stricter reports whether our error is one that the package's doc comment lists, where net/http has none.
func stricter(data []byte, o, t *seen) bool {
	switch {
	case errors.Is(o.err, errMalformed):
		return !strings.HasPrefix(t.proto, "HTTP/1.") || t.code < 100 || len(t.informed) > len(o.informed)
	case errors.Is(o.err, errHeader):
		return slices.ContainsFunc(slices.Collect(maps.Keys(t.header)), func(k string) bool { return strings.Contains(k, " ") }) ||
			slices.ContainsFunc(t.informed, func(s string) bool { return strings.Contains(s, " ") })
	case errors.Is(o.err, errSwitch):
		return t.code == 101
	case errors.Is(o.err, errInformational):
		return len(t.informed) > maxInformational
	case errors.Is(o.bodyErr, errTrailer):
		return oddLine.Match(data)
	}
	return false
}

// compare reports where this client and net/http differ. whole says that the answer came in one piece, so that what follows it
// could be seen.
func compare(t *testing.T, data []byte, o, ref *seen, whole bool) {
	t.Helper()
	if ((o.err != nil && ref.err == nil) || (o.bodyErr != nil && ref.bodyErr == nil)) && stricter(data, o, ref) {
		return
	}
	if (o.err != nil) != (ref.err != nil) || (o.bodyErr != nil) != (ref.bodyErr != nil) {
		t.Fatalf("%q\nours:   %v\ntheirs: %v", data, o, ref)
	}
	if o.err != nil {
		return
	}
	same := o.status == ref.status && o.proto == ref.proto && o.code == ref.code && maps.EqualFunc(o.header, ref.header, slices.Equal) &&
		o.length == ref.length && slices.Equal(o.encoding, ref.encoding) && o.close == ref.close && o.body == ref.body &&
		slices.Equal(o.informed, ref.informed)
	if ref.bodyErr == nil {
		same = same && maps.EqualFunc(o.trailer, ref.trailer, slices.Equal)
	}
	if o.keep && !ref.keep && whole {
		same = false
	}
	if !o.keep && ref.keep && !(o.code == http.StatusNoContent && (len(ref.encoding) > 0 || len(ref.header["Content-Length"]) > 0)) {
		same = false
	}
	if !same {
		t.Fatalf("%q\nours:   %v\ntheirs: %v", data, o, ref)
	}
}

func writeChunk(w io.Writer, data string) { _, _ = fmt.Fprintf(w, "%x\r\n%s\r\n", len(data), data) }
