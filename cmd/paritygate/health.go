package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"go.uber.org/zap"

	"paritygate/config"
	"paritygate/internal/admin"
)

// health knows which parts are unwell. None of them takes the proxy out of service: clients may be served all the same.
type health struct {
	config  *config.Config
	program *Program

	mu    sync.Mutex
	found map[string]string // part → what is wrong, of the last probe
}

func newHealth(c *config.Config, p *Program) *health {
	return &health{config: c, program: p, found: map[string]string{}}
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
	var wait sync.WaitGroup
	wait.Go(func() { h.note(ctx, "backends.old", reach(ctx, h.config.Backends.Old.URL)) })
	wait.Go(func() { h.note(ctx, "backends.new", reach(ctx, h.config.Backends.New.URL)) })
	if h.program.checks != nil {
		wait.Go(func() {
			oldErr, newErr := h.program.checks.Probe(ctx)
			h.note(ctx, "databases.old", oldErr)
			h.note(ctx, "databases.new", newErr)
		})
	}
	wait.Wait()
}

// reach opens a connection to the backend and closes it again: no request is sent that nobody asked for.
func reach(ctx context.Context, u *url.URL) error {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
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

// unwell lists what is wrong now.
func (h *health) unwell() []admin.Unwell {
	out := []admin.Unwell{}
	h.mu.Lock()
	for _, part := range []string{"backends.old", "backends.new", "databases.old", "databases.new"} {
		if text, ok := h.found[part]; ok {
			out = append(out, admin.Unwell{Part: part, Message: text})
		}
	}
	h.mu.Unlock()
	if err := h.program.store.Healthy(); err != nil {
		out = append(out, admin.Unwell{Part: "store", Message: err.Error()})
	}
	if text := h.program.machine.Unwell(); text != "" {
		out = append(out, admin.Unwell{Part: "cutover", Message: text})
	}
	return out
}
