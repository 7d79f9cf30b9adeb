package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"paritygate/compare/aggregate"
	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// Program is what `serve` runs: the store, the cutover machine, the proxy, the checks and the admin API, wired together.
// newProgram opens and checks everything, listen takes the ports, run serves until its context ends.
type Program struct {
	log        *zap.Logger
	registry   *prometheus.Registry
	metrics    *metrics
	current    atomic.Pointer[compiled]
	reload     func() (*compiled, error) // reads the configuration again; nil: it cannot be
	allowDrift bool
	hup        <-chan os.Signal // asks for a reload

	wrote chan struct{} // new took its first write since the flip
	fresh sync.Map      // the latest result of each check, by name, for where the store did not take it

	store   *evidence.Store
	machine *cutover.Machine
	proxy   *proxy.Proxy
	clients *proxy.Clients
	checks  *aggregate.Runner // nil: none are configured
	health  *health
	history *admin.History

	front, adminServer     *http.Server
	frontListen, adminList net.Listener
	started                time.Time
	life                   atomic.Value // of admin.State
}

// programOptions are what serve is told besides the configuration.
type programOptions struct {
	log        *zap.Logger
	allowDrift bool
	reload     func() (*compiled, error)
	hup        <-chan os.Signal
}

// newProgram opens the store, decides what a crash left undecided, and wires the parts. It starts nothing.
func newProgram(ctx context.Context, c *compiled, o programOptions) (*Program, error) {
	p := &Program{log: o.log, registry: prometheus.NewRegistry(), reload: o.reload, hup: o.hup, wrote: make(chan struct{}, 1), allowDrift: o.allowDrift, started: time.Now()}
	p.life.Store(admin.Starting)
	p.current.Store(c)
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.health = newHealth(p)
	steps := []func(context.Context, *compiled) error{
		p.openStore,   // first: its lock keeps a second proxy out
		p.openMachine, // decides the phase before anything can be answered
		p.openChecks,  // the flip asks them
		p.openProxy,   // asks the machine where traffic goes
		p.openAdmin,   // shows all of it
	}
	for _, step := range steps {
		if err := step(ctx, c); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

func (p *Program) openStore(ctx context.Context, c *compiled) error {
	store, err := evidence.Open(ctx, evidence.Options{
		Path: c.config.Store.Path, Run: c.config.Run.Name, Routes: routeInfos(c),
		Redactor: c.redactor, RedactHeaders: c.config.Redact.Headers,
		UnitLength: unitLength(c.config.Run.Window), DistinctLimit: c.config.Gate.MinSamplesPerRoute,
		Quantile: c.config.Gate.Latency.Quantile, Registerer: p.registry, Logger: p.log,
	})
	p.store = store
	return err
}

// unitLength is a minute, or a twentieth of a shorter window: with a window of seconds, as in a demonstration, a unit of a
// minute would never close within it.
func unitLength(window time.Duration) time.Duration {
	return min(max(window/20, time.Second), time.Minute)
}

// routeInfos lists the declared routes and the two built-in ones.
func routeInfos(c *compiled) []evidence.RouteInfo {
	infos := make([]evidence.RouteInfo, 0, len(c.table.Routes)+2)
	for _, r := range routesOf(c) {
		infos = append(infos, evidence.RouteInfo{Name: r.name, Kind: r.kind.String(), Wildcard: r.wildcard})
	}
	return infos
}

func (p *Program) openMachine(ctx context.Context, c *compiled) error {
	o := cutover.Options{
		Run: c.config.Run.Name, Store: stateStore{p.store}, Traffic: traffic{p}, Marker: cutover.Marker(c.config.Store.Path + ".rollback"),
		MirrorFraction: c.config.Mirror.Fraction, ConfigChecksum: c.config.Checksum(), AllowDrift: p.allowDrift,
		Fallback: c.config.Rollback.Fallback == config.FallbackAlways,
		HoldMax:  c.config.Cutover.Hold.Max, DrainMax: c.config.Cutover.Drain, RollbackDrain: c.config.Rollback.Drain,
		Logger: p.log, RolledBack: p.rolledBack, WritesOnNew: p.store.WritesOnNew(),
	}
	if c.config.Databases != nil {
		o.Strict = p.strictChecks // a reload may make a check strict
	}
	machine, err := cutover.Open(ctx, o)
	if err != nil {
		return err
	}
	p.machine = machine
	p.metrics = newMetrics(p)
	return nil
}

func (p *Program) openChecks(_ context.Context, c *compiled) error {
	if c.config.Databases == nil {
		return nil
	}
	runner, err := newRunner(c, p.registry, p.checked, p.standsStill)
	p.checks = runner
	return err
}

func (p *Program) openProxy(_ context.Context, c *compiled) error {
	k := c.config
	clients, err := proxy.NewClients(p.registry)
	if err != nil {
		return err
	}
	p.clients = clients
	made, err := proxy.NewProxy(proxy.Options{
		Run: k.Run.Name, Old: c.old, New: c.new, Table: c.table,
		Workers: k.Mirror.Workers, Queue: k.Mirror.Queue, Memory: k.Mirror.Memory,
		Hold: proxy.HoldOptions{Max: k.Cutover.Hold.Max, Requests: k.Cutover.Hold.Requests, Bytes: k.Cutover.Hold.Bytes},
		Trip: proxy.TripOptions{
			Threshold: k.Rollback.ErrorRate.Threshold, Window: k.Rollback.ErrorRate.Window,
			MinRequests: k.Rollback.ErrorRate.MinRequests, MinFailures: k.Rollback.ErrorRate.MinFailures,
			MinDistinct: k.Rollback.ErrorRate.MinDistinct,
		},
		Router: router{p.machine}, Observer: observer{p}, Clients: clients, Registerer: p.registry, Logger: p.log,
	})
	p.proxy = made
	return err
}

func (p *Program) openAdmin(_ context.Context, c *compiled) error {
	users := make([]admin.User, 0, len(c.config.Admin.Users))
	for _, u := range c.config.Admin.Users {
		users = append(users, admin.User{Name: u.Name, Role: admin.Role(u.Role), Token: u.Token.Reveal()})
	}
	p.history = admin.NewHistory(&service{p})
	handler, err := admin.Handler(admin.Options{
		Service: &service{p}, Users: users, Gatherer: p.registry, Listen: c.config.Admin.Address, History: p.history, Logger: p.log,
	})
	p.adminServer = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: zap.NewStdLog(p.log)}
	return err
}

// listen takes both ports, so that a busy one is an error at once.
func (p *Program) listen(ctx context.Context) error {
	k := p.current.Load().config
	var config net.ListenConfig
	var err error
	if p.adminList, err = config.Listen(ctx, "tcp", k.Admin.Address); err != nil {
		return fmt.Errorf("admin.address: %w", err)
	}
	o := proxy.ServerOptions{
		Address: k.Listen.Address, Headers: int(k.Listen.Limits.Headers), Body: k.Listen.Limits.Body,
		HeaderTimeout: k.Listen.Limits.HeaderTimeout, IdleTimeout: k.Listen.Limits.IdleTimeout,
		BodyTimeout: k.Listen.Limits.BodyTimeout, WriteTimeout: k.Listen.Limits.WriteTimeout,
		Connections: k.Listen.Limits.Connections, Reserved: proxy.Descriptors(k.Mirror.Workers), Clients: p.clients, Logger: p.log,
	}
	if t := k.Listen.TLS; t != nil {
		o.CertificateFile, o.KeyFile = t.Certificate, t.Key
	}
	if p.frontListen, err = proxy.Listen(ctx, o); err != nil {
		return fmt.Errorf("listen.address: %w", err)
	}
	p.front = proxy.NewServer(o, p.proxy)
	return nil
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

// drainFor bounds how long requests in flight may take once the program was told to stop.
const drainFor = 20 * time.Second

// run serves until ctx ends or a part fails, then drains and stops the parts in the opposite order of their start.
func (p *Program) run(ctx context.Context) error {
	var parts stack
	parts.start(ctx, "store", p.store.Run)     // stops last: everything before it leaves its evidence there
	parts.start(ctx, "cutover", p.machine.Run) // decides, also while requests drain
	parts.start(ctx, "mirror", p.proxy.Run)    // finishes or counts the shadows under way
	if p.checks != nil {
		parts.start(ctx, "checks", p.checks.Run)
	}
	parts.start(ctx, "watch", p.watch)
	parts.start(ctx, "history", p.history.Run)
	parts.start(ctx, "admin", func(ctx context.Context) error { return serveUntil(ctx, p.adminServer, p.adminList, time.Second) })
	failed := parts.failed()
	frontErr := make(chan error, 1)
	go func() { frontErr <- ignoreClosed(p.front.Serve(p.frontListen)) }()
	p.life.Store(admin.Ready)
	p.log.Info("ready", zap.String("proxy", p.proxyURL()), zap.String("admin", p.adminURL()), zap.String("phase", string(p.machine.State().Phase)))

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	case err = <-frontErr:
	}
	p.life.Store(admin.Draining)
	p.log.Info("draining")
	p.drain(ctx)
	return errors.Join(err, parts.stop())
}

// drain lets the requests in flight end; a flip under way is abandoned, so that held writes are answered by old.
func (p *Program) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	p.machine.Settle(ctx)
	for _, b := range []proxy.Backend{proxy.Old, proxy.New} {
		p.proxy.CloseStreams(b) // they have no end to wait for
	}
	if err := p.front.Shutdown(ctx); err != nil {
		p.log.Warn("requests were still in flight when the time to drain was over", zap.Error(err))
		_ = p.front.Close() // they are cut off now
	}
}

func (p *Program) close() {
	if p.checks != nil {
		p.checks.Close()
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
