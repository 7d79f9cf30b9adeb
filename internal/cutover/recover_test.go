package cutover

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

func TestWhatACrashLeaves(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name   string
		stored State
		marker *State
		want   Phase
	}{
		{"an intent without a commit", State{Run: "run", Phase: Cutover, Before: Shadow, Epoch: 5, Since: at}, nil, Shadow},
		{"live stays live", State{Run: "run", Phase: Live, Epoch: 6, Since: at}, nil, Live},
		{"a rollback stays", State{Run: "run", Phase: RolledBack, Epoch: 7, Since: at}, nil, RolledBack},
		{
			"a marker beyond the store is a rollback",
			State{Run: "run", Phase: Live, Epoch: 6, Since: at},
			&State{Run: "run", Phase: RolledBack, Epoch: 7}, RolledBack,
		},
		{
			"a marker that the store has overtaken is nothing",
			State{Run: "run", Phase: Shadow, Epoch: 9, Since: at},
			&State{Run: "run", Phase: RolledBack, Epoch: 7}, Shadow,
		},
		{
			"a marker of another run is nothing",
			State{Run: "run", Phase: Live, Epoch: 6, Since: at},
			&State{Run: "another", Phase: RolledBack, Epoch: 7}, Live,
		},
		{
			"a marker beside a store that was emptied is a rollback",
			State{},
			&State{Run: "run", Phase: RolledBack, Epoch: 7, ConfigChecksum: "a"}, RolledBack,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, &memory{state: row.stored, has: row.stored.Run != ""}, func(o *Options) {
					if row.marker != nil {
						if err := o.Marker.write(*row.marker); err != nil {
							t.Fatal(err)
						}
					}
				})
				defer b.end(t)
				b.in(t, row.want)
				if s, _, _ := b.store.Load(t.Context()); s.Phase != row.want || s.Epoch < row.stored.Epoch {
					t.Errorf("the store holds %s in epoch %d", s.Phase, s.Epoch)
				}
			})
		})
	}
}

func TestABrokenMarkerIsAnErrorAtTheStart(t *testing.T) {
	for _, text := range []string{"", "{", "null", "{}", `{"Run":"run","Epoch":9}`, `{"Run":"run","Epoch":9,"Phase":"live"}`} {
		marker := Marker(filepath.Join(t.TempDir(), "rollback"))
		if err := os.WriteFile(string(marker), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), Options{Run: "run", Store: &memory{}, Marker: marker, Logger: zap.NewNop()})
		if _, left := os.Stat(string(marker)); err == nil || left != nil {
			t.Errorf("a marker that says %q: %v, and then %v", text, err, left)
		}
	}
}

func TestStoppingDuringAFlipGivesTheWritesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &memory{}, nil)
		b.road.inFlight[Old] = 1
		go func() { _, _ = b.Do(t.Context(), Command{Kind: Flip}, nil) }()
		synctest.Wait()
		b.end(t)
		if s, _, _ := b.store.Load(t.Context()); s.Phase != Shadow {
			t.Errorf("the store holds %s", s.Phase)
		}
	})
}

func TestAnEditedConfigurationRestartsTheWindow(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	synctest.Test(t, func(t *testing.T) {
		store := &memory{state: State{Run: "run", Phase: Shadow, Epoch: 3, WindowStart: at.Add(-time.Hour), ConfigChecksum: "a", ConfigText: "gate:\n  max_lagged: 5%\n"}, has: true}
		b := start(t, store, func(o *Options) { o.ConfigChecksum, o.ConfigText = "b", "gate:\n  max_lagged: 9%\n" })
		defer b.end(t)
		if s := b.State(); !s.Drift || s.ConfigChecksum != "b" || !s.WindowStart.Equal(time.Now().UTC()) {
			t.Errorf("state: %+v", s)
		}
		const diff = "@@ -1,2 +1,2 @@\n gate:\n-  max_lagged: 5%\n+  max_lagged: 9%\n"
		if got := store.log[1].Evidence.Facts; got != (Edit{Diff: diff}) {
			t.Errorf("the audit log says %+v", got)
		}
		command := Command{Kind: Drift, Actor: "paritygate", Reason: "edited again", Checksum: "c", ConfigText: "gate:\n"}
		if _, err := b.Do(t.Context(), command, nil); err != nil {
			t.Fatal(err)
		}
		if s := b.State(); s.ConfigChecksum != "c" || s.ConfigText != "gate:\n" || s.WindowReason != "edited again" || store.log[2].Evidence.Facts != (Edit{Diff: "@@ -1,2 +1 @@\n gate:\n-  max_lagged: 9%\n"}) {
			t.Errorf("after a reload: %+v, %+v", s, store.log[2])
		}
	})
	live := &memory{state: State{Run: "run", Phase: Live, Epoch: 3, ConfigChecksum: "a", ConfigText: "x: 1\n"}, has: true}
	o := Options{Run: "run", Store: live, Marker: Marker(filepath.Join(t.TempDir(), "m")), ConfigChecksum: "b", ConfigText: "x: 2\n", Logger: zap.NewNop()}
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrDrift) || !strings.Contains(err.Error(), "-x: 1\n+x: 2\n") {
		t.Errorf("an edit in live: %v", err)
	}
	o.AllowDrift = true
	if _, err := Open(t.Context(), o); err != nil {
		t.Errorf("an edit in live that is allowed: %v", err)
	}
}
