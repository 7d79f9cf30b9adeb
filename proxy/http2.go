package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"

	"golang.org/x/net/http2"
)

// unencryptedHTTP2 is the name under which net/http hands over a connection that began with HTTP/2's preface, without TLS.
const unencryptedHTTP2 = "unencrypted_http2"

// guardHTTP2 puts frameGuards between the server's clients and its HTTP/2. The HTTP/2 inside net/http takes only connections
// that it accepted itself; the same server in x/net takes any.
func guardHTTP2(s *http.Server) {
	h2 := &http2.Server{}                    //nolint:staticcheck // SA1019: what replaces it takes no connection that is wrapped
	if http2.ConfigureServer(s, h2) != nil { //nolint:staticcheck // SA1019: as above
		return // only for a TLS configuration with unfit ciphers; there is none here
	}
	s.TLSNextProto["h2"] = func(hs *http.Server, c *tls.Conn, h http.Handler) {
		opts := &http2.ServeConnOpts{Handler: h, BaseConfig: hs}            //nolint:staticcheck // SA1019: as above
		if base, ok := h.(interface{ BaseContext() context.Context }); ok { // how net/http passes the connection's context on
			opts.Context = base.BaseContext()
		}
		h2.ServeConn(&secureFrameGuard{newFrameGuard(c, len(http2.ClientPreface)), c}, opts) //nolint:staticcheck // SA1019: as above
	}
	unguarded, ok := s.TLSNextProto[unencryptedHTTP2]
	if !ok {
		return
	}
	s.TLSNextProto[unencryptedHTTP2] = func(hs *http.Server, c *tls.Conn, h http.Handler) {
		if plain, ok := c.NetConn().(interface{ UnencryptedNetConn() net.Conn }); ok {
			c = tls.Client(handedOver{newFrameGuard(plain.UnencryptedNetConn(), 0)}, nil) // never used for TLS
		}
		unguarded(hs, c, h)
	}
}

// handedOver is how a connection without TLS is passed through a function that takes one with it.
type handedOver struct{ net.Conn }

// UnencryptedNetConn returns the connection itself.
func (c handedOver) UnencryptedNetConn() net.Conn { return c.Conn }

// secureFrameGuard is a frameGuard over TLS.
type secureFrameGuard struct {
	*frameGuard
	secure *tls.Conn
}

// ConnectionState lets the server see what TLS agreed on.
func (g *secureFrameGuard) ConnectionState() tls.ConnectionState { return g.secure.ConnectionState() }
