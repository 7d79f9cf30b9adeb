package main

import (
	"context"
	"errors"
	"fmt"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/journal"
	"paritygate/proxy"
)

// onFiles makes replays in this process, while no proxy holds the store: it holds it meanwhile, so that none begins.
type onFiles struct {
	*runFiles
	replays *replays
}

// offline replays on the files. unreached says why no proxy was asked.
func (r *replayCommand) offline(ctx context.Context, unreached error) error {
	files, err := openRunFiles(ctx, r.o, unreached)
	if err != nil {
		return err
	}
	defer files.close()
	if !files.found || files.state.Phase != cutover.RolledBack {
		return exit(exitRefused, "%w", replayMisplaced(files.state.Phase))
	}
	if err := files.openJournal(ctx); err != nil {
		return err
	}
	on := &onFiles{runFiles: files, replays: newReplays(files.program)}
	on.replays.sender = on.sender
	var parts stack
	parts.start(ctx, "journal", files.journal.Run)
	parts.start(ctx, "replay", on.replays.run)
	err = r.make(ctx, on, fmt.Sprintf("run %s, phase %s, epoch %d, no proxy running", files.state.Run, files.state.Phase, files.state.Epoch))
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
