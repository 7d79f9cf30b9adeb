package cutover

import (
	"context"
	"errors"
	"sync"
	"time"
)

// bases are the databases of the simulation. They outlive every process. What is done to them can fail, hang, be slow, or
// be done in spite of an error.
type bases struct {
	mu               sync.Mutex
	fences           bool // a fence is configured
	fenced, prepared bool
	mode             string // "", fail, half, hang, slow, gone
	calls            int
}

func (b *bases) standing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fenced
}

func (b *bases) set(mode string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mode = mode
}

// committed sees that nothing was left out before the commit.
func (b *bases) committed(s *sim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fences && !b.fenced {
		s.wrong("live is committed before old is fenced")
	}
	if s.data && !b.prepared {
		s.wrong("live is committed before what is to be prepared was")
	}
}

// final says that what was prepared is not to be undone any more.
func (b *bases) final() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prepared = false
}

// touching is what one process does to them.
type touching struct{ *life }

func (t touching) Prepares() bool { return true }

func (t touching) Fences() bool { return t.sim.bases.fences }

func (t touching) Prepare(ctx context.Context) error {
	return t.do(ctx, func(b *bases) { b.prepared = true })
}

func (t touching) Undo(ctx context.Context) error {
	return t.do(ctx, func(b *bases) { b.prepared = false })
}

func (t touching) Fence(ctx context.Context) error {
	return t.do(ctx, func(b *bases) { b.fenced = true })
}

func (t touching) Unfence(ctx context.Context) error {
	return t.do(ctx, func(b *bases) { b.fenced = false })
}

func (t touching) Standing(ctx context.Context) (bool, error) {
	var standing bool
	err := t.do(ctx, func(b *bases) { standing = b.fenced })
	return standing, err
}

// do takes its time, and then makes the change, or not, or only says that it did not. A call that is given up, and one of a
// process that is killed, may have made it or not.
func (t touching) do(ctx context.Context, change func(*bases)) error {
	select {
	case <-t.killed:
		return errors.New("killed") // the dead begin nothing
	default:
	}
	b := &t.sim.bases
	b.mu.Lock()
	mode := b.mode
	b.calls++
	odd := b.calls%2 == 1
	b.mu.Unlock()
	takes := map[string]time.Duration{"": 20 * time.Millisecond, "slow": 1500 * time.Millisecond, "hang": time.Hour}[mode]
	timer := time.NewTimer(takes)
	defer timer.Stop()
	var err error
	select {
	case <-t.killed:
		err = errors.New("killed")
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil && (mode == "fail" || mode == "gone"):
		return errors.New("connection refused")
	case err == nil && mode == "half":
		err = errors.New("connection lost")
	case err != nil && odd:
		return err
	}
	change(b)
	return err
}
