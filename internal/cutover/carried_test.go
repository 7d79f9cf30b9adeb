package cutover

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

// detailOf is what the last step of the name says.
func detailOf(steps []Step, name StepName) string {
	detail := ""
	for _, s := range steps {
		if s.Name == name {
			detail = s.Detail
		}
	}
	return detail
}

func TestAFlipWaitsForTheMirrorAndARollbackSaysWhatIsLeft(t *testing.T) {
	behind := errors.New("the mirror is stopped at 12345678-9")
	for _, c := range []struct {
		name    string
		carried Carried
		err     error
		fenced  bool
		phase   Phase
		says    string // the step of the drain, or the error
	}{
		{name: "nothing was left to carry", phase: Live},
		{name: "it had to wait", carried: Carried{Writes: 3}, phase: Live, says: "the mirror carried 3 to new"},
		{name: "new lacks something", carried: Carried{Writes: 1, Left: 2}, err: behind, phase: Shadow, says: behind.Error()},
		{name: "a fence does not make up for it", carried: Carried{Left: 2}, err: behind, fenced: true, phase: Shadow, says: behind.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []Side
				b := start(t, &memory{}, func(o *Options) {
					o.CatchUp = func(_ context.Context, from Side) (Carried, error) {
						asked = append(asked, from)
						return c.carried, c.err
					}
					if c.fenced {
						o.Data = &ready{}
					}
				})
				defer b.end(t)
				_, err := b.Do(t.Context(), Command{Kind: Flip}, nil)
				b.in(t, c.phase)
				if len(asked) != 1 || asked[0] != Old {
					t.Errorf("asked to carry what %v accepted, want old's, once", asked)
				}
				if c.err == nil {
					if detail := detailOf(b.Steps(), StepDrain); err != nil || detail != c.says {
						t.Errorf("the drain says %q (%v), want %q", detail, err, c.says)
					}
				} else if !errors.Is(err, ErrFlip) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("the flip ended in %v, want one that says %q", err, c.says)
				}
			})
		})
	}
}

func TestARollbackGoesOnWithoutTheMirrorAndSaysHowManyAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		carried, behind := Carried{}, error(nil)
		b := start(t, &memory{}, func(o *Options) {
			o.CatchUp = func(context.Context, Side) (Carried, error) { return carried, behind }
		})
		defer b.end(t)
		b.must(t, Command{Kind: Flip})
		carried, behind = Carried{Writes: 5, Left: 2}, errors.New("there was no time for more")
		b.must(t, Command{Kind: Rollback, Reason: "regression"})
		b.in(t, RolledBack)
		if got, want := detailOf(b.Steps(), StepDrain), "the mirror carried 5 to old; 2 are not on old"; got != want {
			t.Errorf("the drain says %q, want %q", got, want)
		}
	})
}

// ready are databases that do as they are told.
type ready struct{ stands bool }

func (*ready) Prepares() bool                           { return false }
func (*ready) Fences() bool                             { return true }
func (*ready) Prepare(context.Context) error            { return nil }
func (*ready) Undo(context.Context) error               { return nil }
func (d *ready) Fence(context.Context) error            { d.stands = true; return nil }
func (d *ready) Unfence(context.Context) error          { d.stands = false; return nil }
func (d *ready) Standing(context.Context) (bool, error) { return d.stands, nil }
