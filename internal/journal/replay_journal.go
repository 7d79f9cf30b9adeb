package journal

import "context"

// Replay sends the writes that the other side accepted and To lacks, in the order of the facts. The error says why it could not begin;
// what stopped it later is in the summary. Ending ctx stops it behind what is under way. One replay may run at a time.
func (j *Journal) Replay(ctx context.Context, o ReplayOptions, sender Sender, report func(Progress)) (Summary, error) {
	if err := j.Sync(ctx); err != nil {
		return Summary{}, err // what was marked and nobody waited for is read as well
	}
	p := newReplay(j, o, sender, report)
	p.flush, p.last = j.Sync, j.noted.Load
	p.read = func(from uint64) (recordReader, error) { return j.Tail(from), nil }
	p.salvage = func(d *Damage, visit func(*Record)) error { return salvage(j.o.Directory, d, visit) }
	sum, err := p.run(ctx, j.Backlog(o.To).OldestSeq)
	if err == nil && !o.DryRun { // it counts what ended meanwhile as well
		b := j.Backlog(o.To)
		sum.Left, sum.Unknown = b.Acknowledged, b.Unknown+b.Gaps
	}
	return sum, err
}

// Sync returns once everything that was recorded before is durable.
func (j *Journal) Sync(ctx context.Context) error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return j.fail("syncing", errClosed)
	}
	j.join(nil).sync = true
	j.mu.Unlock()
	if err := j.commit(ctx); err != nil {
		return err
	}
	return j.Err()
}
