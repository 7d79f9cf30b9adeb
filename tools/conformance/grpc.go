package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// interopCases are those of grpc-go's interop client that need no cloud's credentials and no resolver of several servers.
var interopCases = []string{
	"empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
	"timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "status_code_and_message",
	"special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service",
}

const interopTimeout = 20 * time.Second

// grpcBackends starts two of grpc-go's interop servers.
func grpcBackends(secure bool) func(context.Context, *bench) (*backends, error) {
	return func(ctx context.Context, b *bench) (*backends, error) {
		var urls [2]string
		var stops []func()
		stop := func() {
			for _, f := range stops {
				f()
			}
		}
		for i := range urls {
			url, end, err := startInterop(ctx, b, secure)
			if err != nil {
				stop()
				return nil, err
			}
			urls[i], stops = url, append(stops, end)
		}
		return &backends{old: urls[0], new: urls[1], http2: true, stop: stop}, nil
	}
}

func startInterop(ctx context.Context, b *bench, secure bool) (url string, stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_ = l.Close()
	args, scheme := []string{"-port", port}, "http://"
	if secure {
		args, scheme = append(args, "-use_tls", "-tls_cert_file", b.cert, "-tls_key_file", b.key), "https://"
	}
	cmd := exec.CommandContext(ctx, b.binary("grpc-server"), args...) // #nosec G204 -- what this tool built
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	if err := awaitListener(ctx, address); err != nil {
		stop()
		return "", nil, fmt.Errorf("grpc-go's interop server: %w", err)
	}
	return scheme + address, stop, nil
}

// awaitListener waits up to ten seconds for somebody to listen.
func awaitListener(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func runGRPC(ctx context.Context, b *bench, t target) ([]outcome, error) {
	host, port, err := net.SplitHostPort(t.address)
	if err != nil {
		return nil, err
	}
	var out []outcome
	for _, name := range interopCases {
		args := []string{"-server_host", host, "-server_port", port, "-test_case", name}
		if t.tls {
			args = append(args, "-use_tls", "-use_test_ca", "-ca_file", b.cert, "-server_host_override", "localhost")
		}
		limited, cancel := context.WithTimeout(ctx, interopTimeout)
		said, err := exec.CommandContext(limited, b.binary("grpc-client"), args...).CombinedOutput() // #nosec G204 -- what this tool built
		cancel()
		o := outcome{id: name, passed: err == nil}
		if err != nil {
			o.detail = strconv.Quote(lastLine(string(said))) + " " + err.Error()
		}
		out = append(out, o)
	}
	return out, ctx.Err()
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
