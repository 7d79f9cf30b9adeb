package proxy

import (
	"encoding/binary"

	"golang.org/x/net/http2"
)

// sentFrames follows the frames that the server sends on a connection of HTTP/2, to see the errors that it tells its client: its
// own account of errors leaves out requests that are malformed.
type sentFrames struct {
	head [frameHeader + 8]byte // of the frame that is being sent, with as much of its payload as an error has
	have int                   // bytes of head
	skip int                   // bytes of the payload that are still to come and are not looked at
}

// watch takes the next bytes that are sent, and calls tell with the code of every RST_STREAM and GOAWAY.
func (s *sentFrames) watch(p []byte, tell func(http2.ErrCode)) {
	for len(p) > 0 {
		if s.skip > 0 {
			n := min(s.skip, len(p))
			s.skip, p = s.skip-n, p[n:]
			continue
		}
		n := copy(s.head[s.have:s.wanted()], p)
		s.have, p = s.have+n, p[n:]
		if s.have < frameHeader || s.have < s.wanted() {
			continue
		}
		if s.have > frameHeader {
			tell(http2.ErrCode(binary.BigEndian.Uint32(s.head[s.have-4 : s.have])))
		}
		s.skip, s.have = s.length()-(s.have-frameHeader), 0
	}
}

func (s *sentFrames) length() int { return int(s.head[0])<<16 | int(s.head[1])<<8 | int(s.head[2]) }

// wanted is how much of the frame is looked at: its header, and what tells an error up to its code.
func (s *sentFrames) wanted() int {
	if s.have < frameHeader {
		return frameHeader
	}
	switch kind := http2.FrameType(s.head[3]); {
	case kind == http2.FrameRSTStream && s.length() == 4:
		return frameHeader + 4
	case kind == http2.FrameGoAway && s.length() >= 8:
		return frameHeader + 8
	}
	return frameHeader
}

// Write implements net.Conn. Everything passes; errors are counted.
func (g *frameGuard) Write(p []byte) (int, error) {
	g.sent.watch(p, g.tellError)
	return g.Conn.Write(p)
}

// tellError counts what the client did wrong. A stream that ended early, or is given up, is no error.
func (g *frameGuard) tellError(code http2.ErrCode) {
	c, _ := clientConnOf(g.Conn)
	if c == nil {
		return
	}
	switch code {
	case http2.ErrCodeEnhanceYourCalm:
		c.listener.clients.reject(reasonHTTP2Flood)
	case http2.ErrCodeNo, http2.ErrCodeInternal, http2.ErrCodeStreamClosed, http2.ErrCodeCancel:
	case http2.ErrCodeProtocol, http2.ErrCodeFlowControl, http2.ErrCodeSettingsTimeout, http2.ErrCodeFrameSize, http2.ErrCodeRefusedStream,
		http2.ErrCodeCompression, http2.ErrCodeConnect, http2.ErrCodeInadequateSecurity, http2.ErrCodeHTTP11Required:
		c.listener.clients.reject(reasonHTTP2)
	}
}
