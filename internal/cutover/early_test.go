package cutover

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// slowFence takes a while to say that it does not stand.
type slowFence struct{ Data }

func (slowFence) Prepares() bool { return false }

func (slowFence) Fences() bool { return true }

func (slowFence) Standing(ctx context.Context) (bool, error) {
	wait(ctx, time.Second)
	return false, ctx.Err()
}

// While it is asked at the start whether old is fenced, commands wait for the answer; a rollback does not.
func TestCommandsWaitForTheFirstLookAtTheFence(t *testing.T) {
	for _, row := range []struct {
		name string
		c    Command
		took time.Duration
		want error
	}{
		{"mirror", Command{Kind: Mirror, Fraction: 0.5}, time.Second, nil},
		{"another epoch", Command{Kind: Mirror, Epoch: 7}, time.Second, ErrEpoch},
		{"rollback", Command{Kind: Rollback}, 0, ErrPhase},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, &memory{}, func(o *Options) { o.Data = slowFence{} })
				defer b.end(t)
				began := time.Now()
				if _, err := b.Do(t.Context(), row.c, nil); !errors.Is(err, row.want) {
					t.Errorf("%v, want %v", err, row.want)
				}
				if took := time.Since(began); took != row.took {
					t.Errorf("answered after %s, want %s", took, row.took)
				}
			})
		})
	}
}
