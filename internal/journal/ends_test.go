package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestClosedWhileOthersWrite closes a journal that is never at rest: it waits for nobody who comes after it, and nothing is written behind it.
func TestClosedWhileOthersWrite(t *testing.T) {
	dir := t.TempDir()
	syncing, release := make(chan struct{}), make(chan struct{})
	var slow atomic.Bool
	d := unsynced
	d.sync = func(*os.File) error {
		if slow.Load() {
			syncing <- struct{}{}
			<-release
		}
		return nil
	}
	j := open(t, Options{Directory: dir, disk: d})
	mustBegin(t, j, put(New, "/1"))
	slow.Store(true)
	first := j.beginSoon(t.Context(), put(New, "/2"))
	<-syncing
	closed := make(chan error, 1)
	go func() { closed <- j.Close() }()
	waitFor(t, func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.next != nil && len(j.next.alone) == 1
	})
	before := j.beginSoon(t.Context(), put(New, "/3"))
	waitFor(t, func() bool { return j.waiters() == 1 })
	release <- struct{}{}
	<-syncing
	behind := j.beginSoon(t.Context(), put(New, "/4"))
	waitFor(t, func() bool { return j.waiters() == 1 })
	slow.Store(false)
	release <- struct{}{}
	if err := errors.Join(<-first, <-before, <-closed); err != nil {
		t.Error(err)
	}
	if err := <-behind; !errors.Is(err, ErrUnavailable) || !errors.Is(err, errClosed) {
		t.Errorf("behind the end: %v", err)
	}
	if got := brief(all(t, dir, nil)); !strings.Contains(got, "/3") || strings.Contains(got, "/4") {
		t.Error(got)
	}
}

// beginSoon begins a write, and tells how that ended.
func (j *Journal) beginSoon(ctx context.Context, w *Write) chan error {
	done := make(chan error, 1)
	go func() {
		_, err := j.Begin(ctx, w)
		done <- err
	}()
	return done
}

// TestNobodyLeavesASpool gives up a write with a spool while it waits: should its record be taken, it must not name a body that is gone.
func TestNobodyLeavesASpool(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Directory: dir, Body: 1, disk: unsynced})
	held, release := make(chan struct{}), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	go func() {
		_ = j.exclusively(func() error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
	gone, leave := context.WithCancel(t.Context())
	leave()
	begun := j.beginSoon(gone, put(New, "/1"))
	waitFor(t, func() bool { return j.waiters() == 1 })
	free()
	if err := <-begun; err != nil || spools(dir) != 1 {
		t.Errorf("%v, %v", err, entriesOf(dir))
	}
}

// TestLastSegmentIsNotWhatItSeems starts beside a last segment that belongs elsewhere: what was written behind it would never be read.
func TestLastSegmentIsNotWhatItSeems(t *testing.T) {
	rotated := func(t *testing.T) string {
		dir := t.TempDir()
		j := open(t, Options{Directory: dir, Segment: 1, disk: unsynced})
		for range 3 {
			w := put(New, "/x")
			w.Body = bytes.Repeat([]byte("x"), 4<<10)
			mustBegin(t, j, w)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, tt := range []struct{ name, from, to string }{
		{"doubled", "00000003.jsonl", "00000004.jsonl"},
		{"an older one doubled", "00000002.jsonl", "00000004.jsonl"},
		{"another journal's", "other/00000003.jsonl", "00000003.jsonl"},
		{"swapped", "00000002.jsonl", "00000003.jsonl"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := rotated(t)
			from := filepath.Join(dir, tt.from)
			if name, other := strings.CutPrefix(tt.from, "other/"); other {
				from = filepath.Join(rotated(t), name)
			}
			data, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, tt.to), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			var d *Damage
			if _, err := Open(t.Context(), Options{Directory: dir, Run: "run", Recover: true, disk: unsynced}); !errors.As(err, &d) || d.Segment != tt.to {
				t.Errorf("it starts: %v", err)
			}
		})
	}
}

// TestSegmentsAreNotAllHeader opens more writes than the snapshot of a small segment has room for.
func TestSegmentsAreNotAllHeader(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Directory: dir, Segment: 4 << 10, disk: unsynced})
	for range 200 {
		mustBegin(t, j, put(New, "/x"))
	}
	if n := j.Status().Segments; n < 4 || n > 16 {
		t.Errorf("200 open writes take %d segments", n)
	}
}

// TestOneRecordBehindDamage damages the very record that the one behind it says was synced, and takes a whole line away.
func TestOneRecordBehindDamage(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Directory: dir, disk: unsynced})
	mustBegin(t, j, put(New, "/1"))
	mustBegin(t, j, put(New, "/2"))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(line []byte) []byte{
		"a bit":     func(line []byte) []byte { line[40] ^= 1; return line },
		"no line":   func([]byte) []byte { return nil },
		"all blank": func(line []byte) []byte { return bytes.Repeat([]byte{'\n'}, len(line)) },
		"twice":     func(line []byte) []byte { return append(line, line...) },
	} {
		damaged := cutAnd(t, dir, "00000001.jsonl", func(data []byte) []byte {
			lines := bytes.SplitAfter(data, []byte{'\n'})
			lines[1] = change(bytes.Clone(lines[1]))
			return bytes.Join(lines, nil)
		})
		var d *Damage
		if _, err := Open(t.Context(), Options{Directory: damaged, Run: "run", disk: unsynced}); !errors.As(err, &d) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhatIsCutOffIsNotSynced takes back what was synced: a segment that is given up later must not be drawn out again.
func TestWhatIsCutOffIsNotSynced(t *testing.T) {
	dir := &directory{path: t.TempDir(), disk: unsynced.withDefaults()}
	s, err := createSegment(dir, 1, []byte("header\n"), 0)
	if err == nil {
		err = errors.Join(s.write(dir.disk, []byte("refused\n")), s.sync(dir.disk), s.cut(s.header), s.f.Close())
	}
	if err != nil || s.synced != s.header || s.size != s.header {
		t.Errorf("%v, %+v", err, s)
	}
}

func TestSameBytes(t *testing.T) {
	large := strings.Repeat("line\n", 60_000)
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"", "", true},
		{large, large, true},
		{large + "\n\n", large, true},
		{large, large + "\n", true},
		{large, large[:len(large)-5], false},
		{large[:len(large)-1], large + "x", false},
		{"a\n", "b\n", false},
		{large + "a", large + "b", false},
	} {
		if err := sameBytes(strings.NewReader(tt.a), strings.NewReader(tt.b)); (err == nil) != tt.same {
			t.Errorf("%d and %d bytes: %v", len(tt.a), len(tt.b), err)
		}
	}
}
