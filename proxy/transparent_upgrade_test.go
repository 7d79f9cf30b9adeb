package proxy

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

// switches is a backend that agrees to the protocol, and then says and hears what a test wants.
func switches(protocol string, early string, then func(w *wire, asked message)) func(*testing.T) *httptest.Server {
	return func(t *testing.T) *httptest.Server {
		return connections(t, func(w *wire) {
			m, err := readHead(w.in)
			if err != nil {
				return
			}
			w.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n%s", protocol, early)
			then(w, m)
		})
	}
}

func echoing(w *wire, _ message) { _, _ = io.Copy(w, w.in) }

const handshake = "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://x\r\n\r\n"

// expect reads exactly these bytes.
func (f *caller) expect(want string) {
	f.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(f.in, got); err != nil || string(got) != want {
		f.t.Fatalf("%q, %v, want %q", got[:n], err, want)
	}
}

// Frames of WebSocket pass byte by byte: fragmented, control frames in between, binary of all sizes, in both directions.
func TestTransparentWebSocketFrames(t *testing.T) {
	mask := "\x01\x02\x03\x04"
	frames := []string{
		"\x01\x83" + mask + "abc",  // text, more to come
		"\x89\x84" + mask + "ping", // a ping in between
		"\x00\x82" + mask + "de",   // continued
		"\x80\x80" + mask,          // the last, empty
		"\x8a\x80" + mask,          // pong
		"\x82\xfe\x01\x00" + mask + strings.Repeat("\x00\xff", 128),                    // binary, length in 16 bits
		"\x82\xff\x00\x00\x00\x00\x00\x03\x00\x00" + mask + strings.Repeat("b", 3<<16), // and in 64
		"\x88\x82" + mask + "\x02\xea",                                                 // close
	}
	besideEveryShadow(t, switches("websocket", "", echoing), func(t *testing.T, r *rig) {
		f := r.dial(t)
		f.send("%s", handshake)
		if m := f.head(); m.status() != 101 || m.value("Upgrade") != "websocket" || m.value("Connection") != "Upgrade" || m.value("Sec-WebSocket-Accept") == "" {
			t.Fatalf("%+v", m)
		}
		for _, frame := range frames {
			f.send("%s", frame)
			f.expect(frame)
		}
		all := strings.Join(frames, "")
		for i := range 40 { // in pieces
			f.send("%s", all[i:i+1])
			f.expect(all[i : i+1])
		}
		_ = f.Close()
		await(t, "the end of the stream", func() bool { return r.proxy.Writes(Old).Streams == 0 })
		if begun, _ := r.account.counts(); begun != 0 {
			t.Error("an upgrade is eligible")
		}
	})
}

func TestTransparentWebSocketDataRightWithTheHandshake(t *testing.T) {
	besideEveryShadow(t, switches("websocket", "first of the backend", echoing), func(t *testing.T, r *rig) {
		f := r.dial(t)
		f.send("%s%s", handshake, "first of the client")
		if m := f.head(); m.status() != 101 {
			t.Fatalf("%+v", m)
		}
		f.expect("first of the backendfirst of the client")
	})
}

func TestTransparentWebSocketClosedFromEachSide(t *testing.T) {
	closed := make(chan error, 1)
	for _, c := range []struct {
		name   string
		then   func(w *wire, _ message)
		client func(f *caller)
	}{
		{"backend closes", func(w *wire, _ message) { w.say("bye") }, func(f *caller) { f.expect("bye"); f.ends(); _ = f.Close() }},
		{"client closes", func(w *wire, _ message) {
			_, err := io.Copy(io.Discard, w.in)
			closed <- err
		}, func(f *caller) { _ = f.Close(); <-closed }},
		{"backend half-closes, then hears", func(w *wire, _ message) {
			w.say("bye")
			_ = closeWrite(w.Conn)
			rest, _ := io.ReadAll(w.in)
			if string(rest) != "last words" {
				closed <- fmt.Errorf("the backend heard %q", rest)
				return
			}
			closed <- nil
		}, func(f *caller) {
			f.expect("bye")
			f.ends()
			f.send("last words")
			_ = closeWrite(f.Conn)
			if err := <-closed; err != nil {
				f.t.Error(err)
			}
		}},
		{"client half-closes, then hears", func(w *wire, _ message) {
			asked, _ := io.ReadAll(w.in)
			w.say("%s, %s", asked, strings.Repeat("long answer ", 20000))
		}, func(f *caller) {
			f.send("question")
			_ = closeWrite(f.Conn)
			f.expect("question, " + strings.Repeat("long answer ", 20000))
			f.ends()
		}},
		{"backend resets", func(w *wire, _ message) { reset(w) }, func(f *caller) { _, _ = io.ReadAll(f.in) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			backend := switches("websocket", "", c.then)
			r := mirrored(t, backend(t), backend(t))
			f := r.dial(t)
			f.send("%s", handshake)
			if m := f.head(); m.status() != 101 {
				t.Fatalf("%+v", m)
			}
			c.client(f)
			await(t, "the end of the stream", func() bool { return r.proxy.Writes(Old).Streams == 0 })
		})
	}
}

func TestTransparentOtherUpgrades(t *testing.T) {
	for _, c := range []struct{ name, asked, passed, agreed, status string }{
		{"one", "Upgrade: foo/2", "foo/2", "foo/2", "101"},
		{"list, first taken", "Upgrade: foo/2, bar", "foo/2, bar", "foo/2", "101"},
		{"list, last taken", "Upgrade: foo/2 ,bar", "foo/2, bar", "BAR", "101"},
		{"both taken", "Upgrade: foo, bar", "foo, bar", "foo, bar", "101"},
		{"two lines", "Upgrade: foo\r\nUpgrade: bar", "foo, bar", "bar", "101"},
		{"h2c among them", "Upgrade: h2c, foo", "foo", "foo", "101"},
		{"h2c alone", "Upgrade: h2c", "", "h2c", "502"},
		{"TLS among them", "Upgrade: TLS/1.2, foo", "foo", "foo", "101"},
		{"TLS alone", "Upgrade: TLS/1.2", "", "TLS/1.2", "502"},
		{"another than asked for", "Upgrade: foo, bar", "foo, bar", "baz", "502"},
		{"none", "Upgrade: foo", "foo", "", "502"},
	} {
		t.Run(c.name, func(t *testing.T) {
			heard := make(chan string, 1)
			backend := switches(c.agreed, "", func(w *wire, m message) {
				heard <- m.value("Upgrade")
				echoing(w, m)
			})
			r := mirrored(t, backend(t), always(t, sized).Server)
			f := r.dial(t)
			f.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n%s\r\n\r\n", c.asked)
			m := f.head()
			if m.line[9:12] != c.status || c.status == "101" && m.value("Upgrade") != c.agreed {
				t.Errorf("%+v", m)
			}
			if got := <-heard; got != c.passed {
				t.Errorf("the backend was asked for %q, want %q", got, c.passed)
			}
			if c.status == "101" {
				f.send("hello")
				f.expect("hello")
			}
		})
	}
}

// A backend that does not switch answers like any other, and the connection goes on in HTTP.
func TestTransparentUpgradeRefused(t *testing.T) {
	for _, answer := range []string{sized, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: bar\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\nhello"} {
		authority := always(t, answer)
		r := mirrored(t, authority.Server, always(t, answer).Server)
		f := r.dial(t)
		for range 2 {
			f.send("%s", handshake)
			if m := f.answer("GET"); m.line[9:12] != answer[9:12] || m.body != "hello" {
				t.Errorf("%+v", m)
			}
		}
	}
}
