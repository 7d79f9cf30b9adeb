package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// withBed starts a machine with the bed as its Data.
func withBed(t *testing.T, store *memory, b *bed, change func(*Options)) *bench {
	t.Helper()
	return start(t, store, func(o *Options) {
		o.Data = b
		if change != nil {
			change(o)
		}
	})
}

func namesOf(steps []Step) string {
	var names []string
	for _, s := range steps {
		names = append(names, string(s.Name)+":"+string(s.Outcome))
	}
	return strings.Join(names, " ")
}

func TestTheFlipTakesEveryStepInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := newBed()
		var told []string
		b := withBed(t, &memory{}, data, func(o *Options) {
			o.Strict = func(context.Context) error {
				data.set(func(b *bed) { b.calls = append(b.calls, "checks") })
				return nil
			}
			o.Snapshot = func() *Report { return &Report{Verdict: Pass} }
			o.Baseline = func() json.RawMessage { return json.RawMessage(`{"p99":0.1}`) }
		})
		defer b.end(t)
		c := Command{Kind: Flip, Actor: "alice", Reason: "no time", Forced: true, Evidence: Report{Verdict: Fail}}
		if _, err := b.Do(t.Context(), c, func(s Step) { told = append(told, string(s.Name)+":"+string(s.Outcome)) }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := data.did(); !slices.Equal(got, []string{"prepare", "checks", "fence"}) {
			t.Errorf("the databases saw %q", got)
		}
		const want = "intent:done hold:done drain:done prepare:done checks:done fence:done streams:done commit:done release:done"
		if got := namesOf(b.Steps()); got != want {
			t.Errorf("steps:\n%s\nwant\n%s", got, want)
		}
		if !slices.Contains(told, "fence:under_way") || !slices.Contains(told, "fence:done") {
			t.Errorf("the caller was told %q", told)
		}
		s := b.State()
		if !s.Fenced || s.Prepared || s.Forced != "no time" || string(s.Baseline) != `{"p99":0.1}` {
			t.Errorf("state in live: %+v", s)
		}
		intent, commit := b.store.log[1], b.store.log[2]
		if got, _ := json.Marshal(intent.Evidence); !strings.Contains(string(got), `"verdict":"fail"`) || intent.Actor != "alice" {
			t.Errorf("the intent's evidence is %s, by %s", got, intent.Actor)
		}
		got, _ := json.Marshal(commit.Evidence)
		if !strings.Contains(string(got), `"name":"fence"`) || !strings.Contains(string(got), `"gate":`) {
			t.Errorf("the commit's evidence is %s", got)
		}
		b.must(t, Command{Kind: Rollback, Reason: "drill"})
		b.must(t, Command{Kind: Resume})
		if b.State().Forced == "" || data.stands() {
			t.Errorf("after the rollback: forced %q, fenced %v", b.State().Forced, data.stands())
		}
	})
}

// before is an error of Fence that came before anything was done.
type before struct{ error }

func (before) Untouched() bool { return true }

// The fence is taken down unless it is known that nothing was done to old: a write that never works would keep it up for ever.
func TestWhatAFlipThatFailsUndoes(t *testing.T) {
	bad := errors.New("no")
	for _, row := range []struct {
		name   string
		fails  string
		with   error // what it fails with, if not bad
		store  func(State) error
		strict error
		did    []string
		says   string
	}{
		{name: "prepare", fails: "prepare", did: []string{"prepare", "undo"}, says: "preparing the databases: no"},
		{name: "checks", strict: bad, did: []string{"prepare", "undo"}, says: "strict checks"},
		{name: "fence", fails: "fence", did: []string{"prepare", "fence", "undo", "unfence"}, says: "could not be fenced: no"},
		{name: "fence, before anything was done", fails: "fence", with: before{bad}, did: []string{"prepare", "fence", "undo"}, says: "could not be fenced: no"},
		{
			name: "commit", did: []string{"prepare", "fence", "undo", "unfence"}, says: "did not take the commit",
			store: func(s State) error {
				if s.Phase == Live {
					return bad
				}
				return nil
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				data := newBed()
				data.fails[row.fails] = bad
				if row.with != nil {
					data.fails[row.fails] = row.with
				}
				b := withBed(t, &memory{}, data, func(o *Options) { o.Strict = func(context.Context) error { return row.strict } })
				defer b.end(t)
				synctest.Wait()
				b.road.steps = nil
				b.store.set(func(s *memory) { s.fail = row.store })
				_, err := b.Do(t.Context(), Command{Kind: Flip}, nil)
				if !errors.Is(err, ErrFlip) || !strings.Contains(err.Error(), row.says) {
					t.Errorf("the flip says %v", err)
				}
				b.in(t, Shadow)
				if got := data.did(); !slices.Equal(got, row.did) {
					t.Errorf("the databases saw %q, want %q", got, row.did)
				}
				b.did(t, "drain old: writes old held", "release: writes old")
				if s, _, _ := b.store.Load(t.Context()); s.Fenced || s.Prepared || s.Phase != Shadow {
					t.Errorf("the store holds %+v", s)
				}
				if got := namesOf(b.Steps()); strings.Contains(got, "under_way") || !strings.Contains(got, "failed") {
					t.Errorf("steps: %s", got)
				}
			})
		})
	}
}

// The error of a flip whose time is up names the step that took it.
func TestTheStepThatUsesUpTheHoldIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := newBed()
		b := withBed(t, &memory{}, data, func(o *Options) {
			o.HoldMax = 4 * time.Second
			o.Strict = func(ctx context.Context) error { wait(ctx, 2500*time.Millisecond); return nil }
		})
		defer b.end(t)
		began := time.Now()
		_, err := b.Do(t.Context(), Command{Kind: Flip}, nil)
		if err == nil || !strings.Contains(err.Error(), "the hold of 4s was used up before the step fence; checks took the most of it, 2.5s") {
			t.Errorf("the flip says %v", err)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("writes were held for %s", took)
		}
		b.in(t, Shadow)
		if data.stands() {
			t.Error("old is fenced")
		}
	})
}

// While old is fenced no write goes there: those that are held get 503 at the end of the hold, and it is tried again for ever.
func TestWritesAreRefusedWhileOldIsFenced(t *testing.T) {
	for _, live := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			data := newBed()
			b := withBed(t, &memory{}, data, nil)
			defer b.end(t)
			synctest.Wait()
			data.set(func(b *bed) { b.fails["unfence"] = errGone })
			want := ErrFence
			if live {
				b.must(t, Command{Kind: Flip})
			} else {
				data.set(func(b *bed) { b.fails["fence"] = errGone })
			}
			kind := map[bool]CommandKind{true: Rollback, false: Flip}[live]
			if _, err := b.Do(t.Context(), Command{Kind: kind, Reason: "why"}, nil); !errors.Is(err, want) || !errors.Is(err, errGone) || errors.Is(err, ErrFlip) == live {
				t.Errorf("%s says %v", kind, err)
			}
			if p := b.Plan(); !p.Hold || p.Refuse || p.Writes != Old || p.Reads != Old {
				t.Errorf("plan during the hold: %+v", *p)
			}
			if _, err := b.Do(t.Context(), Command{Kind: Resume}, nil); !errors.Is(err, ErrBusy) {
				t.Errorf("resume while old is fenced says %v", err)
			}
			pass(time.Minute)
			if p := b.Plan(); p.Hold || !p.Refuse || !strings.Contains(b.Unwell(), "still fenced") {
				t.Errorf("plan after the hold: %+v, unwell %q", *p, b.Unwell())
			}
			data.set(func(b *bed) { b.fails = map[string]error{} })
			pass(3 * time.Second)
			if p := b.Plan(); p.Hold || p.Refuse || data.stands() || b.Unwell() != "" {
				t.Errorf("plan with all mended: %+v, unwell %q", *p, b.Unwell())
			}
			if s, _, _ := b.store.Load(t.Context()); s.Fenced {
				t.Error("the store says that old is fenced")
			}
			b.in(t, map[bool]Phase{true: RolledBack, false: Shadow}[live])
		})
	}
}

// Writes at old are safe though what was prepared is not undone: they do not wait for it, but no flip begins before.
func TestAnUndoThatFailsIsTriedAgainBehindTheWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := newBed()
		b := withBed(t, &memory{}, data, nil)
		defer b.end(t)
		data.set(func(b *bed) { b.fails["prepare"], b.fails["undo"] = errGone, errGone })
		if _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); !errors.Is(err, ErrFlip) {
			t.Errorf("the flip says %v", err)
		}
		b.in(t, Shadow)
		if p := b.Plan(); p.Hold || p.Refuse || !strings.Contains(b.Unwell(), "not undone") {
			t.Errorf("plan %+v, unwell %q", *p, b.Unwell())
		}
		if _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); !errors.Is(err, ErrBusy) || !errors.Is(err, errGone) {
			t.Errorf("another flip says %v", err)
		}
		b.must(t, Command{Kind: SetCanary, Fraction: 0.5}) // what it does to the epoch does not end the trying
		data.set(func(b *bed) { b.fails = map[string]error{} })
		pass(5 * time.Second)
		if s, _, _ := b.store.Load(t.Context()); s.Prepared || b.Unwell() != "" {
			t.Errorf("the store holds %+v, unwell %q", s, b.Unwell())
		}
		b.must(t, Command{Kind: Flip})
	})
}

// What the store did not take as the commit it may hold after a crash: old stays fenced and prepared, without a write, until the abort
// is in the store, or a marker stands for it.
func TestTheAbortOfACommitIsDurableBeforeAnythingIsUndone(t *testing.T) {
	for _, byMarker := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			data := newBed()
			var marker Marker
			b := withBed(t, &memory{}, data, func(o *Options) {
				if !byMarker {
					o.Marker = Marker(filepath.Join(t.TempDir(), "gone", "rollback"))
				}
				marker = o.Marker
			})
			defer b.end(t)
			b.store.set(func(s *memory) {
				s.fail = func(st State) error {
					if st.Phase == Cutover {
						return nil
					}
					if got := data.did(); len(got) > 0 && got[len(got)-1] != "fence" && !byMarker {
						t.Errorf("the databases saw %q before the abort was durable", got)
					}
					return errors.New("disk full")
				}
			})
			ended := make(chan error, 1)
			go func() { _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); ended <- err }()
			pass(3 * time.Second)
			if err := <-ended; !errors.Is(err, ErrFlip) {
				t.Errorf("the flip says %v", err)
			}
			s, found, err := marker.read()
			if p := b.Plan(); p.Hold == byMarker || data.stands() == byMarker || found != byMarker || found && (s.Phase != RolledBack || err != nil) {
				t.Errorf("hold %v, fenced %v, marker %v %v %v", p.Hold, data.stands(), s.Phase, found, err)
			}
			b.store.set(func(s *memory) { s.fail = nil })
			pass(3 * time.Second)
			if p := b.Plan(); p.Hold || p.Writes != Old || data.stands() || b.Unwell() != "" {
				t.Errorf("plan with all mended: %+v, fenced %v, unwell %q", *p, data.stands(), b.Unwell())
			}
			b.in(t, Shadow)
		})
	}
}

// An undo that is still tried behind the writes when the way back has undone by itself must not undo what the next flip prepares.
func TestALateUndoLeavesTheNextFlipAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := newBed()
		b := withBed(t, &memory{}, data, func(o *Options) {
			o.Strict = func(ctx context.Context) error { wait(ctx, 5*time.Second); return ctx.Err() }
		})
		defer b.end(t)
		b.must(t, Command{Kind: SetCanary, Fraction: 0.5})
		data.set(func(b *bed) { b.fails["prepare"], b.fails["undo"] = errGone, errGone })
		if _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); !errors.Is(err, ErrFlip) {
			t.Errorf("the flip says %v", err)
		}
		data.set(func(b *bed) { b.fails, b.gates["undo"] = map[string]error{}, make(chan struct{}) })
		pass(1500 * time.Millisecond) // it is tried again, and hangs
		open := make(chan struct{})
		data.set(func(b *bed) { b.gates["undo"] = open })
		time.AfterFunc(100*time.Millisecond, func() { close(open) })
		b.must(t, Command{Kind: Rollback})
		b.must(t, Command{Kind: Resume})
		data.did()
		b.must(t, Command{Kind: Flip})
		if got := data.did(); !slices.Equal(got, []string{"prepare", "fence"}) {
			t.Errorf("the databases saw %q in the flip", got)
		}
	})
}

// A try that rests until later gives way to what was asked for meanwhile, and does not cut it off when its rest is over.
func TestATryThatRestsCutsOffNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := newBed()
		b := withBed(t, &memory{}, data, nil)
		defer b.end(t)
		b.must(t, Command{Kind: SetCanary, Fraction: 0.5})
		data.set(func(b *bed) { b.fails["fence"], b.fails["unfence"] = errGone, errGone })
		if _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); !errors.Is(err, ErrFence) {
			t.Errorf("the flip says %v", err)
		}
		open := make(chan struct{})
		data.set(func(b *bed) { b.fails, b.gates["unfence"] = map[string]error{}, open })
		time.AfterFunc(2*time.Second, func() { close(open) })
		b.must(t, Command{Kind: Rollback})
		if p := b.Plan(); p.Hold || data.stands() {
			t.Errorf("plan %+v, fenced %v", *p, data.stands())
		}
	})
}
