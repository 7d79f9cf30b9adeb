package evidence

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"paritygate/compare"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv("EVIDENCE_HELPER"); mode != "" {
		os.Exit(helperProcess(mode, os.Getenv("EVIDENCE_PATH")))
	}
	goleak.VerifyTestMain(m)
}

// clock is a clock that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// newClock stands ten seconds into a minute.
func newClock() *clock { return &clock{now: time.Date(2026, 5, 4, 12, 0, 10, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func options(t *testing.T, c *clock) Options {
	t.Helper()
	return Options{Path: filepath.Join(t.TempDir(), "paritygate.db"), Run: "move", Now: c.Now}
}

func mustOpen(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a second Close in a test's end does no harm
	return s
}

func reopen(t *testing.T, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, s.options)
}

func mustFlush(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// exchange is a compared exchange that old answered with 200.
func exchange(at time.Time, fingerprint uint64, v compare.Verdict) *Exchange {
	x := &Exchange{
		Time: at, Route: "product", Method: "GET", Target: "/api/products/1", Fingerprint: fingerprint, Verdict: v,
		Old: Leg{Status: 200, Duration: 10 * time.Millisecond},
		New: Leg{Status: 200, Duration: 20 * time.Millisecond},
	}
	switch v {
	case compare.Mismatch:
		x.Differences = []compare.Difference{{Location: compare.InBody, Path: "$.price", Kind: compare.KindValue, Old: "1", New: "2"}}
	case compare.Failed:
		x.New = Leg{Duration: time.Second, Error: "context deadline exceeded"}
	case compare.Skipped:
		x.Reason, x.New = compare.QueueFull, Leg{}
	case compare.Match, compare.Tolerated, compare.Lagged:
	}
	return x
}

func see(s *Store, exchanges ...*Exchange) {
	for _, x := range exchanges {
		s.Begin(x.Time)
		s.Finish(x)
	}
}

func route(t *testing.T, list []RouteStats, name string) RouteStats {
	t.Helper()
	for _, r := range list {
		if r.Route == name {
			return r
		}
	}
	t.Fatalf("no route %q in %v", name, list)
	return RouteStats{}
}

func TestOpenRefuses(t *testing.T) {
	valid := func(t *testing.T, o Options) {
		if err := mustOpen(t, o).Close(); err != nil {
			t.Fatal(err)
		}
	}
	alter := func(statement string) func(*testing.T, Options) {
		return func(t *testing.T, o Options) {
			valid(t, o)
			execute(t, o.Path, statement)
		}
	}
	write := func(content string) func(*testing.T, Options) {
		return func(t *testing.T, o Options) {
			if err := os.WriteFile(o.Path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name    string
		prepare func(*testing.T, Options)
		change  func(*Options)
		want    error
		message string
	}{
		{"text", write("name: not a database\n"), nil, ErrNotStore, "no SQLite database"},
		{"short text", write("x"), nil, ErrNotStore, "no SQLite database"},
		{"header alone", write("SQLite format 3\x00" + strings.Repeat("\xff", 200)), nil, ErrCorrupt, "nothing was changed"},
		{"pages overwritten", func(t *testing.T, o Options) { valid(t, o); damage(t, o.Path) }, nil, ErrCorrupt, "nothing was changed"},
		{"cut off", func(t *testing.T, o Options) { valid(t, o); truncate(t, o.Path) }, nil, ErrCorrupt, "nothing was changed"},
		{"another program's", func(t *testing.T, o Options) { execute(t, o.Path, "CREATE TABLE x (y)") }, nil, ErrNotStore, "another program"},
		{"newer", alter("PRAGMA user_version = 99"), nil, ErrNewerStore, "version 99"},
		{"newer, in the log that a crash left", func(t *testing.T, o Options) { crashed(t, o, "PRAGMA user_version = 99") }, nil, ErrNewerStore, "version 99"},
		{"another run", valid, func(o *Options) { o.Run = "other" }, ErrOtherRun, `holds "move" in phase unknown, and this is "other"; one migration at a time`},
		{"no directory", nil, func(o *Options) { o.Path = filepath.Join(filepath.Dir(o.Path), "none", "x.db") }, os.ErrNotExist, "directory does not exist"},
		{"directory in its place", func(t *testing.T, o Options) {
			if err := os.Mkdir(o.Path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, nil, nil, "cannot be opened for writing"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			o := options(t, newClock())
			if tc.prepare != nil {
				tc.prepare(t, o)
			}
			before := contents(o.Path)
			if tc.change != nil {
				tc.change(&o)
			}
			s, err := Open(t.Context(), o)
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if !strings.Contains(err.Error(), tc.message) || !strings.Contains(err.Error(), o.Path) {
				t.Errorf("error %q lacks %q or the path", err, tc.message)
			}
			for suffix, content := range before {
				if !bytes.Equal(content, contents(o.Path)[suffix]) {
					t.Errorf("%q was changed", o.Path+suffix)
				}
			}
		})
	}
}

// execute runs SQL in the file by a connection of its own.
func execute(t *testing.T, path, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", dataSource(path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// contents returns what lies in the store's file and in its write-ahead log, if they exist.
func contents(path string) map[string][]byte {
	all := map[string][]byte{}
	for _, suffix := range []string{"", "-wal"} {
		if b, err := os.ReadFile(path + suffix); err == nil && len(b) > 0 {
			all[suffix] = b
		}
	}
	return all
}

// crashed makes a store in which the statement is the last thing that was done before a crash.
func crashed(t *testing.T, o Options, statement string) {
	t.Helper()
	running := o
	running.Path = filepath.Join(t.TempDir(), "running.db")
	s := mustOpen(t, running)
	if _, err := s.write.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	for suffix, content := range contents(running.Path) {
		if err := os.WriteFile(o.Path+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// damage overwrites all but the first page.
func damage(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i++ {
		b[i] = 0xa5
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string) {
	t.Helper()
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
}

func TestOpenKeepsOthersOut(t *testing.T) {
	o := options(t, newClock())
	mustOpen(t, o)
	_, err := Open(t.Context(), o)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), o.Path) {
		t.Fatalf("second store of one process: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(o.Path, link); err != nil {
		t.Fatal(err)
	}
	linked := o
	linked.Path = link
	if _, err := Open(t.Context(), linked); !errors.Is(err, ErrInUse) {
		t.Fatalf("through a link: %v", err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paritygate.db")
	h := startHelper(t, "hold", path)
	h.wait(t, "open")
	o := options(t, newClock())
	o.Path = path
	_, err := Open(t.Context(), o)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "process "+h.pid()) {
		t.Fatalf("error %v, want one that names process %s", err, h.pid())
	}
	h.kill(t)
	mustOpen(t, o)
}

func TestOpenMakesAPrivateFile(t *testing.T) {
	o := options(t, newClock())
	o.Path = filepath.Join(filepath.Dir(o.Path), "a b#c%41?d&e.db")
	s := mustOpen(t, o)
	see(s, exchange(o.Now(), 1, compare.Match))
	mustFlush(t, s)
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(o.Path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%q has mode %v", suffix, info.Mode())
		}
	}
	s = reopen(t, s)
	if r := route(t, s.Routes(), "product"); r.Eligible() != 1 {
		t.Errorf("after reopening: %+v", r)
	}
}

// helper is a process of this test binary that works on a store.
type helper struct {
	cmd *exec.Cmd
	out *bufio.Scanner
}

func startHelper(t *testing.T, mode, path string) *helper {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "EVIDENCE_HELPER="+mode, "EVIDENCE_PATH="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h := &helper{cmd: cmd, out: bufio.NewScanner(out)}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone already
		_ = cmd.Wait()
	})
	return h
}

func (h *helper) pid() string { return itoa(h.cmd.Process.Pid) }

// wait reads the helper's output up to a line that begins with the word, and returns that line.
func (h *helper) wait(t *testing.T, word string) string {
	t.Helper()
	for h.out.Scan() {
		if strings.HasPrefix(h.out.Text(), "error") {
			t.Fatal(h.out.Text())
		}
		if strings.HasPrefix(h.out.Text(), word) {
			return h.out.Text()
		}
	}
	t.Fatalf("the helper ended without %q: %v", word, h.out.Err())
	return ""
}

func (h *helper) kill(t *testing.T) {
	t.Helper()
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait() // it says that the process was killed
}

func background() context.Context { return context.Background() }
