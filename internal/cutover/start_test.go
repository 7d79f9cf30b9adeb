package cutover

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// What the store says and what the fence is decide together where writes go after a start.
func TestTheFenceAfterAStart(t *testing.T) {
	const (
		served  = "served"
		refused = "refused"
	)
	for _, row := range []struct {
		name     string
		stored   *State // nil: an empty store
		up, gone bool   // the fence stands; the database does not answer
		writes   string
		side     Side
		standing bool
		unwell   string
	}{
		{name: "an empty store and no fence", writes: served, side: Old},
		{name: "an empty store and a fence", up: true, standing: true, writes: refused, unwell: "--recover-phase"},
		{name: "an older store and a fence", stored: &State{Phase: Shadow, Epoch: 3}, up: true, standing: true, writes: refused, unwell: "--recover-phase"},
		{name: "canary and a fence", stored: &State{Phase: Canary, Epoch: 3, CanaryFraction: 0.5}, up: true, standing: true, writes: refused, unwell: "--recover-phase"},
		{name: "shadow, and nobody knows", stored: &State{Phase: Shadow, Epoch: 3}, gone: true, writes: served, side: Old, unwell: "whether old is fenced is unknown"},
		{name: "a rollback that was not unfenced", stored: &State{Phase: RolledBack, Epoch: 3, Fenced: true}, up: true, writes: served, side: Old},
		{name: "the same with its database gone", stored: &State{Phase: RolledBack, Epoch: 3, Fenced: true}, up: true, gone: true, standing: true, writes: refused, unwell: "still fenced"},
		{name: "a flip without a commit", stored: &State{Phase: Cutover, Before: Shadow, Epoch: 3, Fenced: true, Prepared: true}, up: true, writes: served, side: Old},
		{name: "a flip without a commit, database gone", stored: &State{Phase: Cutover, Before: Canary, CanaryFraction: 0.5, Epoch: 3, Fenced: true}, up: true, gone: true, standing: true, writes: refused, unwell: "still fenced"},
		{name: "live", stored: &State{Phase: Live, Epoch: 3, Fenced: true}, up: true, standing: true, writes: served, side: New},
		{name: "live, and nobody knows", stored: &State{Phase: Live, Epoch: 3, Fenced: true}, gone: true, writes: served, side: New, unwell: "unknown"},
		{name: "live without its fence", stored: &State{Phase: Live, Epoch: 3, Fenced: true}, writes: refused, unwell: "old is not fenced"},
		{name: "live that never had a fence", stored: &State{Phase: Live, Epoch: 3}, writes: served, side: New},
		{name: "live declared, not secured", stored: &State{Phase: Live, Epoch: 3, Fenced: true, Unsecured: true}, standing: true, writes: served, side: New},
		{name: "complete", stored: &State{Phase: Complete, Epoch: 3, Fenced: true}, up: true, standing: true, writes: served, side: New},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				data, store := newBed(), &memory{}
				data.up = row.up
				if row.gone {
					for _, call := range []string{"standing", "unfence", "undo"} {
						data.fails[call] = errGone
					}
				}
				if row.stored != nil {
					store.state, store.has = *row.stored, true
					store.state.Run = "run"
				}
				b := withBed(t, store, data, func(o *Options) { o.CanaryFraction = store.state.CanaryFraction })
				if p := b.Plan(); row.stored == nil && p.Epoch != 1 || p.Reads == Nobody {
					t.Errorf("plan at the start: %+v", *p)
				}
				pass(time.Minute)
				p := b.Plan()
				if p.Hold || p.Refuse != (row.writes == refused) || !p.Refuse && p.Writes != row.side || data.stands() != row.standing {
					t.Errorf("plan after a minute: %+v, fenced %v", *p, data.stands())
				}
				if s := b.State(); b.model.stage == disputed && s.Fenced != row.standing {
					t.Errorf("in dispute the state says fenced %v", s.Fenced)
				}
				if u := b.Unwell(); !strings.Contains(u, row.unwell) || (row.unwell == "") != (u == "") {
					t.Errorf("unwell: %q", u)
				}
				data.set(func(d *bed) { d.fails = nil })
				pass(10 * time.Second)
				if s, _, _ := b.store.Load(t.Context()); !b.Plan().Refuse && s.Fenced != data.stands() {
					t.Errorf("the store says fenced %v, and it is %v", s.Fenced, data.stands())
				}
				b.end(t)
			})
		})
	}
}

// A dispute ends by a rollback from where new answers clients, which unfences old whatever the fence was seen to be, and by nothing else.
func TestADisputeRefusesEveryChange(t *testing.T) {
	for _, stored := range []State{
		{Run: "run", Phase: Live, Epoch: 3, Fenced: true},
		{Run: "run", Phase: Canary, Epoch: 3, CanaryFraction: 0.5, ConfiguredCanary: 0.5},
	} {
		synctest.Test(t, func(t *testing.T) {
			data := newBed()
			data.up = stored.Phase != Live
			b := withBed(t, &memory{state: stored, has: true}, data, func(o *Options) { o.CanaryFraction = stored.CanaryFraction })
			defer b.end(t)
			synctest.Wait()
			for _, kind := range []CommandKind{Mirror, Finish, Restart} {
				if _, err := b.Do(t.Context(), Command{Kind: kind}, nil); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "--recover-phase") {
					t.Errorf("%s says %v", kind, err)
				}
			}
			b.must(t, Command{Kind: Rollback, Reason: "new is wrong"})
			b.in(t, RolledBack)
			if p := b.Plan(); p.Refuse || p.Writes != Old || len(data.did()) != 1 || data.stands() {
				t.Errorf("plan %+v, fenced %v", *p, data.stands())
			}
		})
	}
}

// What the fence was in an epoch that is over disputes nothing of this one.
func TestALateAnswerAboutTheFenceIsAskedAgain(t *testing.T) {
	m := model{state: State{Phase: RolledBack, Epoch: 8}, fences: true}
	effects := m.step(event{kind: standingKnown, asked: 7, standing: true})
	if m.stage != steady || len(effects) != 1 || effects[0].kind != askStanding {
		t.Errorf("stage %s, %d effects", m.stage, len(effects))
	}
}

func TestWhatAnOperatorDeclares(t *testing.T) {
	shadow, live := State{Phase: Shadow, Epoch: 7}, State{Phase: Live, Epoch: 7, Fenced: true}
	for _, row := range []struct {
		name   string
		stored *State
		marker uint64
		data   *bed
		gone   bool
		up     bool
		phase  Phase
		reason string
		err    string
		epoch  uint64
		side   Side
	}{
		{name: "rolled back on an empty store", data: newBed(), up: true, phase: RolledBack, epoch: 2, side: Old},
		{name: "live on an empty store", data: newBed(), up: true, phase: Live, epoch: 2, side: New},
		{name: "live on an empty store, no fence", phase: Live, epoch: 2, side: New},
		{name: "shadow where the store says live", stored: &live, data: newBed(), phase: Shadow, epoch: 8, side: Old},
		{name: "live where the store is older", stored: &shadow, data: newBed(), up: true, phase: Live, epoch: 8, side: New},
		{name: "live beyond a marker", stored: &shadow, marker: 12, data: newBed(), phase: Live, epoch: 13, side: New},
		{name: "live while nobody knows", stored: &shadow, data: newBed(), gone: true, phase: Live, epoch: 8, side: New},
		{name: "nothing to recover", stored: &shadow, data: newBed(), phase: Live, err: "nothing to recover"},
		{name: "nothing to recover in live", stored: &live, data: newBed(), up: true, phase: RolledBack, err: "nothing to recover"},
		{name: "nonsense", phase: Cutover, err: "one of the phases"},
		{name: "no reason", phase: Live, reason: " ", err: "needs a reason"},
		{name: "a canary of nothing", phase: Canary, err: "canary.fraction"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memory{}
				if row.stored != nil {
					store.state, store.has = *row.stored, true
					store.state.Run = "run"
				}
				o := Options{
					Run: "run", Store: store, Marker: Marker(filepath.Join(t.TempDir(), "m")), Logger: zap.NewNop(),
					Recover: &Recovery{Phase: row.phase, Reason: "I saw it" + row.reason, Actor: "operator"},
				}
				if row.reason != "" {
					o.Recover.Reason = row.reason
				}
				if row.marker > 0 {
					if err := o.Marker.write(State{Run: "run", Phase: RolledBack, Epoch: row.marker}); err != nil {
						t.Fatal(err)
					}
				}
				if row.data != nil {
					row.data.up = row.up
					o.Data = row.data
				}
				if row.gone {
					row.data.fails["standing"], row.data.fails["fence"] = errGone, errGone
				}
				if row.err != "" {
					if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), row.err) {
						t.Errorf("the start says %v, want %q", err, row.err)
					}
					return
				}
				b := start(t, store, func(all *Options) {
					o.Traffic, o.HoldMax, o.DrainMax = all.Traffic, all.HoldMax, all.DrainMax
					*all = o
				})
				pass(30 * time.Second)
				if row.gone {
					if p := b.Plan(); !p.Refuse {
						t.Errorf("plan while old cannot be fenced: %+v", *p)
					}
					row.data.set(func(b *bed) { b.fails = nil })
					pass(3 * time.Second)
				}
				p, s := b.Plan(), b.State()
				if p.Phase != row.phase || p.Hold || p.Refuse || p.Writes != row.side || s.Epoch != row.epoch || s.Unsecured {
					t.Errorf("plan %+v, state %+v", *p, s)
				}
				if row.data != nil && row.data.stands() != (row.side == New) {
					t.Errorf("the fence stands: %v", row.data.stands())
				}
				last := b.store.log[0]
				if last.Kind != "recover" || last.Actor != "operator" || last.Reason != "I saw it" {
					t.Errorf("the audit log says %+v", last)
				}
				b.must(t, map[Side]Command{Old: {Kind: Mirror}, New: {Kind: Rollback}}[row.side])
				b.end(t)

				again, err := Open(t.Context(), o) // a unit file with the flag in it
				if err != nil {
					t.Fatal(err)
				}
				if want := map[Side]Phase{Old: row.phase, New: RolledBack}[row.side]; again.State().Phase != want {
					t.Errorf("the next start with the same flag is %s", again.State().Phase)
				}
			})
		})
	}
}
