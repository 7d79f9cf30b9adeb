package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
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
	"paritygate/internal/fence"
	"paritygate/internal/handover"
	"paritygate/proxy"
)

// Program is what `serve` runs: the store, the cutover machine, the proxy, the checks and the admin API, wired together.
// newProgram opens and checks everything, listen takes the ports, run serves until its context ends.
type Program struct {
	options  programOptions
	log      *zap.Logger
	registry *prometheus.Registry
	metrics  *metrics
	triggers *triggers
	current  atomic.Pointer[compiled]

	wrote        chan struct{} // new took its first write since the flip
	fresh        sync.Map      // the latest result of each check, by name, for where the store did not take it
	judged       atomic.Pointer[judgement]
	soaked       atomic.Pointer[soaked]
	explanations explanations // of the groups of mismatches

	store     *evidence.Store
	keeper    *keeper // of the journal of writes
	replays   *replays
	mirror    *mirroring
	machine   *cutover.Machine
	databases *fence.Databases // nil: a flip does nothing to them
	proxy     *proxy.Proxy
	clients   *proxy.Clients
	checks    *aggregate.Runner // nil: none are configured
	access    *accessLog        // nil: none is written
	health    *health
	history   *admin.History

	front                  *proxy.Drainer
	certificate            *proxy.Certificate // nil: no TLS
	adminServer            *http.Server
	frontListen, adminList net.Listener
	rawFront               net.Listener // below frontListen's TLS
	started                time.Time
	life                   atomic.Value        // of admin.State
	successor              *handover.Successor // once run has ended: who is to take over, or nil
}

// programOptions are what serve is told besides the configuration. Only the log is needed.
type programOptions struct {
	log        *zap.Logger
	allowDrift bool
	recovery   *cutover.Recovery // what an operator says is true; nil if nobody does
	reload     func() (*compiled, error)
	hup        <-chan os.Signal
	// hurry ends a drain at once.
	hurry context.Context
	// sockets are listened on instead of the configured addresses, by name.
	sockets map[string]*handover.Socket
	// ready is called when clients are served, ending when the program begins to drain for good.
	ready, ending func()
	// upgrade asks for a successor, and succeed starts one.
	upgrade <-chan os.Signal
	succeed func(context.Context) (*handover.Successor, error)
	rewire  func(cutover.Options) cutover.Options // of system
}

// newProgram opens the store, decides what a crash left undecided, and wires the parts. It starts nothing.
func newProgram(ctx context.Context, c *compiled, o programOptions) (*Program, error) {
	p := &Program{options: o, log: o.log, registry: prometheus.NewRegistry(), wrote: make(chan struct{}, 1), started: time.Now()}
	p.life.Store(admin.Starting)
	p.replays = newReplays(p)
	p.current.Store(c)
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.health = newHealth(p)
	steps := []func(context.Context, *compiled) error{
		p.openStore,   // first: its lock keeps a second proxy out
		p.openJournal, // bears out what the store says, or does not
		p.openMirror,  // the flip and the rollback wait for it
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
		infos = append(infos, evidence.RouteInfo{Name: r.name, Kind: r.kind.String(), Wildcard: r.wildcard, Rules: ruleTexts(c.config, r.name)})
	}
	return infos
}

var fallbacks = map[string]cutover.Fallback{
	config.FallbackOff: cutover.Never, config.FallbackCanary: cutover.InCanary, config.FallbackAlways: cutover.Always,
}

func (p *Program) openMachine(ctx context.Context, c *compiled) error {
	o := cutover.Options{
		Run: c.config.Run.Name, Store: &stateStore{store: p.store}, Traffic: traffic{p}, Marker: cutover.Marker(filepath.Join(c.config.Journal.Directory, "rollback")),
		MirrorFraction: c.config.Mirror.Fraction, ConfigChecksum: c.config.Checksum(), ConfigText: string(c.config.EvidenceYAML()), AllowDrift: p.options.allowDrift,
		CanaryFraction: c.config.Canary.Fraction, Fallback: fallbacks[c.config.Rollback.Fallback],
		HoldMax: c.config.Cutover.Hold.Max, DrainMax: c.config.Cutover.Drain, RollbackDrain: c.config.Rollback.Drain,
		Logger: p.log, RolledBack: p.rolledBack, WritesOnNew: p.store.WritesOnNew(),
	}
	o.Snapshot, o.Progress, o.Recover = p.gateAsItStood, p.step, p.options.recovery
	o.Baseline = func() json.RawMessage { return p.triggers.baseline() }
	o.InFlight = func(of cutover.Side) int { return p.proxy.Writes(backendOf(of)).InFlight }
	o.Witness, o.Unrecordable = p.keeper.witness(), p.keeper.err
	o.CatchUp = p.mirror.catchUp
	o.Strict = p.strictChecks // a reload may make a check strict
	databases, err := newDatabases(c.config, p.log)
	if err != nil {
		return err
	}
	if p.databases = databases; databases != nil {
		o.Data = databases
	}
	if p.options.rewire != nil {
		o = p.options.rewire(o)
	}
	machine, err := cutover.Open(ctx, o)
	if err != nil {
		return err
	}
	p.machine = machine
	p.triggers = newTriggers(p, c.config.Rollback)
	p.metrics = newMetrics(p)
	return nil
}

func (p *Program) openChecks(_ context.Context, c *compiled) error {
	runner, err := newRunner(c, aggregate.Options{
		Registerer: p.registry, Report: p.checked, Resting: p.standsStill, Progress: progress{p.store},
	})
	p.checks = runner
	return err
}

func (p *Program) openProxy(ctx context.Context, c *compiled) error {
	k := c.config
	clients, err := proxy.NewClients(p.registry)
	if err != nil {
		return err
	}
	p.clients = clients
	var access proxy.AccessLog // a nil one costs nothing
	if k.Log.Access.Fraction > 0 {
		p.access = newAccessLog(k.Log.Access.Fraction, p.log, p.registry)
		access = p.access
	}
	made, err := proxy.NewProxy(proxy.Options{
		Run: k.Run.Name, Old: c.old, New: c.new, Table: c.table,
		Workers: k.Mirror.Workers, Queue: k.Mirror.Queue, Memory: k.Mirror.Memory,
		Hold: proxy.HoldOptions{Max: k.Cutover.Hold.Max, Requests: k.Cutover.Hold.Requests, Bytes: k.Cutover.Hold.Bytes},
		Trip: proxy.TripOptions{
			Threshold: k.Rollback.ErrorRate.Threshold, Window: k.Rollback.ErrorRate.Window,
			MinRequests: k.Rollback.ErrorRate.MinRequests, MinFailures: k.Rollback.ErrorRate.MinFailures,
			MinDistinct: k.Rollback.ErrorRate.MinDistinct,
		},
		Journal: recorder{p}, JournalBody: k.Journal.Body,
		Router: router{p}, Observer: observer{p}, Clients: clients, Access: access, Registerer: p.registry, Logger: p.log,
	})
	if err != nil {
		return err
	}
	p.proxy = made
	p.proxy.SetMask(noiseMask(p.store.Noise(""))) // what the process before this one had masked
	p.settleNoise(ctx)
	return nil
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
