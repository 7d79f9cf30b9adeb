package cutover

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"
)

// The disk is full: the marker is written into the blocks that were reserved for it, again and again.
func TestTheMarkerOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	p := Marker(filepath.Join(dir, "rollback"))
	p.remove(zap.NewNop())
	for _, epoch := range []uint64{7, 1 << 60} {
		before, err := os.Stat(p.spare())
		if err != nil {
			t.Fatal(err)
		}
		if err := p.overwrite(State{Run: "run", Phase: RolledBack, Epoch: epoch, ConfigText: string(make([]byte, 2*spareSize))}); err != nil {
			t.Fatal(err)
		}
		after, err := os.Stat(string(p))
		if err != nil || !os.SameFile(before, after) || after.Size() != spareSize {
			t.Errorf("the marker is another file than what was reserved: %v", err)
		}
		if s, found, err := p.read(); err != nil || !found || s.Epoch != epoch || s.Phase != RolledBack {
			t.Errorf("the marker says %+v, %v, %v", s, found, err)
		}
		p.remove(zap.NewNop())
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left beside the spare", len(left)-1)
	}
}

// A marker that cannot be looked for keeps nobody from starting; a run whose writes could be at the wrong side by it serves reads alone.
func TestAMarkerThatIsOutOfReach(t *testing.T) {
	loop := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		in      string
		phase   Phase
		refused bool
	}{{loop, Live, true}, {loop, Shadow, false}, {file, Live, false}} {
		store := &memory{state: State{Run: "run", Phase: row.phase, Epoch: 5}, has: true}
		m, err := Open(t.Context(), Options{Run: "run", Store: store, Marker: Marker(filepath.Join(row.in, "rollback")), Logger: zap.NewNop()})
		if err != nil {
			t.Fatal(err)
		}
		if m.Plan().Refuse != row.refused || m.State().Phase != row.phase {
			t.Errorf("%s beside %s: %+v", row.phase, filepath.Base(row.in), *m.Plan())
		}
	}
}
