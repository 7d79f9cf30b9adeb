package proxy

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frameGuard is a client's HTTP/2 connection. It reads the frames on their way to the server and mends where the server departs
// from RFC 9113:
//
//   - It takes a setting that is named twice in one frame for an attack, and hangs up. The guard leaves the last one, which is
//     the one that counts.
//   - A request with a header that concerns a connection gets 400, but its stream is not reset. A request without a body
//     is served although a length is announced, and so is one with two lengths. The guard spoils the header block by one field with
//     a name that no field may have, so that the server resets the stream as for any malformed request.
//
// All else passes as it came.
type frameGuard struct {
	net.Conn
	in      *bufio.Reader
	frame   []byte // one frame, header included; grows to the largest that was looked into
	out     []byte // of it, what the server has not read yet
	pass    int    // bytes that follow and are not looked at
	decoder *hpack.Decoder
	bad     bool       // the header block that is being read has a field that it must not have
	length  string     // the Content-Length in it
	ends    bool       // no body follows on it
	sent    sentFrames // the frames on the other way
	blind   bool       // the server will refuse what came; nothing is looked at any more
}

const (
	frameHeader = 9       // bytes
	maxFrame    = 1 << 14 // bytes of payload that a client may send
	headerTable = 4096    // bytes, of HPACK's table, since the server announces no other size
	settingSize = 6       // bytes
	maxSettings = 100     // in one frame, as the server has it
)

// spoil is an HPACK literal, never put into the table, of the field "X" in upper case, which makes a request malformed.
var spoil = [...]byte{0, 1, 'X', 0}

// newFrameGuard guards a connection whose frames begin after skip bytes.
func newFrameGuard(c net.Conn, skip int) *frameGuard {
	g := &frameGuard{Conn: c, in: bufio.NewReader(c), pass: skip}
	g.decoder = hpack.NewDecoder(headerTable, g.field)
	return g
}

// field takes in a field of a header block.
func (g *frameGuard) field(f hpack.HeaderField) {
	if f.Name == "content-length" {
		g.bad = g.bad || g.length != "" && g.length != f.Value
		g.length = f.Value
	}
	g.bad = g.bad || ofConnection(f)
}

// ofConnection reports whether a field must not be in a request of HTTP/2.
func ofConnection(f hpack.HeaderField) bool {
	switch f.Name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return true
	case "te":
		return f.Value != "" && !strings.EqualFold(f.Value, "trailers")
	}
	return false
}

// NetConn returns the connection that is guarded.
func (g *frameGuard) NetConn() net.Conn { return g.Conn }

// Read implements net.Conn.
func (g *frameGuard) Read(p []byte) (int, error) {
	for {
		switch {
		case len(g.out) > 0:
			n := copy(p, g.out)
			g.out = g.out[n:]
			return n, nil
		case g.blind:
			return g.in.Read(p)
		case g.pass > 0:
			n, err := g.in.Read(p[:min(len(p), g.pass)])
			g.pass -= n
			return n, err
		}
		if err := g.next(); err != nil {
			return 0, err
		}
	}
}

// next reads a frame's header, and its payload where that is to be looked into.
func (g *frameGuard) next() error {
	header, err := g.in.Peek(frameHeader)
	if err != nil {
		if len(header) > 0 {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	length := int(header[0])<<16 | int(header[1])<<8 | int(header[2])
	kind, flags := http2.FrameType(header[3]), http2.Flags(header[4])
	size := frameHeader
	switch kind {
	case http2.FrameHeaders, http2.FrameContinuation, http2.FrameSettings:
		if length > maxFrame {
			g.blind = true
			return nil
		}
		size += length
	default:
		g.pass = length
	}
	g.frame = slices.Grow(g.frame[:0], size)[:size]
	if _, err := io.ReadFull(g.in, g.frame); err != nil {
		return err
	}
	switch kind {
	case http2.FrameSettings:
		if !flags.Has(http2.FlagSettingsAck) {
			g.frame = lastSettings(g.frame)
		}
	case http2.FrameHeaders, http2.FrameContinuation:
		g.inspect(kind, flags)
	default:
	}
	g.out = g.frame
	return nil
}

// lastSettings removes from a SETTINGS frame what a later entry of it overrules.
func lastSettings(frame []byte) []byte {
	payload := frame[frameHeader:]
	if len(payload)%settingSize != 0 || len(payload) > maxSettings*settingSize {
		return frame
	}
	kept := payload[:0]
	for i := 0; i < len(payload); i += settingSize {
		if !namedAgain(payload[i:]) {
			kept = append(kept, payload[i:i+settingSize]...)
		}
	}
	frame = frame[:frameHeader+len(kept)]
	setLength(frame)
	return frame
}

// namedAgain reports whether the parameter of the first entry stands in a later one too.
func namedAgain(entries []byte) bool {
	for i := settingSize; i < len(entries); i += settingSize {
		if entries[i] == entries[0] && entries[i+1] == entries[1] {
			return true
		}
	}
	return false
}

// inspect decodes what g.frame has of a header block and, where the block ends, spoils a bad one.
func (g *frameGuard) inspect(kind http2.FrameType, flags http2.Flags) {
	fragment := g.frame[frameHeader:]
	if kind == http2.FrameHeaders {
		var ok bool
		if fragment, ok = unpadded(fragment, flags); !ok {
			g.blind = true
			return
		}
		g.bad, g.length, g.ends = false, "", flags.Has(http2.FlagHeadersEndStream)
	}
	if _, err := g.decoder.Write(fragment); err != nil {
		g.blind = true
		return
	}
	if !flags.Has(http2.FlagHeadersEndHeaders) { // the same bit in CONTINUATION
		return
	}
	if g.decoder.Close() != nil {
		g.blind = true
		return
	}
	if g.bad || g.ends && strings.Trim(g.length, "0") != "" {
		g.frame[4] &^= byte(http2.FlagHeadersEndHeaders)
		more := [frameHeader]byte{3: byte(http2.FrameContinuation), 4: byte(http2.FlagContinuationEndHeaders)}
		copy(more[5:], g.frame[5:frameHeader]) // the stream
		more[2] = byte(len(spoil))
		g.frame = append(append(g.frame, more[:]...), spoil[:]...)
	}
}

// unpadded returns the header block's fragment in the payload of a HEADERS frame.
func unpadded(payload []byte, flags http2.Flags) (fragment []byte, ok bool) {
	padding := 0
	if flags.Has(http2.FlagHeadersPadded) {
		if len(payload) == 0 {
			return nil, false
		}
		padding, payload = int(payload[0]), payload[1:]
	}
	const priority = 5 // bytes
	if flags.Has(http2.FlagHeadersPriority) {
		if len(payload) < priority {
			return nil, false
		}
		payload = payload[priority:]
	}
	if padding > len(payload) {
		return nil, false
	}
	return payload[:len(payload)-padding], true
}

// setLength writes the length of the frame's payload into its header.
func setLength(frame []byte) {
	length := uint32(len(frame) - frameHeader)
	kind := frame[3]
	binary.BigEndian.PutUint32(frame, length<<8|uint32(kind))
}
