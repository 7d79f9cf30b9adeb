package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

// The journal's disk fails in every way that can be made here, in live: writes are refused with a clear answer, reads go on, whoever looks
// is told, and when the disk is back so are the writes, by themselves. What a client was told is there all the same.
func TestJournalWithoutADisk(t *testing.T) {
	t.Parallel()
	for _, way := range waysToLoseADisk(t) {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			b := newBankAt(t, way.directory(t), "")
			b.start()
			if _, err := b.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
				t.Fatal(err)
			}
			stop := b.writers(4, "live", 0)
			defer func() { stop() }()
			b.eventually("clients are told of their writes", func() bool { return b.told() > 50 })
			back := way.lose(t, b)
			b.refusing()
			b.eventually("who looks is told", func() bool { return b.unwell(way.says) })
			scraped := "\n" + b.metrics()
			if !strings.Contains(scraped, "\nparitygate_journal_unavailable 1\n") || strings.Contains(scraped, "\nparitygate_journal_refused_writes_total 0\n") {
				t.Error("the metrics that alerts go by do not tell of it")
			}
			back()
			told := b.told()
			b.eventually("writes are taken again", func() bool { return b.told() > told+50 })
			b.eventually("nobody is told any more", func() bool {
				return !b.unwell(way.says) && b.status().Journal.Unavailable == "" && strings.Contains(b.metrics(), "\nparitygate_journal_unavailable 0\n")
			})
			stop()
			if n := b.status().Journal.InFlight; n != 0 {
				t.Errorf("%d writes have no outcome, and all were answered", n)
			}
			b.signal(syscall.SIGTERM)
			a := b.settled("after it")
			b.start()
			b.known("after it", a)

			t.Log("rolled back: old's writes pass, and that they are missing is known")
			if _, err := b.client.Rollback(t.Context(), admin.Change{Reason: "test"}); err != nil {
				t.Fatal(err)
			}
			back = way.lose(t, b)
			stop = b.writers(2, "back", 20*time.Millisecond)
			told = b.told()
			b.eventually("old's writes pass", func() bool { return b.told() > told+50 })
			stop()
			back()
			b.eventually("the gap is known", func() bool { return b.status().Journal.ToNew.Gaps > 0 })
			if s := b.status(); s.Phase != cutover.RolledBack || s.Rollback.UnreplayedWrites != a.acknowledged+a.unknown {
				t.Errorf("%+v", s)
			}
			if code, out := b.command("journal", "replay", "--to", "old", "--yes"); code != exitFailed || !strings.Contains(out, "gap") {
				t.Errorf("a replay over a gap exits %d: %s", code, out)
			}
		})
	}
}

// wayToLoseADisk is one.
type wayToLoseADisk struct {
	name      string
	says      string // what status tells of it
	directory func(t *testing.T) string
	lose      func(t *testing.T, b *bank) (back func())
}

func waysToLoseADisk(t *testing.T) []wayToLoseADisk {
	anywhere := func(t *testing.T) string { return filepath.Join(t.TempDir(), "journal") }
	ways := []wayToLoseADisk{
		{"files cannot grow", "journal", anywhere, func(t *testing.T, b *bank) func() {
			b.room(0)
			return func() { b.room(anyRoom) }
		}},
		{"the directory is gone", "journal", anywhere, func(t *testing.T, b *bank) func() {
			away := b.journal + ".away"
			if err := os.Rename(b.journal, away); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := os.Rename(away, b.journal); err != nil {
					t.Fatal(err)
				}
			}
		}},
	}
	if os.Geteuid() != 0 {
		return ways
	}
	mounted := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "disk")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
			t.Skipf("nothing can be mounted here: %v", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
		return filepath.Join(dir, "journal")
	}
	return append(ways, wayToLoseADisk{"a full disk", "no space left", mounted, func(t *testing.T, b *bank) func() {
		filler := filepath.Join(filepath.Dir(b.journal), "filler")
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(f, zeros{}) // until there is no room
		_ = f.Close()
		return func() { _ = os.Remove(filler) }
	}})
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// refusing waits until writes are refused, and holds what their clients are told.
func (b *bank) refusing() {
	b.t.Helper()
	var status int
	var header http.Header
	var body []byte
	b.eventually("writes are refused", func() bool {
		id := fmt.Sprintf("refused-%d", b.ids.Add(1))
		response, err := http.Post(b.process.proxy+"/refused?id="+id, "text/plain", strings.NewReader(payload(id)))
		if err != nil {
			return false
		}
		defer response.Body.Close()
		status, header = response.StatusCode, response.Header
		body, _ = io.ReadAll(response.Body)
		return status == http.StatusServiceUnavailable
	})
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(string(body), "journal_unavailable") {
		b.t.Errorf("a write without a record is answered %d %v: %s", status, header, body)
	}
	response, err := http.Get(b.process.proxy + "/anything")
	if err != nil {
		b.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		b.t.Errorf("a read is answered %d", response.StatusCode)
	}
}
