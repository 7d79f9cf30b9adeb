package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/internal/journal"
	"paritygate/proxy"
)

// onFiles makes replays in this process, while no proxy holds the store: it holds it meanwhile, so that none begins.
type onFiles struct {
	program *Program
	journal *journal.Journal
	state   cutover.State
	config  *compiled
	replays *replays
}

// offline replays on the files. unreached says why no proxy was asked.
func (r *replayCommand) offline(ctx context.Context, unreached error) error {
	c, err := load(r.o.config, r.o.sys.lookup)
	if err != nil {
		return err
	}
	log := zap.NewNop()
	p := &Program{log: log, registry: prometheus.NewRegistry()}
	p.current.Store(c)
	if err := p.openStore(ctx, c); err != nil {
		if errors.Is(err, evidence.ErrInUse) {
			return fmt.Errorf("%w; and the proxy that holds it cannot be asked: %w", err, unreached)
		}
		return err
	}
	defer func() { _ = p.store.Close() }() // what was appended is durable
	state, found, err := (&stateStore{store: p.store}).Load(ctx)
	if err != nil {
		return err
	}
	if !found || state.Phase != cutover.RolledBack {
		return exit(exitRefused, "%w", replayMisplaced(state.Phase))
	}
	j, err := journal.Open(ctx, journalOptions(p, c))
	if err != nil {
		return fmt.Errorf("journal.directory: %w", err)
	}
	defer func() { _ = j.Close() }() // all marks are durable
	on := &onFiles{program: p, journal: j, state: state, config: c}
	on.replays = newReplays(p)
	on.replays.sender = on.sender
	var parts stack
	parts.start(ctx, "journal", j.Run)
	parts.start(ctx, "replay", on.replays.run)
	err = r.make(ctx, on, fmt.Sprintf("run %s, phase %s, epoch %d, no proxy running", state.Run, state.Phase, state.Epoch))
	return errors.Join(err, parts.stop())
}

func (f *onFiles) sender() (carrying, error) {
	s, err := proxy.NewSender(proxy.SenderOptions{
		Run: f.config.config.Run.Name, Old: f.config.old, New: f.config.new, Routes: f.config.table.Routes, Set: replayHeaders(f.config),
	})
	return carrying{s}, err
}

func (f *onFiles) start(_ context.Context, q admin.ReplayRequest) (admin.Replay, error) {
	o, err := replayOptions(q)
	if err != nil {
		return admin.Replay{}, err
	}
	f.config.fillReplay(&o)
	return f.replays.start(f.journal, o, admin.LocalActor, f.state.Epoch)
}

func (f *onFiles) look(context.Context) (admin.Replay, error) { return f.replays.look(), nil }

func (f *onFiles) stop(context.Context) error {
	f.replays.interrupt(errStopReplay)
	return nil
}

func (f *onFiles) remains(context.Context) (string, error) {
	l := left{bypassed: f.state.WritesOnNew}.with(f.journal.Backlog(journal.Old), 0)
	return rollbackSafety(f.state, l).Reason, nil
}
