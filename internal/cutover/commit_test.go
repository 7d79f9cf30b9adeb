package cutover

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A commit whose store hangs is unknown until the store has answered: then it stands, or it is taken back before old is used.
func TestADiskThatHangsAtTheCommitAndThenTakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := newBed()
		hang := make(chan struct{})
		store := &memory{}
		b := withBed(t, store, data, nil)
		defer b.end(t)
		store.set(func(s *memory) {
			s.fail = func(st State) error {
				if st.Phase == Live {
					s.mu.Unlock()
					<-hang
					s.mu.Lock()
				}
				return nil
			}
		})
		ended := make(chan error, 1)
		go func() { _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); ended <- err }()
		pass(20 * time.Second)
		if p := b.Plan(); !p.Refuse || p.Phase != Cutover || !data.stands() {
			t.Errorf("plan while the store hangs: %+v, fenced %v", *p, data.stands())
		}
		close(hang)
		if err := <-ended; err != nil {
			t.Errorf("the flip says %v", err)
		}
		b.in(t, Live)
	})
}

// What the store did not take when it was read it may hold after a crash: until the abort is durable, in the store or as a
// marker, old stays as live wants it, and gets no write.
func TestNothingIsUndoneBeforeTheAbortOfATriedCommitIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var marker Marker
		data := newBed()
		b := withBed(t, &memory{}, data, func(o *Options) {
			o.Marker = Marker(filepath.Join(t.TempDir(), "gone", "rollback"))
			marker = o.Marker
		})
		defer b.end(t)
		b.store.set(func(s *memory) {
			s.fail = func(st State) error {
				if st.Phase != Cutover {
					return errGone
				}
				return nil
			}
		})
		if _, err := b.Do(t.Context(), Command{Kind: Flip}, nil); !errors.Is(err, ErrFlip) {
			t.Errorf("the flip says %v", err)
		}
		pass(time.Minute)
		if p := b.Plan(); !p.Refuse || !data.stands() || !slices.Equal(data.did(), []string{"prepare", "fence"}) || b.Unwell() == "" {
			t.Errorf("plan %+v, fenced %v, unwell %q", *p, data.stands(), b.Unwell())
		}
		if err := os.Mkdir(filepath.Dir(string(marker)), 0o700); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		s, found, err := marker.read()
		if p := b.Plan(); p.Hold || p.Refuse || p.Phase != Shadow || data.stands() || !found || s.Phase != RolledBack || s.Epoch != p.Epoch {
			t.Errorf("plan %+v, fenced %v, marker %+v %v", *p, data.stands(), s, err)
		}
		b.store.set(func(s *memory) { s.fail = nil })
		pass(3 * time.Second)
		if s, _, _ := b.store.Load(t.Context()); s.Phase != Shadow || s.Fenced || s.Prepared || b.Unwell() != "" {
			t.Errorf("the store holds %+v, unwell %q", s, b.Unwell())
		}
		if _, found, _ := marker.read(); found {
			t.Error("the marker stays")
		}
	})
}
