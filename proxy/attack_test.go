package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// h2frame is a frame of HTTP/2 as it goes over the wire.
func h2frame(kind, flags byte, stream uint32, payload []byte) []byte {
	out := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	out = binary.BigEndian.AppendUint32(out, stream)
	return append(out, payload...)
}

const (
	h2data, h2headers, h2reset, h2settings, h2ping, h2goaway, h2continuation = 0, 1, 3, 4, 6, 7, 9
	endStream, endHeaders                                                    = 1, 4
	h2preface                                                                = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// h2get is the header block of a GET, h2post of a POST; both leave HPACK's table as it was.
var (
	h2get  = []byte{0x82, 0x86, 0x84, 0x01, 1, 'x'}
	h2post = []byte{0x83, 0x86, 0x84, 0x01, 1, 'x'}
)

// attack sends what next makes, until the server hangs up or next has no more.
func attack(t *testing.T, conn net.Conn, next func(i int) []byte) {
	t.Helper()
	_, _ = io.WriteString(conn, h2preface)
	_, _ = conn.Write(h2frame(h2settings, 0, 0, nil))
	for i := 0; ; i++ {
		b := next(i)
		if b == nil {
			return
		}
		if _, err := conn.Write(b); err != nil {
			if isTimeout(err) {
				t.Error("the server neither hangs up nor reads on")
			}
			return
		}
	}
}

// lastWord reads frames until the server hangs up, and returns the code of its GOAWAY; -1 if there was none.
func lastWord(conn net.Conn) int {
	in, code := bufio.NewReader(conn), -1
	for {
		var header [9]byte
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return code
		}
		payload := make([]byte, int(header[0])<<16|int(header[1])<<8|int(header[2]))
		if _, err := io.ReadFull(in, payload); err != nil {
			return code
		}
		if header[3] == h2goaway {
			code = int(binary.BigEndian.Uint32(payload[4:]))
		}
	}
}

// Whatever a client does with the frames of HTTP/2: memory stays bounded and the others are served.
func TestAttacksByFrames(t *testing.T) {
	bomb := append(append([]byte{}, h2get...), 0x40, 1, 'a', 0x7f, 0xf9, 0x1d) // a: 3960 bytes, into the table
	bomb = append(bomb, bytes.Repeat([]byte{'b'}, 0x7f+0x79+0x1d<<7)...)
	for _, c := range []struct {
		name  string
		reads bool // the attacker reads what it is sent
		code  int  // of the GOAWAY; -1 where any end will do
		why   reason
		next  func(i int) []byte
	}{
		// A write runs on without its client: only the limit on streams holds these up.
		{"rapid reset", true, 0xb, reasonHTTP2Flood, func(i int) []byte {
			id := uint32(2*i + 1)
			return append(h2frame(h2headers, endStream|endHeaders, id, h2post), h2frame(h2reset, 0, id, []byte{0, 0, 0, 8})...)
		}},
		{"CONTINUATION", true, -1, "", func(i int) []byte {
			if i == 0 {
				return h2frame(h2headers, endStream, 1, h2get)
			}
			return h2frame(h2continuation, 0, 1, append([]byte{0, 1, 'a', 0x7f, 0xf9, 0x1d}, make([]byte, 3960)...))
		}},
		{"PING unread", false, -1, "", func(int) []byte { return bytes.Repeat(h2frame(h2ping, 0, 0, make([]byte, 8)), 500) }},
		{"SETTINGS unread", false, -1, "", func(i int) []byte {
			if i >= 200 { // the server takes them all and remembers none
				return nil
			}
			return bytes.Repeat(h2frame(h2settings, 0, 0, nil), 500)
		}},
		{"HPACK bomb", true, -1, "", func(i int) []byte {
			id := uint32(2*i + 1)
			if i == 0 {
				return h2frame(h2headers, endStream|endHeaders, id, bomb)
			}
			if i > 200 {
				return nil
			}
			return h2frame(h2headers, endStream|endHeaders, id, append(append([]byte{}, h2get...), bytes.Repeat([]byte{0xbe}, 16000)...))
		}},
		{"bodies that nobody reads", true, -1, "", func(i int) []byte {
			if i >= 100 {
				return nil
			}
			id := uint32(2*i + 1)
			return append(h2frame(h2headers, endHeaders, id, h2post), h2frame(h2data, 0, id, make([]byte, 9<<10))...)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var now, most atomic.Int64
			over := make(chan struct{})
			r := bounded(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				if r.Host != "well" {
					select { // an attacker's request takes as long as the attack
					case <-r.Context().Done():
					case <-over:
					}
				}
				_, _ = io.WriteString(w, "fine")
			}), text(""), ServerOptions{WriteTimeout: 500 * time.Millisecond, BodyTimeout: 500 * time.Millisecond}, func(o *Options) { o.Old.ClientHost = true })
			before := heapInUse()
			conn := r.connect()
			word := make(chan int, 1)
			if c.reads {
				go func() { word <- lastWord(conn) }()
			}
			attack(t, conn, c.next)
			close(over)
			if grown := heapInUse() - before; grown > 48<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
			if answer := r.raw("GET / HTTP/1.1\r\nHost: well\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(answer, "fine") {
				t.Errorf("another client got %q", answer)
			}
			if n := most.Load(); n > maxStreams+1 {
				t.Errorf("%d requests at once from one connection", n)
			}
			if c.code >= 0 {
				if code := <-word; code != c.code {
					t.Errorf("GOAWAY %d, want %d", code, c.code)
				}
			}
			if c.why != "" {
				r.awaitRejected(c.why)
			}
		})
	}
}

// What would be ambiguous once it is written as HTTP/1.1 is refused, counted, and no backend sees it.
func TestMalformedStreamsAreCounted(t *testing.T) {
	for name, field := range map[string][]byte{
		"upper case":            {0, 1, 'X', 1, 'a'},
		"line break in a value": {0, 1, 'x', 4, 'a', '\r', '\n', 'b'},
		"colon in a name":       {0, 3, 'a', ':', 'b', 1, 'a'},
		"transfer-encoding":     append([]byte("\x00\x11transfer-encoding\x07"), "chunked"...),
		"connection":            append([]byte("\x00\x0aconnection\x05"), "close"...),
		"two paths":             {0x84},
		"bad length":            append([]byte("\x00\x0econtent-length\x02"), "1x"...),
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan string, 1)
			r := bounded(t, Plan{Epoch: 1, Reads: Old, Writes: Old}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				asked <- r.RequestURI
			}), text(""), ServerOptions{})
			conn := r.connect()
			_, _ = io.WriteString(conn, h2preface)
			_, _ = conn.Write(h2frame(h2settings, 0, 0, nil))
			_, _ = conn.Write(h2frame(h2headers, endStream|endHeaders, 1, append(append([]byte{}, h2get...), field...)))
			r.awaitRejected(reasonHTTP2)
			if len(asked) > 0 {
				t.Errorf("the backend got %s", <-asked)
			}
		})
	}
}

// Connections that send their headers byte by byte do not keep others out, though they are more than there is room for.
func TestSlowloris(t *testing.T) {
	t.Parallel() // it waits more than it works
	r := bounded(t, shadowPlan, text("fine"), text("fine"), ServerOptions{Connections: 40, HeaderTimeout: 200 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	var attackers sync.WaitGroup
	for range 100 {
		attackers.Go(func() {
			for ctx.Err() == nil {
				slowly(ctx, r.address)
			}
		})
	}
	r.awaitRejected(reasonHeaderTimeout)
	for range 4 {
		if answer := r.raw("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(answer, "fine") {
			t.Errorf("%q", answer)
		}
	}
	// The states are read one after the other, and a connection that changes meanwhile counts twice.
	await(t, "no more connections than there is room for", func() bool {
		return r.connections("new")+r.connections("active")+r.connections("idle") <= 40
	})
	cancel()
	attackers.Wait()
	await(t, "the attackers' end", func() bool { return r.connections("new")+r.connections("active") == 0 })
}

// slowly sends headers, a byte each 20 ms, until it is hung up on.
func slowly(ctx context.Context, address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, b := range []byte("GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: a\r\n", 1000)) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
	}
}

// childBackend tells a test that it is the process with few descriptors, and where the backend is.
const childBackend = "PARITYGATE_TEST_BACKEND"

// When the descriptors run out, accepting waits, and goes on when there are some again; with the limit that is derived from them
// they do not run out.
func TestDescriptorsRunOut(t *testing.T) {
	if backend := os.Getenv(childBackend); backend != "" {
		withFewDescriptors(t, backend)
		return
	}
	var release atomic.Pointer[chan struct{}]
	old := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-*release.Load()
		}
		_, _ = io.WriteString(w, "fine")
	}))
	for _, c := range []struct{ name, connections string }{{"too many allowed", "1000"}, {"derived", "0"}} {
		t.Run(c.name, func(t *testing.T) {
			gate := make(chan struct{})
			release.Store(&gate)
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDescriptorsRunOut$")
			child.Env = append(os.Environ(), childBackend+"="+old.URL, "CONNECTIONS="+c.connections)
			child.Stderr = os.Stderr
			stop, _ := child.StdinPipe()
			out, _ := child.StdoutPipe()
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = stop.Close()
				if err := child.Wait(); err != nil {
					t.Errorf("the process ended with %v", err)
				}
			}()
			address, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			r := &rig{t: t, address: strings.TrimSpace(address)}
			failed := exhaust(r, gate)
			if c.connections == "0" && failed > 0 {
				t.Errorf("%d requests failed", failed)
			}
			if answer := r.raw("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(answer, "fine") {
				t.Errorf("afterwards: %q", answer)
			}
		})
	}
}

// exhaust sends more requests at once than the process has descriptors for, lets them be answered, and counts those that were not.
func exhaust(r *rig, gate chan struct{}) (failed int) {
	var conns []net.Conn
	for range 150 {
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
		_, _ = io.WriteString(conn, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		conns = append(conns, conn)
	}
	time.AfterFunc(300*time.Millisecond, func() { close(gate) })
	for _, conn := range conns {
		answer, _ := io.ReadAll(conn)
		if !strings.HasSuffix(string(answer), "fine") {
			failed++
		}
		_ = conn.Close()
	}
	return failed
}

// withFewDescriptors serves until its standard input ends.
func withFewDescriptors(t *testing.T, backend string) {
	few := syscall.Rlimit{Cur: 128, Max: 128}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Skip(err)
	}
	router := &plans{}
	router.set(Plan{Epoch: 1, Reads: Old, Writes: Old})
	u := parseURL(t, backend)
	p, err := NewProxy(Options{
		Run: "child", Router: router, Observer: nobody{}, Old: BackendOptions{URL: u}, New: BackendOptions{URL: u}, Table: Table{Comparer: plain{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	so := ServerOptions{Address: "127.0.0.1:0", Reserved: 48}
	if os.Getenv("CONNECTIONS") == "1000" {
		so.Connections = 1000
	}
	l, err := Listen(t.Context(), so)
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(so, p)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	_, _ = os.Stdout.WriteString(l.Addr().String() + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = server.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serving ended with %v", err)
	}
	for _, b := range p.backends[Old:] {
		b.closeIdle()
	}
}
