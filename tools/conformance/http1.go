package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// http1Case is a request of HTTP/1, in the pieces in which it is sent, and the answers that RFC 9112 and 9110 allow.
type http1Case struct {
	id     string
	pieces []string
	// statuses are those of the first answer; 0 is that the connection ends without one.
	statuses []int
	// answers is how many answers come before the connection ends; 0 does not matter.
	answers int
}

const host = "Host: localhost\r\nConnection: close\r\n"

var (
	taken   = []int{http.StatusOK}
	refused = []int{http.StatusBadRequest}
)

// http1Cases ask what h1spec asks of a server, and what else RFC 9112 says of requests.
func http1Cases() []http1Case { return slices.Concat(lineCases(), bodyCases()) }

func get(rest string) []string { return []string{"GET / HTTP/1.1\r\n" + rest + host + "\r\n"} }

func post(rest string) []string { return []string{"POST / HTTP/1.1\r\n" + host + rest} }

func lineCases() []http1Case {
	return []http1Case{
		{"plain request", get(""), taken, 1},
		{"method in pieces", []string{"GE", "T / HTTP/1.1\r\n" + host + "\r\n"}, taken, 1},
		{"target in pieces", []string{"GET /", "hello HTTP/1.1\r\n" + host + "\r\n"}, taken, 1},
		{"version in pieces", []string{"GET / HT", "TP/1.", "1\r\n" + host + "\r\n"}, taken, 1},
		{"end of the line in pieces", []string{"GET / HTTP/1.1\r", "\n" + host + "\r", "\n"}, taken, 1},
		{"header in pieces", []string{"GET / HTTP/1.1\r\nHo", "st: localhost\r\nConn", "ection: close\r\n\r\n"}, taken, 1},
		{"byte by byte", strings.Split("GET / HTTP/1.1\r\n"+host+"\r\n", ""), taken, 1},
		{"no version", []string{"GET /\r\n" + host + "\r\n"}, refused, 1},
		{"no target", []string{"GET HTTP/1.1\r\n" + host + "\r\n"}, refused, 1},
		{"space too many in the line", []string{"GET  / HTTP/1.1\r\n" + host + "\r\n"}, refused, 1},
		{"something after the version", []string{"GET / HTTP/1.1 x\r\n" + host + "\r\n"}, refused, 1},
		{"version in lower case", []string{"GET / http/1.1\r\n" + host + "\r\n"}, refused, 1},
		{"major version 2", []string{"GET / HTTP/2.5\r\n" + host + "\r\n"}, []int{http.StatusBadRequest, http.StatusHTTPVersionNotSupported}, 1},
		{"minor version 2", []string{"GET / HTTP/1.2\r\n" + host + "\r\n"}, []int{http.StatusOK, http.StatusHTTPVersionNotSupported}, 1},
		{"invalid method", []string{"G@T / HTTP/1.1\r\n" + host + "\r\n"}, []int{http.StatusBadRequest, http.StatusNotImplemented}, 1},
		{"empty lines before the request", []string{"\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n"}, []int{http.StatusOK, http.StatusBadRequest}, 1},
		{"space before the first header", []string{"GET / HTTP/1.1\r\n X: y\r\n" + host + "\r\n"}, refused, 1},
		{"space before the colon", get("X : y\r\n"), refused, 1},
		{"space in a name", get("X y: z\r\n"), refused, 1},
		{"no colon", get("X\r\n"), refused, 1},
		{"empty name", get(": y\r\n"), refused, 1},
		{"control character in a name", get("X\x01: y\r\n"), refused, 1},
		{"NUL in a value", get("X: a\x00b\r\n"), refused, 1},
		{"carriage return in a value", get("X: a\rb\r\n"), refused, 1},
		{"empty value", get("X:\r\n"), taken, 1},
		{"white space around a value", get("X: \t y \t\r\n"), taken, 1},
		{"bytes above ASCII in a value", get("X: \xff\xfe\r\n"), taken, 1},
		{"folded header", get("X: y\r\n z\r\n"), []int{http.StatusOK, http.StatusBadRequest}, 1},
		{"no Host", []string{"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"}, refused, 1},
		{"two Hosts", get("Host: x\r\n"), refused, 1},
		{"invalid Host", []string{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"}, refused, 1},
		{"HTTP/1.0 without Host", []string{"GET / HTTP/1.0\r\n\r\n"}, taken, 1},
		{"absolute form", []string{"GET http://localhost/ HTTP/1.1\r\n" + host + "\r\n"}, taken, 1},
		{"absolute form without a host", []string{"GET http:/// HTTP/1.1\r\n" + host + "\r\n"}, refused, 1},
		{"asterisk for OPTIONS", []string{"OPTIONS * HTTP/1.1\r\n" + host + "\r\n"}, []int{http.StatusOK, http.StatusNoContent}, 1},
		{"asterisk for GET", []string{"GET * HTTP/1.1\r\n" + host + "\r\n"}, refused, 1},
	}
}

func bodyCases() []http1Case {
	return []http1Case{
		{"negative length", post("Content-Length: -1\r\n\r\n"), refused, 1},
		{"length that is no number", post("Content-Length: abc\r\n\r\n"), refused, 1},
		{"length with a sign", post("Content-Length: +3\r\n\r\nabc"), refused, 1},
		{"length beyond all numbers", post("Content-Length: 99999999999999999999999\r\n\r\n"), []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, 1},
		{"two lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), refused, 1},
		{"body in pieces", append(post("Content-Length: 6\r\n\r\n"), "ab", "cd", "ef"), taken, 1},
		{"unknown coding", post("Transfer-Encoding: x\r\n\r\n"), []int{http.StatusBadRequest, http.StatusNotImplemented}, 1},
		{"chunked is not the last coding", post("Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"), []int{http.StatusBadRequest, http.StatusNotImplemented}, 1},
		{"chunks", post("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), taken, 1},
		{"chunks in pieces", append(post("Transfer-Encoding: chunked\r\n\r\n"), "3\r", "\na", "bc\r\n0", "\r\n\r", "\n"), taken, 1},
		{"chunk with an extension", post("Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n"), taken, 1},
		{"chunks with a trailer", post("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"), taken, 1},
		{"invalid chunk size", post("Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n"), refused, 1},
		{"chunk longer than its size", post("Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"), refused, 1},
		{
			"the connection ends after length and chunks",
			[]string{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n"},
			[]int{http.StatusOK, http.StatusBadRequest},
			1,
		},
		{"chunks in HTTP/1.0", []string{"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n"}, []int{http.StatusOK, http.StatusBadRequest, http.StatusNotImplemented}, 1},
		{"pipelined requests", []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n"}, taken, 3},
		{"HTTP/1.0 ends the connection", []string{"GET / HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n"}, taken, 1},
		{"unknown expectation", get("Expect: x\r\n"), []int{http.StatusOK, http.StatusExpectationFailed}, 1},
		{"header section of 1 MiB", get("X: " + strings.Repeat("a", 1<<20) + "\r\n"), []int{http.StatusRequestHeaderFieldsTooLarge, 0}, 0},
		{"100k headers", get(strings.Repeat("X: y\r\n", 100_000)), []int{http.StatusRequestHeaderFieldsTooLarge, 0}, 0},
	}
}

func runHTTP1(ctx context.Context, b *bench, t target) ([]outcome, error) {
	var out []outcome
	for _, c := range http1Cases() {
		o := outcome{id: c.id}
		statuses, err := sendHTTP1(ctx, b, t, c.pieces)
		first := 0
		if len(statuses) > 0 {
			first = statuses[0]
		}
		o.passed = err == nil && slices.Contains(c.statuses, first) && (c.answers == 0 || c.answers == len(statuses))
		if !o.passed {
			o.detail = fmt.Sprintf("answered %v, want %v first, and %d answers (%v)", statuses, c.statuses, c.answers, err)
		}
		out = append(out, o)
	}
	return out, ctx.Err()
}

// sendHTTP1 sends the pieces, each in a packet of its own, and returns the statuses of the answers until the connection ends.
func sendHTTP1(ctx context.Context, b *bench, t target, pieces []string) (statuses []int, err error) {
	c, err := dial(ctx, b, t, "http/1.1")
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		pause := time.NewTicker(2 * time.Millisecond)
		defer pause.Stop()
		for _, p := range pieces {
			if _, err := io.WriteString(c, p); err != nil {
				return // the proxy has had enough, as its answer says
			}
			<-pause.C
		}
	}()
	defer func() { _ = c.Close(); <-sent }()
	in := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			var late net.Error
			if ok := asTimeout(err, &late); ok {
				return statuses, err
			}
			return statuses, nil
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode >= http.StatusOK {
			statuses = append(statuses, resp.StatusCode)
		}
	}
}

// dial connects to the proxy, for ten seconds at most.
func dial(ctx context.Context, b *bench, t target, protocol string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	if t.tls {
		return tls.Client(c, &tls.Config{RootCAs: b.roots, ServerName: "localhost", NextProtos: []string{protocol}, MinVersion: tls.VersionTLS12}), nil
	}
	return c, nil
}

func asTimeout(err error, into *net.Error) bool { return errors.As(err, into) && (*into).Timeout() }
