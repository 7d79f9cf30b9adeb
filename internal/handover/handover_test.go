package handover

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain plays a successor where a test has started it as one.
func TestMain(m *testing.M) {
	if play := os.Getenv("HANDOVER_TEST"); play != "" {
		os.Exit(successorPlays(play))
	}
	goleak.VerifyTestMain(m)
}

// successorPlays does what a test wants of its successor.
func successorPlays(play string) int {
	in, err := Inherit("proxy", "admin")
	if err != nil || in.Predecessor == nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	if play == "silent" {
		select {}
	}
	err = in.Predecessor.Offer(context.Background(), Offer{Run: "r", Store: "s", Checksum: "c"})
	switch {
	case errors.Is(err, ErrCanceled):
		return 4
	case play == "fails":
		in.Predecessor.Failed(errors.New("no such luck"))
		return 5
	case play == "hangs":
		select {}
	}
	l, err := in.Sockets["proxy"].Listener()
	if err != nil {
		return 6
	}
	for _, name := range variables {
		if _, ok := os.LookupEnv(name); ok {
			return 7
		}
	}
	in.Predecessor.Serving()
	conn, err := l.Accept()
	if err != nil {
		return 8
	}
	_, _ = io.WriteString(conn, "successor\n")
	_ = conn.Close()
	return 0
}

func socket(t *testing.T) (*Socket, net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Keep(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(); _ = s.Close() })
	return s, l
}

func plan(t *testing.T, play string, s *Socket) Plan {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Plan{
		Path: path, Args: []string{path}, Sockets: map[string]*Socket{"proxy": s}, Environment: append(os.Environ(), "HANDOVER_TEST="+play),
		StartWithin: 20 * time.Second, TakeWithin: 20 * time.Second,
	}
}

// The successor answers on the socket, also what came while nobody accepted.
func TestHandOver(t *testing.T) {
	kept, l := socket(t)
	s, err := Start(t.Context(), plan(t, "serves", kept))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Offer{Run: "r", Store: "s", Checksum: "c"}); s.Offer != want {
		t.Errorf("%+v", s.Offer)
	}
	accepted := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_ = c.Close()
		}
		accepted <- err
	}()
	_ = l.Close() // ends the accepting here, although the descriptor was handed on
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting ended in %v", err)
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("while nobody accepts: %v", err)
	}
	defer func() { _ = conn.Close() }()
	if err := s.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "successor\n" {
		t.Errorf("%q %v", line, err)
	}
	<-s.ended
}

// Whatever goes wrong, no successor is left, and the error says what it was.
func TestSuccessorsThatFail(t *testing.T) {
	for _, c := range []struct {
		name, play string
		change     func(*Plan)
		start      string // what Start says; empty: nothing
		release    string
	}{
		{"there is no such program", "", func(p *Plan) { p.Path = filepath.Join(t.TempDir(), "none") }, "no such file", ""},
		{"it says nothing", "silent", func(p *Plan) { p.StartWithin = 100 * time.Millisecond }, "not ready within 100ms", ""},
		{"it ends at once", "", func(p *Plan) { p.Path = "/bin/false" }, "exit status 1", ""},
		{"it fails when it is its turn", "fails", func(*Plan) {}, "", "no such luck"},
		{"it hangs when it is its turn", "hangs", func(p *Plan) { p.TakeWithin = 100 * time.Millisecond }, "", "did not serve within 100ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept, _ := socket(t)
			p := plan(t, c.play, kept)
			c.change(&p)
			s, err := Start(t.Context(), p)
			if c.start != "" {
				if err == nil || !strings.Contains(err.Error(), c.start) {
					t.Errorf("%v, want %s", err, c.start)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err = s.Release(t.Context()); err == nil || !strings.Contains(err.Error(), c.release) {
				t.Errorf("%v, want %s", err, c.release)
			}
			if !s.hasEnded() {
				t.Error("it lives on")
			}
		})
	}
}

func TestCancelAndInterruption(t *testing.T) {
	kept, _ := socket(t)
	s, err := Start(t.Context(), plan(t, "serves", kept))
	if err != nil {
		t.Fatal(err)
	}
	s.Cancel()
	if code := s.cmd.ProcessState.ExitCode(); code != 4 {
		t.Errorf("called off, it ends in %d", code)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, plan(t, "silent", kept)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if s, err = Start(t.Context(), plan(t, "hangs", kept)); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(ctx); !errors.Is(err, context.Canceled) || !s.hasEnded() {
		t.Errorf("%v, ended %v", err, s.hasEnded())
	}
}

// A predecessor that dies without a word leaves the turn to its successor.
func TestPredecessorThatDies(t *testing.T) {
	kept, _ := socket(t)
	s, err := Start(t.Context(), plan(t, "serves", kept))
	if err != nil {
		t.Fatal(err)
	}
	_ = s.orders.Close()
	if r := <-s.reports; r.Kind != reportServing {
		t.Errorf("%+v", r)
	}
	s.kill()
}

// One whose parent ended before it looked what it has been given knows its sockets all the same.
func TestPredecessorThatDiesAtOnce(t *testing.T) {
	kept, _ := socket(t)
	p := plan(t, "serves", kept)
	p.Args = []string{"sh", "-c", `("$0") & exit`, p.Path}
	p.Path = "/bin/sh"
	s, err := Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.orders.Close()
	if r := <-s.reports; r.Kind != reportServing {
		t.Errorf("%+v", r)
	}
	conn, err := net.Dial("tcp", kept.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(conn)
	_ = conn.Close()
	<-s.ended
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name    string
		env     map[string]string
		given   []string
		control bool
		problem string
	}{
		{"nothing", nil, nil, false, ""},
		{"for another process", map[string]string{"LISTEN_FDS": "1", "LISTEN_PID": "8"}, nil, false, ""},
		{"for nobody", map[string]string{"LISTEN_FDS": "1"}, nil, false, ""},
		{"one without a name", map[string]string{"LISTEN_FDS": "1", "LISTEN_PID": "7"}, []string{"proxy"}, false, ""},
		{"one with its unit's name", map[string]string{"LISTEN_FDS": "1", "LISTEN_PID": "7", "LISTEN_FDNAMES": "a.socket"}, []string{"proxy"}, false, ""},
		{"one for the admin API", map[string]string{"LISTEN_FDS": "1", "LISTEN_PID": "7", "LISTEN_FDNAMES": "admin"}, []string{"admin"}, false, ""},
		{"both", map[string]string{"LISTEN_FDS": "2", "LISTEN_PID": "7", "LISTEN_FDNAMES": "admin:proxy"}, []string{"admin", "proxy"}, false, ""},
		{"two without names", map[string]string{"LISTEN_FDS": "2", "LISTEN_PID": "7"}, nil, false, `is named ""`},
		{"a strange name", map[string]string{"LISTEN_FDS": "2", "LISTEN_PID": "7", "LISTEN_FDNAMES": "proxy:x"}, nil, false, `is named "x"`},
		{"a name twice", map[string]string{"LISTEN_FDS": "2", "LISTEN_PID": "7", "LISTEN_FDNAMES": "proxy:proxy"}, nil, false, `two inherited sockets are named "proxy"`},
		{"too few names", map[string]string{"LISTEN_FDS": "2", "LISTEN_PID": "7", "LISTEN_FDNAMES": "proxy"}, nil, false, "has 1 names"},
		{"no number", map[string]string{"LISTEN_FDS": "x", "LISTEN_PID": "7"}, nil, false, "must be a small number"},
		{"a predecessor", map[string]string{"LISTEN_FDS": "1", "LISTEN_FDNAMES": "proxy", predecessorVar: "6"}, []string{"proxy"}, true, ""},
		{"somebody else's predecessor", map[string]string{"LISTEN_FDS": "1", "LISTEN_FDNAMES": "proxy", predecessorVar: "5"}, nil, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			given, control, err := parse(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }, 7, 6, []string{"proxy", "admin"})
			if c.problem != "" {
				if err == nil || !strings.Contains(err.Error(), c.problem) {
					t.Errorf("%v, want %s", err, c.problem)
				}
				return
			}
			if err != nil || !slices.Equal(given, c.given) || control != c.control {
				t.Errorf("%q, %v, %v", given, control, err)
			}
		})
	}
}

func TestNotify(t *testing.T) {
	dir, err := os.MkdirTemp("", "") // a socket's name must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Notify(t.Context(), NotifyReady); err != nil {
		t.Errorf("nobody wants to know: %v", err)
	}
	for _, name := range []string{filepath.Join(dir, "notify"), "@paritygate-test-" + filepath.Base(dir)} {
		t.Setenv("NOTIFY_SOCKET", name)
		if err := Notify(t.Context(), NotifyReady); err == nil {
			t.Error("nobody listens, and it is no error")
		}
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: strings.Replace(name, "@", "\x00", 1), Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		if err := Notify(t.Context(), NotifyReady, "MAINPID=5"); err != nil {
			t.Error(err)
		}
		b := make([]byte, 64)
		_ = l.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := l.Read(b); string(b[:n]) != "READY=1\nMAINPID=5" {
			t.Errorf("%q %v", b[:n], err)
		}
		_ = l.Close()
	}
}
