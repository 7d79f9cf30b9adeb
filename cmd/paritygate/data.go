package main

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"paritygate/config"
	"paritygate/internal/fence"
)

// newDatabases makes what a flip prepares and fences; nil if nothing of it is configured.
func newDatabases(c *config.Config, log *zap.Logger) (*fence.Databases, error) {
	if len(c.Cutover.Prepare) == 0 && c.Cutover.Fence == nil {
		return nil, nil //nolint:nilnil // there is nothing to make, and nothing wrong with that
	}
	o := fence.Options{Warn: func(text string) { log.Warn("fence", zap.String("warning", text)) }}
	for _, p := range c.Cutover.Prepare {
		at := c.Databases.Old
		if p.On == config.OnNew {
			at = c.Databases.New
		}
		o.Prepare = append(o.Prepare, fence.Entry{On: p.On, DSN: at.DSN.Reveal(), SQL: p.SQL, Undo: p.Undo, Timeout: at.StatementTimeout})
	}
	if f := c.Cutover.Fence; f != nil {
		o.Fence = &fence.Fence{
			DSN: f.DSN.Reveal(), SQL: f.SQL, Unfence: f.Unfence, Verify: fence.Verify{DSN: f.Verify.DSN.Reveal(), SQL: f.Verify.SQL},
		}
	}
	d, err := fence.New(o)
	if err != nil {
		return nil, fmt.Errorf("what the flip does to the databases: %w", err)
	}
	return d, nil
}

// probeFence connects as the fence would be put up, and does the write that is to prove it, which has to work as long as there is
// no fence.
func probeFence(ctx context.Context, c *compiled) (admin, verify error) {
	d, err := newDatabases(c.config, zap.NewNop())
	if err != nil {
		return err, err
	}
	return d.Probe(ctx)
}
