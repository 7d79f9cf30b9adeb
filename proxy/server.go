package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// ServerOptions say how clients are listened to. Zero limits get the defaults of the configuration's reference.
type ServerOptions struct {
	Address string
	// CertificateFile and KeyFile switch TLS on: HTTP/1.1 and HTTP/2. Without them the listener takes HTTP/1.1 and h2c.
	CertificateFile, KeyFile string
	// Headers bounds the header section in bytes (431), Body the body (413); a Body of 0 is no limit.
	Headers int
	Body    int64
	// HeaderTimeout bounds the arrival of the headers, IdleTimeout the wait for the next request.
	HeaderTimeout, IdleTimeout time.Duration
	Logger                     *zap.Logger
}

// NewServer builds the server for a listener that Listen opened. It starts nothing.
func NewServer(o ServerOptions, handler http.Handler) *http.Server {
	setDefault(&o.Headers, 64<<10)
	setDefault(&o.HeaderTimeout, 10*time.Second)
	setDefault(&o.IdleTimeout, 2*time.Minute)
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	if o.Body > 0 {
		handler = limitBody(o.Body, handler)
	}
	s := &http.Server{
		Handler: handler, Protocols: protocols, MaxHeaderBytes: o.Headers, ReadHeaderTimeout: o.HeaderTimeout,
		IdleTimeout: o.IdleTimeout, ErrorLog: zap.NewStdLog(o.Logger.Named("http")),
		// RFC 9113 lets a peer that never raised it count on 16 KiB; net/http's server would take frames of 1 MiB.
		HTTP2: &http.HTTP2Config{MaxReadFrameSize: 16 << 10},
	}
	guardHTTP2(s)
	return s
}

// limitBody refuses bodies that are announced as too large, and cuts those that turn out to be.
func limitBody(limit int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > limit {
			refusalFor(&http.MaxBytesError{Limit: limit}).write(w)
			return
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		next.ServeHTTP(w, r)
	})
}

// Listen opens the address, so that a port in use is an error before anything is served. http.Server.Serve takes the listener,
// with TLS or without.
func Listen(ctx context.Context, o ServerOptions) (net.Listener, error) {
	var secure *tls.Config
	if o.CertificateFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertificateFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("load the TLS certificate: %w", err)
		}
		secure = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Address)
	if err != nil {
		return nil, err // names the address
	}
	l = lingeringListener{l}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	return l, nil
}

// lingeringListener's connections take in what the client is still sending when the server closes them after a refusal: a
// reset would destroy the answer (413, 431) before the client has read it.
type lingeringListener struct{ net.Listener }

func (l lingeringListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return &lingeringConn{TCPConn: tcp}, nil
	}
	return c, err
}

type lingeringConn struct{ *net.TCPConn }

const (
	lingerTime  = time.Second
	lingerBytes = 16 << 20
)

// CloseWrite ends the answer. The server calls it only where it is about to close a connection on which data may be arriving.
func (c *lingeringConn) CloseWrite() error {
	err := c.TCPConn.CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.TCPConn, lingerBytes)
	return err
}
