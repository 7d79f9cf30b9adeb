package main

import (
	"context"
	"fmt"
	"os"
)

// suite is one public suite, or one of our own, in one setting.
type suite struct {
	name string
	// tls is how clients arrive: HTTP/2 and HTTP/1.1 over TLS, or h2c and HTTP/1.1.
	tls bool
	// backends starts what stands behind the proxy; nil: the plain backends of the bench.
	backends func(context.Context, *bench) (*backends, error)
	// run asks the proxy under test and says of each case what came of it.
	run func(context.Context, *bench, target) ([]outcome, error)
	// alone says that the suite brings its own proxy, so that there is no control.
	alone bool
}

// target is a proxy that listens.
type target struct {
	address string // host:port
	tls     bool
	behind  *backends
}

// outcome is the result of one case. A case that does not apply is not reported.
type outcome struct {
	id     string
	passed bool
	detail string // why it failed
}

// row is what the table says of a suite.
type row struct {
	suite    string
	outcomes []outcome
	control  []outcome // of the stdlib proxy; nil: none
}

func suites() []suite {
	return []suite{
		{name: "h2spec, TLS", tls: true, run: runH2spec},
		{name: "h2spec, h2c", run: runH2spec},
		{name: "gRPC interop, TLS", tls: true, backends: grpcBackends(true), run: runGRPC},
		{name: "gRPC interop, h2c", backends: grpcBackends(false), run: runGRPC},
		{name: "RFC 9112, TLS", tls: true, run: runHTTP1},
		{name: "RFC 9112, plain", run: runHTTP1},
		{name: "WebSocket, TLS", tls: true, backends: echoBackends, run: runWebSocket},
		{name: "WebSocket, plain", backends: echoBackends, run: runWebSocket},
		{name: "cache-tests", backends: cacheOrigins, run: runCacheTests},
		{name: "request smuggling", alone: true, run: runSmuggling},
	}
}

// judge runs a suite against the proxy, and against the control.
func judge(ctx context.Context, b *bench, s suite) (row, error) {
	r := row{suite: s.name}
	fmt.Fprintf(os.Stderr, "== %s\n", s.name)
	if s.alone {
		var err error
		r.outcomes, err = s.run(ctx, b, target{})
		return r, err
	}
	behind := &b.plain
	if s.backends != nil {
		own, err := s.backends(ctx, b)
		if err != nil {
			return r, err
		}
		defer own.stop()
		behind = own
	}
	for _, p := range []struct {
		start func(context.Context, *bench, bool, *backends) (string, func(), error)
		into  *[]outcome
	}{{startParitygate, &r.outcomes}, {startControl, &r.control}} {
		address, stop, err := p.start(ctx, b, s.tls, behind)
		if err != nil {
			return r, err
		}
		*p.into, err = s.run(ctx, b, target{address: address, tls: s.tls, behind: behind})
		stop()
		if err != nil {
			return r, err
		}
	}
	return r, nil
}
