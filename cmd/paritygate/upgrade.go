package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"paritygate/internal/cutover"
	"paritygate/internal/handover"
)

const (
	// startWithin bounds the time for a successor to read its configuration, takeWithin that for it to open the store and serve.
	startWithin = 30 * time.Second
	takeWithin  = 20 * time.Second
)

// offer is what a successor tells of its configuration.
func offer(c *compiled) handover.Offer {
	k := c.config
	return handover.Offer{
		Run: k.Run.Name, Store: k.Store.Path, Proxy: k.Listen.Address, Admin: k.Admin.Address, Checksum: k.Checksum(),
		Journal: k.Journal.Directory,
	}
}

// attempt is a process that is to take over, or why there is none.
type attempt struct {
	successor *handover.Successor
	err       error
}

// startSuccessor starts a process that is to take over, beside the serving.
func (p *Program) startSuccessor(ctx context.Context) <-chan attempt {
	out := make(chan attempt, 1)
	go func() {
		s, err := p.trySuccessor(ctx)
		out <- attempt{s, err}
	}()
	return out
}

// notHandedOver says why this process goes on.
func (p *Program) notHandedOver(ctx context.Context, err error) {
	p.log.Error("SIGUSR2: not handed over, this process goes on serving", zap.Error(err))
	p.audit(ctx, p.auditLine("upgrade_failed", err.Error()))
}

func (p *Program) trySuccessor(ctx context.Context) (*handover.Successor, error) {
	switch {
	case p.options.succeed == nil:
		return nil, errors.New("this program cannot start another one")
	case os.Getpid() == 1:
		return nil, errors.New("this is process 1, with which a container ends: start a new container, have the load balancer " +
			"follow, and stop this one (under an init like tini as well: it ends with the process that it started)")
	}
	if err := p.movable(); err != nil {
		return nil, err
	}
	s, err := p.options.succeed(ctx)
	if err != nil {
		return nil, err
	}
	err = p.acceptable(s.Offer)
	if err == nil {
		err = p.movable()
	}
	if err != nil {
		s.Cancel()
		return nil, err
	}
	p.log.Info("a successor is ready to take over", zap.Int("pid", s.PID()))
	p.audit(ctx, p.auditLine("upgrade", fmt.Sprintf("process %d hands over to process %d", os.Getpid(), s.PID())))
	return s, nil
}

// movable refuses to hand over in the middle of a flip: it would be abandoned.
func (p *Program) movable() error {
	if p.machine.State().Phase == cutover.Cutover {
		return errors.New("a cutover is under way; try again when it has ended")
	}
	return nil
}

// acceptable says why a successor would not continue what this process does. It is known before anybody stops to accept.
func (p *Program) acceptable(o handover.Offer) error {
	mine := offer(p.current.Load())
	state := p.machine.State()
	for _, f := range []struct{ what, mine, others string }{
		{"run.name", mine.Run, o.Run},
		{"store.path", mine.Store, o.Store},
		{"journal.directory", mine.Journal, o.Journal},
		{"listen.address", mine.Proxy, o.Proxy},
		{"admin.address", mine.Admin, o.Admin},
	} {
		if f.mine != f.others {
			return fmt.Errorf("%s is %q in the file and %q in this process: stop this one and start anew to change it", f.what, f.others, f.mine)
		}
	}
	if state.Phase == cutover.Live && state.ConfigChecksum != o.Checksum && !p.options.allowDrift {
		return errors.New("rules, routes or checks were edited, which cannot change while the run is live")
	}
	return nil
}

// succeed starts the program from its file with this one's arguments, environment and sockets.
func (s *serving) succeed(ctx context.Context) (*handover.Successor, error) {
	return handover.Start(ctx, handover.Plan{
		Path: s.program, Args: os.Args, Sockets: s.inherited.Sockets, Environment: os.Environ(),
		StartWithin: startWithin, TakeWithin: takeWithin,
	})
}

// goesOn hands over to the successor of a Program that has ended and released the store, and reports whether this process has
// to serve again, because the successor did not.
func (s *serving) goesOn(p *Program) bool {
	began := time.Now()
	s.log.Info("the store is released to the successor", zap.Int("pid", p.successor.PID()))
	err := p.successor.Release(s.stopping)
	if err == nil {
		s.log.Info("the successor serves", zap.Int("pid", p.successor.PID()), zap.Duration("after", time.Since(began)))
		s.notify(fmt.Sprintf("MAINPID=%d", p.successor.PID()))
		return false
	}
	if s.stopping.Err() != nil {
		return false
	}
	s.log.Error("the successor did not take over: this process serves again, with the configuration that it had", zap.Error(err))
	s.waitForStore = max(s.waitForStore, takeWithin/2)
	return true
}
