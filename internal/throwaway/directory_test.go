package throwaway

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDirectoriesOfDeadOwnersAreSwept(t *testing.T) {
	parent := t.TempDir()
	aged := func(name string) {
		at := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(parent, name, ownerLock), at, at); err != nil {
			t.Fatal(err)
		}
	}
	left := func(name string, old bool) {
		if err := os.MkdirAll(filepath.Join(parent, name, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(parent, name, ownerLock), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if old {
			aged(name)
		}
	}
	living, err := MakeDirectory(parent, "shop-")
	if err != nil {
		t.Fatal(err)
	}
	aged(filepath.Base(living.Path))
	left("shop-dead", true)
	left("shop-young", false)
	left("other-dead", true)
	if err := os.Mkdir(filepath.Join(parent, "shop-without-lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	next, err := MakeDirectory(parent, "shop-")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		living.Path: true, next.Path: true, filepath.Join(parent, "shop-dead"): false, filepath.Join(parent, "shop-young"): true,
		filepath.Join(parent, "other-dead"): true, filepath.Join(parent, "shop-without-lock"): true,
	} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", path, err == nil, want)
		}
	}
	for _, d := range []*Directory{living, next} {
		if err := d.Remove(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(d.Path); err == nil {
			t.Errorf("%s is still there", d.Path)
		}
	}
}
