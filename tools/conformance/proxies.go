package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func silent() *log.Logger { return log.New(io.Discard, "", 0) }

// startParitygate runs the program itself, every read mirrored. What a suite asks by POST is a read as well, so that
// nothing is spared the capture.
func startParitygate(ctx context.Context, b *bench, secure bool, behind *backends) (address string, stop func(), err error) {
	dir, err := os.MkdirTemp(b.dir, "serve")
	if err != nil {
		return "", nil, err
	}
	listen, trust := `{address: "127.0.0.1:0"}`, ""
	if secure {
		listen = fmt.Sprintf(`{address: "127.0.0.1:0", tls: {certificate: %q, key: %q}}`, b.cert, b.key)
	}
	if strings.HasPrefix(behind.old, "https:") {
		trust = fmt.Sprintf(`, tls: {ca: %q, server_name: localhost}`, b.cert)
	}
	rechecks := 3
	if behind.counting {
		rechecks = 0
	}
	text := fmt.Sprintf(`run: {name: conformance}
listen: %s
admin: {address: "127.0.0.1:0"}
backends:
  old: {url: %q%s}
  new: {url: %q%s}
routes:
  - {name: all, match: {methods: [GET, POST]}, kind: read}
mirror: {fraction: 100%%, recheck: {attempts: %d}}
store: {path: %q}
journal: {directory: %q}
`, listen, behind.old, trust, behind.new, trust, rechecks, filepath.Join(dir, "paritygate.db"), filepath.Join(dir, "journal"))
	config := filepath.Join(dir, "paritygate.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, b.binary("paritygate"), "serve", "--config", config) // #nosec G204 -- what this tool built
	messages, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
	}
	address, err = awaitReady(messages)
	if err != nil {
		stop()
		return "", nil, err
	}
	return address, stop, nil
}

// awaitReady reads the program's log up to where it says that it is ready, and goes on reading it.
func awaitReady(messages io.Reader) (address string, err error) {
	lines := bufio.NewScanner(messages)
	var said []string
	for lines.Scan() {
		var line struct{ Msg, Proxy string }
		said = append(said, lines.Text())
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ready" {
			u, err := url.Parse(line.Proxy)
			if err != nil {
				return "", err
			}
			go func() { _, _ = io.Copy(io.Discard, messages) }()
			return u.Host, nil
		}
	}
	return "", errors.New("paritygate serve ended before it was ready:\n" + strings.Join(said, "\n"))
}

// startControl runs the reverse proxy that anybody writes in twenty lines.
func startControl(ctx context.Context, b *bench, secure bool, behind *backends) (address string, stop func(), err error) {
	u, err := url.Parse(behind.old)
	if err != nil {
		return "", nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!behind.http2)
	protocols.SetHTTP2(behind.http2)
	protocols.SetUnencryptedHTTP2(behind.http2 && u.Scheme == "http")
	transport := &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: b.roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport: transport, FlushInterval: -1, ErrorLog: silent(),
	}
	var config *tls.Config
	if secure {
		config = &tls.Config{Certificates: []tls.Certificate{b.pair}, MinVersion: tls.VersionTLS12}
	}
	address, end, err := listenHTTP(ctx, proxy, config)
	return address, func() { end(); transport.CloseIdleConnections() }, err
}
