package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// webSocketCase is what a client sends once the protocol has been switched. It is judged as Autobahn's cases are when a proxy is in
// the way: whatever the server answers directly, it must answer through the proxy, to the byte.
type webSocketCase struct {
	id     string
	frames []byte
	piece  int // bytes sent at once; 0 is all
}

const (
	opContinue = 0
	opText     = 1
	opBinary   = 2
	opClose    = 8
	opPing     = 9
	opPong     = 10
	final      = 0x80
)

// frame encodes a client's frame, masked.
func frame(head byte, payload string) []byte {
	const masked = 0x80
	out := []byte{head}
	switch n := len(payload); {
	case n < 126:
		out = append(out, masked|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, masked|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, masked|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	out = append(out, mask[:]...)
	for i := range len(payload) {
		out = append(out, payload[i]^mask[i%4])
	}
	return out
}

func closing(code uint16, reason string) []byte {
	return frame(final|opClose, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

func webSocketCases() []webSocketCase {
	bye := closing(1000, "")
	var out []webSocketCase
	add := func(id string, piece int, frames ...[]byte) {
		out = append(out, webSocketCase{id, append(bytes.Join(frames, nil), bye...), piece})
	}
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536, 1 << 20} {
		add(fmt.Sprint("text of ", n), 0, frame(final|opText, strings.Repeat("*", n)))
		add(fmt.Sprint("binary of ", n), 0, frame(final|opBinary, strings.Repeat("\xfe", n)))
	}
	for _, piece := range []int{1, 7, 997, 1460} {
		add(fmt.Sprint("in pieces of ", piece), piece, frame(final|opText, strings.Repeat("*", 20*piece)))
	}
	for _, n := range []int{0, 1, 125, 126} {
		add(fmt.Sprint("ping of ", n), 0, frame(final|opPing, strings.Repeat("p", n)))
	}
	add("ten pings", 0, bytes.Repeat(frame(final|opPing, "p"), 10))
	add("unsolicited pong", 0, frame(final|opPong, "x"), frame(final|opPing, "p"))
	add("fragmented ping", 0, frame(opPing, "a"), frame(final|opContinue, "b"))
	for rsv := byte(1); rsv < 8; rsv++ {
		add(fmt.Sprint("reserved bits ", rsv), 0, frame(final|opText, "good"), frame(final|rsv<<4|opText, "bad"))
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		add(fmt.Sprint("reserved opcode ", op), 0, frame(final|op, "x"))
	}
	add("two fragments", 0, frame(opText, "a"), frame(final|opContinue, "b"))
	add("fragments with a ping between", 0, frame(opText, "a"), frame(final|opPing, "p"), frame(final|opContinue, "b"))
	add("many fragments", 0, frame(opBinary, "a"), bytes.Repeat(frame(opContinue, "bcd"), 500), frame(final|opContinue, "e"))
	add("continuation of nothing", 0, frame(final|opContinue, "a"))
	add("message within a message", 0, frame(opText, "a"), frame(final|opText, "b"))
	for name, text := range map[string]string{
		"valid": "κόσμε", "invalid": "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80", "overlong": "\xc0\xaf", "beyond Unicode": "\xf4\x90\x80\x80", "noncharacter": "\uffff",
	} {
		add("UTF-8, "+name, 0, frame(final|opText, text))
		add("UTF-8 byte by byte, "+name, 1, frame(final|opText, text))
	}
	add("UTF-8 cut within a character", 0, frame(opText, "\xce"), frame(final|opContinue, "\xba"))
	for _, code := range []uint16{0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1011, 1015, 1016, 2999, 3000, 3999, 4000, 4999, 5000, 65535} {
		add(fmt.Sprint("close ", code), 0, closing(code, "why"))
	}
	add("close without a code", 0, frame(final|opClose, ""))
	add("close with half a code", 0, frame(final|opClose, "\x03"))
	add("close with a long reason", 0, closing(1000, strings.Repeat("*", 123)))
	add("close with too long a reason", 0, closing(1000, strings.Repeat("*", 124)))
	add("close with an invalid reason", 0, closing(1000, "\xce"))
	add("unmasked", 0, []byte("\x81\x03abc"))
	add("length with the highest bit", 0, []byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04"))
	return out
}

// echo is a WebSocket server that sends every message back.
func echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(4 << 20)
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

func echoBackends(ctx context.Context, _ *bench) (*backends, error) {
	address, stop, err := listenHTTP(ctx, http.HandlerFunc(echo), nil)
	if err != nil {
		return nil, err
	}
	other, stopOther, err := listenHTTP(ctx, http.HandlerFunc(echo), nil)
	if err != nil {
		stop()
		return nil, err
	}
	return &backends{old: "http://" + address, new: "http://" + other, stop: func() { stop(); stopOther() }}, nil
}

func runWebSocket(ctx context.Context, b *bench, t target) ([]outcome, error) {
	all := webSocketCases()
	out := make([]outcome, len(all))
	direct := target{address: strings.TrimPrefix(t.behind.old, "http://")}
	slots := make(chan struct{}, 16)
	var group sync.WaitGroup
	for i, c := range all {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			want, wantErr := play(ctx, b, direct, c)
			got, gotErr := play(ctx, b, t, c)
			out[i] = outcome{id: c.id, passed: bytes.Equal(got, want) && sameEnd(gotErr, wantErr)}
			if !out[i].passed {
				out[i].detail = fmt.Sprintf("answered %.200q (%v), directly %.200q (%v)", got, gotErr, want, wantErr)
			}
		})
	}
	group.Wait()
	return out, ctx.Err()
}

// sameEnd reports whether both ended with a close frame, or both by the end of the connection.
func sameEnd(a, b error) bool {
	return a == nil && b == nil || errors.Is(a, io.EOF) && errors.Is(b, io.EOF)
}

// play switches the protocol, sends the frames, and returns everything that comes back up to the close frame.
func play(ctx context.Context, b *bench, t target, c webSocketCase) ([]byte, error) {
	conn, err := dial(ctx, b, t, "http/1.1")
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	const request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		return nil, fmt.Errorf("status %d, header %v", resp.StatusCode, resp.Header)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		size := c.piece
		if size == 0 {
			size = len(c.frames)
		}
		for p := c.frames; len(p) > 0; p = p[min(size, len(p)):] {
			if _, err := conn.Write(p[:min(size, len(p))]); err != nil {
				return // the server has closed
			}
		}
	}()
	defer func() { _ = conn.Close(); <-sent }()
	return readFrames(in)
}

// readFrames reads the server's frames, the close frame the last.
func readFrames(in *bufio.Reader) ([]byte, error) {
	var all bytes.Buffer
	from := io.TeeReader(in, &all)
	for {
		var head [2]byte
		if _, err := io.ReadFull(from, head[:]); err != nil {
			return all.Bytes(), err
		}
		n := int64(head[1])
		switch n {
		case 126:
			var l uint16
			if err := binary.Read(from, binary.BigEndian, &l); err != nil {
				return all.Bytes(), err
			}
			n = int64(l)
		case 127:
			if err := binary.Read(from, binary.BigEndian, &n); err != nil {
				return all.Bytes(), err
			}
		}
		if _, err := io.CopyN(io.Discard, from, n); err != nil {
			return all.Bytes(), err
		}
		if head[0]&15 == opClose {
			return all.Bytes(), nil
		}
	}
}
