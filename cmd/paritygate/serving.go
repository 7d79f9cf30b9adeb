package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/internal/handover"
	"paritygate/internal/journal"
)

// serving is `serve`: one Program, or another one with the same configuration after a successor that did not take over.
type serving struct {
	o            *options
	allowDrift   bool
	recovery     *cutover.Recovery // nil: nobody says in which phase the run is
	waitForStore time.Duration

	log       *zap.Logger
	inherited handover.Inherited
	hup       chan os.Signal
	upgrade   chan os.Signal
	stopping  context.Context // ends with the first SIGTERM or SIGINT,
	hurry     context.Context // and this with the second
	program   string          // where this program's file is, also after it was replaced
}

func (s *serving) serve(ctx context.Context) (err error) {
	ctx, stop := s.watchSignals(ctx)
	defer stop()
	s.stopping = ctx
	s.program = programPath()
	if s.inherited, err = handover.Inherit(proxySocket, adminSocket); err != nil {
		return err
	}
	if before := s.inherited.Predecessor; before != nil {
		defer func() {
			if err != nil {
				before.Failed(err)
			}
		}()
	}
	c, err := s.read()
	if err != nil {
		return err
	}
	s.log = newLogger(c.config.Log, s.o.sys)
	stdlog.SetOutput(io.Discard) // net/http's client writes bytes of strange answers there; they may hold secrets
	if before := s.inherited.Predecessor; before != nil {
		s.waitForStore = max(s.waitForStore, takeWithin/2) // it is free, or its holder has just died
		if err := before.Offer(ctx, offer(c)); err != nil {
			return err
		}
	}
	for {
		p, err := s.open(ctx, c)
		if err != nil {
			return err
		}
		err = p.run(ctx)
		p.close()
		if p.successor == nil || !s.goesOn(p) {
			return err
		}
		c = p.current.Load()
	}
}

func (s *serving) read() (*compiled, error) { return load(s.o.config, s.o.sys.lookup) }

// watchSignals returns a context that ends with the first SIGTERM or SIGINT; the second ends s.hurry, and the third the process.
func (s *serving) watchSignals(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	var hurry context.CancelFunc
	s.hurry, hurry = context.WithCancel(context.WithoutCancel(ctx))
	s.hup, s.upgrade = make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(s.hup, syscall.SIGHUP) // from here on, so that none ends a program that is still starting
	signal.Notify(s.upgrade, syscall.SIGUSR2)
	end := make(chan os.Signal, 2)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	done := make(chan struct{})
	go func() {
		for _, next := range []context.CancelFunc{cancel, func() { signal.Stop(end); hurry() }} {
			select {
			case <-end:
				next()
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(s.hup)
		signal.Stop(s.upgrade)
		signal.Stop(end)
		close(done)
		cancel()
		hurry()
	}
}

// storePoll is how often it is asked whether the store is free.
const storePoll = 10 * time.Millisecond

// open makes a Program that listens. It waits for the store first, so that whoever waits does not accept.
func (s *serving) open(ctx context.Context, c *compiled) (*Program, error) {
	o := programOptions{
		log: s.log, allowDrift: s.allowDrift, recovery: s.recovery, reload: s.read, hup: s.hup, hurry: s.hurry, sockets: s.inherited.Sockets,
		ready: s.ready, ending: s.ending, upgrade: s.upgrade, succeed: s.succeed, rewire: s.o.sys.rewire,
	}
	deadline := time.Now().Add(s.waitForStore)
	tick := time.NewTicker(storePoll)
	defer tick.Stop()
	p, err := newProgram(ctx, c, o)
	for waiting := false; errors.Is(err, evidence.ErrInUse) && time.Now().Before(deadline); p, err = newProgram(ctx, c, o) {
		if !waiting {
			waiting = true
			s.log.Info("waiting for the store", zap.Duration("at_most", s.waitForStore), zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("stopped while it waited for the store: %w", err)
		case <-tick.C:
		}
	}
	if errors.Is(err, journal.ErrOtherRun) || errors.Is(err, cutover.ErrDrift) || errors.Is(err, cutover.ErrNothingToRecover) || errors.Is(err, evidence.ErrOtherRun) {
		return nil, exit(exitRefused, "%w", err)
	}
	if err != nil {
		return nil, err
	}
	if err := p.listen(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, s.keepSockets(p)
}

// keepSockets keeps the sockets open from now on, whatever becomes of the listeners.
func (s *serving) keepSockets(p *Program) error {
	for name, l := range map[string]net.Listener{proxySocket: p.rawFront, adminSocket: p.adminList} {
		if _, ok := s.inherited.Sockets[name]; ok {
			continue
		}
		kept, err := handover.Keep(l)
		if err != nil {
			p.close()
			return err
		}
		s.inherited.Sockets[name] = kept
	}
	return nil
}

// ready tells those who wait for this process to serve.
func (s *serving) ready() {
	if before := s.inherited.Predecessor; before != nil {
		before.Serving() // and it tells systemd, which does not listen to this one yet
		s.inherited.Predecessor = nil
		return
	}
	s.notify(handover.NotifyReady)
}

// ending lets go of the sockets, so that nobody connects to a process that will not answer any more.
func (s *serving) ending() {
	s.notify(handover.NotifyStopping)
	for _, socket := range s.inherited.Sockets {
		_ = socket.Close() // the listeners made of it are closed when they have been drained
	}
}

func (s *serving) notify(states ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := handover.Notify(ctx, states...); err != nil {
		s.log.Warn("systemd cannot be told", zap.Strings("of", states), zap.Error(err))
	}
}

// programPath is where this program was started from. A link stays a link, so that it may point to another version later.
func programPath() string {
	name := os.Args[0]
	if !strings.ContainsRune(name, filepath.Separator) {
		if found, err := exec.LookPath(name); err == nil {
			name = found
		}
	}
	if path, err := filepath.Abs(name); err == nil {
		if _, err := os.Stat(path); err == nil { // #nosec G703 -- by its own name
			return path
		}
	}
	path, err := os.Executable()
	if err != nil {
		return name
	}
	return path
}
