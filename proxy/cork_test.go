package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whatever its length, all of an answer leaves at once: a connection that is corked must not keep any of it back.
func TestNothingStaysInACorkedConnection(t *testing.T) {
	sized := func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &n)
		if r.URL.RawQuery == "" {
			w.Header().Set("Content-Length", fmt.Sprint(n))
		}
		_, _ = io.WriteString(w, strings.Repeat("x", n))
		if r.URL.RawQuery == "held" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done() // the answer has no end until the client has what came so far
		}
	}
	r := start(t, shadowPlan, http.HandlerFunc(sized), text("x"))
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	lengths := []int{0, 1, 2047, 2048, 2049, 3700, 3800, 3900, 4095, 4096, 4097, 8191, 8192, 32 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200 << 10}
	for _, n := range lengths {
		for _, query := range []string{"", "?chunked"} {
			_, _ = fmt.Fprintf(conn, "GET /%d%s HTTP/1.1\r\nHost: x\r\n\r\n", n, query)
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			resp, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatalf("%d bytes%s: %v", n, query, err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || len(body) != n {
				t.Fatalf("%d bytes%s: got %d, %v", n, query, len(body), err)
			}
		}
	}
	_, _ = fmt.Fprintf(conn, "GET /5000?held HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.ReadFull(resp.Body, make([]byte, 5000)); err != nil {
		t.Errorf("the first 5000 bytes of an answer without an end: got %d, %v", n, err)
	}
}
