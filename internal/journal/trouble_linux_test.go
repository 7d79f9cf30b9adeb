package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRealFullDisk is TestFullDisk on a filesystem of one megabyte, where one can be mounted.
func TestRealFullDisk(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no filesystem can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(mount, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	j := open(t, Options{Directory: filepath.Join(mount, "journal"), Segment: 400 << 10, Redact: keep})
	var open []*Entry
	for {
		e, err := j.Begin(t.Context(), put(New, "/a"))
		if err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Error(err)
			}
			break
		}
		if len(open) < 50 {
			open = append(open, e)
			continue
		}
		acknowledge(t, e, strings.Repeat("x", 3000))
	}
	for _, e := range open {
		acknowledge(t, e, strings.Repeat("y", 2000))
	}
	for _, n := range []string{"00000001.jsonl", "00000001.jsonl.zst"} { // as who makes room would, a copy made
		_ = os.Remove(filepath.Join(mount, "journal", n))
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err := j.Begin(t.Context(), put(New, "/again")); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
