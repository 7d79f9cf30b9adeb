package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// ServerOptions say how clients are listened to. Zero limits get the defaults of the configuration's reference.
type ServerOptions struct {
	Address string
	// Certificate switches TLS on: HTTP/1.1 and HTTP/2. Without it the listener takes HTTP/1.1 and h2c.
	Certificate *Certificate
	// Headers bounds the header section in bytes (431), Body the body (413); a Body of 0 is no limit.
	Headers int
	Body    int64
	// HeaderTimeout bounds the arrival of the headers and a TLS handshake, IdleTimeout the wait for the next request.
	HeaderTimeout, IdleTimeout time.Duration
	// BodyTimeout is how long a client may take for each KiB of a body, WriteTimeout for each 64 KiB of an answer.
	BodyTimeout, WriteTimeout time.Duration
	// Connections is how many clients' connections, and how many requests, there may be at once; 0 takes what the process's
	// limit of descriptors leaves when Reserved are set aside for everything else.
	Connections, Reserved int
	// Clients keeps the account. Give Listen, NewServer and NewProxy the same; nil is one that nobody sees.
	Clients *Clients
	Logger  *zap.Logger
}

func (o ServerOptions) withDefaults() ServerOptions {
	setDefault(&o.Headers, 64<<10)
	setDefault(&o.HeaderTimeout, 10*time.Second)
	setDefault(&o.IdleTimeout, 2*time.Minute)
	setDefault(&o.BodyTimeout, time.Minute)
	setDefault(&o.WriteTimeout, time.Minute)
	setDefault(&o.Reserved, Descriptors(64))
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}

// maxStreams is how many requests one connection of HTTP/2 may have under way, as many as nginx allows.
const maxStreams = 128

// NewServer builds the server for a listener that Listen opened. It starts nothing.
func NewServer(o ServerOptions, handler http.Handler) *http.Server {
	o = o.withDefaults()
	o.Clients = o.Clients.orOwn()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{
		Handler: &entrance{options: o, next: handler}, Protocols: protocols, MaxHeaderBytes: o.Headers, ReadHeaderTimeout: o.HeaderTimeout,
		DisableGeneralOptionsHandler: true, // `OPTIONS *` asks the backend, like any other request
		IdleTimeout:                  o.IdleTimeout, ErrorLog: zap.NewStdLog(o.Logger.Named("http")), ConnState: stateChanged,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			// RFC 9113 lets a peer that never raised it count on 16 KiB; net/http's server would take frames of 1 MiB.
			MaxReadFrameSize: 16 << 10,
		},
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			if c, _ := clientConnOf(conn); c != nil {
				return context.WithValue(ctx, connKey{}, c)
			}
			return ctx
		},
	}
	guardHTTP2(s)
	return s
}

// connKey finds the clientConn in a request's context.
type connKey struct{}

// clientConnOf looks for a client's connection, and TLS, beneath what is laid over it.
func clientConnOf(conn net.Conn) (c *clientConn, secure *tls.Conn) {
	for {
		switch v := conn.(type) {
		case *clientConn:
			return v, secure
		case *tls.Conn:
			conn, secure = v.NetConn(), v
		case interface{ NetConn() net.Conn }:
			conn = v.NetConn()
		default:
			return nil, secure
		}
	}
}

// entrance stands before the handler: it bounds what a client may send, and how slowly.
type entrance struct {
	options ServerOptions
	next    http.Handler
}

// ServeHTTP implements http.Handler.
func (e *entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o := &e.options
	var framing *framing
	if c, ok := r.Context().Value(connKey{}).(*clientConn); ok {
		c.phase.Store(serving)
		framing = &c.framing
	}
	if r.ProtoMajor == 1 && framing.ambiguous(r) {
		closeConnection(w)
	}
	defer o.Clients.end()
	if !o.Clients.begin() {
		o.Clients.reject(reasonRequests)
		refusal{http.StatusServiceUnavailable, "too_many_requests", "Too many requests are under way."}.write(w)
		return
	}
	if r.ProtoMajor == 2 {
		w = &pacedWriter{ResponseWriter: w, clients: o.Clients, limit: o.WriteTimeout}
	}
	if r.Body != nil && r.Body != http.NoBody {
		if o.Body > 0 && r.ContentLength > o.Body {
			o.Clients.reject(reasonBody)
			refusalFor(&http.MaxBytesError{Limit: o.Body}).write(w)
			return
		}
		e.bound(w, r)
	}
	e.next.ServeHTTP(w, r)
}

// bound cuts a body that turns out to be too large, and ends one that comes too slowly. The streams of gRPC may have nothing to
// say for as long as they like.
func (e *entrance) bound(w http.ResponseWriter, r *http.Request) {
	o := &e.options
	if o.Body > 0 {
		r.Body = http.MaxBytesReader(w, r.Body, o.Body)
	}
	if !isGRPC(r.Header) {
		r.Body = &pacedBody{
			ReadCloser: r.Body, control: http.NewResponseController(w), clients: o.Clients, limit: o.BodyTimeout, left: o.BodyTimeout,
		}
	}
}

// Listen opens the address, so that a port in use is an error before anything is served. http.Server.Serve takes the listener,
// with TLS or without.
func Listen(ctx context.Context, o ServerOptions) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Address)
	if err != nil {
		return nil, err // names the address
	}
	return Adopt(l, o), nil
}

// Adopt makes of a listener that somebody else opened what Listen returns.
func Adopt(l net.Listener, o ServerOptions) net.Listener {
	l = newClientListener(l, o.withDefaults().withConnections())
	if o.Certificate != nil {
		l = tls.NewListener(l, o.Certificate.config())
	}
	return l
}

// Descriptors is how many descriptors may be needed besides those of the clients' requests: for shadows, as many as there are
// workers, for mismatches that are asked again on both sides, and for files and listeners.
func Descriptors(workers int) int { return workers + 2*recheckers + 128 }

// unknownDescriptors is taken where the system tells no limit, or a limit of nobody's reach.
const unknownDescriptors = 1 << 17

// withConnections settles how many connections there may be: each client's may need one to a backend besides.
func (o ServerOptions) withConnections() ServerOptions {
	descriptors := descriptorLimit()
	if descriptors <= 0 || descriptors > unknownDescriptors {
		descriptors = unknownDescriptors
	}
	room := max(16, (descriptors-o.Reserved)/2)
	if o.Connections == 0 {
		o.Connections = room
	}
	if o.Connections > room {
		o.Logger.Warn("more client connections are allowed than the limit of descriptors has room for",
			zap.Int("connections", o.Connections), zap.Int("room", room), zap.Int("descriptors", descriptors))
	}
	return o
}
