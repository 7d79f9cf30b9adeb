package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// wireRequest is a request as it stood on the wire.
type wireRequest struct {
	method, target, body string
	// flaw says what of it RFC 9112 does not allow a sender; cut that the connection ended in its body.
	flaw string
	cut  bool
}

// strictBackend records every request that it gets, byte by byte, with a parser that forgives nothing, and answers each with its
// method, target and body.
type strictBackend struct {
	*httptest.Server
	mu  sync.Mutex
	got []wireRequest
}

func newStrictBackend(t *testing.T) *strictBackend {
	s := &strictBackend{}
	s.Server = rawBackend(t, func(_ int, c net.Conn) {
		in := bufio.NewReader(c)
		for {
			if _, err := in.Peek(1); err != nil {
				return
			}
			r, err := strictRequest(in)
			var flaw flawError
			if errors.As(err, &flaw) {
				r.flaw = string(flaw)
			} else if err != nil {
				r.cut = true
			}
			s.mu.Lock()
			s.got = append(s.got, r)
			s.mu.Unlock()
			if err != nil {
				return
			}
			said := r.method + " " + r.target + " " + r.body
			if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(said), said); err != nil {
				return
			}
		}
	})
	return s
}

// about returns the requests whose target or flaw names the case.
func (s *strictBackend) about(mark string) []wireRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []wireRequest
	for _, r := range s.got {
		if strings.Contains(r.target, mark) || strings.Contains(r.flaw, mark) {
			out = append(out, r)
		}
	}
	return out
}

// flawError is what a sender must not do.
type flawError string

func (f flawError) Error() string { return string(f) }

func flawed(format string, args ...any) error { return flawError(fmt.Sprintf(format, args...)) }

var (
	token     = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")
	digits    = regexp.MustCompile(`^[0-9]{1,15}$`)
	chunkSize = regexp.MustCompile(`^[0-9A-Fa-f]{1,8}$`)
)

// printable reports whether there are no control characters and spaces, but for those that are allowed.
func printable(s, allowed string) bool {
	for i := range len(s) {
		if (s[i] <= ' ' || s[i] == 0x7f) && strings.IndexByte(allowed, s[i]) < 0 {
			return false
		}
	}
	return true
}

// strictRequest reads one request. A flawError says what is wrong with it, any other error that it did not end.
func strictRequest(in *bufio.Reader) (r wireRequest, err error) {
	line, err := strictLine(in)
	if err != nil {
		return r, err
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 || parts[2] != "HTTP/1.1" || !token.MatchString(parts[0]) || !printable(parts[1], "") || parts[1] != "*" && parts[1][0] != '/' {
		return r, flawed("request line %q", line)
	}
	r.method, r.target = parts[0], parts[1]
	fields, err := strictFields(in)
	if err != nil {
		return r, err
	}
	lengths, codings := fields["content-length"], fields["transfer-encoding"]
	switch {
	case len(fields["host"]) != 1:
		return r, flawed("Host %q", fields["host"])
	case len(lengths)+len(codings) > 1:
		return r, flawed("Content-Length %q, Transfer-Encoding %q", lengths, codings)
	case len(codings) == 1:
		if codings[0] != "chunked" {
			return r, flawed("Transfer-Encoding %q", codings)
		}
		r.body, err = strictChunks(in)
	case len(lengths) == 1:
		if !digits.MatchString(lengths[0]) {
			return r, flawed("Content-Length %q", lengths)
		}
		n, _ := strconv.Atoi(lengths[0])
		r.body, err = exactly(in, n)
	}
	return r, err
}

func exactly(in io.Reader, n int) (string, error) {
	p := make([]byte, n)
	_, err := io.ReadFull(in, p)
	return string(p), err
}

func strictLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.Contains(text, "\r") {
		return "", flawed("end of line in %q", line)
	}
	return text, nil
}

func strictFields(in *bufio.Reader) (map[string][]string, error) {
	fields := map[string][]string{}
	for {
		line, err := strictLine(in)
		if line == "" || err != nil {
			return fields, err
		}
		name, value, ok := strings.Cut(line, ":")
		if value = strings.TrimPrefix(value, " "); !ok || !token.MatchString(name) || !printable(value, " \t") || strings.Trim(value, " \t") != value {
			return nil, flawed("header line %q", line)
		}
		name = strings.ToLower(name)
		fields[name] = append(fields[name], value)
	}
}

func strictChunks(in *bufio.Reader) (body string, err error) {
	for {
		line, err := strictLine(in)
		if err != nil {
			return body, err
		}
		if !chunkSize.MatchString(line) {
			return body, flawed("chunk size %q", line)
		}
		n, _ := strconv.ParseInt(line, 16, 64)
		if n == 0 {
			_, err := strictFields(in)
			return body, err
		}
		piece, err := exactly(in, int(n))
		body += piece
		if err != nil {
			return body, err
		}
		if end, err := strictLine(in); err != nil || end != "" {
			return body, flawed("end of a chunk %q", end)
		}
	}
}
