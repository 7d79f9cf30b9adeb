package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSlowBodiesEnd(t *testing.T) {
	t.Parallel() // it waits more than it works
	ended := make(chan error, 1)
	r := bounded(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	}), text("a"), ServerOptions{BodyTimeout: 300 * time.Millisecond}, func(o *Options) {
		o.Table.Routes = []Route{{Name: "q", Methods: []string{"POST"}, Path: "/q"}}
	})
	for _, c := range []struct {
		name, head, piece string
		reaches           bool
	}{
		{"trickles", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "x", true},
		{"trickles in chunks", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", true},
		{"stops", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "", true},
		{"is read ahead", "POST /q HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", "x", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := r.rejected(reasonBodyTimeout)
			conn := r.connect()
			_, _ = io.WriteString(conn, c.head)
			stop := make(chan struct{})
			defer close(stop)
			go func() {
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for {
					select {
					case <-stop:
						return
					case <-tick.C:
						_, _ = io.WriteString(conn, c.piece)
					}
				}
			}()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || resp.StatusCode != http.StatusRequestTimeout {
				t.Fatalf("%v, %v", resp, err)
			}
			if n := r.rejected(reasonBodyTimeout); n != before+1 {
				t.Errorf("counted %v", n-before)
			}
			if c.reaches && <-ended == nil {
				t.Error("the backend takes the body for whole")
			}
		})
	}
}

// A body that keeps coming may take as long as it likes, and so may the silence of gRPC.
func TestSteadyBodiesPass(t *testing.T) {
	t.Parallel() // it waits more than it works
	r := bounded(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	}), text("a"), ServerOptions{BodyTimeout: time.Second})
	conn := r.connect()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20480\r\n\r\n")
	tick := time.NewTicker(60 * time.Millisecond)
	defer tick.Stop()
	for range 20 { // 1.2 s: longer than the whole may take, if it were judged as a whole
		<-tick.C
		_, _ = io.WriteString(conn, strings.Repeat("x", 1024))
	}
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	r.onlyRejected()
}

// endlessly sends for as long as the client takes it, and tells when it ends.
func endlessly(ended chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/endless" {
			_, _ = io.WriteString(w, "fine")
			return
		}
		piece := make([]byte, 64<<10)
		for {
			if _, err := w.Write(piece); err != nil {
				ended <- struct{}{}
				return
			}
		}
	})
}

// A client that does not read its answer pins neither the backend's connection nor memory.
func TestClientsThatNeverReadAreLeft(t *testing.T) {
	t.Parallel() // it waits more than it works
	ended := make(chan struct{}, 1)
	secure, roots := certificate(t)
	for _, c := range []struct {
		name string
		so   ServerOptions
	}{{"plain", ServerOptions{}}, {"TLS", secure}} {
		t.Run(c.name, func(t *testing.T) {
			c.so.WriteTimeout = 300 * time.Millisecond
			r := bounded(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, endlessly(ended), text("a"), c.so)
			conn := r.connect()
			if c.so.Certificate != nil {
				conn = tls.Client(conn, clientTLS(roots))
			}
			_, _ = io.WriteString(conn, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
			<-ended
			r.awaitRejected(reasonWriteTimeout)
			r.onlyRejected(reasonWriteTimeout)
			await(t, "the connection's end", func() bool { return r.connections("active") == 0 })
		})
	}
}

// A stream of HTTP/2 whose window is never opened ends; the others on its connection live.
func TestStreamThatIsNotTakenIsReset(t *testing.T) {
	t.Parallel() // it waits more than it works
	ended := make(chan struct{}, 1)
	r := bounded(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, endlessly(ended), text("a"), ServerOptions{WriteTimeout: 300 * time.Millisecond})
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	resp, err := client.Get(r.url + "/endless")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	<-ended
	r.awaitRejected(reasonWriteTimeout)
	other, err := client.Get(r.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(other.Body)
	_ = other.Body.Close()
	if string(body) != "fine" {
		t.Errorf("%q", body)
	}
}

// Silence is no failing: an answer that has nothing to say outlives the time for writing.
func TestQuietAnswersOutliveTheTimeForWriting(t *testing.T) {
	t.Parallel() // it waits more than it works
	next := make(chan struct{})
	r := bounded(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}), text("a"), ServerOptions{WriteTimeout: 50 * time.Millisecond, BodyTimeout: 50 * time.Millisecond, HeaderTimeout: 50 * time.Millisecond})
	resp, err := r.client.Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for i := range 3 {
		if _, err := io.ReadFull(resp.Body, make([]byte, 9)); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		<-tick.C
		next <- struct{}{}
	}
	r.onlyRejected()
}
