package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"paritygate/internal/testkit"
)

// The tests named TestTransparent… look at the bytes on both sides of the proxy, on raw sockets, while everything that can be
// mirrored is. What they read is parsed here, not by net/http, which would hide what it repairs.

// message is a request or an answer as it stood on the wire, its body unframed.
type message struct {
	line    string
	fields  []field
	body    string
	trailer []field
	chunks  int // of a chunked body; the last, empty one is not counted
}

type field struct{ name, value string }

// values returns a field's values in their order, bytes as they were.
func (m message) values(name string) []string { return valuesOf(m.fields, name) }

func (m message) value(name string) string { return strings.Join(m.values(name), "|") }

func (m message) trailers(name string) string { return strings.Join(valuesOf(m.trailer, name), "|") }

func valuesOf(fields []field, name string) []string {
	var out []string
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			out = append(out, f.value)
		}
	}
	return out
}

func (m message) status() int {
	n, _ := strconv.Atoi(strings.Fields(m.line + " 0 0")[1])
	return n
}

func (m message) method() string { return strings.Fields(m.line + " ?")[0] }

func (m message) target() string {
	_, rest, _ := strings.Cut(m.line, " ")
	return rest[:max(strings.LastIndexByte(rest, ' '), 0)]
}

func readHead(in *bufio.Reader) (message, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return message{}, err
	}
	m := message{line: strings.TrimRight(line, "\r\n")}
	m.fields, err = readFields(in)
	return m, err
}

func readFields(in *bufio.Reader) (fields []field, err error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		line, crlf := strings.CutSuffix(line, "\r\n")
		if !crlf {
			return nil, fmt.Errorf("the line %q does not end in CR LF", line)
		}
		if line == "" {
			return fields, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("no field: %q", line)
		}
		fields = append(fields, field{name, strings.Trim(value, " \t")})
	}
}

// readBody reads what the head announces. untilEnd says that a message without a length goes on until the connection's end.
func readBody(in *bufio.Reader, m *message, untilEnd bool) error {
	switch length := m.values("Content-Length"); {
	case m.value("Transfer-Encoding") == "chunked" && length == nil:
		return readChunks(in, m)
	case m.values("Transfer-Encoding") != nil || len(length) > 1:
		return fmt.Errorf("framed in an odd way: %q", m.fields)
	case len(length) == 1:
		n, err := strconv.ParseUint(length[0], 10, 62)
		if err != nil {
			return err
		}
		body := make([]byte, n)
		if _, err = io.ReadFull(in, body); err != nil {
			return io.ErrUnexpectedEOF
		}
		m.body = string(body)
	case untilEnd:
		body, err := io.ReadAll(in)
		m.body = string(body)
		return err
	}
	return nil
}

func readChunks(in *bufio.Reader, m *message) error {
	var body bytes.Buffer
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		size, err := strconv.ParseUint(strings.TrimSuffix(line, "\r\n"), 16, 62)
		if err != nil {
			return err
		}
		if size == 0 {
			m.body = body.String()
			m.trailer, err = readFields(in)
			return err
		}
		m.chunks++
		if _, err := io.CopyN(&body, in, int64(size)); err != nil {
			return io.ErrUnexpectedEOF
		}
		if end, err := in.ReadString('\n'); err != nil || end != "\r\n" {
			return io.ErrUnexpectedEOF
		}
	}
}

// wire is one connection to a backend that a test plays itself.
type wire struct {
	net.Conn
	in *bufio.Reader
	n  int // of the connection
}

func (w *wire) say(format string, args ...any) { _, _ = fmt.Fprintf(w.Conn, format, args...) }

// player is a backend whose answers a test writes to the byte, and which keeps the requests as they came.
type player struct {
	*httptest.Server
	mu   sync.Mutex
	seen []message
}

// play starts a backend that reads one request after the other and leaves the answer to the test; false ends the connection.
func play(t *testing.T, answer func(w *wire, m message) bool) *player {
	p := &player{}
	p.Server = rawBackend(t, func(n int, c net.Conn) {
		w := &wire{c, bufio.NewReader(c), n}
		for {
			m, err := readHead(w.in)
			if err != nil {
				return
			}
			if err = readBody(w.in, &m, false); err != nil {
				return
			}
			p.mu.Lock()
			p.seen = append(p.seen, m)
			p.mu.Unlock()
			if !answer(w, m) {
				return
			}
		}
	})
	return p
}

// always is a backend that gives one answer to all.
func always(t *testing.T, answer string) *player {
	return play(t, func(w *wire, _ message) bool { w.say("%s", answer); return true })
}

func (p *player) requests() []message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

// only returns the one request that came.
func (p *player) only(t *testing.T) message {
	t.Helper()
	await(t, "the request at the backend", func() bool { return len(p.requests()) > 0 })
	all := p.requests()
	if len(all) != 1 {
		t.Fatalf("%d requests came, want one: %v", len(all), all)
	}
	return all[0]
}

// anything is a read of any method below /read/; elsewhere the method decides.
var anything = Route{
	Name: "anything", Kind: Read, Path: "/read/",
	Methods: []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "FROB"},
}

// mirrored is a rig in which everything is mirrored that can be.
func mirrored(t *testing.T, authority, shadow *httptest.Server, change ...func(*Options)) *rig {
	t.Helper()
	return startAt(t, shadowPlan, authority, shadow, append([]func(*Options){func(o *Options) {
		o.Table.Routes = []Route{anything}
	}}, change...)...)
}

// besideEveryShadow runs a test once with a second backend like the first, and once with each that misbehaves.
func besideEveryShadow(t *testing.T, backend func(*testing.T) *httptest.Server, test func(*testing.T, *rig), change ...func(*Options)) {
	t.Helper()
	soon := func(o *Options) { o.Table.ShadowTimeout = 200 * time.Millisecond }
	t.Run("shadow answers", func(t *testing.T) {
		r := mirrored(t, backend(t), backend(t), change...)
		test(t, r)
		settled(t, r)
	})
	for _, fault := range []testkit.Fault{testkit.BlackHole(), testkit.ResetMidBody(), testkit.Garbage(), testkit.CutOffChunked()} {
		t.Run("shadow: "+fault.Name, func(t *testing.T) {
			s := testkit.Faulty(t, fault)
			bad := &httptest.Server{URL: s.URL, Config: &http.Server{}}
			r := mirrored(t, backend(t), bad, append(change[:len(change):len(change)], soon)...)
			test(t, r)
			settled(t, r)
		})
	}
}

// settled waits until every exchange has its verdict: what is eligible is accounted for, exactly once.
func settled(t *testing.T, r *rig) {
	t.Helper()
	await(t, "every verdict", func() bool { begun, finished := r.account.counts(); return begun == finished })
}

// caller is a client's connection to the proxy.
type caller struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (r *rig) dial(t *testing.T) *caller {
	t.Helper()
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return newCaller(t, c)
}

func newCaller(t *testing.T, c net.Conn) *caller {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &caller{t, c, bufio.NewReader(c)}
}

func (f *caller) send(format string, args ...any) {
	f.t.Helper()
	if _, err := fmt.Fprintf(f.Conn, format, args...); err != nil {
		f.t.Errorf("send: %v", err)
	}
}

// head reads an answer's head; body what follows it.
func (f *caller) head() message {
	f.t.Helper()
	m, err := readHead(f.in)
	if err != nil {
		f.t.Fatalf("no answer: %v", err)
	}
	return m
}

// answer reads the whole answer to a request of the method.
func (f *caller) answer(method string) message {
	f.t.Helper()
	m, err := f.tryAnswer(method)
	if err != nil {
		f.t.Fatalf("the answer %+v broke off: %v", m, err)
	}
	return m
}

func (f *caller) tryAnswer(method string) (message, error) {
	m, err := readHead(f.in)
	if s := m.status(); err != nil || method == "HEAD" || s == 204 || s == 304 || s < 200 {
		return m, err
	}
	return m, readBody(f.in, &m, true)
}

// ends expects the end of the connection, without a byte before it.
func (f *caller) ends() {
	f.t.Helper()
	if rest, err := io.ReadAll(f.in); len(rest) > 0 || err != nil {
		f.t.Errorf("after the end: %q, %v", rest, err)
	}
}

// silent expects that nothing comes for a moment.
func (f *caller) silent(d time.Duration) {
	f.t.Helper()
	_ = f.SetReadDeadline(time.Now().Add(d))
	var timeout net.Error
	if b, err := f.in.Peek(1); !errors.As(err, &timeout) || !timeout.Timeout() {
		f.t.Errorf("not silent: %q %v", b, err)
	}
	_ = f.SetReadDeadline(time.Now().Add(20 * time.Second))
}

// connections is a backend that leaves a whole connection to the test.
func connections(t *testing.T, serve func(w *wire)) *httptest.Server {
	return rawBackend(t, func(n int, c net.Conn) { serve(&wire{c, bufio.NewReader(c), n}) })
}

func closeWrite(c net.Conn) error { return c.(*net.TCPConn).CloseWrite() }
