package cutover

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The store and the journal decide together where writes go after a start.
func TestTheJournalIsAWitnessAtTheStart(t *testing.T) {
	const gone = "the journal is not there"
	for _, row := range []struct {
		name    string
		stored  *State // nil: an empty store
		marker  *State
		witness Witness
		phase   Phase
		epoch   uint64
		refused bool
		unwell  string
		stores  bool // what was decided is stored
	}{
		{name: "an empty store and an empty journal", phase: Shadow, epoch: 1, stores: true},
		{name: "an empty store and a journal with writes", witness: Witness{Epoch: 5}, phase: Shadow, epoch: 1, refused: true, unwell: "the store is empty, but the journal has writes"},
		{name: "an empty store and a journal that cannot be read", witness: Witness{Unread: gone}, phase: Shadow, epoch: 1, refused: true, unwell: "the store is empty, and whether"},
		{name: "an empty store, a marker and a journal up to it", marker: &State{Phase: RolledBack, Epoch: 6}, witness: Witness{Epoch: 6}, phase: RolledBack, epoch: 6, stores: true},
		{name: "an empty store, a marker and a journal beyond it", marker: &State{Phase: RolledBack, Epoch: 6}, witness: Witness{Epoch: 8}, phase: RolledBack, epoch: 9, stores: true},
		{name: "live, and the journal agrees", stored: &State{Phase: Live, Epoch: 5}, witness: Witness{Epoch: 5}, phase: Live, epoch: 5, stores: true},
		{name: "live, and nothing was written yet", stored: &State{Phase: Live, Epoch: 5}, witness: Witness{Epoch: 3}, phase: Live, epoch: 5, stores: true},
		{name: "live, and a later epoch", stored: &State{Phase: Live, Epoch: 5, Forced: "why"}, witness: Witness{Epoch: 6}, phase: RolledBack, epoch: 7, stores: true},
		{name: "live, a later epoch, and a marker of it", stored: &State{Phase: Live, Epoch: 5}, marker: &State{Phase: RolledBack, Epoch: 6}, witness: Witness{Epoch: 6}, phase: RolledBack, epoch: 6, stores: true},
		{name: "live, and a marker that the journal has passed", stored: &State{Phase: Live, Epoch: 5}, marker: &State{Phase: RolledBack, Epoch: 6}, witness: Witness{Epoch: 9}, phase: RolledBack, epoch: 10, stores: true},
		{name: "live by a marker's epoch that is older than the store", stored: &State{Phase: Live, Epoch: 7}, marker: &State{Phase: RolledBack, Epoch: 6}, witness: Witness{Epoch: 7}, phase: Live, epoch: 7, stores: true},
		{name: "shadow of a backup", stored: &State{Phase: Shadow, Epoch: 3}, witness: Witness{Epoch: 5}, phase: RolledBack, epoch: 6, stores: true},
		{name: "canary of a backup", stored: &State{Phase: Canary, Epoch: 3}, witness: Witness{Epoch: 5}, phase: RolledBack, epoch: 6, stores: true},
		{name: "an intent whose commit the store lost", stored: &State{Phase: Cutover, Before: Shadow, Epoch: 4}, witness: Witness{Epoch: 5}, phase: RolledBack, epoch: 6, stores: true},
		{name: "an intent without a commit", stored: &State{Phase: Cutover, Before: Shadow, Epoch: 4}, witness: Witness{Epoch: 4}, phase: Shadow, epoch: 5, stores: true},
		{name: "rolled back, and a later epoch", stored: &State{Phase: RolledBack, Epoch: 6}, witness: Witness{Epoch: 8}, phase: RolledBack, epoch: 9, stores: true},
		{name: "complete, and a later epoch", stored: &State{Phase: Complete, Epoch: 6}, witness: Witness{Epoch: 8}, phase: Complete, epoch: 6, refused: true, unwell: "epoch 8", stores: true},
		{name: "live, and less than the store remembers", stored: &State{Phase: Live, Epoch: 5}, witness: Witness{Epoch: 5, Missing: gone}, phase: Live, epoch: 5, refused: true, unwell: gone, stores: true},
		{name: "live, and a journal that cannot be read", stored: &State{Phase: Live, Epoch: 5}, witness: Witness{Unread: gone}, phase: Live, epoch: 5, refused: true, unwell: gone, stores: true},
		{name: "rolled back, and less than the store remembers", stored: &State{Phase: RolledBack, Epoch: 6}, witness: Witness{Missing: gone}, phase: RolledBack, epoch: 6, refused: true, unwell: gone, stores: true},
		{name: "rolled back by a marker, and a journal that is gone", stored: &State{Phase: Live, Epoch: 5}, marker: &State{Phase: RolledBack, Epoch: 6}, witness: Witness{Unread: gone}, phase: RolledBack, epoch: 6, refused: true, unwell: gone, stores: true},
		{name: "shadow, and less than the store remembers", stored: &State{Phase: Shadow, Epoch: 7}, witness: Witness{Missing: gone}, phase: Shadow, epoch: 7, stores: true},
		{name: "canary, and a journal that cannot be read", stored: &State{Phase: Canary, Epoch: 7}, witness: Witness{Unread: gone}, phase: Canary, epoch: 7, stores: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memory{}
				if row.stored != nil {
					store.state, store.has = *row.stored, true
					store.state.Run = "run"
				}
				b := start(t, store, func(o *Options) {
					o.Witness = row.witness
					if row.marker != nil {
						row.marker.Run = "run"
						if err := o.Marker.write(*row.marker); err != nil {
							t.Fatal(err)
						}
					}
				})
				defer b.end(t)
				pass(time.Minute)
				s, p := b.State(), b.Plan()
				if s.Phase != row.phase || s.Epoch != row.epoch || p.Refuse != row.refused || p.Hold {
					t.Errorf("%s in epoch %d, plan %+v; want %s in epoch %d, refused %v", s.Phase, s.Epoch, *p, row.phase, row.epoch, row.refused)
				}
				if u := b.Unwell(); !strings.Contains(u, row.unwell) || (u == "") != (row.unwell == "") || row.refused && !strings.Contains(u, "--recover-phase") {
					t.Errorf("unwell: %q", u)
				}
				if stored, ok, _ := store.Load(t.Context()); ok != row.stores || ok && (stored.Phase != s.Phase || stored.Epoch != s.Epoch) {
					t.Errorf("the store holds %s in epoch %d, %v", stored.Phase, stored.Epoch, ok)
				}
			})
		})
	}
}

// A journal that tells of a rollback has old unfenced where the store knows of the fence; where it does not, the store is older than both.
func TestAJournalBeyondTheStoreAndTheFence(t *testing.T) {
	for _, row := range []struct {
		stored  State
		refused bool
	}{
		{State{Run: "run", Phase: Live, Epoch: 3, Fenced: true}, false},
		{State{Run: "run", Phase: Shadow, Epoch: 3}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			data := newBed()
			data.up = true
			b := withBed(t, &memory{state: row.stored, has: true}, data, func(o *Options) { o.Witness = Witness{Epoch: 5} })
			defer b.end(t)
			pass(time.Minute)
			if p := b.Plan(); p.Refuse != row.refused || p.Hold || p.Writes != Old || b.State().Phase != RolledBack || data.stands() != row.refused {
				t.Errorf("%s, plan %+v, fenced %v", b.State().Phase, *p, data.stands())
			}
		})
	}
}

// A dispute with the journal ends once the journal bears out the store, by a rollback, or by an operator's word; never by a journal that
// knows of more.
func TestHowADisputeWithTheJournalEnds(t *testing.T) {
	live := State{Run: "run", Phase: Live, Epoch: 5, WritesOnNew: 1}
	unread, missing := Witness{Unread: "permission denied", Lost: 4}, Witness{Missing: "records are missing", Lost: 4}
	for _, row := range []struct {
		name    string
		stored  State
		witness Witness
		act     func(*testing.T, *bench) error
		says    string
		phase   Phase
		refused bool
		writes  int64
	}{
		{
			name: "it can be read, and agrees", stored: live, witness: unread, phase: Live, writes: 1,
			act: func(t *testing.T, b *bench) error { return b.Reconciled(t.Context(), Witness{Epoch: 5}) },
		},
		{
			name: "it can be read, and has less", stored: live, witness: unread, phase: Live, refused: true, says: "less", writes: 1,
			act: func(t *testing.T, b *bench) error {
				return b.Reconciled(t.Context(), Witness{Epoch: 5, Missing: "less"})
			},
		},
		{
			name: "it can be read, and is beyond", stored: live, witness: unread, phase: Live, refused: true, says: "restart", writes: 1,
			act: func(t *testing.T, b *bench) error { return b.Reconciled(t.Context(), Witness{Epoch: 6}) },
		},
		{
			name: "it can be read beside an empty store", witness: unread, phase: Shadow, refused: true, says: "the store is empty",
			act: func(t *testing.T, b *bench) error { return b.Reconciled(t.Context(), Witness{}) },
		},
		{
			name: "it can be read, and a rollback is marked beside it", stored: live, witness: unread, phase: Live, refused: true, says: "restart", writes: 1,
			act: func(t *testing.T, b *bench) error {
				if err := b.o.Marker.write(State{Run: "run", Phase: RolledBack, Epoch: 6}); err != nil {
					t.Fatal(err)
				}
				return b.Reconciled(t.Context(), Witness{Epoch: 5})
			},
		},
		{
			name: "a rollback", stored: live, witness: missing, phase: RolledBack, writes: 5,
			act: func(t *testing.T, b *bench) error { b.must(t, Command{Kind: Rollback, Reason: "why"}); return nil },
		},
		{
			name: "a flip's command", stored: live, witness: missing, phase: Live, refused: true, says: "--recover-phase", writes: 1,
			act: func(t *testing.T, b *bench) error {
				_, err := b.Do(t.Context(), Command{Kind: Finish}, nil)
				return err
			},
		},
		{
			name: "late, where nothing was disputed", stored: State{Run: "run", Phase: Shadow, Epoch: 7}, witness: unread, phase: Shadow,
			act: func(t *testing.T, b *bench) error { return b.Reconciled(t.Context(), Witness{Epoch: 6}) },
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, &memory{state: row.stored, has: row.stored.Run != ""}, func(o *Options) { o.Witness = row.witness })
				defer b.end(t)
				err := row.act(t, b)
				if (err == nil) != (row.says == "") || err != nil && (!errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), row.says)) {
					t.Errorf("it says %v", err)
				}
				pass(time.Minute)
				s, p := b.State(), b.Plan()
				if s.Phase != row.phase || p.Refuse != row.refused || s.WritesOnNew != row.writes {
					t.Errorf("%s, %d writes on new, plan %+v", s.Phase, s.WritesOnNew, *p)
				}
				if stored, _, _ := b.store.Load(t.Context()); row.phase == RolledBack && stored.WritesOnNew != row.writes {
					t.Errorf("the store has %d writes on new", stored.WritesOnNew)
				}
			})
		})
	}
}

// What an operator declares stands above all that store, marker and journal know, and counts what the journal lost.
func TestADeclarationGoesBeyondTheJournal(t *testing.T) {
	for _, row := range []struct {
		name    string
		stored  State
		witness Witness
		phase   Phase
		epoch   uint64
		writes  int64
		err     error
	}{
		{"an empty store", State{}, Witness{Epoch: 9}, Live, 10, 0, nil},
		{"a journal that has less", State{Run: "run", Phase: Live, Epoch: 5, WritesOnNew: 2}, Witness{Epoch: 3, Missing: "less", Lost: 7}, RolledBack, 6, 9, nil},
		{"a journal that knows more", State{Run: "run", Phase: Live, Epoch: 5}, Witness{Epoch: 8}, Live, 9, 0, nil},
		{"a journal that agrees", State{Run: "run", Phase: Complete, Epoch: 5}, Witness{Epoch: 5}, Live, 0, 0, ErrNothingToRecover},
	} {
		t.Run(row.name, func(t *testing.T) {
			store := &memory{state: row.stored, has: row.stored.Run != ""}
			o := Options{Run: "run", Store: store, Marker: Marker(t.TempDir() + "/rollback"), Witness: row.witness, Recover: &Recovery{Phase: row.phase, Reason: "I looked", Actor: "operator"}}
			m, err := Open(t.Context(), o)
			if !errors.Is(err, row.err) {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				return
			}
			if s := m.State(); s.Phase != row.phase || s.Epoch != row.epoch || s.WritesOnNew != row.writes || m.Plan().Refuse {
				t.Errorf("%s in epoch %d with %d writes on new, plan %+v", s.Phase, s.Epoch, s.WritesOnNew, *m.Plan())
			}
		})
	}
}

// Live is not entered without a journal that takes records.
func TestAFlipWithoutAJournalIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, func(o *Options) { o.Unrecordable = func() error { return errors.New("no space left on device") } })
		defer b.end(t)
		_, err := b.Do(t.Context(), Command{Kind: Flip}, nil)
		if !errors.Is(err, ErrFlip) || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("the flip says %v", err)
		}
		b.in(t, Shadow)
		if p := b.Plan(); p.Hold || p.Writes != Old {
			t.Errorf("plan %+v", *p)
		}
	})
}
