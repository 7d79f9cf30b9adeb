package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/internal/journal"
)

// runFiles are the store and the journal of a run that no proxy holds. Nobody else gets them until they are closed.
type runFiles struct {
	config  *compiled
	program *Program // of which the store alone is open
	state   cutover.State
	found   bool             // the store has a state
	journal *journal.Journal // nil: it is not open
}

// openRunFiles opens the store of the configuration. unreached says why no proxy was asked.
func openRunFiles(ctx context.Context, o *options, unreached error) (*runFiles, error) {
	c, err := load(o.config, o.sys.lookup)
	if err != nil {
		return nil, err
	}
	f := &runFiles{config: c, program: &Program{log: zap.NewNop(), registry: prometheus.NewRegistry()}}
	f.program.current.Store(c)
	if err := f.program.openStore(ctx, c); err != nil {
		if errors.Is(err, evidence.ErrInUse) {
			return nil, fmt.Errorf("%w; and the proxy that holds it cannot be asked: %w", err, unreached)
		}
		return nil, err
	}
	if f.state, f.found, err = (&stateStore{store: f.program.store}).Load(ctx); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *runFiles) openJournal(ctx context.Context) (err error) {
	if f.journal, err = journal.Open(ctx, journalOptions(f.program, f.config)); err != nil {
		return fmt.Errorf("journal.directory: %w", err)
	}
	return nil
}

// close gives both back. What was written to them is durable.
func (f *runFiles) close() {
	if f.journal != nil {
		_ = f.journal.Close()
	}
	_ = f.program.store.Close()
}
