package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Each event of a stream is at the client before the backend says the next, and so is the last when the stream goes on in silence.
func TestTransparentSSEIsFlushedAtOnce(t *testing.T) {
	for name, framing := range map[string]string{"chunked": "Transfer-Encoding: chunked\r\n", "to the end": ""} {
		t.Run(name, func(t *testing.T) {
			next := make(chan string)
			backend := connections(t, func(w *wire) {
				if _, err := readHead(w.in); err != nil {
					return
				}
				w.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%s\r\n", framing)
				for event := range next {
					if framing != "" {
						event = fmt.Sprintf("%x\r\n%s\r\n", len(event), event)
					}
					w.say("%s", event)
				}
			})
			r := mirrored(t, backend, always(t, sized).Server)
			f := r.dial(t)
			f.send("GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
			if m := f.head(); m.value("Content-Type") != "text/event-stream" { // before there is any event
				t.Fatalf("%+v", m)
			}
			for i := range 50 {
				event := fmt.Sprintf("id: %d\ndata: %s\n\n", i, strings.Repeat("x", i*i))
				next <- event
				f.expect(fmt.Sprintf("%x\r\n%s\r\n", len(event), event))
			}
			close(next)
			if name == "to the end" {
				f.expect("0\r\n\r\n")
			}
			settled(t, r)
		})
	}
}

// A poll waits for as long as the backend does, and its answer comes when the backend gives it. Here that is the head first, and the
// body, of a known length, when there is news.
func TestTransparentLongPolling(t *testing.T) {
	goOn := make(chan bool)
	backend := play(t, func(w *wire, _ message) bool {
		<-goOn
		w.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
		<-goOn
		w.say("he")
		<-goOn
		w.say("llo")
		return true
	})
	r := mirrored(t, backend.Server, always(t, sized).Server)
	f := r.dial(t)
	for range 2 {
		f.send("GET /poll HTTP/1.1\r\nHost: x\r\n\r\n")
		f.silent(20 * time.Millisecond)
		goOn <- true
		f.head()
		f.silent(20 * time.Millisecond)
		goOn <- true
		f.expect("he")
		goOn <- true
		f.expect("llo")
	}
	settled(t, r)
}

// A client that leaves a poll is gone for the backend too.
func TestTransparentClientLeavesAPoll(t *testing.T) {
	for _, head := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n"} {
		asked, left := make(chan bool, 1), make(chan bool, 1)
		backend := connections(t, func(w *wire) {
			if _, err := readHead(w.in); err != nil {
				return
			}
			w.say("%s", head)
			asked <- true
			_, _ = w.in.ReadByte()
			left <- true
		})
		r := mirrored(t, backend, always(t, sized).Server)
		f := r.dial(t)
		f.send("GET /poll HTTP/1.1\r\nHost: x\r\n\r\n")
		<-asked
		if head != "" {
			f.head()
		}
		_ = f.Close()
		<-left
		settled(t, r)
	}
}

func TestTransparentManySmallChunks(t *testing.T) {
	t.Parallel()
	const n = 20000
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, "1\r\n%c\r\n", 'a'+i%26)
	}
	besideEveryShadow(t, func(t *testing.T) *httptest.Server {
		return play(t, func(w *wire, m message) bool {
			w.say("HTTP/1.1 200 OK\r\nX-Got: %d\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n", len(m.body), all.String())
			return true
		}).Server
	}, func(t *testing.T, r *rig) {
		f := r.dial(t)
		go func() {
			_, _ = fmt.Fprintf(f.Conn, "POST /read/x HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n", all.String())
		}()
		m := f.answer("POST")
		if len(m.body) != n || m.value("X-Got") != strconv.Itoa(n) || m.body[:30] != "abcdefghijklmnopqrstuvwxyzabcd" {
			t.Errorf("%d bytes came, %s arrived", len(m.body), m.value("X-Got"))
		}
	})
}

// pattern is a body of a given size that is nowhere in memory, and checks what it is compared with.
type pattern struct {
	left  int64
	block []byte
}

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(int64(len(b)), p.left)], p.block)
	p.left -= int64(n)
	return n, nil
}

// resident is what the process has in memory, in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("the system does not tell what memory is taken")
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// A body far larger than any memory passes both ways at once, of a known length and not, and the memory stays flat.
func TestTransparentLargeBodiesInFlatMemory(t *testing.T) {
	block := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
	for _, path := range []string{"/write", "/read/x"} {
		for _, chunks := range []bool{false, true} {
			t.Run(fmt.Sprint(path, " chunked ", chunks), func(t *testing.T) {
				size := int64(64 << 20)
				if path == "/read/x" && !chunks && !testing.Short() && !raceDetector {
					size = 1 << 30
				}
				var arrived atomic.Int64
				backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					n, err := io.Copy(io.Discard, r.Body)
					if err != nil {
						return
					}
					arrived.Store(n)
					if !chunks {
						w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
					}
					_, _ = io.Copy(struct{ io.Writer }{w}, &pattern{size, block})
				})
				r := mirrored(t, serve(t, backend), serve(t, text("x")))
				runtime.GC()
				before, peak := resident(t), int64(0)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+path, &pattern{size, block})
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/x")
				if req.ContentLength = size; chunks {
					req.ContentLength = -1
				}
				resp, err := r.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				var got int64
				piece := make([]byte, 64<<10)
				for err == nil {
					var n int
					n, err = io.ReadFull(resp.Body, piece)
					if got%(16<<20) == 0 {
						peak = max(peak, resident(t))
					}
					if !bytes.Equal(piece[:n], block[:n]) {
						t.Fatalf("another content after %d bytes", got)
					}
					got += int64(n)
				}
				if arrived.Load() != size || got != size {
					t.Errorf("%d bytes arrived, %d came back, %v", arrived.Load(), got, err)
				}
				settled(t, r)
				if grown := peak - before; grown > 48<<20 {
					t.Errorf("the memory grew by %d bytes", grown)
				}
			})
		}
	}
}
