package evidence

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestCommit(t *testing.T) {
	s := mustOpen(t, options(t, newClock()))
	if _, ok, err := s.State(t.Context()); ok || err != nil {
		t.Fatalf("a new store has a state: %v %v", ok, err)
	}
	st := func(epoch uint64, phase string) State {
		return State{Run: "move", Phase: phase, Epoch: epoch, Body: json.RawMessage(`{"fraction":0.1}`)}
	}
	steps := []struct {
		name   string
		expect uint64
		state  State
		want   error
		text   string
	}{
		{name: "first", expect: 0, state: st(1, "shadow")},
		{name: "from an epoch that is over", expect: 0, state: st(1, "live"), want: ErrConflict, text: "at epoch 1, not 0"},
		{name: "from an epoch to come", expect: 2, state: st(3, "live"), want: ErrConflict, text: "at epoch 1, not 2"},
		{name: "same epoch", expect: 1, state: st(1, "shadow")},
		{name: "next", expect: 1, state: st(2, "cutover")},
		{name: "backwards", expect: 2, state: st(1, "shadow"), text: "epoch 1 after epoch 2"},
		{name: "of another run", expect: 2, state: State{Run: "other", Epoch: 3, Body: json.RawMessage("{}")}, text: `run "other"`},
		{name: "not JSON", expect: 2, state: State{Run: "move", Epoch: 3, Body: json.RawMessage("{")}, text: "not JSON"},
		{name: "no number of SQLite", expect: 2, state: st(math.MaxUint64, "x"), text: "out of range"},
	}
	committed := 0
	for _, step := range steps {
		ev, err := s.Commit(t.Context(), step.expect, step.state, Event{Kind: "phase", To: step.state.Phase, Epoch: step.state.Epoch})
		if step.text != "" {
			if err == nil || !strings.Contains(err.Error(), step.text) || step.want != nil && !errors.Is(err, step.want) {
				t.Errorf("%s: error %v, want %q", step.name, err, step.text)
			}
			continue
		}
		committed++
		if err != nil || ev.Seq != int64(committed) || ev.Hash == "" || ev.Time.IsZero() {
			t.Errorf("%s: event %+v, error %v", step.name, ev, err)
		}
	}
	s = reopen(t, s)
	got, ok, err := s.State(t.Context())
	if err != nil || !ok || got.Epoch != 2 || got.Phase != "cutover" || string(got.Body) != `{"fraction":0.1}` || got.Run != "move" {
		t.Errorf("state %+v %v %v", got, ok, err)
	}
	events, err := s.Events(t.Context(), 0, 0)
	if err != nil || len(events) != committed {
		t.Errorf("%d events (%v), want one for each of %d commits", len(events), err, committed)
	}
}

func TestNothingIsCommittedToAFileThatIsGone(t *testing.T) {
	s := mustOpen(t, options(t, newClock()))
	commit := func(expect uint64) error {
		_, err := s.Commit(t.Context(), expect, State{Run: "move", Epoch: expect + 1, Body: json.RawMessage("{}")}, Event{})
		return err
	}
	if err := commit(0); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.path, s.path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := commit(1); err == nil || !strings.Contains(err.Error(), "the file is gone") {
		t.Errorf("committed where nobody finds it: %v", err)
	}
	if err := os.Rename(s.path+".moved", s.path); err != nil {
		t.Fatal(err)
	}
	if err := commit(1); err != nil {
		t.Errorf("the file is back: %v", err)
	}
}

func TestCommitLetsOneOfManyThrough(t *testing.T) {
	s := mustOpen(t, options(t, newClock()))
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := s.Commit(t.Context(), 0, State{Run: "move", Epoch: 1, Body: json.RawMessage("{}")}, Event{})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ErrConflict):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d commits of one epoch", won.Load())
	}
}
