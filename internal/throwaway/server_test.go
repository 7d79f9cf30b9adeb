package throwaway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// ownerEnv makes this test binary a process that owns a server, prints the server's process id and waits to be killed.
const ownerEnv = "PARITYGATE_TEST_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerEnv) != "" {
		owner()
		return
	}
	goleak.VerifyTestMain(m)
}

func owner() {
	s, err := Start(context.Background(), Options{Parent: os.Getenv(ownerEnv)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.process.cmd.Process.Pid)
	select {}
}

// alive says whether a process is there and not a zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// value asks a server for one value.
func value(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var v string
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestServer(t *testing.T) {
	ctx := t.Context()
	// A caller's environment must not reach the server, nor the caller's connections to it.
	t.Setenv("PGDATA", "/nowhere")
	t.Setenv("PGPORT", "1")
	s, err := Start(ctx, Options{Settings: map[string]string{"max_connections": "17"}})
	if err != nil {
		t.Fatal(err)
	}
	pid := s.process.cmd.Process.Pid
	dsn, err := s.CreateDatabase(ctx, `odd"name`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(ctx, `odd"name`, "CREATE TABLE a (x text); INSERT INTO a VALUES ('kept')"); err != nil {
		t.Fatal(err)
	}
	if got := value(t, dsn, "SHOW max_connections"); got != "17" {
		t.Errorf("max_connections %s", got)
	}
	if err := s.Exec(ctx, "postgres", "SELECT oops"); err == nil || !strings.Contains(err.Error(), "oops") {
		t.Errorf("error %v", err)
	}
	socket := fmt.Sprintf("host=%s port=%d user=postgres password=wrong-word", s.Dir(), s.port)
	if _, err := pgx.Connect(ctx, socket); err == nil || !strings.Contains(err.Error(), "password authentication failed") {
		t.Errorf("the socket with a wrong password: %v", err)
	}

	if err := errors.Join(s.Stop(), s.Stop()); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("it runs after Stop")
	}
	if _, err := pgx.Connect(ctx, dsn); err == nil {
		t.Error("a stopped server takes connections")
	}
	if err := errors.Join(s.Start(ctx), s.Start(ctx)); err != nil {
		t.Fatal(err)
	}
	if got := value(t, dsn, "SELECT x FROM a"); got != "kept" {
		t.Errorf("after a restart: %s", got)
	}

	pid = s.process.cmd.Process.Pid
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Dir()); alive(pid) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: running %v, directory %v", alive(pid), err)
	}
	if err := s.Start(ctx); err == nil {
		t.Error("a closed server started")
	}
}

func TestServerDiesWithItsOwner(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("the parent-death signal is Linux's alone")
	}
	parent := reachable(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), ownerEnv+"="+parent)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(line)
	}
	if !alive(pid) {
		t.Fatal("the server does not run")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed, and says so
	until(t, func() bool { return !alive(pid) }, "the server outlives its owner")
}

// reachable is a temporary directory that another user can enter, as t.TempDir's is not.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "paritygate-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func until(t *testing.T, done func() bool, message string) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(message)
		}
	}
}

func TestStartFailsClearlyAndLeavesNothing(t *testing.T) {
	parent := reachable(t)
	_, err := Start(t.Context(), Options{Parent: parent, Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("error %v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(canceled, Options{Parent: parent}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := Start(t.Context(), Options{Parent: filepath.Join(parent, "missing")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestStopEndsAServerThatIgnoresSignals(t *testing.T) {
	// A stopped process takes no signal but SIGKILL, which is what Stop ends with.
	p, err := launch(nil, t.TempDir(), "/bin/sleep", "600")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := p.stop(time.Millisecond); err != nil {
		t.Error(err)
	}
	if alive(p.cmd.Process.Pid) {
		t.Error("it runs")
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	install := func(dir string, names ...string) string {
		t.Helper()
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := find(root); !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "apt-get install postgresql") {
		t.Errorf("error %v", err)
	}
	onPath := install(t.TempDir(), "initdb", "postgres")
	t.Setenv("PATH", onPath)
	if got, err := find(root); err != nil || got != onPath {
		t.Errorf("%s, %v, want that on the PATH", got, err)
	}
	install(filepath.Join(root, "9.6", "bin"), "initdb", "postgres")
	want := install(filepath.Join(root, "15", "bin"), "initdb", "postgres")
	install(filepath.Join(root, "17", "bin"), "psql") // only the client
	install(filepath.Join(root, "lib", "bin"), "initdb", "postgres")
	if got, err := find(root); err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var out tail
	for i := range 10000 {
		fmt.Fprintf(&out, "line %d\n", i)
	}
	if got := out.String(); len(got) > tailSize || !strings.HasSuffix(got, "line 9999") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-20:])
	}
}
