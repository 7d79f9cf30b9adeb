package cutover

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// bed is a Data whose calls can fail, or wait for a gate. The real one has its own tests, on PostgreSQL.
type bed struct {
	mu     sync.Mutex
	calls  []string
	fails  map[string]error
	gates  map[string]chan struct{}
	up     bool // the fence stands
	noMore bool // nothing is configured
}

func newBed() *bed { return &bed{fails: map[string]error{}, gates: map[string]chan struct{}{}} }

var errGone = errors.New("connection refused")

func (b *bed) call(ctx context.Context, name string) error {
	b.mu.Lock()
	b.calls = append(b.calls, name)
	err, gate := b.fails[name], b.gates[name]
	b.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (b *bed) now(up bool, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.up = up
	}
	return err
}

func (b *bed) Prepares() bool                    { return !b.noMore }
func (b *bed) Fences() bool                      { return !b.noMore }
func (b *bed) Prepare(ctx context.Context) error { return b.call(ctx, "prepare") }
func (b *bed) Undo(ctx context.Context) error    { return b.call(ctx, "undo") }
func (b *bed) Fence(ctx context.Context) error {
	return b.now(true, b.call(ctx, "fence"))
}

func (b *bed) Unfence(ctx context.Context) error {
	return b.now(false, b.call(ctx, "unfence"))
}

func (b *bed) Standing(ctx context.Context) (bool, error) {
	err := b.call(ctx, "standing")
	return b.stands(), err
}

func (b *bed) stands() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.up
}

func (b *bed) set(change func(*bed)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// did lists the calls since the last time, but for questions.
func (b *bed) did() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := slices.DeleteFunc(slices.Clone(b.calls), func(c string) bool { return c == "standing" })
	b.calls = nil
	return calls
}
