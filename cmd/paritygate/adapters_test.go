package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paritygate/compare"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// A sample shows an answer's trailers with its header; the answer itself is not changed.
func TestTrailersAreShownWithTheHeader(t *testing.T) {
	type fields = map[string][]string
	header := fields{"Content-Type": {"application/grpc"}, "X-Twice": {"1"}}
	a := &compare.Answer{Status: 200, Header: header, Trailer: fields{"Grpc-Status": {"5"}, "X-Twice": {"2"}}}
	want := fields{"Content-Type": {"application/grpc"}, "X-Twice": {"1", "2"}, "Grpc-Status": {"5"}}
	if diff := cmp.Diff(want, legOf(proxy.Leg{Answer: a}).Header); diff != "" {
		t.Error(diff)
	}
	if len(header) != 2 || len(header["X-Twice"]) != 1 {
		t.Errorf("the header became %v", header)
	}
	none := &compare.Answer{Trailer: fields{"A": {"b"}}}
	if diff := cmp.Diff(none.Trailer, legOf(proxy.Leg{Answer: none}).Header); diff != "" {
		t.Error(diff)
	}
}

// Every restart of the window begins the evidence anew, and nothing else does, whatever the clock says.
func TestTheEvidenceFollowsTheWindow(t *testing.T) {
	noon := time.Date(2026, 1, 3, 12, 0, 0, 0, time.UTC)
	store, err := evidence.Open(t.Context(), evidence.Options{Path: filepath.Join(t.TempDir(), "s.db"), Run: "r", Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := &stateStore{store: store}
	expect := uint64(0)
	commit := func(start time.Time) {
		t.Helper()
		if err := s.Commit(t.Context(), expect, cutover.State{Run: "r", Phase: cutover.Shadow, Epoch: 1, WindowStart: start}, cutover.Transition{Time: noon}); err != nil {
			t.Fatal(err)
		}
		expect = 1
	}
	for _, row := range []struct {
		name  string
		do    func()
		begun int64 // windows
	}{
		{"the run begins", func() { commit(noon.Add(time.Hour)) }, 1},
		{"another change", func() { commit(noon.Add(time.Hour)) }, 0},
		{"a restart", func() { commit(noon.Add(2 * time.Hour)) }, 1},
		{"it is read back", func() { _, _, _ = s.Load(t.Context()) }, 0},
		{"a restart after the clock was set back", func() { commit(noon.Add(-time.Hour)) }, 1},
		{"it is read back then", func() { _, _, _ = s.Load(t.Context()) }, 0},
		{"a reload begins one of its own", func() { _ = store.RestartWindow(t.Context(), noon.Add(3*time.Hour)) }, 1},
		{"a change after the reload", func() { commit(noon.Add(-time.Hour)) }, 0},
	} {
		before, _ := store.Window()
		row.do()
		if after, _ := store.Window(); after-before != row.begun {
			t.Errorf("%s: %d windows began, want %d", row.name, after-before, row.begun)
		}
	}
}
