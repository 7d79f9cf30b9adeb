package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/proxy"
)

// health knows which parts are unwell. None of them takes the proxy out of service: clients may be served all the same.
type health struct {
	program *Program

	mu    sync.Mutex
	found map[string]string // part → what is wrong, of the last probe
}

func newHealth(p *Program) *health {
	return &health{program: p, found: map[string]string{}}
}

const (
	probeEvery   = 10 * time.Second
	probeTimeout = 3 * time.Second
)

// run probes both backends and both databases now and then, so that /readyz can say what cannot be reached.
func (h *health) run(ctx context.Context) {
	for {
		h.probe(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(probeEvery):
		}
	}
}

func (h *health) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	c := h.program.current.Load()
	if h.program.machine.State().Phase == cutover.Complete {
		h.retire()
		h.note(ctx, "backends.new", reach(ctx, c.new))
		return
	}
	var wait sync.WaitGroup
	wait.Go(func() { h.note(ctx, "backends.old", reach(ctx, c.old)) })
	wait.Go(func() { h.note(ctx, "backends.new", reach(ctx, c.new)) })
	if h.program.checks != nil {
		wait.Go(func() {
			oldErr, newErr := h.program.checks.Probe(ctx)
			for part, err := range databaseParts(c, oldErr, newErr) {
				h.note(ctx, part, err)
			}
		})
	}
	wait.Wait()
}

// retire forgets what nobody needs once the run is complete: old, which may be gone by then, and the databases, of which no check asks.
func (h *health) retire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, part := range []string{"backends.old", "databases.old", "databases.new"} {
		delete(h.found, part)
	}
}

// reach opens a connection to the backend, over TLS where its URL says so, and closes it again: no request is sent that
// nobody asked for.
func reach(ctx context.Context, b proxy.BackendOptions) error {
	u := b.URL
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	dial := new(net.Dialer).DialContext
	if u.Scheme == "https" {
		dial = (&tls.Dialer{Config: b.TLS}).DialContext
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	return conn.Close()
}

// note remembers a finding, and logs when it changes.
func (h *health) note(ctx context.Context, part string, err error) {
	if context.Cause(ctx) == context.Canceled { //nolint:errorlint // stopping: the probe was cut short and says nothing
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, was := h.found[part]
	switch {
	case err != nil && !was:
		h.program.log.Warn("cannot be reached", zap.String("part", part), zap.Error(err))
	case err == nil && was:
		h.program.log.Info("can be reached again", zap.String("part", part))
	}
	if err == nil {
		delete(h.found, part)
		return
	}
	h.found[part] = fmt.Sprintf("cannot be reached: %v", err)
}

// well reports whether nothing was wrong with the part when it was last looked at.
func (h *health) well(part string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, wrong := h.found[part]
	return !wrong
}

// healthParts are all the parts that can be unwell.
var healthParts = []string{"backends.old", "backends.new", "databases.old", "databases.new", "store", "journal", "mirror", "cutover"}

// unwell lists what is wrong now.
func (h *health) unwell() []admin.Unwell {
	out := []admin.Unwell{}
	h.mu.Lock()
	for _, part := range healthParts {
		if text, ok := h.found[part]; ok {
			out = append(out, admin.Unwell{Part: part, Message: text})
		}
	}
	h.mu.Unlock()
	if err := h.program.store.Healthy(); err != nil {
		out = append(out, admin.Unwell{Part: "store", Message: err.Error()})
	}
	if err := h.program.store.ChainErr(); err != nil {
		out = append(out, admin.Unwell{Part: "store", Message: err.Error()})
	}
	if err := h.program.keeper.err(); err != nil {
		out = append(out, admin.Unwell{Part: "journal", Message: err.Error()})
	}
	if text := h.program.mirror.unwell(); text != "" {
		out = append(out, admin.Unwell{Part: "mirror", Message: text})
	}
	if text := h.program.machine.Unwell(); text != "" {
		out = append(out, admin.Unwell{Part: "cutover", Message: text})
	}
	return out
}
