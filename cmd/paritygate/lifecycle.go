package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"go.uber.org/zap"

	"paritygate/internal/admin"
	"paritygate/proxy"
)

// The names of the sockets, to systemd and to a successor.
const (
	proxySocket = "proxy"
	adminSocket = "admin"
)

// listen takes both ports, so that a busy one is an error at once; sockets that were handed to the program go before.
func (p *Program) listen(ctx context.Context) error {
	k := p.current.Load().config
	var err error
	if p.adminList, err = p.socket(ctx, adminSocket, k.Admin.Address); err != nil {
		return fmt.Errorf("admin.address: %w", err)
	}
	o := proxy.ServerOptions{
		Address: k.Listen.Address, Headers: int(k.Listen.Limits.Headers), Body: k.Listen.Limits.Body,
		HeaderTimeout: k.Listen.Limits.HeaderTimeout, IdleTimeout: k.Listen.Limits.IdleTimeout,
		BodyTimeout: k.Listen.Limits.BodyTimeout, WriteTimeout: k.Listen.Limits.WriteTimeout,
		Connections: k.Listen.Limits.Connections, Reserved: proxy.Descriptors(k.Mirror.Workers), Clients: p.clients, Logger: p.log,
	}
	if t := k.Listen.TLS; t != nil {
		if p.certificate, err = proxy.LoadCertificate(t.Certificate, t.Key); err != nil {
			return fmt.Errorf("listen.tls: %w", err)
		}
		o.Certificate = p.certificate
	}
	if p.rawFront, err = p.socket(ctx, proxySocket, k.Listen.Address); err != nil {
		return fmt.Errorf("listen.address: %w", err)
	}
	p.frontListen = proxy.Adopt(p.rawFront, o)
	p.front = proxy.NewDrainer(proxy.NewServer(o, p.proxy), p.proxy)
	return nil
}

// socket listens on a socket that was handed over, or else on the address.
func (p *Program) socket(ctx context.Context, name, address string) (net.Listener, error) {
	if s, ok := p.options.sockets[name]; ok {
		return s.Listener()
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// proxyURL and adminURL tell where clients and operators reach the program, once it listens.
func (p *Program) proxyURL() string {
	scheme := "http://"
	if p.current.Load().config.Listen.TLS != nil {
		scheme = "https://"
	}
	return scheme + p.frontListen.Addr().String()
}

func (p *Program) adminURL() string { return "http://" + p.adminList.Addr().String() }

// run serves until ctx ends, a part fails or a successor is to take over; then it drains, and stops the parts in the opposite
// order of their start.
func (p *Program) run(ctx context.Context) error {
	var parts stack
	parts.start(ctx, "store", p.store.Run)    // stops last: everything before it leaves its evidence there
	parts.start(ctx, "journal", p.keeper.run) // takes the last outcomes of what drains
	parts.start(ctx, "journal mirror", p.mirror.run)
	parts.start(ctx, "cutover", p.machine.Run) // decides, also while requests drain
	if p.access != nil {
		parts.start(ctx, "access log", p.access.run)
	}
	parts.start(ctx, "replay", p.replays.run) // one under way is stopped, and leaves its marks in the journal
	parts.start(ctx, "mirror", p.proxy.Run)   // finishes or counts the shadows under way
	if p.checks != nil {
		parts.start(ctx, "checks", p.checks.Run)
	}
	parts.start(ctx, "watch", p.watch)
	parts.start(ctx, "triggers", p.triggers.run)
	parts.start(ctx, "heap", func(ctx context.Context) error { return tuneGC(ctx, os.LookupEnv) })
	parts.start(ctx, "history", p.history.Run)
	parts.start(ctx, "admin", func(ctx context.Context) error { return serveUntil(ctx, p.adminServer, p.adminList, time.Second) })
	frontErr := make(chan error, 1)
	go func() { frontErr <- ignoreClosed(p.front.Serve(p.frontListen)) }()
	p.life.Store(admin.Ready)
	p.log.Info("ready", zap.String("proxy", p.proxyURL()), zap.String("admin", p.adminURL()), zap.String("phase", string(p.machine.State().Phase)))
	if p.options.ready != nil {
		p.options.ready()
	}
	err := p.serveUntilAsked(ctx, parts.failed(), frontErr)
	p.life.Store(admin.Draining)
	return errors.Join(err, p.end(ctx, &parts))
}

// serveUntilAsked returns when ctx ends or a part fails, with its error, or when a successor is ready to take over.
func (p *Program) serveUntilAsked(ctx context.Context, failed, frontErr <-chan error) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	var starting <-chan attempt // nil: no successor is being started
	defer func() {
		cancel()
		if starting == nil {
			return
		}
		if made := <-starting; made.err == nil {
			made.successor.Cancel()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case err := <-frontErr:
			return err
		case <-p.options.upgrade:
			if starting != nil {
				p.log.Warn("SIGUSR2: a successor is being started already")
				continue
			}
			starting = p.startSuccessor(ctx)
		case made := <-starting:
			starting = nil
			if made.err == nil {
				p.successor = made.successor
				return nil
			}
			p.notHandedOver(ctx, made.err)
		}
	}
}

// shadowsAtUpgrade is how long shadows may keep a successor waiting, once no client does: new connections wait with it.
const shadowsAtUpgrade = 250 * time.Millisecond

// graceShare is the share of listen.drain for which a connection without a request is kept for another one.
const graceShare = 20

// end drains and stops the parts. It fails if requests had to be cut off.
func (p *Program) end(ctx context.Context, parts *stack) error {
	limit := p.current.Load().config.Listen.Drain
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if p.options.hurry != nil {
		defer context.AfterFunc(p.options.hurry, cancel)()
	}
	began := time.Now()
	p.log.Info("draining", zap.Duration("listen.drain", limit), zap.Bool("for_a_successor", p.successor != nil))
	if p.successor == nil && p.options.ending != nil {
		p.options.ending()
	}
	p.machine.Settle(ctx) // a flip under way is abandoned, so that held writes are answered by old
	cut := p.front.Drain(ctx, limit/graceShare)
	if p.successor != nil {
		short := time.AfterFunc(shadowsAtUpgrade, cancel)
		defer short.Stop()
	}
	defer context.AfterFunc(ctx, p.proxy.CutShort)()
	err := parts.stop()
	if cut > 0 {
		p.log.Error("requests were cut off: they were still in flight when the time to drain was over", zap.Int("requests", cut))
		err = errors.Join(err, fmt.Errorf("%d requests were still in flight after %s (listen.drain) and were cut off",
			cut, time.Since(began).Round(time.Millisecond)))
	}
	p.log.Info("drained", zap.Duration("took", time.Since(began)), zap.Int("cut_off", cut))
	return err
}

// close gives back what newProgram and listen took.
func (p *Program) close() {
	if p.front != nil {
		p.front.Close()
	}
	if p.checks != nil {
		p.checks.Close()
	}
	if p.keeper != nil { // before the store, whose lock says who may serve
		if err := p.keeper.close(); err != nil {
			p.log.Error("closing the journal", zap.Error(err))
		}
	}
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Error("closing the store", zap.Error(err))
		}
	}
	for _, l := range []net.Listener{p.frontListen, p.adminList} {
		if l != nil {
			_ = l.Close() // closed already where it was served
		}
	}
}

func serveUntil(ctx context.Context, s *http.Server, l net.Listener, grace time.Duration) error {
	failed := make(chan error, 1)
	go func() { failed <- ignoreClosed(s.Serve(l)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if s.Shutdown(ctx) != nil {
		_ = s.Close() // what is still open is cut off
	}
	return <-failed
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
