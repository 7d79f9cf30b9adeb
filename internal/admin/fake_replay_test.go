package admin_test

import (
	"context"

	"paritygate/internal/admin"
)

func (r *run) StartReplay(_ context.Context, c admin.Change, q admin.ReplayRequest) (admin.Replay, error) {
	m := made{Call: "replay", Actor: c.Actor, DryRun: q.DryRun, Name: q.To}
	if c.Epoch != nil {
		m.Epoch = *c.Epoch
	}
	r.locked(func() { r.changes, r.replay = append(r.changes, m), q })
	return admin.Replay{State: admin.ReplayRunning, To: q.To}, r.err
}

func (r *run) Replay(context.Context) (admin.Replay, error) {
	if r.replayed != nil {
		return *r.replayed, r.err
	}
	return admin.Replay{State: admin.ReplayNone}, r.err
}

func (r *run) StopReplay(_ context.Context, c admin.Change) (admin.Replay, error) {
	r.locked(func() { r.changes = append(r.changes, made{Call: "stop replay", Actor: c.Actor}) })
	return admin.Replay{State: admin.ReplayStopping}, r.err
}
