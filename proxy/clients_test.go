package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// bounded is a rig whose clients come by a server with these options, and are counted.
func bounded(t *testing.T, plan Plan, old, new http.Handler, so ServerOptions, change ...func(*Options)) *rig {
	t.Helper()
	r := start(t, plan, old, new, append(change, func(o *Options) {
		c, err := NewClients(o.Registerer)
		if err != nil {
			t.Fatal(err)
		}
		o.Clients, so.Clients = c, c
	})...)
	if so.Address == "" {
		so.Address = "127.0.0.1:0"
	}
	l, err := Listen(t.Context(), so)
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(so, r.proxy)
	served := make(chan struct{})
	go func() { _ = server.Serve(l); close(served) }()
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
	r.address, r.url = l.Addr().String(), "http://"+l.Addr().String()
	return r
}

// connect connects to the proxy; the connection ends with the test.
func (r *rig) connect() net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func (r *rig) rejected(why reason) float64 {
	r.t.Helper()
	return metric(r.t, r.registry, "paritygate_client_rejected_total", map[string]string{"reason": string(why)})
}

func (r *rig) awaitRejected(why reason) {
	r.t.Helper()
	await(r.t, fmt.Sprintf("a refusal for %s", why), func() bool { return r.rejected(why) > 0 })
}

func (r *rig) connections(state string) float64 {
	r.t.Helper()
	return metric(r.t, r.registry, "paritygate_client_connections", map[string]string{"state": state})
}

// onlyRejected checks that nothing but these reasons was counted.
func (r *rig) onlyRejected(want ...reason) {
	r.t.Helper()
	for _, why := range reasons {
		expected := false
		for _, w := range want {
			expected = expected || w == why
		}
		if n := r.rejected(why); n > 0 && !expected {
			r.t.Errorf("%v rejected for %s", n, why)
		}
	}
}

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func TestConnectionsBeyondTheLimitWait(t *testing.T) {
	t.Parallel() // it waits more than it works
	release := make(chan struct{})
	r := bounded(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		_, _ = io.WriteString(w, "a")
	}), text("a"), ServerOptions{Connections: 3})
	for range 3 {
		_, _ = io.WriteString(r.connect(), "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	await(t, "three requests under way", func() bool { return r.connections("active") == 3 })
	late := r.connect()
	_, _ = io.WriteString(late, get)
	await(t, "the wait", func() bool { return metric(t, r.registry, "paritygate_client_accept_waits_total", nil) == 1 })
	_ = late.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if n, err := late.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
		t.Errorf("the one beyond the limit was not left waiting: %d, %v", n, err)
	}
	if n := metric(t, r.registry, "paritygate_client_connections_limit", nil); n != 3 {
		t.Errorf("limit %v", n)
	}
	close(release)
	_ = late.SetReadDeadline(time.Now().Add(10 * time.Second))
	if resp, err := http.ReadResponse(bufio.NewReader(late), nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("%v, %v", resp, err)
	}
	r.onlyRejected(reasonConnections)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestIdleConnectionsMakeRoom(t *testing.T) {
	r := bounded(t, shadowPlan, text("a"), text("a"), ServerOptions{Connections: 3})
	for range 3 {
		conn := r.connect()
		_, _ = io.WriteString(conn, get)
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v, %v", resp, err)
		}
	}
	for range 5 {
		if answer := r.raw("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 200") {
			t.Fatalf("%q", answer)
		}
	}
	r.awaitRejected(reasonConnections)
	r.onlyRejected(reasonConnections)
}

func TestNoMoreRequestsThanConnections(t *testing.T) {
	asked, release := make(chan struct{}, 10), make(chan struct{})
	r := bounded(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}), text("a"), ServerOptions{Connections: 2})
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	done := make(chan int, 2)
	send := func() {
		resp, err := (&http.Client{Transport: transport}).Get(r.url)
		if err != nil {
			done <- 0
			return
		}
		_ = resp.Body.Close()
		done <- resp.StatusCode
	}
	for range 2 {
		go send()
		<-asked
	}
	send()
	if status := <-done; status != 503 {
		t.Errorf("the third stream of one connection got %d", status)
	}
	close(release)
	if a, b := <-done, <-done; a != 200 || b != 200 {
		t.Errorf("the others got %d and %d", a, b)
	}
	r.awaitRejected(reasonRequests)
}

func TestHandshakesAreBounded(t *testing.T) {
	so, _ := certificate(t)
	so.HeaderTimeout = 200 * time.Millisecond
	r := bounded(t, shadowPlan, text("a"), text("a"), so)
	conn := r.connect()
	_, _ = io.WriteString(conn, "\x16\x03\x01\x02\x00\x01") // the beginning of a hello
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
	r.awaitRejected(reasonHandshake)
	if answer := r.raw("GET / HTTP/1.0\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.0 400") {
		t.Errorf("%q", answer)
	}
	r.awaitRejected(reasonBadRequest)
}

// What net/http refuses before there is a request is counted as well.
func TestRefusalsAreCounted(t *testing.T) {
	t.Parallel()
	secure, roots := certificate(t)
	for _, c := range []struct {
		name, request, status string
		why                   reason
	}{
		{"headers too large", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 100<<10) + "\r\n\r\n", "431", reasonHeaders},
		{"100,000 headers", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("a: b\r\n", 100000) + "\r\n", "431", reasonHeaders},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400", reasonBadRequest},
		{"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400", reasonBadRequest},
		{"length and chunks on one", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", "400", reasonBadRequest},
		{"unknown coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", "501", reasonBadRequest},
		{"version", "GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505", reasonBadRequest},
		{"expectation", "GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n", "417", reasonBadRequest},
		{"target", "GET /a b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400", reasonBadRequest},
		{"body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nConnection: close\r\n\r\n", "413", reasonBody},
		{"TRACE", "TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "405", reasonMethod},
		{"loop", "GET / HTTP/1.1\r\nHost: x\r\nVia: 1.1 paritygate-test\r\nConnection: close\r\n\r\n", "508", reasonLoop},
		{"none", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", ""},
	} {
		for _, so := range []ServerOptions{{}, secure} {
			so.Body = 1000
			t.Run(c.name+map[bool]string{true: ", TLS"}[so.Certificate != nil], func(t *testing.T) {
				t.Parallel() // a refusal lingers for a second
				r := bounded(t, shadowPlan, text("a"), text("a"), so)
				conn := r.connect()
				if so.Certificate != nil {
					conn = tls.Client(conn, clientTLS(roots))
				}
				_, _ = io.WriteString(conn, c.request) // cut short where the proxy has seen enough
				answer, _ := io.ReadAll(conn)
				if !strings.HasPrefix(string(answer), "HTTP/1.1 "+c.status) && so.Certificate == nil {
					t.Errorf("%.100q, want %s", answer, c.status)
				}
				await(t, "the connection's end", func() bool { return r.connections("active")+r.connections("idle")+r.connections("new") == 0 })
				if c.why != "" && r.rejected(c.why) != 1 {
					t.Errorf("%v counted as %s", r.rejected(c.why), c.why)
				}
				r.onlyRejected(c.why)
			})
		}
	}
}

func TestConnectionStates(t *testing.T) {
	release := make(chan struct{})
	r := bounded(t, shadowPlan, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), text("a"), ServerOptions{})
	r.connect()
	_, _ = io.WriteString(r.connect(), get)
	await(t, "both", func() bool { return r.connections("new") == 1 && r.connections("active") == 1 })
	close(release)
	await(t, "the end of the request", func() bool { return r.connections("idle") == 1 && r.connections("active") == 0 })
}

// At start there is room for what a client's connection may need besides.
func TestLimitIsDerivedFromTheDescriptors(t *testing.T) {
	o := ServerOptions{Reserved: descriptorLimit() - 100}.withDefaults().withConnections()
	if descriptorLimit() <= unknownDescriptors && o.Connections != 50 {
		t.Errorf("%d connections for 100 descriptors", o.Connections)
	}
	l, err := Listen(context.Background(), ServerOptions{Address: "127.0.0.1:0", Connections: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if n := l.(*clientListener).clients.limit.Load(); n != 7 {
		t.Errorf("%d", n)
	}
}
