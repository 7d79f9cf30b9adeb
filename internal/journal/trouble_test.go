package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// smallDisk has room for as many bytes in each file.
type smallDisk struct{ limit atomic.Int64 }

func (d *smallDisk) disk() disk {
	out := unsynced
	out.write = func(f *os.File, b []byte, at int64) (int, error) {
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		room := max(d.limit.Load(), info.Size()) - at
		if room >= int64(len(b)) {
			return f.WriteAt(b, at)
		}
		n, err := f.WriteAt(b[:max(0, room)], at)
		return n, errors.Join(err, syscall.ENOSPC)
	}
	return out
}

// clock is a time that stands still until it is moved.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func acknowledge(t testing.TB, e *Entry, body string) {
	t.Helper()
	if err := e.Answered(&Answer{Outcome: Acknowledged, Status: 201, Body: []byte(body), Header: map[string][]string{"Content-Type": {"text/plain"}}}); err != nil {
		t.Errorf("the outcome of %s: %v", e.ID(), err)
	}
}

func keep(_ string, body []byte) []byte { return body }

// TestFullDisk fills the disk while writes are under way: new ones are refused, each that was begun gets its outcome recorded, and once there
// is room the journal goes on.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	var d smallDisk
	var c clock
	d.limit.Store(300 << 10)
	j := open(t, Options{Directory: dir, disk: d.disk(), Now: c.now, Redact: keep})
	var open []*Entry
	refused := error(nil)
	for i := 0; refused == nil; i++ {
		w := put(New, fmt.Sprint("/", i))
		w.Body = bytes.Repeat([]byte("b"), 4000)
		e, err := j.Begin(t.Context(), w)
		if err != nil {
			refused = err
			break
		}
		open = append(open, e)
	}
	if !errors.Is(refused, ErrUnavailable) || !errors.Is(refused, syscall.ENOSPC) || !strings.Contains(refused.Error(), dir) {
		t.Errorf("refused with: %v", refused)
	}
	if len(open) < 40 || j.Status().Unavailable == "" || j.Err() == nil {
		t.Errorf("%d writes begun, %+v", len(open), j.Status())
	}
	if err := j.Writable(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("writable: %v", err)
	}
	for _, e := range open {
		acknowledge(t, e, strings.Repeat("a", 5000))
	}
	if _, err := j.Begin(t.Context(), put(New, "/refused")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a full disk: %v", err)
	}
	j.Missed(Old)
	d.limit.Store(1 << 20)
	if _, err := j.Begin(t.Context(), put(New, "/too soon")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("tried again at once: %v", err)
	}
	c.advance(retryEvery)
	acknowledge(t, mustBegin(t, j, put(New, "/after")), "x")
	if j.Err() != nil || j.Status().Unavailable != "" {
		t.Errorf("with room again: %v", j.Err())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	outcomes, gaps := 0, 0
	for _, r := range all(t, dir, nil) {
		switch {
		case r.Type == IntentRecord && (r.Write.Target == "/refused" || r.Write.Target == "/too soon"):
			t.Errorf("a write that was refused is recorded: %+v", r)
		case r.Type == OutcomeRecord:
			outcomes++
		case r.Type == GapRecord:
			gaps++
		}
	}
	if outcomes != len(open)+1 || gaps != 1 {
		t.Errorf("%d outcomes of %d writes, %d gaps", outcomes, len(open)+1, gaps)
	}
}

// TestFailedSync has syncs fail: what waited is refused and is in no record, what nobody waited for is kept, and the file is never trusted again.
func TestFailedSync(t *testing.T) {
	dir := t.TempDir()
	var c clock
	var failing atomic.Bool
	d := unsynced
	d.sync = func(*os.File) error {
		if failing.Load() {
			return syscall.EIO
		}
		return nil
	}
	j := open(t, Options{Directory: dir, disk: d, Now: c.now})
	first := mustBegin(t, j, put(New, "/first"))
	old := mustBegin(t, j, put(Old, "/old"))
	old.AnsweredSoon(&Answer{Outcome: Acknowledged, Status: 200})
	j.Missed(Old)
	failing.Store(true)
	if _, err := j.Begin(t.Context(), put(New, "/refused")); !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.EIO) {
		t.Errorf("a sync that failed: %v", err)
	}
	if err := first.Answered(&Answer{Outcome: Acknowledged, Status: 200}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an outcome that was not synced: %v", err)
	}
	if got := j.Status(); got.Open != 1 {
		t.Errorf("%+v", got)
	}
	failing.Store(false)
	c.advance(retryEvery)
	second := mustBegin(t, j, put(New, "/second"))
	acknowledge(t, second, "")
	want := `header 1 first 1
1 intent /first "body of /first"
2 intent /old "body of /old"
header 2 first 3
3 outcome of 2: acknowledged 200 ""
4 gap count 1
5 outcome of 1: acknowledged 200 ""
6 intent /second "body of /second"
7 outcome of 6: acknowledged 201 ""`
	if got := brief(all(t, dir, nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if second.ID() != WriteID(j.identity, 6) {
		t.Errorf("the next write is %s", second.ID())
	}
	for _, when := range []string{"then", "after a restart"} {
		if old, gone := j.Backlog(New), j.Backlog(Old); gone.Acknowledged != 2 || old.Acknowledged != 1 || old.Gaps != 1 {
			t.Errorf("%s: %+v, %+v", when, old, gone)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, Options{Directory: dir, disk: unsynced})
	}
}

// TestFailedSyncAndACrash kills the process after it has made a segment in place of a broken one, and before what was not synced is in it.
func TestFailedSyncAndACrash(t *testing.T) {
	dir := t.TempDir()
	var c clock
	var failing, full atomic.Bool
	d := unsynced
	d.sync = func(*os.File) error {
		if failing.Load() {
			return syscall.EIO
		}
		return nil
	}
	d.write = func(f *os.File, b []byte, at int64) (int, error) {
		if full.Load() && at > 0 && len(bytes.TrimSpace(b)) > 0 {
			return 0, syscall.EIO
		}
		return f.WriteAt(b, at)
	}
	j := open(t, Options{Directory: dir, disk: d, Now: c.now})
	e := mustBegin(t, j, put(Old, "/old"))
	e.AnsweredSoon(&Answer{Outcome: Acknowledged, Status: 200})
	j.Missed(Old)
	failing.Store(true)
	if _, err := j.Begin(t.Context(), put(New, "/refused")); err == nil {
		t.Error("recorded")
	}
	failing.Store(false)
	full.Store(true)
	c.advance(retryEvery)
	if _, err := j.Begin(t.Context(), put(New, "/refused")); err == nil {
		t.Error("recorded")
	}
	left := cutAnd(t, dir, segmentName(2), func(data []byte) []byte { return data })
	after := open(t, Options{Directory: left, disk: unsynced})
	if e := mustBegin(t, after, put(New, "/next")); e.ID() != WriteID(j.identity, 2) {
		t.Errorf("the next write is %s", e.ID())
	}
	if got := brief(all(t, left, nil)); !strings.HasSuffix(got, "header 2 first 2\n2 intent /next \"body of /next\"") {
		t.Error(got)
	}
	full.Store(false)
	c.advance(retryEvery)
	mustBegin(t, j, put(New, "/next"))
	if got := j.Backlog(New); got.Acknowledged != 1 || got.Gaps != 1 {
		t.Errorf("%+v", got)
	}
	if got := brief(all(t, dir, nil)); !strings.HasSuffix(got, "2 outcome of 1: acknowledged 200 \"\"\n3 gap count 1\n4 intent /next \"body of /next\"") {
		t.Error(got)
	}
}

// TestHalfWritten has a write fail in its middle: nothing of it stays in front of later records.
func TestHalfWritten(t *testing.T) {
	for _, interval := range []time.Duration{0, time.Hour} {
		t.Run(interval.String(), func(t *testing.T) { testHalfWritten(t, interval) })
	}
}

func testHalfWritten(t *testing.T, interval time.Duration) {
	dir := t.TempDir()
	var c clock
	var failing atomic.Bool
	d := unsynced
	d.write = func(f *os.File, b []byte, at int64) (int, error) {
		if failing.Load() {
			n, err := f.WriteAt(b[:len(b)/2], at)
			return n, errors.Join(err, syscall.EIO)
		}
		return f.WriteAt(b, at)
	}
	j := open(t, Options{Directory: dir, disk: d, Now: c.now, Interval: interval})
	mustBegin(t, j, put(New, "/a"))
	failing.Store(true)
	if _, err := j.Begin(t.Context(), put(New, "/refused")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	failing.Store(false)
	c.advance(retryEvery)
	mustBegin(t, j, put(New, "/b"))
	want := "header 1 first 1\n1 intent /a \"body of /a\"\n2 intent /b \"body of /b\""
	if got := brief(all(t, dir, nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestDirectoryGone takes the directory away: nothing counts that others would not find; it goes on where the directory comes back with its
// segment, and stays refused where it comes back without.
func TestDirectoryGone(t *testing.T) {
	root := t.TempDir()
	dir, away := filepath.Join(root, "journal"), filepath.Join(root, "away")
	var c clock
	j := open(t, Options{Directory: dir, disk: unsynced, Now: c.now})
	first := mustBegin(t, j, put(New, "/first"))
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(when string) {
		t.Helper()
		c.advance(retryEvery)
		if _, err := j.Begin(t.Context(), put(New, "/refused")); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "--recover-phase") {
			t.Errorf("%s: %v", when, err)
		}
	}
	rename(dir, away)
	refused("renamed")
	if err := first.Answered(&Answer{Outcome: Acknowledged, Status: 200}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an outcome beside its directory: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	refused("an empty one in its place")
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(away)); err != nil {
		t.Fatal(err)
	}
	refused("a copy in its place")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	rename(away, dir)
	c.advance(retryEvery)
	mustBegin(t, j, put(New, "/second"))
	want := "header 1 first 1\n1 intent /first \"body of /first\"\n2 outcome of 1: acknowledged 200 \"\"\n3 intent /second \"body of /second\""
	if got := brief(all(t, dir, nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestDirectoryGoneBeforeTheFirstRecord takes away a directory without a segment.
func TestDirectoryGoneBeforeTheFirstRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	var c clock
	j := open(t, Options{Directory: dir, disk: unsynced, Now: c.now})
	if err := j.Writable(t.Context()); err != nil || len(entriesOf(dir)) != 1 {
		t.Errorf("%v, %v", err, entriesOf(dir))
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"gone", "another one"} {
		c.advance(retryEvery)
		if _, err := j.Begin(t.Context(), put(New, "/refused")); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", when, err)
		}
		if err := j.Writable(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: writable: %v", when, err)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}
