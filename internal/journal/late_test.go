package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// lastLine is the last line of a segment as it lies on the disk.
func lastLine(t *testing.T, dir string, number int) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, segmentName(number)))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return lines[len(lines)-1]
}

// TestNobodyWaits records what nobody waits for: it lies in the file at once, so that a process that is killed loses nothing, and is synced soon.
func TestNobodyWaits(t *testing.T) {
	for _, interval := range []time.Duration{0, 50 * time.Millisecond} {
		t.Run(interval.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				var syncs atomic.Int64
				d := unsynced
				d.sync = func(*os.File) error { syncs.Add(1); return nil }
				j := open(t, Options{Directory: dir, disk: d, Interval: interval})
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- j.Run(ctx) }()
				e := mustBegin(t, j, put(Old, "/a"))
				before := syncs.Load()
				e.AnsweredSoon(&Answer{Outcome: Acknowledged, Status: 204})
				e.Ended(&Answer{Outcome: Acknowledged, Status: 204, Whole: true})
				if err := j.MarkSoon(Record{Type: SentRecord, ID: e.ID(), Mark: &Mark{To: New, By: "mirror"}, Answer: &Answer{Outcome: Acknowledged, Status: 200}}); err != nil {
					t.Error(err)
				}
				if line := lastLine(t, dir, 1); !strings.Contains(line, `"type":"sent"`) || syncs.Load() != before {
					t.Errorf("%d syncs, and the last line is %s", syncs.Load()-before, line)
				}
				if got := j.settledSeq(); interval == 0 && got != 1 || interval > 0 && got != 4 {
					t.Errorf("up to %d records count", got)
				}
				waited := make(chan uint64, 1)
				go func() {
					seq, _ := j.waitSettled(t.Context(), 3)
					waited <- seq
				}()
				<-time.After(150 * time.Millisecond)
				synctest.Wait()
				if syncs.Load() != before+1 || j.log.synced != 4 {
					t.Errorf("%d syncs later, up to %d", syncs.Load()-before, j.log.synced)
				}
				if seq := <-waited; seq != 4 {
					t.Errorf("waited until %d", seq)
				}
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestTheDiskComesBackWithoutTraffic writes what was missed as soon as the disk takes it, though no write comes.
func TestTheDiskComesBackWithoutTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var failing atomic.Bool
		d := unsynced
		d.sync = func(*os.File) error {
			if failing.Load() {
				return syscall.EIO
			}
			return nil
		}
		j := open(t, Options{Directory: dir, disk: d})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- j.Run(ctx) }()
		mustBegin(t, j, put(Old, "/a"))
		failing.Store(true)
		if _, err := j.Begin(t.Context(), put(Old, "/refused")); err == nil {
			t.Error("recorded")
		}
		j.Missed(Old)
		<-time.After(time.Second)
		j.Missed(Old)
		if j.Err() == nil {
			t.Error("the disk fails, and the journal does not say so")
		}
		failing.Store(false)
		<-time.After(time.Second)
		synctest.Wait()
		if j.Err() != nil || j.Backlog(New).Gaps != 2 {
			t.Errorf("%v, %+v", j.Err(), j.Backlog(New))
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestWhoLeavesInTime has a writer leave while others' records are synced: its own is not taken.
func TestWhoLeavesInTime(t *testing.T) {
	dir := t.TempDir()
	hold, release := make(chan struct{}, 1), make(chan struct{})
	var slow atomic.Bool
	d := unsynced
	d.sync = func(*os.File) error {
		if slow.Swap(false) {
			hold <- struct{}{}
			<-release
		}
		return nil
	}
	j := open(t, Options{Directory: dir, disk: d})
	mustBegin(t, j, put(New, "/a"))
	slow.Store(true)
	first := make(chan error, 1)
	go func() {
		_, err := j.Begin(context.Background(), put(New, "/first"))
		first <- err
	}()
	<-hold // its sync is under way
	ctx, leave := context.WithCancelCause(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := j.Begin(ctx, put(New, "/left"))
		left <- err
	}()
	waitFor(t, func() bool { return j.waiters() == 1 })
	leave(errors.New("rolled back"))
	if err := <-left; !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "rolled back") {
		t.Error(err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	mustBegin(t, j, put(New, "/last"))
	if got := brief(all(t, dir, nil)); strings.Contains(got, "/left") || j.Status().Open != 3 {
		t.Errorf("%+v\n%s", j.Status(), got)
	}
}

// TestALeaverWhoseRecordIsTaken marks the item itself, so that who leads does not matter.
func TestALeaverWhoseRecordIsTaken(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Directory: dir, disk: unsynced})
	w := put(New, "/left")
	r := Record{Type: IntentRecord, Time: codecTime, Write: w}
	it := &item{draft: newDraft(nil, &r, nil), record: r, waits: true, sync: true, open: 1, left: true}
	if err := j.commit(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	if line := lastLine(t, dir, 1); !strings.Contains(line, `"outcome":"not_sent"`) || j.Status().Open != 0 {
		t.Errorf("%+v, %s", j.Status(), line)
	}
}

func (j *Journal) waiters() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.next == nil {
		return 0
	}
	return j.next.waiting
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
		<-time.After(time.Millisecond)
	}
}

// TestOrphans removes at a start the spools that no record names, and no others.
func TestOrphans(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Directory: dir, disk: unsynced, Segment: 1 << 10})
	spool := func() *Spool {
		s, err := j.NewSpool()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("body")); err != nil {
			t.Fatal(err)
		}
		return s
	}
	kept := map[string]bool{}
	for range 6 {
		w := put(New, "/"+strings.Repeat("x", 300))
		w.Body, w.Spool = nil, spool()
		mustBegin(t, j, w)
		kept[w.Spool.Path] = true
	}
	spool()
	if err := j.keepSpool(spool()); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if n := spools(dir); n != 8 {
		t.Fatalf("%d spools before", n)
	}
	open(t, Options{Directory: dir, disk: unsynced})
	if n := spools(dir); n != 6 {
		t.Errorf("%d spools are left of 6: %v", n, entriesOf(dir))
	}
	for name := range kept {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestOrphansBesideDamage starts beside damage: lost records may name the spools, which must be there when a copy of the segment comes back.
func TestOrphansBesideDamage(t *testing.T) {
	for _, tt := range []struct {
		segment int64
		damaged int
	}{{1, 2}, {1 << 20, 1}} {
		dir := t.TempDir()
		j := open(t, Options{Directory: dir, disk: unsynced, Segment: tt.segment, Body: 1})
		for range 3 {
			mustBegin(t, j, put(New, "/"+strings.Repeat("x", 3000)))
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, segmentName(tt.damaged))
		data, err := os.ReadFile(name)
		if err == nil {
			data[bytes.Index(data, []byte("xxx"))] ^= 1
			err = os.WriteFile(name, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		open(t, Options{Directory: dir, disk: unsynced, Recover: true})
		if n := spools(dir); n != 3 {
			t.Errorf("segment %d of those of %d bytes is damaged: %d spools are left of 3", tt.damaged, tt.segment, n)
		}
	}
}

func spools(dir string) (n int) {
	for _, name := range entriesOf(dir) {
		if strings.Contains(name, ".body") {
			n++
		}
	}
	return n
}

// TestStartSyncs opens a journal whose process was killed: what it reads is in memory, and must be on the disk before anything rests on it.
func TestStartSyncs(t *testing.T) {
	dir, _, _ := twoBatches(t)
	p := newPlatter(dir)
	if _, err := os.ReadDir(dir); err != nil {
		t.Fatal(err)
	}
	p.names, _ = p.list()
	open(t, Options{Directory: dir, disk: p.disk()})
	p.proveDurable(t, "the start", map[string]string{})
	if len(p.content) == 0 {
		t.Error("nothing was synced")
	}
}

// TestRestOfALongRecord has what a crash, or a failed write, left behind the last record be longer than what comes next.
func TestRestOfALongRecord(t *testing.T) {
	dir := t.TempDir()
	var c clock
	var failing atomic.Bool
	d := unsynced
	d.write = func(f *os.File, b []byte, at int64) (int, error) {
		if failing.Load() {
			n, err := f.WriteAt(b[:len(b)-1], at)
			return n, errors.Join(err, syscall.EIO)
		}
		return f.WriteAt(b, at)
	}
	j := open(t, Options{Directory: dir, disk: d, Now: c.now})
	mustBegin(t, j, put(New, "/a"))
	long := put(New, "/refused")
	long.Body = bytes.Repeat([]byte("long"), 1000)
	failing.Store(true)
	if _, err := j.Begin(t.Context(), long); err == nil {
		t.Error("recorded")
	}
	failing.Store(false)
	c.advance(retryEvery)
	e := mustBegin(t, j, put(New, "/b"))
	want := "header 1 first 1\n1 intent /a \"body of /a\"\n2 intent /b \"body of /b\""
	if got := brief(all(t, dir, nil)); got != want {
		t.Errorf("behind a failed write\n%s", got)
	}
	long.Target = "/torn"
	acknowledge(t, e, "")
	mustBegin(t, j, long)
	end := j.log.seg.size
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, segmentName(1)), end-1); err != nil {
		t.Fatal(err)
	}
	j = open(t, Options{Directory: dir, disk: unsynced})
	mustBegin(t, j, put(New, "/c"))
	want += "\n3 outcome of 2: acknowledged 201 \"\"\n4 intent /c \"body of /c\""
	if got := brief(all(t, dir, nil)); got != want {
		t.Errorf("behind a torn tail\n%s", got)
	}
	torn, err := os.ReadFile(filepath.Join(dir, "00000001.torn"))
	if err != nil || !bytes.Contains(torn, []byte("/torn")) {
		t.Errorf("what was cut off: %q, %v", torn, err)
	}
}

// TestALargeBodyIsSpooled gives a write a body that is larger than a record takes.
func TestALargeBodyIsSpooled(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Directory: dir, disk: unsynced, Body: 1000})
	for _, size := range []int{1000, 1001} {
		w := put(New, "/large")
		w.Body = bytes.Repeat([]byte("x"), size)
		mustBegin(t, j, w)
		records := all(t, dir, nil)
		got := records[len(records)-1].Write
		if (got.Spool != nil) != (size > 1000) || len(w.Body) != size {
			t.Errorf("%d bytes: spool %+v, %d bytes in the record", size, got.Spool, len(got.Body))
		}
		if got.Spool == nil {
			continue
		}
		if body, err := readSpool(dir, got.Spool); err != nil || !bytes.Equal(body, w.Body) {
			t.Errorf("%d bytes, %v", len(body), err)
		}
	}
}

// TestClosedBetween closes the journal while a write waits for the one before: it is refused, and no segment is made behind the last.
func TestClosedBetween(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Directory: dir, disk: unsynced})
	mustBegin(t, j, put(New, "/a"))
	refused := make(chan error, 1)
	if err := j.exclusively(func() error {
		go func() {
			_, err := j.Begin(context.Background(), put(New, "/late"))
			refused <- err
		}()
		waitFor(t, func() bool { return j.waiters() == 1 })
		j.log.over = true
		return j.log.close(j.o.disk)
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-refused; !errors.Is(err, errClosed) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if got := brief(all(t, dir, nil)); strings.Contains(got, "/late") || strings.Contains(got, "header 2") {
		t.Error(got)
	}
}
